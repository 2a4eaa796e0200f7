"""A simulated day in which the broker answers nothing, or is not there: sampling goes on and memory stays flat."""

import asyncio
import gc
import tracemalloc

import pytest

from contract import telemetry
from device_agent.queue import Priority
from device_agent.recording.recorder import Recorder
from device_agent.sensors import Reading
from device_agent.storage import Storage
from tests.device_agent.background import running
from tests.device_agent.publishing.publishing_bench import Bench

STEP_S = 30
STEPS_AN_HOUR = 3600 // STEP_S
FLUSH_S = 180.0
FLAT_BYTES = 2 * 2**20


class Day(Bench):
    """Reads a sensor twice a minute, over the real queue on a disk."""

    def __init__(self, log, directory):
        super().__init__(log)
        disk = {"queue": directory / "queue", "state": directory / "state.json"}
        self.storage = Storage(**disk, max_bytes=2**23, clock=self.clock, log=log)
        self.read = 0
        self.most_waiting = 0

    async def open(self):
        await self.storage.open()
        self.make_parts()
        await self.keeper.open()
        self.recorder = Recorder(
            self.storage,
            self.keeper,
            boot="b1",
            flush_interval_s=FLUSH_S,
            clock=self.clock,
            health=self.health,
            log=self.log,
        )

    async def hours(self, count):
        for _ in range(count * STEPS_AN_HOUR):
            self.recorder.add("s", Reading(self.clock.boot_ms(), {"n": self.read, "temperature": 20 + self.read % 7}))
            self.read += 1
            self.most_waiting = max(self.most_waiting, self.recorder.waiting)
            await self.clock.advance(STEP_S)
            while self.recorder._flushing.locked():  # noqa: ASYNC110 - the disk needs real time
                await asyncio.sleep(0.0005)

    def hang(self):
        """The broker takes everything and answers nothing."""
        self.broker.acknowledge = False

    def partition(self):
        """There is no way to the broker."""
        self.broker.reachable = False
        self.broker.drop_connections()

    def mend(self):
        self.broker.acknowledge = self.broker.reachable = True
        self.broker.drop_connections()

    def arrived_numbers(self):
        envelopes = (telemetry.decode(message.payload) for message in self.broker.received)
        return {int(m.values["n"]) for envelope in envelopes for m in envelope.m}


def memory():
    gc.collect()
    return tracemalloc.get_traced_memory()[0]


@pytest.mark.parametrize(("outage", "in_the_window"), [(Day.hang, 3), (Day.partition, 0)])
async def test_a_day_without_the_broker_stops_no_sampling_and_costs_no_memory_and_nothing_is_lost(
    log, tmp_path, outage, in_the_window
):
    day = Day(log, tmp_path)
    await day.open()
    outage(day)
    async with running(day.link.run(), day.publisher.run(lambda: None), day.recorder.run(lambda: None)):
        await day.hours(2)
        tracemalloc.start()
        try:
            before = memory()
            await day.hours(22)
            assert memory() - before < FLAT_BYTES
        finally:
            tracemalloc.stop()
        assert day.read == 24 * STEPS_AN_HOUR
        assert day.most_waiting <= FLUSH_S // STEP_S + 2
        assert day.health.lost == 0
        assert len(day.broker.received) == in_the_window  # and nothing sent again without a reason

        await day.recorder.flush()
        day.mend()
        while (await day.storage.stats()).messages:
            await day.clock.advance(0.02)
        assert day.arrived_numbers() == set(range(day.read))
        assert (await day.storage.stats())[Priority.TELEMETRY].dropped == 0
    await day.storage.close()
