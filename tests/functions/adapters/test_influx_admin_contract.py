"""What an InfluxDB instance in its administrator's hands promises: the one in memory and the one behind HTTP alike."""

import pytest

from functions.adapters.influx_admin import InfluxAdminApi
from functions.adapters.memory_influx_admin import MemoryInfluxAdmin
from functions.domain.store_setup import RETENTION_POLICY, Access, Authorization, Bucket, Credentials
from functions.errors import StoreAdminError
from tests.functions.adapters.influx_admin_server import PASSWORD, USER

DAY_S = 86_400


def behind_http(request):
    server = request.getfixturevalue("influx_admin_server")
    return InfluxAdminApi(server.url, lambda: Credentials(USER, PASSWORD))


# Each is onboarded with the organization `fieldline` and its bucket `telemetry`, which keeps data for ever.
INSTANCES = {"memory": lambda request: MemoryInfluxAdmin(), "http": behind_http}


@pytest.fixture(params=INSTANCES)
def admin(request):
    with INSTANCES[request.param](request).signed_in() as admin:
        yield admin


@pytest.fixture
def organization(admin):
    return admin.organization("fieldline")


@pytest.fixture
def bucket(admin, organization):
    return admin.bucket(organization, "telemetry")


@pytest.fixture
def mapped(admin, organization, bucket):
    admin.map_database(organization, "telemetry", RETENTION_POLICY, bucket)
    return bucket


def test_what_the_instance_does_not_have_is_none(admin, organization):
    assert admin.organization("nobody") is None
    assert admin.bucket(organization, "nothing") is None
    assert admin.mappings(organization, "nothing") == []


def test_a_bucket_keeps_data_for_as_long_as_it_was_told(admin, organization, bucket):
    assert bucket.retention_s is None
    for days in (97, 14, 1, 365):
        admin.keep_for(bucket, days * DAY_S)
        assert admin.bucket(organization, "telemetry") == Bucket(bucket.id, days * DAY_S)


def test_a_bucket_is_made_with_its_retention(admin, organization):
    made = admin.make_bucket(organization, "other", 9 * DAY_S)
    assert made.retention_s == 9 * DAY_S
    assert admin.bucket(organization, "other") == made
    with pytest.raises(StoreAdminError, match="making the bucket other"):
        admin.make_bucket(organization, "other", 9 * DAY_S)


def test_a_database_is_mapped_once_for_each_policy(admin, organization, bucket):
    admin.map_database(organization, "telemetry", RETENTION_POLICY, bucket)
    (mapping,) = admin.mappings(organization, "telemetry")
    assert (mapping.bucket, mapping.policy, mapping.default) == (bucket.id, RETENTION_POLICY, True)
    with pytest.raises(StoreAdminError, match="making the database telemetry"):
        admin.map_database(organization, "telemetry", RETENTION_POLICY, bucket)


def test_a_database_has_one_default(admin, organization, bucket):
    admin.map_database(organization, "telemetry", RETENTION_POLICY, bucket)
    admin.map_database(organization, "telemetry", "other", bucket)

    def defaults():
        return {one.policy: one.default for one in admin.mappings(organization, "telemetry")}

    assert defaults() == {RETENTION_POLICY: False, "other": True}
    first, second = sorted(admin.mappings(organization, "telemetry"), key=lambda one: one.policy != RETENTION_POLICY)
    admin.make_default(organization, first)
    assert defaults() == {RETENTION_POLICY: True, "other": False}
    admin.unmap(organization, first)
    assert defaults() == {"other": True}
    admin.unmap(organization, second)
    admin.unmap(organization, second)
    assert defaults() == {}


@pytest.mark.parametrize("access", Access)
def test_a_token_may_do_one_thing_with_one_bucket(admin, organization, mapped, access):
    token = admin.authorize(organization, mapped, access, f"to {access}")
    assert {one: admin.works(token, one, "telemetry") for one in Access} == {one: one is access for one in Access}
    other = admin.make_bucket(organization, "other", DAY_S)
    admin.map_database(organization, "elsewhere", RETENTION_POLICY, other)
    assert not admin.works(token, access, "elsewhere")


@pytest.mark.parametrize("token", ["", "x", "a b", "tök\u00e9n", "break\r\nX-Evil: 1", "=" * 88])
@pytest.mark.parametrize("access", Access)
def test_what_is_no_token_does_nothing(admin, mapped, token, access):
    assert not admin.works(token, access, "telemetry")


def test_a_token_goes_with_its_authorization(admin, organization, mapped):
    tokens = [admin.authorize(organization, mapped, Access.WRITE, f"number {number}") for number in range(3)]
    known = {one.description: one for one in admin.authorizations(organization)}
    assert {f"number {number}" for number in range(3)} <= known.keys()
    admin.revoke(known["number 1"])
    admin.revoke(known["number 1"])
    assert [admin.works(token, Access.WRITE, "telemetry") for token in tokens] == [True, False, True]
    assert "number 1" not in {one.description for one in admin.authorizations(organization)}


def test_a_token_for_a_bucket_that_is_not_there_is_not_made(admin, organization):
    with pytest.raises(StoreAdminError):
        admin.authorize(organization, Bucket("00000000000000ff", None), Access.READ, "nothing")


def test_what_is_gone_already_may_go_again(admin):
    admin.revoke(Authorization("00000000000000ff", "never was"))
