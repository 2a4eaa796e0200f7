"""The shadow `config` over a real link: what is desired comes in, what runs and what was rejected is reported."""

import asyncio
import json
import logging
from contextlib import asynccontextmanager
from random import Random

import pytest

from device_agent.clock import ManualClock
from device_agent.config.agent import ConfigFiles
from device_agent.health import Health
from device_agent.link import Link
from device_agent.settings.settings import Settings
from device_agent.settings.shadow import ConfigShadow
from device_agent.settings.trial import UNREACHABLE_MS
from device_agent.transport import Endpoint
from device_agent.transport.memory import MemoryBroker, MemoryTransport
from tests.device_agent.settings.settings_device import NEW, Store, write_files

LOG = logging.LoggerAdapter(logging.getLogger("device_agent.test"), {})
PREFIX = "$aws/things/pump-7/shadow/name/config/"


@pytest.fixture
def files(tmp_path):
    return ConfigFiles(write_files(tmp_path))


class ShadowService:
    """What AWS keeps of the shadow: answers the device over the broker in memory."""

    def __init__(self, broker):
        self.broker = broker
        self.version = 0
        self.desired = {}
        self.reported = {}

    def desire(self, **values):
        self.desired = {"v": 1, "values": values}
        self.version += 1
        self.send("update/delta", {"state": self.desired, "version": self.version, "timestamp": 1})

    def answer(self):
        """Take what the device has sent since the last call."""
        taken, self.broker.received[:] = self.broker.received[:], []
        for message in taken:
            operation = message.topic.removeprefix(PREFIX)
            request = json.loads(message.payload)
            if operation == "update":
                merge(self.reported, request["state"]["reported"])
                self.version += 1
            state = {"desired": self.desired, "reported": self.reported}
            answer = {"state": state, "version": self.version, "timestamp": 1}
            self.send(f"{operation}/accepted", {**answer, "clientToken": request["clientToken"]})

    def send(self, operation, document):
        self.broker.deliver(PREFIX + operation, json.dumps(document).encode())


def merge(known, patch):
    for key, value in patch.items():
        if value is None:
            known.pop(key, None)
        elif isinstance(value, dict):
            merge(known.setdefault(key, {}), value)
        else:
            known[key] = value


@asynccontextmanager
async def connected_device(files):
    """The part around the shadow over a real link, to a broker in memory."""
    clock, broker = ManualClock(), MemoryBroker()
    service = ShadowService(broker)
    link = Link(
        MemoryTransport(broker, "pump-7"),
        [Endpoint("localhost", 8883)],
        clock=clock,
        random=Random(1),
        health=Health(),
        log=LOG,
    )
    running = Settings(files, Store(), clock=clock, log=LOG)
    await running.start()
    applied = []

    async def apply(config):
        applied.append(config)

    shadow = ConfigShadow(
        running, link, apply=apply, event=lambda kind, data: None, clock=clock, random=Random(1), log=LOG
    )
    tasks = [asyncio.create_task(link.run()), asyncio.create_task(shadow.run(lambda: None))]

    async def advance(seconds):
        for _ in range(seconds):
            await clock.advance(1)
            service.answer()
        assert not any(task.done() for task in tasks)

    await advance(10)
    yield service, broker, applied, advance
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)


async def test_over_a_link_what_is_desired_runs_and_is_reported(files):
    async with connected_device(files) as (service, _, applied, advance):
        assert service.reported["values"] == {"interval_ms": 5000, "stop_on_overheat": True}
        service.desire(interval_ms=9000)
        await advance(10)

        assert applied == [files.configure(NEW)]
        assert service.reported["values"] == {"interval_ms": 9000, "stop_on_overheat": True}


async def test_over_a_link_what_is_rejected_is_reported_with_the_reason_and_changes_nothing(files):
    async with connected_device(files) as (service, _, applied, advance):
        service.desire(interval_ms=7, colour="red")
        await advance(10)

        assert applied == []
        assert service.reported["rejected"] == {
            "interval_ms": "expected at least 1000, got 7",
            "colour": "expected one of interval_ms, stop_on_overheat, got 'colour'",
        }
        service.desire(interval_ms=9000)
        await advance(10)
        assert not service.reported.get("rejected")


async def test_over_a_link_a_reversion_is_reported_once_there_is_a_connection_again(files):
    async with connected_device(files) as (service, broker, applied, advance):
        service.desire(interval_ms=9000)
        await advance(10)
        broker.reachable = False
        broker.drop_connections()
        await advance(UNREACHABLE_MS // 1000 + 10)
        assert applied == [files.configure(NEW), files.configure({})]
        broker.reachable = True
        await advance(400)

        assert service.reported["values"]["interval_ms"] == 5000
        assert service.reported["rejected"] == {"interval_ms": "taken back: no connection for 300 s after the change"}
        assert len(applied) == 2


@pytest.mark.parametrize(
    "payload", [b"", b"\xff", b"[]", b'{"state": 1}', b'{"state": {"values": {"interval_ms": 9000}}}', b"{" * 10_000]
)
async def test_over_a_link_a_hostile_message_changes_nothing(files, payload):
    async with connected_device(files) as (service, broker, applied, advance):
        for operation in ("update/delta", "get/accepted", "update/accepted", "update/documents", "nonsense/x"):
            broker.deliver(PREFIX + operation, payload)
        await advance(30)

        assert applied == []
        assert service.reported["values"] == {"interval_ms": 5000, "stop_on_overheat": True}
