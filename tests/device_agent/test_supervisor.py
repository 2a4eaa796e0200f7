import asyncio
from random import Random

import pytest

from device_agent.supervisor import supervise


@pytest.fixture
def start(clock, log):
    failures = []

    def start_(task):
        running = asyncio.ensure_future(
            supervise("part", task, clock=clock, random=Random(1), log=log, on_failure=failures.append)
        )
        return running, failures

    return start_


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


async def test_a_task_that_keeps_failing_is_not_spun_on(start, clock):
    starts = []

    async def always_fails():
        starts.append(clock.monotonic())
        raise ValueError("sick")

    running, _ = start(always_fails)
    await clock.advance(3600)
    running.cancel()

    assert 60 < len(starts) < 300


async def test_cancelling_ends_it(start):
    async def endless():
        await asyncio.Event().wait()

    running, failures = start(endless)
    await asyncio.sleep(0)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert failures == []
