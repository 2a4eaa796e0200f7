"""Certificates for devices that were registered by API: issued, listed, revoked, and what a device starts with."""

import json
import tomllib

import pytest
from cryptography import x509

from contract import models
from functions.domain.access import Grant, Kind, Principal, Role
from functions.domain.audit import Actor
from functions.domain.certificates import CertificateStatus
from functions.errors import CertificatesError
from tests.access_matrix import signing_request
from tests.functions.api_harness import person
from tests.functions.registering import device, note

PATH = "/devices/pump-7/certificates"


@pytest.fixture
def root():
    return person("admin", name="root")


@pytest.fixture
def device_key():
    return Principal("device:pump-7", Kind.DEVICE, "pump-7", (Grant(Role.DEVICE, "device:pump-7"),))


@pytest.fixture
def pump(api, root):
    api.who = root
    body = {"id": "pump-7", "model": "machine", "group": "plant-1/line-2"}
    assert api.call("POST", "/devices", body=body)[0] == 201
    return "pump-7"


def issue(api, *query, thing="pump-7", csr=None, **options):
    body = {"csr": signing_request(thing) if csr is None else csr}
    return api.call("POST", f"/devices/{thing}/certificates", *query, body=body, **options)


def listed(api, **options):
    status, document = api.get(PATH, **options)
    assert status == 200
    return document["items"]


def connecting(api, thing="pump-7"):
    return {one.id for one in api.identities.of(thing) if one.status is CertificateStatus.ACTIVE}


def deeds(api):
    return [one.action for one in api.journal.notes if "certificate" in one.action]


@pytest.mark.usefixtures("pump")
def test_a_device_gets_all_that_it_needs_besides_its_own_key(api, device_key):
    status, made = issue(api, who=device_key)
    assert status == 201
    assert (made["thing"], made["model"], made["model_file"]) == ("pump-7", "machine", None)
    assert made["endpoints"] == ["broker.example:8883"]
    assert x509.load_pem_x509_certificate(made["ca"].encode())
    certificate = x509.load_pem_x509_certificate(made["certificate"].encode())
    assert certificate.public_key() == x509.load_pem_x509_csr(signing_request("pump-7").encode()).public_key()
    assert tomllib.loads(made["agent_toml"])["endpoints"] == made["endpoints"]
    assert connecting(api) == {made["certificate_id"]}
    assert api.identities.things == {"pump-7": {"model": "machine", "group": "plant-1/line-2"}}


@pytest.mark.usefixtures("pump")
def test_it_is_listed_with_who_asked_for_it(api, device_key):
    _, by_device = issue(api, who=device_key)
    api.clock.now += 1000
    _, by_root = issue(api)
    assert [(one["id"], one["issued_by"]["id"], one["status"]) for one in listed(api)] == [
        (by_root["certificate_id"], "user:root", "active"),
        (by_device["certificate_id"], "device:pump-7", "active"),
    ]
    (first, second) = (one for one in api.journal.notes if one.action == "device.certificate.issue")
    assert (first.actor.principal.id, second.actor.principal.id) == ("device:pump-7", "user:root")
    assert first.after == {"id": by_device["certificate_id"]}


@pytest.mark.usefixtures("pump")
def test_the_same_request_again_makes_no_second_one(api):
    first = issue(api, headers={"Idempotency-Key": "one"})
    assert issue(api, headers={"Idempotency-Key": "one"}) == first
    assert len(listed(api)) == 1


@pytest.mark.usefixtures("pump")
def test_a_device_has_two_active_ones_at_most(api):
    first = issue(api)[1]["certificate_id"]
    assert issue(api)[0] == 201
    status, problem = issue(api)
    assert status == 409
    assert "2 active certificates" in problem["detail"]
    assert api.call("DELETE", f"{PATH}/{first}")[0] == 204
    assert issue(api)[0] == 201


@pytest.mark.usefixtures("pump")
@pytest.mark.parametrize(
    ("csr", "expected"),
    [
        ("", None),
        ("x" * 4097, None),
        ("no PEM", "a certificate signing request in PEM"),
        (signing_request("pump-8"), "the common name 'pump-7'"),
    ],
    ids=["nothing", "too long", "no request", "another's"],
)
def test_what_is_no_request_of_the_device_is_refused(api, csr, expected):
    status, problem = issue(api, csr=csr)
    assert (status, problem["field"]) == (400, "csr")
    assert expected is None or problem["expected"] == expected
    assert connecting(api) == set()


def test_a_device_that_is_not_there_or_another_s_is_not_told_apart(api, device_key, root):
    api.who = root
    api.call("POST", "/devices", body={"id": "fan-1", "model": "machine", "group": "plant-2"})
    for thing in ("fan-1", "nobody"):
        status, problem = issue(api, thing=thing, who=device_key)
        assert (status, problem["detail"]) == (404, f"there is no device {thing!r}, or you may not see it")


def test_a_device_of_the_fleet_file_gets_its_certificate_by_a_deployment(api, root):
    api.who = root
    api.register("pump-7")
    status, problem = issue(api)
    assert status == 409
    assert "fleet file" in problem["detail"]


@pytest.mark.usefixtures("pump")
def test_a_decommissioned_device_gets_none_and_loses_those_that_it_has(api):
    kept = issue(api)[1]["certificate_id"]
    assert api.call("DELETE", "/devices/pump-7")[0] == 204
    assert connecting(api) == set()
    assert deeds(api) == ["device.certificate.issue", "device.certificate.revoke"]
    status, problem = issue(api)
    assert status == 409
    assert "decommissioned" in problem["detail"]
    assert [(one["id"], one["status"]) for one in listed(api)] == [(kept, "revoked")]


@pytest.mark.usefixtures("pump")
def test_certificates_that_could_not_be_taken_are_taken_when_it_is_decommissioned_again(api):
    issue(api)
    api.identities.failing["revoke"] = 1
    assert api.call("DELETE", "/devices/pump-7")[0] == 503
    assert len(connecting(api)) == 1
    assert api.call("DELETE", "/devices/pump-7")[0] == 204
    assert connecting(api) == set()
    assert deeds(api) == ["device.certificate.issue", "device.certificate.revoke"]


@pytest.mark.usefixtures("pump")
def test_a_revoked_certificate_connects_no_more_and_stays_on_the_list(api):
    made = issue(api)[1]["certificate_id"]
    for _ in range(2):
        assert api.call("DELETE", f"{PATH}/{made}")[0] == 204
        assert connecting(api) == set()
    assert [(one["id"], one["status"]) for one in listed(api)] == [(made, "revoked")]
    assert deeds(api) == ["device.certificate.issue", "device.certificate.revoke"]


@pytest.mark.usefixtures("pump")
def test_revoking_that_failed_half_way_is_finished_and_told_once(api):
    made = issue(api)[1]["certificate_id"]
    api.identities.failing["revoke"] = 1
    assert api.call("DELETE", f"{PATH}/{made}")[0] == 503
    assert [one["status"] for one in listed(api)] == ["active"], "it still connects"
    assert api.call("DELETE", f"{PATH}/{made}")[0] == 204
    assert connecting(api) == set()
    assert deeds(api) == ["device.certificate.issue", "device.certificate.revoke"]


@pytest.mark.usefixtures("pump")
def test_a_certificate_of_the_fleet_file_can_be_revoked_too(api):
    issued = api.identities.issue("pump-7", {}, signing_request("pump-7"))
    api.identities.activate("pump-7", issued.id)
    (one,) = listed(api)
    assert (one["id"], one["status"], one["issued_by"]) == (issued.id, "active", None)
    assert api.call("DELETE", f"{PATH}/{issued.id}")[0] == 204
    assert [(one["status"], one["issued_by"]) for one in listed(api)] == [("revoked", None)]


@pytest.mark.usefixtures("pump")
def test_another_device_s_certificate_is_none_of_this_one_s(api):
    api.call("POST", "/devices", body={"id": "fan-1", "model": "machine", "group": "plant-2"})
    other = issue(api, thing="fan-1")[1]["certificate_id"]
    assert api.call("DELETE", f"{PATH}/{other}")[0] == 404
    assert connecting(api, "fan-1") == {other}
    assert api.call("DELETE", f"{PATH}/{'0' * 64}")[0] == 404
    status, problem = api.call("DELETE", f"{PATH}/abc")
    assert (status, problem["field"]) == (400, "certificate")


@pytest.mark.usefixtures("pump")
def test_a_device_s_key_takes_no_certificate_away_and_sees_none(api, device_key):
    made = issue(api, who=device_key)[1]["certificate_id"]
    for method, path in (("DELETE", f"{PATH}/{made}"), ("GET", PATH), ("GET", "/devices/pump-7/agent-config")):
        assert api.call(method, path, who=device_key)[0] == 403, (method, path)
    assert connecting(api) == {made}


@pytest.mark.usefixtures("pump")
@pytest.mark.parametrize("method", ["issue", "activate", "of"])
def test_where_the_broker_fails_nothing_connects_that_did_not_before(api, method):
    api.identities.failing[method] = 1
    assert issue(api)[0] == 503
    assert connecting(api) == set()
    assert deeds(api) in ([], ["device.certificate.issue", "device.certificate.revoke"])
    assert issue(api)[0] == 201


@pytest.mark.usefixtures("pump")
def test_a_certificate_that_is_not_in_the_records_is_not_put_in_force(api):
    api.certificates.failing = True
    assert issue(api)[0] == 503
    assert api.identities.of("pump-7") == ()
    assert deeds(api) == []


@pytest.mark.usefixtures("pump")
def test_what_was_put_in_force_although_the_answer_was_lost_is_taken_back(api, monkeypatch):
    activate = api.identities.activate

    def lost(thing, certificate):
        activate(thing, certificate)
        raise CertificatesError("no answer")

    monkeypatch.setattr(api.identities, "activate", lost)
    assert issue(api)[0] == 503
    assert connecting(api) == set()
    assert [one["status"] for one in listed(api)] == ["revoked"]


@pytest.mark.usefixtures("pump")
def test_a_device_that_is_decommissioned_at_this_moment_keeps_no_certificate(api, root, monkeypatch):
    activate = api.identities.activate

    def meanwhile(thing, certificate):
        api.services.devices.decommission(Actor(root, "request-2", "192.0.2.2"), thing, None)
        activate(thing, certificate) if certificate in {one.id for one in api.identities.of(thing)} else None

    monkeypatch.setattr(api.identities, "activate", meanwhile)
    assert issue(api)[0] == 409
    assert connecting(api) == set()


@pytest.mark.usefixtures("pump")
def test_the_configuration_can_be_read_before_there_is_a_certificate(api):
    status, text = api.get("/devices/pump-7/agent-config", who=person("viewer"))
    assert (status, api.headers["Content-Type"]) == (200, "text/plain; charset=utf-8")
    assert [one["kind"] for one in tomllib.loads(text)["sensor"]] == ["system"]
    _, text = api.get("/devices/pump-7/agent-config", ("sensors", "simulated"))
    assert [one["kind"] for one in tomllib.loads(text)["sensor"]] == ["simulated"]
    assert issue(api, ("sensors", "simulated"))[1]["agent_toml"] == text
    assert api.get("/devices/pump-7/agent-config", ("sensors", "none"))[0] == 400


@pytest.mark.usefixtures("pump")
def test_a_model_that_agents_do_not_bring_along_comes_with_the_certificate(api):
    known = json.loads(models.encode(models.shipped()["climate"]))
    own = {**known, "fieldline:name": "greenhouse"}
    assert api.call("PUT", "/models/greenhouse", body=own)[0] == 200
    api.clock.now += 10_000
    api.call("POST", "/devices", body={"id": "house-1", "model": "greenhouse", "group": "plant-1"})
    _, made = issue(api, thing="house-1")
    assert json.loads(made["model_file"]) == own
    assert tomllib.loads(made["agent_toml"])["model"] == "./greenhouse.json"


def test_a_device_of_a_model_that_is_gone_is_told_so(api, root):
    api.who = root
    api.registry.save(None, device("pump-7", model="gone"), note("pump-7"))
    for status, problem in (issue(api), api.get("/devices/pump-7/agent-config")):
        assert status == 409
        assert "'gone'" in problem["detail"]
