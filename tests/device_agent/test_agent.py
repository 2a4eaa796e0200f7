"""The parts together: from a recording to the broker, through outages, settings, commands and stops."""

import asyncio
from contextlib import asynccontextmanager
from dataclasses import replace
from itertools import pairwise
from random import Random

import pytest

from contract import documents, telemetry, topics
from contract.documents import CommandRequest, CommandResponse, DeviceEvent
from device_agent.agent import Agent
from device_agent.config.agent import ConfigFiles
from device_agent.control.handlers import handlers
from device_agent.errors import QueueError, SensorError
from device_agent.queue import Priority, RingQueue
from device_agent.queue.files import PosixFiles
from device_agent.sensors import Reading
from device_agent.transport.memory import MemoryBroker
from device_agent.wire import read
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


@pytest.fixture
def write(tmp_path):
    """Write the configuration; returns its files."""
    for name in ("ca.pem", "pump-7.pem", "pump-7.key"):
        (tmp_path / name).touch(mode=0o600)
    (tmp_path / "recording.csv").write_text("value\n" + "".join(f"{n}\n" for n in range(100)))

    def write_(root="", tables=REPLAY, kind=ConfigFiles):
        (tmp_path / "agent.toml").write_text(f"{BASE}{root}\n{tables}")
        return kind(tmp_path / "agent.toml")

    return write_


@pytest.fixture
def broker():
    return MemoryBroker()


@pytest.fixture
def service(broker, clock):
    """The shadows of `pump-7`."""
    return ShadowService(broker, clock)


@pytest.fixture
def running(write, service, clock, eventually):
    """A context manager: a running agent, stopped in good order at its end."""
    seeds = iter(range(1, 100))

    @asynccontextmanager
    async def run(files=None):
        agent = Agent(
            files or write(),
            lambda _config: service.transport(),
            clock=clock,
            random=Random(next(seeds)),
        )
        stop = asyncio.Event()
        task = asyncio.ensure_future(agent.run(stop))
        try:
            await eventually(lambda: task.done() or (agent._parts is not None and agent._parts.gathering.latest))
            yield agent
        finally:
            stop.set()
            while not task.done():
                await clock.advance(0.1)
                await asyncio.sleep(0.005)  # the disk's thread needs real time
            await task

    return run


def envelopes(broker):
    return [telemetry.decode(message.payload) for message in broker.received if message.topic.endswith("/telemetry")]


def values(broker):
    return [m.values["temperature"] for envelope in envelopes(broker) for m in envelope.m if "temperature" in m.values]


def events(broker, kind):
    found = [m.payload for m in broker.received if m.topic == topics.event("pump-7")]
    return [event for event in (documents.decode(DeviceEvent, payload) for payload in found) if event.kind == kind]


async def seconds(clock, count):
    for _ in range(count):
        await clock.advance(1)
        await asyncio.sleep(0.002)


def batches(folder, clock, log):
    """What a stopped agent has left in its queue."""
    queue = RingQueue(folder / "queue", max_bytes=2**21, files=PosixFiles(), clock=clock, log=log)
    try:
        return [read(message.payload) for message in queue.peek(Priority.TELEMETRY, 0, 999)]
    finally:
        queue.close()


async def test_a_recording_reaches_the_broker_row_by_row(running, broker, clock):
    async with running():
        start = clock.wall_ms()
        await seconds(clock, 20)

    assert values(broker) == list(range(len(values(broker))))
    assert 15 <= len(values(broker)) <= 30
    assert [envelope.seq for envelope in envelopes(broker)] == list(range(len(envelopes(broker))))
    times = [m.ts for envelope in envelopes(broker) for m in envelope.m]
    assert times == [times[0] + 1000 * n for n in range(len(times))]
    assert start <= times[0] <= start + 10_000


async def test_a_stop_sends_what_was_read_last(running, write, broker, clock):
    async with running(write("flush_interval_s = 3600")):
        await seconds(clock, 3)
        assert envelopes(broker) == []

    assert len(values(broker)) >= 3
    assert broker.sessions == {}


async def test_a_stop_of_a_device_at_rest_connects_once_more_and_sends_what_was_read_last(
    running, write, broker, clock
):
    sleeps = '[power]\nmode = "sleep"\nconnect_every_s = 600\n'
    async with running(write("flush_interval_s = 1", sleeps + REPLAY)) as agent:
        await seconds(clock, 60)
        assert not (await agent.status()).connected
        before = len(values(broker))
    assert len(values(broker)) > before + 30


async def test_a_stop_without_a_broker_takes_the_grace_time_and_keeps_the_messages(
    running, broker, clock, log, tmp_path
):
    broker.reachable = False
    async with running() as agent:
        await seconds(clock, 10)
        before = clock.monotonic()
    assert clock.monotonic() - before < agent.config.shutdown_grace_s + 3

    kept = [row for batch in batches(tmp_path, clock, log) for _, row, _ in batch.m]
    kept = [row["temperature"] for row in kept]
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

    # After so long an outage the newest state goes first.
    assert values(broker) != sorted(values(broker))
    assert sorted(values(broker)) == list(range(len(values(broker))))


async def test_basic_ingest_publishes_to_the_rule(running, write, broker, clock):
    async with running(write("basic_ingest = true")):
        await seconds(clock, 6)

    found = {message.topic for message in broker.received if message.topic.endswith("/telemetry")}
    assert found == {"$aws/rules/fieldline_telemetry/dt/pump-7/telemetry"}


class SickSettings:
    name = "sick"
    metrics = ("vibration",)
    interval_s = 1.0

    def __init__(self, error):
        self.error = error
        self.reads = 0

    def make(self, _host, position):
        if position is not None:
            raise SensorError("no such position")
        return self

    async def read(self, now):
        self.reads += 1
        if self.reads % 2:
            raise self.error
        return Reading(now, {"vibration": 1.0}, position="somewhere")

    def close(self):
        pass


def with_a_sick_sensor(sick):
    class Files(ConfigFiles):
        def configure(self, settings=None):
            config = super().configure(settings)
            return replace(config, sensors=(*config.sensors, sick))

    return Files


@pytest.mark.parametrize("error", [SensorError("no answer on the bus"), ZeroDivisionError("a bug in a driver")])
async def test_a_sick_sensor_takes_no_other_down_and_is_read_again(running, write, broker, clock, error, caplog):
    sick = SickSettings(error)
    async with running(write(kind=with_a_sick_sensor(sick))):
        await seconds(clock, 20)

    assert sick.reads > 3
    found = [m.values for envelope in envelopes(broker) for m in envelope.m]
    assert {"vibration": 1.0} in found
    assert sum("temperature" in one for one in found) >= 15
    assert str(error) in caplog.text


async def test_a_position_that_cannot_be_used_means_the_beginning_not_a_failed_start(
    running, write, clock, caplog, eventually
):
    files = write(kind=with_a_sick_sensor(SickSettings(SensorError("x"))))
    async with running(files):
        await seconds(clock, 8)
    async with running(files):
        await eventually(lambda: "sick: no such position; starting from the beginning" in caplog.text)


async def test_a_sensor_goes_on_where_it_was_when_its_settings_change_while_the_disk_refuses(
    running, write, broker, service, clock, monkeypatch
):
    follows = REPLAY.replace("1.0", '{ setting = "interval_ms", scale = 0.001 }')
    async with running(write("flush_interval_s = 1.0", follows)):
        await seconds(clock, 5)
        refused = RingQueue.append
        monkeypatch.setattr(RingQueue, "append", refuse)
        await seconds(clock, 5)
        service.desire("config", {"interval_ms": 2000})
        await seconds(clock, 10)
        monkeypatch.setattr(RingQueue, "append", refused)
        await seconds(clock, 20)
    assert values(broker) == [float(n) for n in range(len(values(broker)))]


def refuse(*_):
    raise QueueError("the disk refuses")


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


async def test_an_agent_whose_queue_is_taken_does_not_start(running, clock, log, tmp_path):
    queue = RingQueue(tmp_path / "queue", max_bytes=2**21, files=PosixFiles(), clock=clock, log=log)
    with pytest.raises(QueueError, match="in use"):
        async with running():
            pass
    queue.close()


async def test_a_start_is_told_and_what_goes_wrong_is_told_too(running, write, broker, clock):
    files = write(kind=with_a_sick_sensor(SickSettings(SensorError("no answer on the bus"))))
    async with running(files) as agent:
        await seconds(clock, 8)

    (boot,) = events(broker, "boot")
    assert boot.boot == agent.boot
    assert boot.data["sensors"] == ["r", "sick"]
    assert any(event.data["text"] == "sick: no answer on the bus" for event in events(broker, "log"))


ACTUATOR = """
[gpio]
factory = "mock"
[[actuator]]
name = "relay"
kind = "relay"
pin = 17
[[rule]]
name = "too-hot"
severity = "critical"
when = { metric = "temperature", above = 10 }
do = [{ actuator = "relay", parameters = { on = false } }]
"""


def command(clock, command_id, **parameters):
    now = clock.wall_ms()
    return documents.encode(
        CommandRequest(id=command_id, name="relay", parameters=parameters, created_at=now, expires_at=now + 60_000)
    )


async def test_a_command_moves_the_actuator_and_is_answered_and_a_rule_at_the_edge_moves_it_back(
    running, write, broker, clock, eventually
):
    def answers():
        return [
            documents.decode(CommandResponse, message.payload)
            for message in broker.received
            if message.topic == topics.command_response("pump-7", "c1")
        ]

    async with running(write(tables=REPLAY + ACTUATOR)):
        await seconds(clock, 3)
        broker.deliver(topics.command_request("pump-7", "c1"), command(clock, "c1", on=True))
        await seconds(clock, 3)
        await eventually(lambda: len(answers()) == 2)
        assert [answer.status for answer in answers()] == ["DELIVERED", "SUCCEEDED"]
        assert answers()[-1].result == {"on": True}
        await seconds(clock, 15)

    (fired,) = events(broker, "rule_fired")
    assert fired.data["rule"] == "too-hot"
    relay = [m.values["relay"] for envelope in envelopes(broker) for m in envelope.m if "relay" in m.values]
    assert relay[0] is False
    assert True in relay
    assert relay[-1] is False


async def test_a_new_setting_changes_the_rhythm_and_is_reported(running, write, service, broker, clock):
    """The sensor gives no interval of its own, so it follows the model's setting."""
    tables = '[[sensor]]\nkind = "simulated"\nmetrics = ["vibration"]\n'
    async with running(write("flush_interval_s = 1", tables)):
        await seconds(clock, 3)
        service.desire("config", {"interval_ms": 1000})
        await seconds(clock, 30)
        assert service.reported("config")["values"] == {"interval_ms": 1000, "stop_on_overheat": True}

    times = [m.ts for envelope in envelopes(broker) for m in envelope.m]
    assert [after - before for before, after in pairwise(times[-10:])] == [1000] * 9
    (applied,) = events(broker, "config_applied")
    assert applied.data["values"]["interval_ms"] == 1000


async def test_hostile_settings_and_states_change_nothing_and_are_answered_with_a_reason(
    running, write, service, broker, clock
):
    async with running(write(tables=REPLAY + ACTUATOR)) as agent:
        await seconds(clock, 3)
        service.desire("config", {"interval_ms": "fast", "nonsense": 1})
        service.desire("state", {"relay": {"on": "yes"}, "laser": {"on": True}})
        await seconds(clock, 10)
        assert set(service.reported("config")["rejected"]) == {"interval_ms", "nonsense"}
        assert set(service.reported("state")["rejected"]) == {"relay", "laser"}
        assert service.reported("state")["values"] == {"relay": {"on": False}}
        for payload in (b"", b"{", b"[" * 50_000, b'{"state": 7}', b"\xff\xfe"):
            for name in ("config", "state"):
                broker.deliver(topics.shadow("pump-7", name, "update/delta"), payload)
            broker.deliver(topics.command_request("pump-7", "hostile"), payload)
        await seconds(clock, 10)
        told = await handlers(agent._parts, agent._heartbeats)["status"]({})
        assert (told["ignored"]["shadow_config"], told["ignored"]["shadow_state"]) == (5, 5)

    assert service.reported("config")["values"]["interval_ms"] == 5000
    relay = [m.values["relay"] for envelope in envelopes(broker) for m in envelope.m if "relay" in m.values]
    assert not any(relay)
    answers = [m.payload for m in broker.received if m.topic == topics.command_response("pump-7", "hostile")]
    assert {documents.decode(CommandResponse, payload).status for payload in answers} == {"REJECTED"}
    assert sorted(values(broker)) == list(range(len(values(broker))))


CALIBRATED = """
[sensor.calibration.temperature]
gain = 2.0
date = 2024-01-31
due = 2025-01-31
"""


async def test_a_calibration_is_applied_and_told_of_once_it_is_overdue(running, write, broker, clock):
    async with running(write(tables=REPLAY + CALIBRATED)):
        await seconds(clock, 20)

    assert values(broker)[:3] == [0, 2, 4]
    (overdue,) = events(broker, "calibration_overdue")
    assert overdue.data["due"] == "2025-01-31"


async def test_a_device_that_does_not_know_the_day_says_nothing_of_its_calibrations(running, write, broker, clock):
    clock.set_synced(False)
    async with running(write(tables=REPLAY + CALIBRATED)):
        await seconds(clock, 20)

    assert events(broker, "calibration_overdue") == []
