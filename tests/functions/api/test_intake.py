"""Telemetry over HTTPS."""

import json

import pytest

from contract.telemetry import MAX_MESSAGE_BYTES
from functions.domain.access import Grant, Kind, Principal, Role
from functions.errors import AuditError, TelemetryQueueError
from tests.functions.api_harness import person

KEY = Principal("device:pump-1", Kind.DEVICE, "pump-1", (Grant(Role.DEVICE, "device:pump-1"),))


@pytest.fixture
def pumps(api):
    api.register("pump-1")
    api.register("pump-2", group="plant-2")
    api.who = KEY
    return api


def envelope(api, **more):
    now = api.clock.now
    return {"v": 1, "boot": "b1", "seq": 1, "sent": now, "m": [{"ts": now, "values": {"temperature": 21.4}}], **more}


def test_a_device_with_a_key_is_queued_byte_for_byte_as_the_topic_rule_would(pumps):
    raw = json.dumps(envelope(pumps), indent=1)
    status, body = pumps.call("POST", "/telemetry", raw_body=raw)
    assert (status, body["device"], body["bytes"]) == (202, "pump-1", len(raw))
    (message,) = pumps.telemetry_queue.messages
    assert (message.thing, message.data, message.received_at) == ("pump-1", raw.encode(), pumps.clock.now)


def test_a_key_of_one_device_sends_for_no_other(pumps):
    assert pumps.call("POST", "/telemetry", ("device", "pump-2"), body=envelope(pumps))[0] == 404
    assert pumps.call("POST", "/telemetry", ("device", "pump-1"), body=envelope(pumps))[0] == 202
    assert {message.thing for message in pumps.telemetry_queue.messages} == {"pump-1"}


def test_a_key_of_a_device_reads_nothing(pumps):
    assert pumps.get("/devices/pump-1")[0] == 403
    assert pumps.get("/devices/pump-1/telemetry", ("metric", "temperature"))[0] == 403


def test_an_administrator_sends_for_a_device_that_he_names(pumps):
    admin = person(("admin", "group:plant-2"))
    assert pumps.call("POST", "/telemetry", ("device", "pump-2"), body=envelope(pumps), who=admin)[0] == 202
    assert pumps.call("POST", "/telemetry", ("device", "pump-1"), body=envelope(pumps), who=admin)[0] == 404
    status, problem = pumps.call("POST", "/telemetry", body=envelope(pumps), who=admin)
    assert (status, problem["field"]) == (400, "device")


def test_who_sends_in_a_device_s_name_stands_in_its_audit_with_what_he_sent_and_the_device_itself_does_not(pumps):
    assert pumps.call("POST", "/telemetry", body=envelope(pumps))[0] == 202
    assert pumps.journal.notes == []
    admin = person(("admin", "group:plant-2"), name="eve")
    assert pumps.call("POST", "/telemetry", ("device", "pump-2"), body=envelope(pumps), who=admin)[0] == 202
    (note,) = pumps.journal.notes
    assert (note.actor.principal.id, note.action) == ("user:eve", "telemetry.send")
    assert (note.subject_kind, note.subject_id, note.before) == ("device", "pump-2", None)
    assert (note.after["boot"], note.after["seq"]) == ("b1", 1)
    assert [one["values"] for one in note.after["m"]] == [{"temperature": 21.4}]


def test_what_is_refused_leaves_no_note(pumps):
    admin = person(("admin", "group:plant-2"))
    for device, change in (("pump-1", {}), ("pump-2", {"v": 9})):
        pumps.call("POST", "/telemetry", ("device", device), body=envelope(pumps, **change), who=admin)
    assert (pumps.journal.notes, pumps.telemetry_queue.messages) == ([], [])


def test_a_queue_that_fails_is_said_in_the_audit_and_an_audit_that_fails_lets_nothing_through(pumps, monkeypatch):
    admin = person(("admin", "group:plant-2"))

    def send():
        return pumps.call("POST", "/telemetry", ("device", "pump-2"), body=envelope(pumps), who=admin)[0]

    def fail(kind):
        def fail(*_, **__):
            raise kind("away")

        return fail

    with monkeypatch.context() as patched:
        patched.setattr(pumps.telemetry_queue, "send", fail(TelemetryQueueError))
        assert send() == 503
    assert [note.action for note in pumps.journal.notes] == ["telemetry.send", "telemetry.send.failed"]
    monkeypatch.setattr(pumps.journal, "record", fail(AuditError))
    assert (send(), pumps.telemetry_queue.messages) == (503, [])


@pytest.mark.parametrize(
    ("change", "field"), [({"v": 9}, "v"), ({"boot": 7}, "boot"), ({"m": {}}, "m"), ({"seq": -1}, "seq")]
)
def test_an_envelope_that_cannot_be_read_is_refused_by_its_field(pumps, change, field):
    status, problem = pumps.call("POST", "/telemetry", body=envelope(pumps, **change))
    assert (status, problem["field"]) == (400, field)
    assert not pumps.telemetry_queue.messages


def test_an_envelope_beyond_the_limit_is_refused_with_the_limit(pumps):
    status, problem = pumps.call("POST", "/telemetry", body=envelope(pumps, pad="x" * MAX_MESSAGE_BYTES))
    assert status == 413
    assert str(MAX_MESSAGE_BYTES) in problem["detail"]
