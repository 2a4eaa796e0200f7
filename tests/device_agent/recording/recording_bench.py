"""A recorder over a storage in memory."""

import asyncio

from contract import documents, telemetry
from device_agent import wire
from device_agent.clock import ManualClock
from device_agent.health import Health
from device_agent.queue import Priority
from device_agent.recording.recorder import Recorder
from device_agent.sensors import Reading
from device_agent.time.timekeeper import ClockSettings, Timekeeper
from tests.device_agent.memory_storage import MemoryStorage

URGENT, TELEMETRY, LOG = Priority
FLUSH_S = 20.0


class GatedStorage(MemoryStorage):
    """Appends only while its gate is open."""

    def __init__(self, disk=None):
        super().__init__(disk)
        self.gate = asyncio.Event()
        self.gate.set()

    async def append(self, messages, positions=None):
        await self.gate.wait()
        await super().append(messages, positions)


class Bench:
    def __init__(self, log, clock=None, boot="b1"):
        self.clock = clock or ManualClock()
        self.log = log
        self.boot = boot
        self.health = Health()

    async def open(self, disk=None):
        """With what an earlier process has left on the `disk`: also after a crash."""
        self.storage = GatedStorage(disk)
        await self.storage.open()
        self.keeper = Timekeeper(ClockSettings(), clock=self.clock, storage=self.storage, log=self.log)
        await self.keeper.open()
        self.recorder = Recorder(
            self.storage,
            self.keeper,
            boot=self.boot,
            flush_interval_s=FLUSH_S,
            clock=self.clock,
            health=self.health,
            log=self.log,
        )
        return self

    def add(self, *numbers, sensor="s", **values):
        for n in numbers:
            self.recorder.add(sensor, Reading(1000 + n, {"n": float(n), **values}, position=str(n)))

    async def payloads(self, priority=TELEMETRY):
        return [wire.read(message.payload) for message in await self.storage.peek(priority, 0, 10**6)]

    async def envelopes(self):
        """As they go out now; their numbers have no gap."""
        envelopes = []
        for message in await self.storage.peek(TELEMETRY, 0, 10**6):
            payload = wire.read(message.payload)
            settled = await self.keeper.settle(payload.stamp, TELEMETRY, message.id, connected_at=-(10**9))
            envelopes.append(telemetry.decode(wire.render(payload, settled, wire.Addresses("pump-7")).payload))
        assert [envelope.seq for envelope in envelopes] == list(range(len(envelopes)))
        return envelopes

    async def measurements(self):
        return [m for envelope in await self.envelopes() for m in envelope.m]

    async def stored(self):
        return [m.values["n"] for m in await self.measurements()]

    async def documents(self, kind):
        found = await self.payloads(URGENT) + await self.payloads(LOG)
        return [documents.decode(kind, payload.document) for payload in found]
