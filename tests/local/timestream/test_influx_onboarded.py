"""The look-alike as a 2.x: who may do what, and the HTTP API around buckets."""

import json

import pytest

from local.timestream.influx_requests import Request
from tests.local.timestream.influx_fronts import NOW, Lookalike

HOUR, DAY = 3600, 86_400
PASSWORD = "a password of nobody"
BASIC = {"Authorization": "Basic YWRtaW46YSBwYXNzd29yZCBvZiBub2JvZHk="}  # admin: and that password


class Client:
    """Speaks JSON; `token` is what it signs in with."""

    def __init__(self, server, token=None, cookie=None):
        self.server = server
        self.headers = {}
        if token is not None:
            self.headers["Authorization"] = f"Token {token}"
        if cookie is not None:
            self.headers["Cookie"] = cookie

    def __call__(self, method, path, document=None, **query):
        body = b"" if document is None else json.dumps(document).encode()
        answer = self.server.ask(method, f"/api/v2/{path}", query, body, self.headers)
        return answer.status, json.loads(answer.body) if answer.body else None

    def write(self, lines, database="telemetry", **query):
        answer = self.server.ask("POST", "/write", {"db": database, **query}, lines.encode(), self.headers)
        return answer.status, json.loads(answer.body) if answer.body else None

    def query(self, text, database="telemetry"):
        answer = self.server.ask("GET", "/query", {"db": database, "q": text, "epoch": "ns"}, b"", self.headers)
        return answer.status, json.loads(answer.body)


@pytest.fixture
def server(tmp_path):
    server = Lookalike(tmp_path)
    yield server
    server.close()


@pytest.fixture
def onboarded(server):
    first = {"username": "admin", "password": PASSWORD, "org": "fieldline", "bucket": "telemetry"}
    status, document = Client(server)("POST", "setup", first)
    assert status == 201
    return document


@pytest.fixture
def admin(server, onboarded):
    return Client(server, onboarded["auth"]["token"])


@pytest.fixture
def organization(onboarded):
    return onboarded["org"]["id"]


@pytest.fixture
def bucket(onboarded):
    return onboarded["bucket"]["id"]


def token(admin, organization, *permissions):
    asked = [
        {"action": action, "resource": {"type": "buckets", "id": bucket, "orgID": organization}}
        for action, bucket in permissions
    ]
    status, document = admin("POST", "authorizations", {"orgID": organization, "description": "", "permissions": asked})
    assert status == 201
    return document["token"]


UNAUTHORIZED = (401, {"code": "unauthorized", "message": "unauthorized access"})


# Onboarding and signing in


def test_the_first_to_ask_sets_it_up_and_nobody_after(server, onboarded):
    assert onboarded["org"]["name"] == "fieldline"
    assert onboarded["bucket"]["retentionRules"][0]["everySeconds"] == 0
    assert Client(server)("GET", "setup") == (200, {"allowed": False})
    again = {"username": "other", "password": PASSWORD, "org": "other", "bucket": "other"}
    assert Client(server)("POST", "setup", again) == (
        422,
        {"code": "conflict", "message": "onboarding has already been completed"},
    )


def test_a_short_password_is_refused(server):
    first = {"username": "admin", "password": "short", "org": "fieldline", "bucket": "telemetry"}
    status, problem = Client(server)("POST", "setup", first)
    assert (status, problem["code"]) == (400, "invalid")
    assert Client(server)("GET", "setup") == (200, {"allowed": True})


def sign_in(server, headers=BASIC):
    return server.front.answer(_request("POST", "/api/v2/signin", headers))


def _request(method, path, headers):
    return Request(method, path, {}, {key.lower(): value for key, value in headers.items()})


def test_a_session_lasts_until_it_is_signed_out(server, onboarded):
    reply = sign_in(server)
    assert reply.status == 204
    person = Client(server, cookie=reply.headers["Set-Cookie"].partition(";")[0])
    assert person("GET", "buckets")[0] == 200
    assert person("POST", "signout")[0] == 204
    assert person("GET", "buckets") == UNAUTHORIZED
    assert person("POST", "signout") == UNAUTHORIZED


def test_a_session_ends_an_hour_after_its_last_use(server, onboarded):
    person = Client(server, cookie=sign_in(server).headers["Set-Cookie"].partition(";")[0])
    for _ in range(3):
        server.now += (HOUR - 1) * 10**9
        assert person("GET", "orgs")[0] == 200
    server.now += HOUR * 10**9
    assert person("GET", "orgs") == UNAUTHORIZED


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Basic YWRtaW46d3Jvbmc="}, {"Authorization": "Basic %%"}])
def test_who_does_not_know_the_password_does_not_sign_in(server, onboarded, headers):
    assert sign_in(server, headers).status == 401


# Tokens


def test_nothing_goes_without_a_token_or_with_a_wrong_one(server, onboarded):
    for client in (Client(server), Client(server, "wrong")):
        assert client.write("m f=1") == UNAUTHORIZED
        assert client.query("SELECT f FROM m") == UNAUTHORIZED
        assert client("GET", "buckets") == UNAUTHORIZED
        assert client("POST", "delete", {}) == UNAUTHORIZED
        assert client("POST", "write", org="fieldline", bucket="telemetry") == UNAUTHORIZED


def test_a_token_to_write_writes_and_does_not_read(server, admin, organization, bucket):
    writer = Client(server, token(admin, organization, ("write", bucket)))
    assert writer.write("m f=1 5") == (204, None)
    status, document = writer.query("SELECT f FROM m")
    refusal = f"read:orgs/{organization}/buckets/{bucket} is unauthorized"
    assert (status, document) == (200, {"results": [{"statement_id": 0, "error": refusal}]})
    assert writer.query("SHOW DATABASES")[1]["results"][0]["series"][0].get("values") is None


def test_a_token_to_read_reads_and_does_not_write(server, admin, organization, bucket):
    assert admin.write("m f=1 5") == (204, None)
    reader = Client(server, token(admin, organization, ("read", bucket)))
    assert reader.query("SELECT f FROM m")[1]["results"][0]["series"][0]["values"] == [[5, 1]]
    assert reader.write("m f=1") == (403, {"code": "forbidden", "message": "insufficient permissions for write"})
    span = {"start": "1970-01-01T00:00:00Z", "stop": "2030-01-01T00:00:00Z"}
    assert reader("POST", "delete", span, org="fieldline", bucket="telemetry")[0] == 403
    assert (
        reader.query("DELETE FROM m")[1]["results"][0]["error"]
        == f"write:orgs/{organization}/buckets/{bucket} is unauthorized"
    )


def test_a_token_for_another_bucket_finds_no_database(server, admin, organization):
    other = admin("POST", "buckets", {"orgID": organization, "name": "other"})[1]["id"]
    stranger = Client(server, token(admin, organization, ("write", other), ("read", other)))
    assert stranger.write("m f=1") == (404, {"code": "not found", "message": "no dbrp mapping found"})
    assert stranger.query("SELECT f FROM m")[1]["results"][0]["error"] == "database not found: telemetry"


def test_a_token_that_is_revoked_or_inactive_is_refused(server, admin, organization, bucket):
    for change in (("DELETE", None), ("PATCH", {"status": "inactive"})):
        secret = token(admin, organization, ("write", bucket))
        found = admin("GET", "authorizations", orgID=organization)[1]["authorizations"]
        known = next(each["id"] for each in found if each["token"] == secret)
        assert Client(server, secret).write("m f=1")[0] == 204
        assert admin(change[0], f"authorizations/{known}", change[1])[0] in {200, 204}
        assert Client(server, secret).write("m f=1") == UNAUTHORIZED


def test_a_narrow_token_makes_no_wider_one(server, admin, organization, bucket):
    narrow = Client(server, token(admin, organization, ("write", bucket)))
    permission = {"action": "read", "resource": {"type": "buckets", "orgID": organization}}
    asked = {"orgID": organization, "permissions": [permission]}
    assert narrow("POST", "authorizations", asked)[0] == 401
    assert narrow("POST", "buckets", {"orgID": organization, "name": "mine"})[0] == 401
    assert narrow("GET", "orgs")[1]["orgs"] == []
    assert narrow("GET", "authorizations")[1]["authorizations"] == []


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"permissions": []}, "authorization must include permissions"),
        ({"permissions": [{"action": "read", "resource": {"type": "buckets"}}], "orgID": "x"}, "org id required"),
    ],
)
def test_an_authorization_must_say_what_and_where(admin, document, message):
    status, problem = admin("POST", "authorizations", document)
    assert (status, problem["code"]) == (400, "invalid")
    assert message in problem["message"]


# Buckets and databases


def test_a_bucket_is_made_found_changed_and_removed(admin, organization):
    rule = {"type": "expire", "everySeconds": DAY, "shardGroupDurationSeconds": HOUR}
    status, made = admin("POST", "buckets", {"orgID": organization, "name": "b", "retentionRules": [rule]})
    assert (status, made["retentionRules"]) == (201, [rule])
    again = admin("POST", "buckets", {"orgID": organization, "name": "b"})
    assert again == (422, {"code": "conflict", "message": "bucket with name b already exists"})
    found = admin("GET", "buckets", orgID=organization, name="b")[1]["buckets"]
    assert [each["id"] for each in found] == [made["id"]]
    longer = {"type": "expire", "everySeconds": 7 * DAY, "shardGroupDurationSeconds": DAY}
    status, changed = admin("PATCH", f"buckets/{made['id']}", {"retentionRules": [longer]})
    assert (status, changed["retentionRules"]) == (200, [longer])
    assert admin("DELETE", f"buckets/{made['id']}") == (204, None)
    assert admin("GET", f"buckets/{made['id']}") == (404, {"code": "not found", "message": "bucket not found"})
    assert admin("GET", "buckets", orgID=organization, name="b")[0] == 404


@pytest.mark.parametrize("name", ["", "_mine"])
def test_some_names_are_not_for_buckets(admin, organization, name):
    assert admin("POST", "buckets", {"orgID": organization, "name": name})[1]["code"] == "invalid"


def test_a_bucket_answers_as_the_database_of_its_name_until_it_is_mapped(admin, organization, bucket):
    assert admin("GET", "dbrps", orgID=organization)[1]["content"] == [
        {
            "id": bucket,
            "database": "telemetry",
            "retention_policy": "autogen",
            "default": True,
            "orgID": organization,
            "bucketID": bucket,
            "virtual": True,
        }
    ]
    mapping = {"orgID": organization, "bucketID": bucket, "database": "db", "retention_policy": "rp", "default": True}
    status, made = admin("POST", "dbrps", mapping)
    assert (status, made["database"], made["virtual"]) == (201, "db", False)
    assert admin.write("m f=1 5", "db") == (204, None)
    assert admin.write("m f=2 6", "db", rp="rp") == (204, None)
    assert admin.write("m f=1 5", "telemetry")[0] == 404
    assert admin.query("SELECT f FROM db.rp.m", "")[1]["results"][0]["series"][0]["values"] == [[5, 1], [6, 2]]
    assert admin("POST", "dbrps", mapping)[0] == 422
    assert admin("DELETE", f"dbrps/{made['id']}", orgID=organization) == (204, None)
    assert admin.write("m f=1 5", "db") == (404, {"code": "not found", "message": "no dbrp mapping found"})


def test_one_mapping_of_a_database_is_its_default(admin, organization, bucket):
    def mapped(policy, **more):
        document = {"orgID": organization, "bucketID": bucket, "database": "db", "retention_policy": policy, **more}
        return admin("POST", "dbrps", document)[1]["id"]

    def defaults():
        found = admin("GET", "dbrps", orgID=organization, db="db")[1]["content"]
        return [each["retention_policy"] for each in found if each["default"]]

    first = mapped("first")
    assert defaults() == ["first"]
    second = mapped("second", default=True)
    assert defaults() == ["second"]
    assert admin("PATCH", f"dbrps/{first}", {"default": True}, orgID=organization)[0] == 200
    assert defaults() == ["first"]
    assert admin("DELETE", f"dbrps/{first}", orgID=organization)[0] == 204
    assert defaults() == ["second"]
    assert admin("GET", f"dbrps/{second}", org="fieldline")[1]["content"]["retention_policy"] == "second"


def test_removing_a_bucket_removes_its_mappings_and_its_data(admin, organization, bucket):
    mapping = {"orgID": organization, "bucketID": bucket, "database": "telemetry", "retention_policy": "autogen"}
    admin("POST", "dbrps", mapping)
    admin.write("m f=1 5")
    assert admin("DELETE", f"buckets/{bucket}") == (204, None)
    assert admin("GET", "dbrps", orgID=organization)[1]["content"] == []
    admin("POST", "buckets", {"orgID": organization, "name": "telemetry"})
    assert admin.query("SELECT f FROM m") == (200, {"results": [{"statement_id": 0}]})


def test_a_database_is_made_by_its_bucket_only(admin):
    status, document = admin.query("CREATE DATABASE other")
    assert (status, document["results"][0]["error"]) == (200, "not implemented: CREATE DATABASE")


def test_the_policies_of_a_database_are_its_mappings(admin, organization, bucket):
    admin("PATCH", f"buckets/{bucket}", {"retentionRules": [{"everySeconds": 36 * HOUR}]})
    series = admin.query("SHOW RETENTION POLICIES")[1]["results"][0]["series"][0]
    assert series["values"] == [["autogen", "36h0m0s", "1h0m0s", 1, True]]


# Writing, deleting, retention


def test_a_write_names_its_bucket_by_name_or_id(admin, organization, bucket):
    def write(lines, **query):
        answer = admin.server.ask("POST", "/api/v2/write", query, lines.encode(), admin.headers)
        return answer.status, json.loads(answer.body)["message"] if answer.body else None

    assert write("m f=1 5", org="fieldline", bucket="telemetry", precision="ms") == (204, None)
    assert write("m f=2 6", orgID=organization, bucket=bucket) == (204, None)
    assert write("m f=2 6", org="fieldline", bucket="nope") == (404, 'bucket "nope" not found')
    assert write("m f=2 6", org="nope", bucket="telemetry") == (404, 'organization name "nope" not found')
    assert write("m f=2 6", org="fieldline", bucket="telemetry", precision="h")[0] == 400
    assert write("", org="fieldline", bucket="telemetry") == (400, "writing requires points")
    found = admin.query("SELECT f FROM m")[1]["results"][0]["series"][0]["values"]
    assert found == [[6, 2], [5_000_000, 1]]


def test_a_broken_line_refuses_the_whole_write(admin):
    problem = {"code": "invalid", "message": "unable to parse 'm f': invalid field format"}
    assert admin.write("m f=1 5\nm f\n") == (400, problem)
    assert admin.query("SELECT f FROM m") == (200, {"results": [{"statement_id": 0}]})


def test_a_point_of_another_type_is_dropped_and_the_others_are_stored(admin):
    admin.write("m f=1 5")
    reason = 'field type conflict: input field "f" on measurement "m" is type string, already exists as type float'
    message = f"failure writing points to database: partial write: {reason} dropped=1"
    assert admin.write('m f=2 6\nm f="x" 7\nm f=3 8') == (422, {"code": "unprocessable entity", "message": message})
    assert admin.query("SELECT f FROM m")[1]["results"][0]["series"][0]["values"] == [[5, 1], [6, 2], [8, 3]]


def test_points_beyond_the_retention_are_refused_and_no_longer_answered(server, admin, bucket):
    admin("PATCH", f"buckets/{bucket}", {"retentionRules": [{"everySeconds": HOUR}]})
    old, young = NOW - 3599 * 10**9, NOW
    assert admin.write(f"m f=1 {old}\nm f=2 {young}") == (204, None)
    status, problem = admin.write(f"m f=0 {NOW - 3601 * 10**9}\nm f=3 {young + 1}")
    assert status == 422
    assert problem["message"].endswith("partial write: points beyond retention policy dropped=1")
    server.now += 2 * 10**9
    assert admin.query("SELECT f FROM m")[1]["results"][0]["series"][0]["values"] == [[young, 2], [young + 1, 3]]
    assert admin.query("SELECT count(f) FROM m")[1]["results"][0]["series"][0]["values"] == [[0, 2]]
    server.now += 3 * HOUR * 10**9
    assert admin.write(f"m f=4 {server.now}") == (204, None)
    assert server.engine.query("SELECT count(*) FROM d1") == [(1,)]


def deletion(predicate, start="1970-01-01T00:00:00Z", stop="1970-01-01T00:00:00.000000006Z"):
    return {"start": start, "stop": stop, "predicate": predicate}


def test_a_deletion_ends_with_its_last_moment(admin):
    admin.write("m,d=a f=1 5\nm,d=a f=2 6\nm,d=a f=3 7\nm,d=b f=4 5\nn,d=a f=5 5")
    only = '_measurement="m" AND d="a"'
    assert admin("POST", "delete", deletion(only), org="fieldline", bucket="telemetry") == (204, None)
    series = admin.query("SELECT f, d FROM m, n")[1]["results"][0]["series"]
    assert [each["values"] for each in series] == [[[5, 4, "b"], [7, 3, "a"]], [[5, 5, "a"]]]
    assert admin("POST", "delete", deletion(""), org="fieldline", bucket="telemetry") == (204, None)
    assert admin.query("SELECT f FROM m, n")[1]["results"][0]["series"][0]["values"] == [[7, 3]]


@pytest.mark.parametrize(
    "document",
    [
        deletion("d='a' OR d='b'"),
        deletion("d>'a'"),
        deletion("_field='f'"),
        deletion("d=", stop="1970-01-02T00:00:00Z"),
        deletion("", start="yesterday"),
        {"start": 5},
    ],
)
def test_a_deletion_that_is_not_understood_deletes_nothing(admin, document):
    admin.write("m,d=a f=1 5")
    status, problem = admin("POST", "delete", document, org="fieldline", bucket="telemetry")
    assert (status, problem["code"]) == (400, "invalid")
    assert admin.query("SELECT f FROM m")[1]["results"][0]["series"][0]["values"] == [[5, 1]]


# What stays


def test_a_restart_keeps_tokens_users_buckets_mappings_and_points(server, admin, organization, bucket):
    secret = token(admin, organization, ("write", bucket), ("read", bucket))
    mapping = {"orgID": organization, "bucketID": bucket, "database": "db", "retention_policy": "rp"}
    admin("POST", "dbrps", mapping)
    Client(server, secret).write("m f=1 5", "db")
    before = [admin("GET", path, orgID=organization) for path in ("buckets", "dbrps", "authorizations", "orgs")]
    server.restart()
    assert [admin("GET", path, orgID=organization) for path in ("buckets", "dbrps", "authorizations", "orgs")] == before
    assert Client(server, secret).query("SELECT f FROM m", "db")[1]["results"][0]["series"][0]["values"] == [[5, 1]]
    assert sign_in(server).status == 204


def test_a_bucket_whose_removal_was_cut_short_is_gone_after_a_restart(server, onboarded):
    server.engine.create_database("influx/left")
    server.restart()
    assert "influx/left" not in server.engine.databases()


def test_errors_come_as_json_and_other_paths_are_not_there(server, admin):
    assert admin("GET", "tasks") == (404, {"code": "not found", "message": "path not found"})
    assert server.ask("PUT", "/api/v2/buckets", {}).status == 405
    assert admin("POST", "buckets", {"orgID": 5})[1]["code"] == "invalid"
    assert admin.query("SELEC f")[0] == 400
    assert admin.query("SELEC f")[1]["message"].startswith("failed to parse query: found SELEC, expected SELECT")
