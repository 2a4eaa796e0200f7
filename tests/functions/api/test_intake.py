"""Telemetry over HTTPS."""

import json

import pytest

from contract.telemetry import MAX_MESSAGE_BYTES
from functions.domain.access import Grant, Kind, Principal, Role
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
