import asyncio

import pytest

from device_agent.health import Health
from device_agent.supervision.heartbeats import Heartbeats
from device_agent.supervision.tasks import Tasks


@pytest.fixture
def health():
    return Health()


@pytest.fixture
def heartbeats(clock):
    return Heartbeats(clock)


@pytest.fixture
def tasks(heartbeats, health, clock, random, log):
    return Tasks(heartbeats, clock=clock, random=random, health=health, log=log)


async def test_what_fails_is_told_and_started_again(tasks, health, clock):
    starts = []

    async def run(_beat):
        starts.append(clock.monotonic())
        raise OSError("no such bus")

    tasks.start("sensor x", run)
    await clock.advance(120)

    assert len(starts) > 2
    assert health.last_error == "sensor x: no such bus"
    await tasks.end()


async def test_a_critical_task_that_is_silent_starves_the_watchdog(tasks, heartbeats, clock):
    async def ignores_everything(_beat):
        while True:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                if done:
                    raise

    done = []
    tasks.start("recorder", ignores_everything, limit_s=10, critical=True)
    await clock.advance(9)
    assert heartbeats.overdue() == []
    await clock.advance(30)
    assert heartbeats.overdue() == ["recorder"]
    done.append(True)
    await tasks.end()


async def test_a_task_that_was_ended_leaves_its_name_free(tasks, heartbeats, clock):
    async def run(beat):
        while True:
            beat()
            await clock.sleep(1)

    first = tasks.start("flow", run)
    await clock.advance(3)
    await tasks.end(first)
    assert heartbeats.snapshot() == []
    tasks.start("flow", run)
    assert [beating.name for beating in heartbeats.snapshot()] == ["flow"]
    await tasks.end()
