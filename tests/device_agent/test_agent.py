"""The parts together: from a recording to the broker, through outages and stops."""

import asyncio
from contextlib import asynccontextmanager
from dataclasses import replace
from random import Random

import pytest

from contract import telemetry
from contract.models import shipped
from device_agent.agent import Agent
from device_agent.config import AgentConfig
from device_agent.errors import QueueError, SensorError
from device_agent.queue import DurableQueue
from device_agent.sensors import Reading
from device_agent.sensors.replay import Column, ReplaySettings
from device_agent.transport import Endpoint
from device_agent.transport.memory import MemoryBroker, MemoryTransport


@pytest.fixture
def settings(tmp_path):
    recording = tmp_path / "recording.csv"
    recording.write_text("value\n" + "".join(f"{n}\n" for n in range(100)))
    return AgentConfig(
        thing="pump-7",
        model=shipped()["machine"],
        endpoints=(Endpoint("broker", 8883),),
        ca=tmp_path / "ca.pem",
        certificate=tmp_path / "pump-7.pem",
        private_key=tmp_path / "pump-7.key",
        queue=tmp_path / "queue.db",
        queue_max_bytes=10**7,
        flush_interval_s=5.0,
        keep_alive_s=45,
        inflight=10,
        basic_ingest=False,
        shutdown_grace_s=5.0,
        sensors=(ReplaySettings("r", recording, (Column("value", "temperature"),), 1.0, loop=False, start_row=0),),
    )


@pytest.fixture
def broker():
    return MemoryBroker()


@pytest.fixture
def running(settings, broker, clock, eventually):
    """A context manager: a running agent, stopped in good order at its end."""
    seeds = iter(range(1, 100))

    @asynccontextmanager
    async def run(**changes):
        changed = replace(settings, **changes)
        transport = MemoryTransport(broker, changed.thing)
        agent = Agent(changed, transport, clock=clock, random=Random(next(seeds)))
        stop = asyncio.Event()
        task = asyncio.ensure_future(agent.run(stop))
        try:
            await eventually(lambda: clock.sleepers or task.done())
            yield agent
        finally:
            stop.set()
            while not task.done():
                await clock.advance(0.1)
                await asyncio.sleep(0.005)  # the queue's thread needs real time
            await task

    return run


def envelopes(broker):
    return [telemetry.decode(message.payload) for message in broker.received]


def values(broker):
    return [m.values["temperature"] for envelope in envelopes(broker) for m in envelope.m]


async def seconds(clock, count):
    for _ in range(count):
        await clock.advance(1)
        await asyncio.sleep(0.002)


async def test_a_recording_reaches_the_broker_row_by_row(running, broker, clock):
    start = clock.wall_ms()
    async with running():
        await seconds(clock, 20)

    assert values(broker) == list(range(len(values(broker))))
    assert 15 <= len(values(broker)) <= 30
    assert {message.topic for message in broker.received} == {"dt/pump-7/telemetry"}
    assert [envelope.seq for envelope in envelopes(broker)] == list(range(len(envelopes(broker))))
    assert [m.ts for envelope in envelopes(broker) for m in envelope.m][:4] == [start + 1000 * n for n in range(4)]


async def test_a_stop_sends_what_was_read_last(running, broker, clock):
    async with running(flush_interval_s=3600):
        await seconds(clock, 3)
        assert broker.received == []

    assert len(values(broker)) >= 3
    assert broker.sessions == {}


async def test_a_stop_without_a_broker_takes_the_grace_time_and_keeps_the_messages(
    running, settings, broker, clock, log
):
    broker.reachable = False
    async with running():
        await seconds(clock, 10)
        before = clock.monotonic()
    assert clock.monotonic() - before < settings.shutdown_grace_s + 3

    queue = DurableQueue(settings.queue, max_bytes=10**7, clock=clock, log=log)
    kept = [m.values["temperature"] for message in queue.peek(0, 99) for m in telemetry.decode(message.payload).m]
    queue.close()
    assert kept == list(range(len(kept)))
    assert len(kept) >= 10


async def test_a_restart_goes_on_with_the_next_row_under_a_new_boot(running, broker, clock):
    async with running() as agent:
        first = agent.boot
        await seconds(clock, 7)
    sent = len(values(broker))
    async with running() as agent:
        second = agent.boot
        await seconds(clock, 7)

    assert first != second
    assert len(first) >= 8
    assert {envelope.boot for envelope in envelopes(broker)} == {first, second}
    assert len(values(broker)) > sent
    assert values(broker) == list(range(len(values(broker))))
    assert next(envelope.seq for envelope in envelopes(broker) if envelope.boot == second) == 0


async def test_sampling_goes_on_through_an_outage_and_nothing_is_missing_after(running, broker, clock, eventually):
    async with running():
        await seconds(clock, 6)
        broker.reachable = False
        broker.drop_connections()
        await seconds(clock, 30)
        broker.reachable = True
        while not broker.sessions:
            await seconds(clock, 10)
        await eventually(lambda: len(values(broker)) >= 35)

    assert values(broker) == list(range(len(values(broker))))


async def test_basic_ingest_publishes_to_the_rule(running, broker, clock):
    async with running(basic_ingest=True):
        await seconds(clock, 6)

    assert {message.topic for message in broker.received} == {"$aws/rules/fieldline_telemetry/dt/pump-7/telemetry"}


class SickSettings:
    name = "sick"
    metrics = ("vibration",)

    def __init__(self, error):
        self.error = error
        self.reads = 0

    def make(self, _thing, _model, position):
        if position is not None:
            raise SensorError("no such position")
        return self

    interval_s = 1.0

    async def read(self, now_ms):
        self.reads += 1
        if self.reads % 2:
            raise self.error
        return Reading(now_ms, {"vibration": 1.0}, position="somewhere")

    def close(self):
        pass


@pytest.mark.parametrize("error", [SensorError("no answer on the bus"), ZeroDivisionError("a bug in a driver")])
async def test_a_sick_sensor_takes_no_other_down_and_is_read_again(running, settings, broker, clock, error):
    sick = SickSettings(error)
    async with running(sensors=(*settings.sensors, sick)) as agent:
        await seconds(clock, 20)
        status = await agent.status()

    assert sick.reads > 3
    found = [m.values for envelope in envelopes(broker) for m in envelope.m]
    assert {"vibration": 1.0} in found
    assert sum("temperature" in one for one in found) >= 15
    assert str(error) in status.last_error


async def test_a_position_that_cannot_be_used_means_the_beginning_not_a_failed_start(running, settings, clock, caplog):
    sensors = (*settings.sensors, SickSettings(SensorError("x")))
    async with running(sensors=sensors):
        await seconds(clock, 8)
    async with running(sensors=sensors):
        pass

    assert "sick: no such position; starting from the beginning" in caplog.text


async def test_the_status_tells_what_waits_and_what_went(running, broker, clock, eventually):
    async with running() as agent:
        await seconds(clock, 12)
        await eventually(lambda: agent._health.sent)
        status = await agent.status()

    assert status.thing == "pump-7"
    assert status.connected
    assert status.endpoint == "broker:8883"
    assert 1 <= status.sent <= len(envelopes(broker))
    assert status.recorded >= 5
    assert (status.dropped, status.refused, status.lost, status.last_error) == (0, 0, 0, None)


async def test_an_agent_whose_queue_is_taken_does_not_start(running, settings, broker, clock, log):
    queue = DurableQueue(settings.queue, max_bytes=10**7, clock=clock, log=log)
    with pytest.raises(QueueError, match="in use"):
        async with running():
            pass
    queue.close()
