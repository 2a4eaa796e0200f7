"""A device for tests of the whole agent: all its parts, on a clock that stands still, and a broker in memory."""

import asyncio
from contextlib import asynccontextmanager
from random import Random

from contract import documents, telemetry, topics
from contract.documents import CommandRequest, DeviceEvent
from device_agent.agent import Agent
from device_agent.config.agent import ConfigFiles
from device_agent.transport.memory import MemoryBroker
from tests.device_agent.shadow_service import ShadowService

BASE = """
thing = "pump-7"
model = "machine"
endpoints = ["broker:8883"]
ca = "ca.pem"
certificate = "pump-7.pem"
private_key = "pump-7.key"
queue_max_mib = 2
"""
REPLAY = """
[[sensor]]
name = "r"
kind = "replay"
file = "recording.csv"
interval_s = 1.0
loop = false
columns.value = "temperature"
"""
RELAY = """
[gpio]
factory = "mock"
[[actuator]]
name = "relay"
kind = "relay"
pin = 17
"""
DISK_CALLS = 5


class SimulatedDevice:
    """`pump-7`, whose recording has rows that are their numbers."""

    def __init__(self, folder, clock, eventually, *, rows=100):
        self.folder, self.clock, self._eventually = folder, clock, eventually
        self.broker = MemoryBroker()
        self.service = ShadowService(self.broker, clock)
        self._starts = 0
        self._agent = None
        for name in ("ca.pem", "pump-7.pem", "pump-7.key"):
            (folder / name).touch(mode=0o600)
        (folder / "recording.csv").write_text("value\n" + "".join(f"{n}\n" for n in range(rows)))

    def write(self, root="", tables=REPLAY, kind=ConfigFiles):
        """Write the configuration; returns its files."""
        (self.folder / "agent.toml").write_text(f"{BASE}{root}\n{tables}")
        return kind(self.folder / "agent.toml")

    @asynccontextmanager
    async def running(self, files=None, **manager):
        """An agent, stopped in good order at the end; `manager` is what a service manager gives it."""
        self._starts += 1
        agent = self._agent = Agent(
            files or self.write(),
            lambda _config: self.service.transport(),
            clock=self.clock,
            random=Random(self._starts),
            **manager,
        )
        stop = asyncio.Event()
        task = asyncio.ensure_future(agent.run(stop))
        try:
            await self._eventually(lambda: task.done() or (agent._parts is not None and agent._parts.gathering.latest))
            yield agent
        finally:
            self._agent = None
            stop.set()
            while not task.done():
                await self.clock.advance(0.1)
                await asyncio.sleep(0.005)  # the disk's thread needs real time
            await task

    async def seconds(self, count):
        for _ in range(count):
            await self.clock.advance(1)
            await asyncio.sleep(0.002)
            # The disk's thread needs real time: what was begun takes a few calls, one after the other.
            for _ in range(DISK_CALLS):
                if self._agent is not None and self._agent._parts is not None:
                    await self._agent._parts.storage.stats()

    async def until(self, condition):
        """Let time pass until it holds. Only for what needs time: the clock goes on while the disk is slow."""
        async with asyncio.timeout(60):
            while not condition():
                await self.seconds(1)

    def command(self, command_id, **parameters):
        """Have the broker deliver a command to the relay."""
        now = self.clock.wall_ms()
        request = CommandRequest(
            id=command_id, name="relay", parameters=parameters, created_at=now, expires_at=now + 60_000
        )
        self.broker.deliver(topics.command_request("pump-7", command_id), documents.encode(request))

    def envelopes(self):
        return [telemetry.decode(m.payload) for m in self.broker.received if m.topic.endswith("/telemetry")]

    def measurements(self):
        return [measurement for envelope in self.envelopes() for measurement in envelope.m]

    def values(self, metric="temperature"):
        return [m.values[metric] for m in self.measurements() if metric in m.values]

    def events(self, kind):
        found = [m.payload for m in self.broker.received if m.topic == topics.event("pump-7")]
        return [event for event in (documents.decode(DeviceEvent, one) for one in found) if event.kind == kind]
