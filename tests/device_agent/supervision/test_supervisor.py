import asyncio
from contextlib import suppress
from random import Random

import pytest

from device_agent.supervision.heartbeats import Heartbeats
from device_agent.supervision.supervisor import CANCEL_S, supervise


@pytest.fixture
def heartbeats(clock):
    return Heartbeats(clock)


@pytest.fixture
async def start(clock, log):
    failures = []
    supervised = []

    def start_(task, heartbeat=None):
        running = asyncio.ensure_future(
            supervise(
                "part",
                task,
                clock=clock,
                random=Random(1),
                log=log,
                on_failure=failures.append,
                heartbeat=heartbeat,
            )
        )
        supervised.append(running)
        return running, failures

    yield start_
    for running in supervised:
        running.cancel()
    await asyncio.gather(*supervised, return_exceptions=True)


async def endless():
    await asyncio.Event().wait()


async def test_a_task_that_fails_is_started_again_and_the_failure_told(start, clock, caplog):
    starts = []

    async def fails_twice():
        starts.append(clock.monotonic())
        if len(starts) < 3:
            raise ValueError("sick")

    running, failures = start(fails_twice)
    await clock.advance(5)

    assert running.done()
    assert len(starts) == 3
    assert failures == ["part: sick", "part: sick"]
    assert "part failed; starting it again" in caplog.text


@pytest.mark.parametrize("beats", [False, True])
async def test_a_task_that_keeps_failing_is_not_spun_on(start, clock, heartbeats, beats):
    starts = []

    async def always_fails():
        starts.append(clock.monotonic())
        raise ValueError("sick")

    start(always_fails, heartbeats.register("part", 30) if beats else None)
    await clock.advance(3600)

    assert 60 < len(starts) < 300


async def test_a_task_that_ran_for_long_is_started_again_soon(start, clock):
    starts = []

    async def fails_now_and_then():
        starts.append(clock.monotonic())
        await clock.sleep(600)
        raise ValueError("sick")

    start(fails_now_and_then)
    await clock.advance(6010)

    assert len(starts) == 11


async def test_cancelling_ends_it(start, clock, heartbeats):
    running, failures = start(endless, heartbeats.register("part", 10))
    await clock.advance(1)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert failures == []
    assert heartbeats.snapshot() == []


async def test_cancelling_waits_until_the_task_has_cleaned_up(start, clock, heartbeats):
    done = []

    async def cleans_up():
        try:
            await endless()
        finally:
            await clock.sleep(2)
            done.append(clock.monotonic())

    running, _ = start(cleans_up, heartbeats.register("part", 10))
    await clock.advance(1)
    running.cancel()
    await clock.advance(5)

    assert running.cancelled()
    assert done == [3]


async def test_a_task_that_stops_beating_is_cancelled_and_started_again(start, clock, heartbeats, caplog):
    starts, ended = [], []
    beat = heartbeats.register("part", 10)

    async def beats_for_a_minute_then_hangs():
        starts.append(clock.monotonic())
        try:
            for _ in range(12):
                beat()
                await clock.sleep(5)
            await endless()
        finally:
            ended.append(clock.monotonic())

    _, failures = start(beats_for_a_minute_then_hangs, beat)
    await clock.advance(64)
    assert (len(starts), ended) == (1, [])
    await clock.advance(3)

    assert ended == [65]
    assert len(starts) == 2
    assert failures == ["part: it has stalled and was cancelled"]
    assert "it has stalled" in caplog.text
    assert beat.fresh


async def test_a_task_that_never_beats_is_cancelled_too(start, clock, heartbeats):
    _, failures = start(endless, heartbeats.register("part", 10))
    await clock.advance(10)
    assert failures == ["part: it has stalled and was cancelled"]


@pytest.mark.parametrize("outcome", ["returns", "raises"])
async def test_a_stalled_task_is_started_again_however_it_answers_the_cancellation(start, clock, heartbeats, outcome):
    starts = []

    async def hangs():
        starts.append(clock.monotonic())
        try:
            await endless()
        except asyncio.CancelledError:
            if outcome == "raises":
                raise ValueError("while cleaning up") from None

    _, failures = start(hangs, heartbeats.register("part", 10))
    await clock.advance(12)

    assert len(starts) == 2
    assert failures == ["part: it has stalled and was cancelled"]


async def test_a_task_that_ignores_its_cancellation_is_never_there_twice_and_starves_the_watchdog(
    start, clock, heartbeats
):
    starts = []
    released = asyncio.Event()

    async def stubborn():
        starts.append(clock.monotonic())
        while not released.is_set():
            with suppress(asyncio.CancelledError):
                await released.wait()

    running, failures = start(stubborn, heartbeats.register("part", 10, critical=True))
    await clock.advance(10 + 3 * CANCEL_S)

    assert starts == [0]
    assert failures == ["part: it has stalled and ignores that it was cancelled"] * 3
    assert heartbeats.overdue() == ["part"]

    released.set()
    await clock.advance(2)
    assert len(starts) == 2
    assert running.done()


async def test_a_task_that_ends_as_if_cancelled_is_started_again(start, clock):
    starts = []

    async def awaits_what_somebody_cancelled():
        starts.append(clock.monotonic())
        broken = asyncio.get_running_loop().create_future()
        broken.cancel()
        await broken

    running, failures = start(awaits_what_somebody_cancelled)
    await clock.advance(2)

    assert not running.done()
    assert len(starts) >= 2
    assert failures[0] == "part: it ended as if it had been cancelled"


async def test_a_stalled_task_does_not_touch_the_others(start, clock, heartbeats):
    beats = []
    healthy = heartbeats.register("healthy", 10, critical=True)

    async def beats_on():
        while True:
            healthy()
            beats.append(clock.monotonic())
            await clock.sleep(1)

    start(endless, heartbeats.register("sensor", 3))
    start(beats_on, healthy)
    await clock.advance(600)

    assert beats == [float(second) for second in range(601)]
    assert heartbeats.overdue() == []
