"""Readings are stored with the position that led to them, in order, and are held while they cannot be."""

import asyncio

import pytest

from contract import telemetry
from device_agent.envelopes import EnvelopeWriter
from device_agent.errors import QueueError
from device_agent.health import Health
from device_agent.queue import DurableQueue
from device_agent.queue_thread import QueueThread
from device_agent.recorder import FULL_READINGS, MOST_READINGS, Recorder
from device_agent.sensors import Reading


class FlakyQueue(QueueThread):
    """Fails on demand before anything is written, and can be made to wait."""

    def __init__(self, open_queue):
        super().__init__(open_queue)
        self.broken = False
        self.gate = asyncio.Event()
        self.gate.set()

    async def append(self, payloads, cursors):
        await self.gate.wait()
        if self.broken:
            raise QueueError("the disk is full")
        await super().append(payloads, cursors)


class Bench:
    def __init__(self, tmp_path, clock, log):
        self.queue = FlakyQueue(lambda: DurableQueue(tmp_path / "q.db", max_bytes=10**8, clock=clock, log=log))
        self.health = Health()
        self.recorder = Recorder(
            self.queue, EnvelopeWriter("b1"), flush_interval_s=10, clock=clock, health=self.health, log=log
        )

    def add(self, *numbers):
        for n in numbers:
            self.recorder.add("s", Reading(1000 + n, {"temperature": float(n)}, position=str(n)))

    async def stored(self):
        envelopes = [telemetry.decode(message.payload) for message in await self.queue.peek(0, 1000)]
        assert [envelope.seq for envelope in envelopes] == list(range(len(envelopes)))
        return [m.values["temperature"] for envelope in envelopes for m in envelope.m]


@pytest.fixture
def bench(tmp_path, clock, log):
    class Opened:
        async def __aenter__(self):
            self.bench = Bench(tmp_path, clock, log)
            await self.bench.queue.open()
            return self.bench

        async def __aexit__(self, *_):
            await self.bench.queue.close()

    return Opened()


async def test_a_flush_stores_readings_and_position_together(bench):
    async with bench as b:
        b.add(1, 2, 3)
        await b.recorder.flush()

        assert await b.stored() == [1, 2, 3]
        assert await b.queue.cursor("s") == "3"
        assert b.health.recorded == 3


async def test_a_flush_without_readings_stores_nothing(bench):
    async with bench as b:
        await b.recorder.flush()
        assert await b.stored() == []


async def test_readings_are_flushed_at_the_interval(bench, clock, eventually):
    async with bench as b:
        running = asyncio.ensure_future(b.recorder.run())
        b.add(1)
        await clock.advance(9.9)
        assert await b.stored() == []
        await clock.advance(0.2)
        await eventually(lambda: b.health.recorded == 1)
        running.cancel()


async def test_many_readings_do_not_wait_for_the_interval(bench, eventually):
    async with bench as b:
        running = asyncio.ensure_future(b.recorder.run())
        b.add(*range(FULL_READINGS))
        await eventually(lambda: b.health.recorded == FULL_READINGS)
        running.cancel()


async def test_readings_that_cannot_be_stored_are_held_and_stored_later_in_order(bench):
    async with bench as b:
        b.queue.broken = True
        b.add(1, 2)
        with pytest.raises(QueueError):
            await b.recorder.flush()
        b.add(3)
        b.queue.broken = False
        await b.recorder.flush()

        assert await b.stored() == [1, 2, 3]
        assert await b.queue.cursor("s") == "3"
        assert b.health.lost == 0


async def test_readings_that_come_while_a_flush_fails_are_stored_after_those_it_held(bench):
    async with bench as b:
        b.queue.gate.clear()
        b.queue.broken = True
        b.add(1, 2)
        flushing = asyncio.ensure_future(b.recorder.flush())
        await asyncio.sleep(0)
        b.add(3)
        b.queue.gate.set()
        with pytest.raises(QueueError):
            await flushing
        b.queue.broken = False
        await b.recorder.flush()

        assert await b.stored() == [1, 2, 3]
        assert await b.queue.cursor("s") == "3"


async def test_the_recorder_goes_on_when_the_disk_has_room_again(bench, clock, eventually):
    async with bench as b:
        running = asyncio.ensure_future(b.recorder.run())
        b.queue.broken = True
        b.add(1)
        await clock.advance(10)
        await eventually(lambda: b.health.last_error == "the disk is full")
        b.queue.broken = False
        await clock.advance(10)
        await clock.advance(10)
        await eventually(lambda: b.health.recorded == 1)
        running.cancel()
        assert await b.stored() == [1]


async def test_what_is_held_is_bounded_and_what_is_given_up_is_counted(bench):
    async with bench as b:
        b.queue.broken = True
        b.add(*range(MOST_READINGS))
        with pytest.raises(QueueError):
            await b.recorder.flush()
        b.add(-1, -2)
        b.queue.broken = False
        await b.recorder.flush()

        stored = await b.stored()
        assert len(stored) == MOST_READINGS
        assert stored[-2:] == [-1, -2]
        assert b.health.lost == 2


async def test_a_flush_that_is_cancelled_stores_its_readings_exactly_once(bench):
    async with bench as b:
        b.queue.gate.clear()
        b.add(1, 2)
        flushing = asyncio.ensure_future(b.recorder.flush())
        await asyncio.sleep(0)
        flushing.cancel()
        await asyncio.sleep(0)
        b.queue.gate.set()
        with pytest.raises(asyncio.CancelledError):
            await flushing
        b.add(3)
        await b.recorder.flush()

        assert await b.stored() == [1, 2, 3]


async def test_values_that_no_message_can_carry_are_left_out_and_counted(bench):
    async with bench as b:
        b.recorder.add("s", Reading(1, {"temperature": float("nan")}, position="1"))
        b.recorder.add("s", Reading(2, {"temperature": 2.0, "humidity": float("inf")}, position="2"))
        await b.recorder.flush()

        assert await b.stored() == [2]
        assert await b.queue.cursor("s") == "2"
        assert b.health.unusable == 2


async def test_a_reading_that_the_contract_refuses_does_not_hold_up_the_others(bench, caplog):
    async with bench as b:
        b.add(1)
        b.recorder.add("other", Reading(7, {"Not a metric": 1.0}))
        b.add(2)
        await b.recorder.flush()

        assert await b.stored() == [1, 2]
        assert b.health.unusable == 1
        assert "the reading of 7 is left out" in caplog.text
