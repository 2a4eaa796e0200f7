"""Many agents in one loop: what happens to one of them stays with it."""

import asyncio
from contextlib import asynccontextmanager
from random import Random

import pytest

from device_agent.clock import ManualClock
from device_agent.transport.memory import MemoryBroker, MemoryTransport
from simulator.fleet import Fleet


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def broker():
    return MemoryBroker()


@pytest.fixture
def running(broker, clock):
    """A context manager: a fleet of some files that runs, and is stopped in good order."""

    @asynccontextmanager
    async def run(files, make_transport=None, stagger_s=0.1):
        make_transport = make_transport or (lambda settings: MemoryTransport(broker, settings.thing))
        fleet = Fleet(files, make_transport, clock=clock, random=Random(3), stagger_s=stagger_s)
        stop = asyncio.Event()
        task = asyncio.ensure_future(fleet.run(stop))
        try:
            yield fleet
        finally:
            stop.set()
            while not task.done():
                await clock.advance(0.1)
                await asyncio.sleep(0.005)  # the queues' threads need real time
            await task

    return run


async def until(clock, condition):
    """Let time pass, a second at a time, until a condition holds; the queues work on threads of their own."""
    for _ in range(2000):
        if condition():
            return
        await clock.advance(1)
        await asyncio.sleep(0.002)
    raise AssertionError("the condition never came true")


def telemetry(broker):
    return [message for message in broker.received if message.topic.endswith("/telemetry")]


def senders(broker):
    return {message.client_id for message in telemetry(broker)}


async def test_every_device_connects_as_itself_and_sends(running, broker, clock, write_agents):
    async with running(write_agents("d-1", "d-2", "d-3")) as fleet:
        await until(clock, lambda: senders(broker) == {"d-1", "d-2", "d-3"})
        status = await fleet.status()

    assert set(status) == {"d-1", "d-2", "d-3"}
    assert all(device.connected and device.recorded > 0 and device.last_error is None for device in status.values())
    assert {(message.client_id, message.topic) for message in telemetry(broker)} == {
        (name, f"dt/{name}/telemetry") for name in status
    }
    assert broker.sessions == {}


async def test_devices_start_one_after_the_other(running, broker, clock, write_agents):
    async with running(write_agents("d-1", "d-2", "d-3"), stagger_s=600):
        await until(clock, lambda: "d-1" in broker.sessions)
        assert clock.monotonic() < 600
        await until(clock, lambda: "d-2" in broker.sessions)
        assert 600 <= clock.monotonic() < 1200
        assert set(broker.sessions) == {"d-1", "d-2"}


async def test_a_device_that_cannot_be_configured_leaves_the_others_alone(running, broker, clock, write_agents):
    files = write_agents("d-1", "d-2")
    files[0].write_text("thing = 1")
    async with running(files) as fleet:
        await until(clock, lambda: "d-2" in senders(broker))
        status = await fleet.status()

    assert "thing: expected a text, got 1" in status["d-1"].last_error
    assert not status["d-1"].connected
    assert status["d-2"].connected


async def test_a_device_that_dies_is_started_again_and_leaves_the_others_alone(running, broker, clock, write_agents):
    made = []

    def make(settings):
        made.append(settings.thing)
        if settings.thing == "d-1" and made.count("d-1") == 1:
            raise RuntimeError("no such library")
        return MemoryTransport(broker, settings.thing)

    async with running(write_agents("d-1", "d-2"), make) as fleet:
        await clock.advance(0.1)
        assert (await fleet.status())["d-1"].last_error == "RuntimeError: no such library"
        await until(clock, lambda: senders(broker) == {"d-1", "d-2"})

    assert made.count("d-1") == 2
    assert made.count("d-2") == 1


async def test_two_devices_with_one_queue_are_told_apart(running, broker, clock, write_agents):
    files = write_agents("d-1", "d-2")
    files[1].write_text(files[1].read_text().replace("d-2.queue", "d-1.queue"))
    async with running(files, stagger_s=60) as fleet:
        await until(clock, lambda: clock.monotonic() > 70 and "d-1" in senders(broker))
        status = await fleet.status()

    assert status["d-1"].connected
    assert "in use by another agent" in status["d-2"].last_error


async def test_a_stop_before_the_last_device_has_started_ends_the_fleet(running, broker, clock, write_agents):
    async with running(write_agents("d-1", "d-2"), stagger_s=3600):
        await until(clock, lambda: "d-1" in senders(broker))

    assert broker.sessions == {}
    assert senders(broker) == {"d-1"}
