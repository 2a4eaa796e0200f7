"""A publisher over the real link, a broker and a storage in memory."""

from contextlib import asynccontextmanager
from random import Random

from contract import telemetry
from device_agent import wire
from device_agent.clock import ManualClock
from device_agent.health import Health
from device_agent.link import Link
from device_agent.publishing.budget import Budget, BudgetSettings
from device_agent.publishing.publisher import Publisher
from device_agent.queue import Priority
from device_agent.time.machine_boots import Stamp
from device_agent.time.timekeeper import ClockSettings, Timekeeper
from device_agent.transport import Endpoint
from device_agent.transport.memory import MemoryBroker, MemoryTransport
from device_agent.transport.metered import MeteredTransport
from tests.device_agent.background import running
from tests.device_agent.memory_storage import MemoryStorage

URGENT, TELEMETRY, LOG = Priority
HOLD_MS = 10_000


class LongestRandom(Random):
    """Draws the longest delay every time."""

    def uniform(self, _a, b):
        return b


class Bench:
    def __init__(self, log, clock=None, random=None, settings=None, bytes_per_day=None):
        self.clock = clock or ManualClock()
        self.log = log
        self.random = random or Random(5)
        self.settings = settings or ClockSettings()
        self.bytes_per_day = bytes_per_day
        self.broker = MemoryBroker()
        self.storage = MemoryStorage()
        self.health = Health()
        self.next_seq = 0
        self.events = []

    async def open(self):
        """Also after a crash."""
        self.storage = MemoryStorage(self.storage.disk)
        await self.storage.open()
        self.make_parts()
        await self.keeper.open()
        return self

    def make_parts(self):
        self.keeper = Timekeeper(self.settings, clock=self.clock, storage=self.storage, log=self.log)
        self.budget = None
        if self.bytes_per_day is not None:
            self.budget = Budget(
                BudgetSettings(bytes_per_day=self.bytes_per_day),
                keep_alive_s=45,
                timekeeper=self.keeper,
                storage=self.storage,
                clock=self.clock,
                log=self.log,
                event=lambda kind, data: self.events.append((kind, data)),
            )
        parts = {"clock": self.clock, "random": self.random, "health": self.health, "log": self.log}
        transport = MemoryTransport(self.broker, "pump-7")
        if self.budget is not None:
            transport = MeteredTransport(transport, self.budget)
        self.link = Link(transport, [Endpoint("broker", 8883)], **parts)
        self.publisher = Publisher(
            self.storage,
            self.link,
            self.keeper,
            wire.Addresses("pump-7"),
            inflight=3,
            reorder_hold_ms=HOLD_MS,
            budget=self.budget,
            **parts,
        )

    @asynccontextmanager
    async def connected(self):
        await self.open()
        async with running(self.link.run(), self.publisher.run(lambda: None)):
            await self.clock.advance(0)
            yield self

    async def append(self, count=1, priority=TELEMETRY, boot="b1"):
        """Messages of now; telemetry is numbered from 0."""
        offset = self.keeper.offset()
        stamp = Stamp(self.clock.machine_boot(), offset.ms, offset.final)
        now = self.clock.boot_ms()
        messages = []
        for _ in range(count):
            if priority == TELEMETRY:
                payload = wire.Batch(stamp, boot, self.next_seq, now, [(now, {"n": 1.0}, "good")])
                self.next_seq += 1
            else:
                payload = wire.event(stamp, now, boot=boot, kind=f"e{priority}", data={})
            messages.append((priority, wire.write(payload)))
        await self.storage.append(messages)

    def arrived(self):
        """What the broker took: the number of telemetry, the kind of events."""
        names = []
        for message in self.broker.received:
            if message.topic.endswith("/telemetry"):
                names.append(telemetry.decode(message.payload).seq)
            else:
                names.append("alarm" if b'"e0"' in message.payload else "log")
        return names

    async def waiting(self):
        return (await self.storage.stats()).messages

    async def work(self, seconds):
        """Let time pass in steps so small that everybody gets to do everything in each."""
        for _ in range(round(seconds * 100)):
            await self.clock.advance(0.01)

    async def seconds_until(self, condition, *, step_s=0.01, most_s=2000):
        start = self.clock.monotonic()
        while not condition():
            assert self.clock.monotonic() - start < most_s
            await self.clock.advance(step_s)
        return self.clock.monotonic() - start
