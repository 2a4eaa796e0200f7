import json

import pytest

from contract import ingest as wrapper
from contract.ingest import IngestMessage
from functions.adapters.memory import MemoryAgentVersions, MemoryEventLog, MemoryQuarantine, MemoryWorld
from functions.domain.events import DeviceEvent
from functions.errors import QueueMessageError
from functions.services.events import KeepEvents

GOOD = json.dumps({"v": 1, "boot": "b1", "kind": "boot", "at": 5, "data": {"cause": "power"}}).encode()


@pytest.fixture
def world():
    return MemoryWorld()


@pytest.fixture
def log():
    return MemoryEventLog()


@pytest.fixture
def keep(world, log):
    return KeepEvents(log, MemoryQuarantine(world), MemoryAgentVersions(world))


def body(data, received_at=7):
    return wrapper.encode(IngestMessage(data=data, thing="pump-1", received_at=received_at))


def test_an_event_is_kept_once_as_it_came(keep, log):
    assert keep.take(body(GOOD))
    assert keep.take(body(GOOD, received_at=9))
    assert log.events == [DeviceEvent("pump-1", 9, 5, "boot", GOOD)]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"rubbish", "malformed"),
        (b"{}", "malformed"),
        (GOOD.replace(b'"v": 1', b'"v": 2'), "unsupported_version"),
        (b" " * 200_000, "too_large"),
    ],
)
def test_an_event_that_cannot_be_read_is_quarantined(keep, log, world, data, reason):
    assert not keep.take(body(data))
    assert log.events == []
    assert world.quarantined == {"pump-1": {reason: 1}}


def test_a_body_that_no_rule_wrote_belongs_into_the_dead_letter_queue(keep):
    with pytest.raises(QueueMessageError, match="not a message of the event rule"):
        keep.take("{}")


def booted(version, received_at):
    data = {"v": 1, "boot": "b1", "kind": "boot", "at": 5, "data": {"agent": version}}
    return body(json.dumps(data).encode(), received_at)


def test_an_agent_s_version_is_that_of_its_newest_boot(keep, world):
    keep.take(booted("0.2.0", 9))
    keep.take(booted("0.1.0", 8))
    assert world.statuses(["pump-1"])["pump-1"].agent_version == "0.2.0"


@pytest.mark.parametrize("version", [None, 7, "", "x" * 65, "1.0\u0000", {"of": "it"}])
def test_a_boot_without_a_version_that_is_one_is_kept_and_tells_none(keep, log, world, version):
    assert keep.take(booted(version, 9))
    assert [one.kind for one in log.events] == ["boot"]
    assert world.agents == {}


def test_only_a_boot_tells_of_the_agent(keep, world):
    keep.take(body(json.dumps({"v": 1, "boot": "b1", "kind": "dropped", "at": 5, "data": {"agent": "9"}}).encode()))
    assert world.agents == {}
