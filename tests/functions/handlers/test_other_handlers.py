"""Presence, events and registrar as Lambda calls them, over fakes."""

import json
from types import SimpleNamespace

import pytest

from contract import ingest as wrapper
from contract.ingest import IngestMessage
from functions.adapters.memory import (
    MemoryAgentVersions,
    MemoryEventLog,
    MemoryPresenceStore,
    MemoryQuarantine,
    MemorySettleLater,
    MemoryWorld,
)
from functions.adapters.memory_alarm_queues import MemoryAlarmsQueue
from functions.adapters.memory_commands import MemoryCommandQueue
from functions.adapters.memory_live import MemoryLivePublisher
from functions.adapters.memory_registry import MemoryRegistry
from functions.errors import QueueMessageError
from functions.handlers import events, presence, records, registrar
from functions.services.events import KeepEvents
from functions.services.presence import KeepPresence
from functions.services.registrar import Registrar
from functions.services.waking import Waking

CONTEXT = SimpleNamespace(
    function_name="f", memory_limit_in_mb=1, invoked_function_arn="arn", aws_request_id="r", log_group_name="g"
)


def batch(*bodies):
    return {"Records": [{"messageId": f"id-{at}", "body": body} for at, body in enumerate(bodies)]}


def failed(*identifiers):
    return {"batchItemFailures": [{"itemIdentifier": identifier} for identifier in identifiers]}


def test_presence_fails_only_what_it_cannot_read(monkeypatch):
    world = MemoryWorld()
    keep = KeepPresence(
        MemoryPresenceStore(world),
        MemorySettleLater(),
        range(3),
        MemoryLivePublisher(),
        MemoryCommandQueue(),
        MemoryAlarmsQueue(),
    )
    monkeypatch.setattr(presence, "_keep", lambda: keep)
    good = {"clientId": "pump-1", "timestamp": 5, "eventType": "connected", "sessionIdentifier": "s1"}
    stranger = {**good, "clientId": "A Console"}
    answer = presence.handler(batch(json.dumps(good), "rubbish", json.dumps(stranger)), CONTEXT)
    assert answer == failed("id-1")
    assert set(world.presences) == {"pump-1"}


def test_events_fails_only_what_no_rule_wrote(monkeypatch):
    world, log = MemoryWorld(), MemoryEventLog()
    monkeypatch.setattr(events, "_keep", lambda: KeepEvents(log, MemoryQuarantine(world), MemoryAgentVersions(world)))

    def wrapped(data):
        return wrapper.encode(IngestMessage(data=data, thing="pump-1", received_at=7)).decode()

    good = json.dumps({"v": 1, "boot": "b1", "kind": "boot", "at": 5}).encode()
    assert events.handler(batch(wrapped(good), "rubbish", wrapped(b"rubbish")), CONTEXT) == failed("id-1")
    assert [event.kind for event in log.events] == ["boot"]
    assert world.quarantined == {"pump-1": {"malformed": 1}}


@pytest.mark.parametrize("function", [presence, events])
def test_a_record_that_trips_a_bug_fails_alone(monkeypatch, function):
    def take(body):
        if body == "trips":
            raise ZeroDivisionError
        return True

    monkeypatch.setattr(function, "_keep", lambda: SimpleNamespace(take=take))
    assert function.handler(batch("fine", "trips", "fine"), CONTEXT) == failed("id-1")


@pytest.fixture
def answers(monkeypatch):
    given = []
    monkeypatch.setattr(registrar.cloudformation, "answer", lambda event, id_, problem: given.append((id_, problem)))
    return given


@pytest.fixture
def registry(monkeypatch, clock):
    registry = MemoryRegistry()
    monkeypatch.setattr(registrar, "_registrar", lambda: Registrar(registry, Waking(MemoryAlarmsQueue()), clock))
    return registry


def resource(kind, devices, before=None):
    def properties(names):
        return {"Devices": [{"name": name, "model": "climate", "group": "plant-1"} for name in names]}

    event = {"RequestType": kind, "ResourceProperties": properties(devices)}
    return event if before is None else {**event, "OldResourceProperties": properties(before)}


def test_a_deployment_registers_updates_and_takes_away(registry, answers):
    registrar.handler(resource("Create", ["a", "b"]), CONTEXT)
    registrar.handler(resource("Update", ["b", "c"], before=["a", "b"]), CONTEXT)
    assert {name: one.decommissioned for name, one in registry.devices.items()} == {"a": True, "b": False, "c": False}
    registrar.handler(resource("Delete", ["b", "c"]), CONTEXT)
    assert all(one.decommissioned for one in registry.devices.values())
    assert answers == [("fieldline-fleet", None)] * 3


def test_a_deployment_is_answered_whatever_goes_wrong(registry, answers, monkeypatch):
    registrar.handler(resource("Create", ["Not A Thing"]), CONTEXT)
    registrar.handler({"RequestType": "Create"}, CONTEXT)
    assert [problem is not None for _, problem in answers] == [True, True]
    assert "Devices" in answers[0][1]


def test_a_record_of_neither_queue_nor_stream_fails_the_batch():
    with pytest.raises(QueueMessageError, match="expected an SQS or Kinesis record"):
        records.bodies({"Records": [{"Sns": {}}]})


def test_failures_are_named_once():
    assert records.failures({"b", "a"}) == failed("a", "b")
