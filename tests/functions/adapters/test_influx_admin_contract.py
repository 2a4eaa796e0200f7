"""What an InfluxDB instance in its administrator's hands promises: the one in memory and the one behind HTTP alike."""

import itertools

import pytest
import urllib3

from functions.adapters.influx_admin import InfluxAdminApi
from functions.adapters.memory_influx_admin import MemoryInfluxAdmin
from functions.domain.store_setup import RETENTION_POLICY, Access, Authorization, Bucket, Credentials
from functions.errors import StoreAdminError
from tests.functions.adapters.influx_admin_server import PASSWORD, USER
from tests.timestream import Lookalike

DAY_S = 86_400
numbers = itertools.count()


@pytest.fixture(scope="module")
def onboarded(tmp_path_factory):
    """The look-alike with an organization and an administrator, and the token that onboarding gave."""
    with Lookalike(tmp_path_factory.mktemp("timestream")) as server:
        document = {"username": USER, "password": PASSWORD, "org": "fieldline", "bucket": "first"}
        answer = urllib3.request("POST", f"{server.url}/api/v2/setup", json=document)
        assert answer.status == 201, answer.data
        yield server, answer.json()


def in_memory(_request):
    return MemoryInfluxAdmin(bucket="telemetry"), "telemetry"


def behind_http(request):
    server = request.getfixturevalue("influx_admin_server")
    return InfluxAdminApi(server.url, lambda: Credentials(USER, PASSWORD)), "telemetry"


def on_the_lookalike(request):
    server, made = request.getfixturevalue("onboarded")
    name = f"telemetry-{next(numbers)}"
    document = {"orgID": made["org"]["id"], "name": name, "retentionRules": []}
    headers = {"Authorization": f"Token {made['auth']['token']}"}
    answer = urllib3.request("POST", f"{server.url}/api/v2/buckets", json=document, headers=headers)
    assert answer.status == 201, answer.data
    return InfluxAdminApi(server.url, lambda: Credentials(USER, PASSWORD)), name


# Each has the organization `fieldline` and a bucket, by its name, that keeps data for ever and was never mapped.
INSTANCES = {"memory": in_memory, "http": behind_http, "lookalike": on_the_lookalike}


@pytest.fixture(params=INSTANCES)
def instance(request):
    return INSTANCES[request.param](request)


@pytest.fixture
def admin(instance):
    with instance[0].signed_in() as admin:
        yield admin


@pytest.fixture
def name(instance):
    """Of the bucket, and of the database that it becomes."""
    return instance[1]


@pytest.fixture
def organization(admin):
    return admin.organization("fieldline")


@pytest.fixture
def bucket(admin, organization, name):
    return admin.bucket(organization, name)


@pytest.fixture
def mapped(admin, organization, bucket, name):
    admin.map_database(organization, name, RETENTION_POLICY, bucket)
    return bucket


def test_what_the_instance_does_not_have_is_none(admin, organization):
    assert admin.organization("nobody") is None
    assert admin.bucket(organization, "nothing") is None
    assert admin.mappings(organization, "nothing") == []


def test_a_bucket_keeps_data_for_as_long_as_it_was_told(admin, organization, bucket, name):
    assert bucket.retention_s is None
    for days in (97, 14, 1, 365):
        admin.keep_for(bucket, days * DAY_S)
        assert admin.bucket(organization, name) == Bucket(bucket.id, days * DAY_S)


def test_a_bucket_is_made_with_its_retention(admin, organization, name):
    made = admin.make_bucket(organization, f"{name}-other", 9 * DAY_S)
    assert made.retention_s == 9 * DAY_S
    assert admin.bucket(organization, f"{name}-other") == made
    with pytest.raises(StoreAdminError, match="making the bucket"):
        admin.make_bucket(organization, f"{name}-other", 9 * DAY_S)


def test_a_database_is_mapped_once_for_each_policy(admin, organization, bucket, name):
    admin.map_database(organization, name, RETENTION_POLICY, bucket)
    (mapping,) = admin.mappings(organization, name)
    assert (mapping.bucket, mapping.policy, mapping.default) == (bucket.id, RETENTION_POLICY, True)
    with pytest.raises(StoreAdminError, match="making the database"):
        admin.map_database(organization, name, RETENTION_POLICY, bucket)


def test_a_database_has_one_default(admin, organization, bucket, name):
    admin.map_database(organization, name, RETENTION_POLICY, bucket)
    admin.map_database(organization, name, "other", bucket)

    def defaults():
        return {one.policy: one.default for one in admin.mappings(organization, name)}

    assert defaults() == {RETENTION_POLICY: False, "other": True}
    first, second = sorted(admin.mappings(organization, name), key=lambda one: one.policy != RETENTION_POLICY)
    admin.make_default(organization, first)
    assert defaults() == {RETENTION_POLICY: True, "other": False}
    admin.unmap(organization, first)
    assert defaults() == {"other": True}
    admin.unmap(organization, second)
    admin.unmap(organization, second)
    assert defaults() == {}


@pytest.mark.parametrize("access", Access)
def test_a_token_may_do_one_thing_with_one_bucket(admin, organization, mapped, access, name):
    token = admin.authorize(organization, mapped, access, f"to {access}")
    assert {one: admin.works(token, one, name) for one in Access} == {one: one is access for one in Access}
    other = admin.make_bucket(organization, f"{name}-other", DAY_S)
    admin.map_database(organization, f"{name}-elsewhere", RETENTION_POLICY, other)
    assert not admin.works(token, access, f"{name}-elsewhere")


@pytest.mark.parametrize("token", ["", "x", "a b", "tök\u00e9n", "break\r\nX-Evil: 1", "=" * 88])
@pytest.mark.parametrize("access", Access)
def test_what_is_no_token_does_nothing(admin, mapped, token, access, name):
    assert not admin.works(token, access, name)


def test_a_token_goes_with_its_authorization(admin, organization, mapped, name):
    tokens = [admin.authorize(organization, mapped, Access.WRITE, f"number {number}") for number in range(3)]
    known = {one.description: one for one in admin.authorizations(organization)}
    assert {f"number {number}" for number in range(3)} <= known.keys()
    admin.revoke(known["number 1"])
    admin.revoke(known["number 1"])
    assert [admin.works(token, Access.WRITE, name) for token in tokens] == [True, False, True]
    assert "number 1" not in {one.description for one in admin.authorizations(organization)}


def test_what_is_gone_already_may_go_again(admin):
    admin.revoke(Authorization("00000000000000ff", "never was"))
