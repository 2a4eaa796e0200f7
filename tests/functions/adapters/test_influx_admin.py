"""An InfluxDB instance that refuses, fails, hangs or answers garbage while it is administered."""

from threading import Event

import pytest

from functions.adapters import influx_admin
from functions.adapters.influx_admin import InfluxAdminApi
from functions.domain.store_setup import RETENTION_POLICY, Access, Authorization, Bucket, Credentials
from functions.errors import StoreAdminError, StoreUnreachableError
from tests.functions.adapters.influx_admin_server import PASSWORD, USER

DAY_S = 86_400


@pytest.fixture
def server(influx_admin_server):
    return influx_admin_server


@pytest.fixture
def api(server):
    return InfluxAdminApi(server.url, lambda: Credentials(USER, PASSWORD))


def signed_in(api):
    with api.signed_in() as admin:
        return admin.organization("fieldline")


def test_the_session_ends_with_the_work_also_when_it_fails(server, api):
    signed_in(api)
    assert server.sessions == set()
    server.answers["GET /api/v2/orgs"] = [(403, {"message": "no"})]
    with pytest.raises(StoreAdminError):
        signed_in(api)
    assert server.sessions == set()
    assert server.requests[-1] == ("POST", "/api/v2/signout")


def test_a_session_that_cannot_be_ended_does_not_undo_the_work(server, api):
    server.answers["POST /api/v2/signout"] = [(500, {"message": "later"})]
    assert signed_in(api)


def test_an_administrator_who_is_refused_is_named_and_not_the_password(server):
    with pytest.raises(StoreAdminError, match="signing in as admin: the instance refuses") as caught:
        signed_in(InfluxAdminApi(server.url, lambda: Credentials(USER, "open sesame")))
    assert not isinstance(caught.value, StoreUnreachableError)
    assert "sesame" not in str(caught.value)


@pytest.mark.parametrize(
    "answer", [(200, {}), (204, None), (301, None, {"Location": "https://example.org/"}), (404, b"<html>")]
)
def test_something_else_than_influxdb_is_no_session(server, api, answer):
    server.answers["POST /api/v2/signin"] = [answer]
    with pytest.raises(StoreAdminError, match=f"signing in as admin: the instance answered {answer[0]}"):
        signed_in(api)


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_an_instance_that_cannot_answer_now_may_be_asked_again(server, api, status):
    server.answers["GET /api/v2/orgs"] = [(status, {"code": "unavailable", "message": "still starting"})]
    with pytest.raises(
        StoreUnreachableError, match=f"looking for the organization fieldline: .* {status}: still starting"
    ):
        signed_in(api)
    assert signed_in(api)


def test_an_instance_that_is_not_there_may_be_asked_again(server, api):
    server.close()
    with pytest.raises(StoreUnreachableError, match=rf"signing in as admin: {server.url} does not answer"):
        signed_in(api)


def test_an_instance_whose_name_is_not_known_yet_may_be_asked_again():
    api = InfluxAdminApi("https://influx.invalid:8086", lambda: Credentials(USER, PASSWORD))
    with pytest.raises(StoreUnreachableError, match="does not answer"):
        signed_in(api)


def test_an_instance_that_hangs_is_not_waited_for_for_ever(server, monkeypatch):
    over = Event()
    monkeypatch.setattr(influx_admin, "_READ_S", 0.2)
    api = InfluxAdminApi(server.url, lambda: Credentials(USER, PASSWORD))
    server.answers["GET /api/v2/orgs"] = [lambda: over.wait(60) and (200, {"orgs": []})]
    with pytest.raises(StoreUnreachableError, match=r"does not answer: .*timed out"):
        signed_in(api)
    over.set()


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"orgs": [{"id": 7}]}', b"\xff" * 100, b"[" * 100_000])
def test_garbage_is_an_error_that_does_not_repeat_it(server, api, body):
    server.answers["GET /api/v2/orgs"] = [(200, body)]
    with pytest.raises(StoreAdminError, match="the instance answered 200 with something unexpected") as caught:
        signed_in(api)
    assert len(str(caught.value)) < 300


def test_an_endless_answer_is_cut(server, api, monkeypatch):
    monkeypatch.setattr(influx_admin, "_MAX_BYTES", 1000)
    server.answers["GET /api/v2/orgs"] = [(200, b'{"orgs": [' + b" " * 5_000_000 + b"]}")]
    with pytest.raises(StoreAdminError, match="something unexpected"):
        signed_in(api)


def test_what_the_instance_refuses_is_told_in_its_words(server, api):
    server.answers["POST /api/v2/authorizations"] = [(403, {"code": "forbidden", "message": "not yours to give"})]
    with (
        api.signed_in() as admin,
        pytest.raises(StoreAdminError, match=r"making a token to read: .* 403: not yours to give"),
    ):
        admin.authorize("org", Bucket("bucket", None), Access.READ, "x")


def test_what_the_instance_does_not_have_may_go_but_not_change(api):
    nothing = Bucket("00000000000000ff", None)
    with api.signed_in() as admin:
        admin.revoke(Authorization("00000000000000ff", ""))
        with pytest.raises(StoreAdminError, match="setting the retention of the bucket 00000000000000ff"):
            admin.keep_for(nothing, DAY_S)


@pytest.mark.parametrize("buckets", [[], None])
def test_a_bucket_that_is_missing_is_none_as_a_list_or_as_an_error(server, api, buckets):
    missing = (404, {"code": "not found", "message": 'bucket "x" not found'})
    server.answers["GET /api/v2/buckets"] = [missing if buckets is None else (200, {"buckets": buckets})]
    with api.signed_in() as admin:
        assert admin.bucket("org", "x") is None


@pytest.mark.parametrize("rules", [[], [{"type": "expire", "everySeconds": 0}]])
def test_a_bucket_without_a_rule_keeps_data_for_ever(server, api, rules):
    server.answers["GET /api/v2/buckets"] = [(200, {"buckets": [{"id": "1", "name": "x", "retentionRules": rules}]})]
    with api.signed_in() as admin:
        assert admin.bucket("org", "x") == Bucket("1", None)


def test_a_name_that_only_resembles_the_one_asked_for_is_another(server, api):
    server.answers["GET /api/v2/buckets"] = [
        (200, {"buckets": [{"id": "1", "name": "telemetry-2", "retentionRules": []}]})
    ]
    server.answers["GET /api/v2/orgs"] = [(200, {"orgs": [{"id": "1", "name": "fieldline-2"}]})]
    with api.signed_in() as admin:
        assert admin.bucket("org", "telemetry") is None
        assert admin.organization("fieldline") is None


@pytest.mark.parametrize("name", ["a&b=c", "a b", "ü/%2e", "x?y#z"])
def test_a_name_is_data_whatever_it_says(server, api, name):
    with api.signed_in() as admin:
        made = admin.make_bucket(admin.organization("fieldline"), name, DAY_S)
        assert admin.bucket(admin.organization("fieldline"), name) == made
        admin.map_database(admin.organization("fieldline"), name, RETENTION_POLICY, made)
        assert len(admin.mappings(admin.organization("fieldline"), name)) == 1


@pytest.mark.parametrize(("status", "may"), [(204, True), (400, True), (401, False), (403, False), (404, False)])
def test_whether_a_token_may_write_is_not_what_becomes_of_a_comment(server, api, status, may):
    server.answers["POST /write"] = [(status, {"code": "x", "message": "y"} if status != 204 else None)]
    with api.signed_in() as admin:
        assert admin.works("token", Access.WRITE, "telemetry") is may


def test_a_try_that_is_not_answered_says_nothing_of_the_token(server, api):
    server.answers["GET /query"] = [(503, {"error": "timeout"})]
    with (
        api.signed_in() as admin,
        pytest.raises(StoreUnreachableError, match=r"trying the token to read: .* 503: timeout") as caught,
    ):
        admin.works("my-token", Access.READ, "telemetry")
    assert "my-token" not in str(caught.value)
