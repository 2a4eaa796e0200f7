"""One suite for things with their certificates and one for the records of them: in memory, and on AWS's own calls."""

import boto3
import pytest
from botocore.exceptions import ClientError
from cryptography import x509
from msgspec.structs import replace

from functions.adapters.backoff import Backoff
from functions.adapters.dynamodb_audit import AuditedWrites
from functions.adapters.dynamodb_certificates import DynamoDBCertificates
from functions.adapters.iot_certificates import IotBroker, IotIdentities
from functions.adapters.memory_audit import MemoryJournal
from functions.adapters.memory_certificates import MemoryCertificates, MemoryIdentities
from functions.domain.access import By
from functions.domain.certificates import KEEP_ENDED_MS, CertificateRecord, CertificateStatus
from functions.errors import CertificatesError, RequestError
from tests.access_matrix import signing_request
from tests.functions.registering import NOW, note

POLICIES = ("data", "management")
ATTRIBUTES = {"model": "machine", "group": "plant-1/line-2"}
ACTIVE, INACTIVE = CertificateStatus.ACTIVE, CertificateStatus.INACTIVE


@pytest.fixture
def iot(aws):
    client = boto3.client("iot")
    for policy in POLICIES:
        client.create_policy(policyName=policy, policyDocument='{"Version":"2012-10-17","Statement":[]}')
    return client


@pytest.fixture(params=["memory", "iot"])
def identities(request, clock):
    return (
        MemoryIdentities(clock)
        if request.param == "memory"
        else IotIdentities(request.getfixturevalue("iot"), POLICIES)
    )


def issue(identities, thing="pump-1"):
    return identities.issue(thing, ATTRIBUTES, signing_request(thing))


def statuses(identities, thing="pump-1"):
    return {one.id: one.status for one in identities.of(thing)}


def test_a_thing_that_there_is_not_has_no_certificates(identities):
    assert identities.of("pump-1") == ()


def test_a_certificate_is_for_the_request_and_connects_nothing_before_it_is_activated(identities):
    issued = issue(identities)
    assert len(issued.id) == 64
    assert x509.load_pem_x509_certificate(issued.pem.encode()).subject.rfc4514_string() == "CN=pump-1"
    assert statuses(identities) == {issued.id: INACTIVE}
    identities.activate("pump-1", issued.id)
    assert statuses(identities) == {issued.id: ACTIVE}


def test_a_thing_has_several_and_none_of_another_s(identities):
    mine, next_one = issue(identities), issue(identities)
    other = issue(identities, "pump-2")
    assert set(statuses(identities)) == {mine.id, next_one.id}
    assert set(statuses(identities, "pump-2")) == {other.id}


def test_a_revoked_certificate_is_no_longer_the_thing_s(identities):
    issued, kept = issue(identities), issue(identities)
    identities.activate("pump-1", issued.id)
    for _ in range(2):
        identities.revoke("pump-1", issued.id)
        assert set(statuses(identities)) == {kept.id}


def test_what_is_not_the_thing_s_is_left_alone(identities):
    other = issue(identities, "pump-2")
    identities.activate("pump-2", other.id)
    issue(identities)
    identities.revoke("pump-1", other.id)
    identities.revoke("nobody", other.id)
    assert statuses(identities, "pump-2") == {other.id: ACTIVE}


def test_in_memory_a_certificate_is_for_the_request_s_key_as_aws_iot_makes_it(clock):
    """moto signs a key of its own."""
    request = x509.load_pem_x509_csr(signing_request("pump-1").encode())
    pem = issue(MemoryIdentities(clock)).pem
    assert x509.load_pem_x509_certificate(pem.encode()).public_key() == request.public_key()


def test_aws_iot_gets_a_thing_as_the_fleet_file_makes_it(iot):
    issue(IotIdentities(iot, POLICIES))
    assert iot.describe_thing(thingName="pump-1")["attributes"] == ATTRIBUTES


def test_a_certificate_may_do_what_devices_may_until_it_is_revoked(iot):
    identities = IotIdentities(iot, POLICIES)
    issued = issue(identities)
    (arn,) = iot.list_thing_principals(thingName="pump-1")["principals"]
    assert {one["policyName"] for one in iot.list_attached_policies(target=arn)["policies"]} == set(POLICIES)
    identities.revoke("pump-1", issued.id)
    assert iot.list_attached_policies(target=arn)["policies"] == []
    assert iot.describe_certificate(certificateId=issued.id)["certificateDescription"]["status"] == "REVOKED"


@pytest.mark.parametrize("call", ["AttachPolicy", "AttachThingPrincipal"])
def test_a_certificate_that_cannot_be_tied_to_its_thing_is_left_to_nobody(iot, call):
    def fail(**_):
        raise ClientError({"Error": {"Code": "ThrottlingException"}}, call)

    iot.meta.events.register_first(f"before-call.iot.{call}", fail)
    with pytest.raises(CertificatesError, match="pump-1"):
        issue(IotIdentities(iot, POLICIES))
    (left,) = iot.list_certificates()["certificates"]
    assert left["status"] == "REVOKED"
    assert iot.list_thing_principals(thingName="pump-1")["principals"] == []


def test_what_aws_iot_refuses_to_sign_is_the_caller_s_mistake(iot):
    def refuse(**_):
        raise ClientError({"Error": {"Code": "InvalidRequestException", "Message": "CSR violates constraints"}}, "x")

    iot.meta.events.register_first("before-call.iot.CreateCertificateFromCsr", refuse)
    with pytest.raises(RequestError, match="CSR violates constraints") as caught:
        issue(IotIdentities(iot, POLICIES))
    assert caught.value.field == "csr"


def test_aws_iot_that_does_not_answer_is_told_as_such(iot):
    def fail(**_):
        raise ClientError({"Error": {"Code": "InternalFailureException"}}, "x")

    iot.meta.events.register_first("before-call.iot.*", fail)
    identities, broker = IotIdentities(iot, POLICIES), IotBroker(iot)
    for call in (
        lambda: issue(identities),
        lambda: identities.of("pump-1"),
        lambda: identities.activate("pump-1", "a" * 64),
        lambda: identities.revoke("pump-1", "a" * 64),
        broker.endpoints,
    ):
        with pytest.raises(CertificatesError):
            call()


def test_devices_connect_to_the_account_s_own_endpoint_and_trust_amazon_s_roots(iot):
    broker = IotBroker(iot)
    (endpoint,) = broker.endpoints()
    assert endpoint.endswith("-ats.iot.eu-west-1.amazonaws.com")
    iot.meta.events.register_first("before-call.iot.DescribeEndpoint", lambda **_: pytest.fail("asked again"))
    assert broker.endpoints() == (endpoint,)
    names = [one.subject.rfc4514_string() for one in x509.load_pem_x509_certificates(broker.ca().encode())]
    assert names == [f"CN=Amazon Root CA {number},O=Amazon,C=US" for number in (1, 2, 3, 4)]


def test_a_laptop_s_devices_connect_to_the_laptop(iot, tmp_path):
    (tmp_path / "ca.pem").write_text("its own")
    broker = IotBroker(iot, endpoint="localhost:8422", ca_file=str(tmp_path / "ca.pem"))
    assert (broker.endpoints(), broker.ca()) == (("localhost:8422",), "its own")
    with pytest.raises(CertificatesError, match=r"none\.pem"):
        IotBroker(iot, ca_file=str(tmp_path / "none.pem")).ca()


@pytest.fixture(params=["memory", "dynamodb"])
def records(request):
    """The port, and how many notes there are."""
    if request.param == "memory":
        journal = MemoryJournal()
        return MemoryCertificates(journal), lambda: len(journal.notes)
    client = request.getfixturevalue("dynamodb")
    writes = AuditedWrites(client, "events", backoff=Backoff(attempts=2, sleep=lambda _: None))
    return DynamoDBCertificates(client, "core", writes), lambda: _entries(client)


def _entries(client):
    items = client.scan(TableName="events")["Items"]
    return sum(item["pk"]["S"].startswith("AUDIT#") and item["sk"]["S"] != "HEAD" for item in items)


def record(number=1, thing="pump-1", **more):
    return CertificateRecord(id=f"{number:064x}", thing=thing, issued_at=NOW, issued_by=By("user:ann", "ann"), **more)


def test_a_record_is_kept_with_its_note_and_by_its_device(records):
    port, notes = records
    port.add(record(), note("pump-1"))
    port.add(record(2, "pump-2"), note("pump-2"))
    assert port.of("pump-1") == (record(),)
    assert port.of("pump") == ()
    assert notes() == 2
    with pytest.raises(CertificatesError):
        port.add(record(), note("pump-1"))
    assert notes() == 2


def test_an_end_is_kept_once_also_of_one_that_was_not_known(records):
    port, notes = records
    port.add(record(), note("pump-1"))
    unknown = replace(record(2), issued_by=None)
    for before in (record(), unknown):
        assert port.end(replace(before, revoked_at=NOW + 5), note("pump-1"))
        assert not port.end(replace(before, revoked_at=NOW + 9), note("pump-1"))
    assert sorted(port.of("pump-1"), key=lambda one: one.id) == [
        replace(record(), revoked_at=NOW + 5),
        replace(unknown, revoked_at=NOW + 5),
    ]
    assert notes() == 3


def test_a_revoked_record_is_forgotten_after_90_days_and_another_never(dynamodb):
    port = DynamoDBCertificates(dynamodb, "core", AuditedWrites(dynamodb, "events"))
    port.add(record(1), note("pump-1"))
    port.add(record(2), note("pump-1"))
    port.end(record(2, revoked_at=NOW), note("pump-1"))
    items = {item["sk"]["S"][-1]: item for item in dynamodb.scan(TableName="core")["Items"]}
    assert "expires" not in items["1"]
    assert items["2"]["expires"] == {"N": str((NOW + KEEP_ENDED_MS) // 1000)}


def test_a_table_that_does_not_answer_is_told_as_such(dynamodb):
    backoff = Backoff(attempts=2, sleep=lambda _: None)
    port = DynamoDBCertificates(dynamodb, "nowhere", AuditedWrites(dynamodb, "nowhere", backoff=backoff))
    for call in (
        lambda: port.of("pump-1"),
        lambda: port.add(record(), note("pump-1")),
        lambda: port.end(record(revoked_at=NOW), note("pump-1")),
    ):
        with pytest.raises(CertificatesError):
            call()
