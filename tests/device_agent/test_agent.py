"""The parts together: from a recording to the broker, through outages, settings, commands and stops."""

from dataclasses import replace
from itertools import pairwise

import pytest

from contract import documents, topics
from contract.documents import CommandResponse
from device_agent import gpio
from device_agent.agent import MOST_CALIBRATIONS
from device_agent.config.agent import ConfigFiles
from device_agent.control.handlers import handlers
from device_agent.errors import QueueError, SensorError
from device_agent.queue import Priority, RingQueue
from device_agent.queue.files import PosixFiles
from device_agent.sensors import Reading
from device_agent.supervision.tasks import Tasks
from device_agent.wire import read
from tests.device_agent.simulated_device import RELAY, REPLAY, SimulatedDevice


@pytest.fixture
def device(tmp_path, clock, eventually):
    return SimulatedDevice(tmp_path, clock, eventually)


def batches(folder, clock, log):
    """What a stopped agent has left in its queue."""
    queue = RingQueue(folder / "queue", max_bytes=2**21, files=PosixFiles(), clock=clock, log=log)
    try:
        return [read(message.payload) for message in queue.peek(Priority.TELEMETRY, 0, 999)]
    finally:
        queue.close()


async def test_a_recording_reaches_the_broker_row_by_row(device, clock):
    async with device.running():
        start = clock.wall_ms()
        await device.seconds(20)

    assert device.values() == list(range(len(device.values())))
    assert 15 <= len(device.values()) <= 30
    assert [envelope.seq for envelope in device.envelopes()] == list(range(len(device.envelopes())))
    times = [m.ts for m in device.measurements()]
    assert times == [times[0] + 1000 * n for n in range(len(times))]
    assert start <= times[0] <= start + 10_000


async def test_a_stop_sends_what_was_read_last(device):
    async with device.running(device.write("flush_interval_s = 3600")):
        await device.seconds(3)
        assert device.envelopes() == []

    assert len(device.values()) >= 3
    assert device.broker.sessions == {}


async def test_a_stop_of_a_device_at_rest_connects_once_more_and_sends_what_was_read_last(device):
    sleeps = '[power]\nmode = "sleep"\nconnect_every_s = 600\n'
    async with device.running(device.write("flush_interval_s = 1", sleeps + REPLAY)) as agent:
        await device.seconds(60)
        assert not (await agent.status()).connected
        before = len(device.values())
    assert len(device.values()) > before + 30


async def test_a_stop_without_a_broker_takes_the_grace_time_and_keeps_the_messages(device, clock, log, tmp_path):
    device.broker.reachable = False
    async with device.running() as agent:
        await device.seconds(10)
        before = clock.monotonic()
    assert clock.monotonic() - before < agent.config.shutdown_grace_s + 3

    kept = [row for batch in batches(tmp_path, clock, log) for _, row, _ in batch.m]
    kept = [row["temperature"] for row in kept]
    assert kept == list(range(len(kept)))
    assert len(kept) >= 10


async def test_a_restart_goes_on_with_the_next_row_under_a_new_boot(device):
    async with device.running() as agent:
        first = agent.boot
        await device.seconds(7)
    sent = len(device.values())
    async with device.running() as agent:
        second = agent.boot
        await device.seconds(7)

    assert first != second
    assert len(first) >= 8
    assert {envelope.boot for envelope in device.envelopes()} == {first, second}
    assert len(device.values()) > sent
    assert device.values() == list(range(len(device.values())))
    assert next(envelope.seq for envelope in device.envelopes() if envelope.boot == second) == 0


async def test_sampling_goes_on_through_an_outage_and_nothing_is_missing_after(device):
    async with device.running():
        await device.seconds(6)
        device.broker.reachable = False
        device.broker.drop_connections()
        await device.seconds(30)
        device.broker.reachable = True
        # What was held back goes out at a certain rate, which takes its time too.
        await device.until(lambda: len(device.values()) >= 35)

    # After so long an outage the newest state goes first.
    assert device.values() != sorted(device.values())
    assert sorted(device.values()) == list(range(len(device.values())))


async def test_basic_ingest_publishes_to_the_rule(device):
    async with device.running(device.write("basic_ingest = true")):
        await device.seconds(6)

    found = {message.topic for message in device.broker.received if message.topic.endswith("/telemetry")}
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
async def test_a_sick_sensor_takes_no_other_down_and_is_read_again(device, error, caplog):
    sick = SickSettings(error)
    async with device.running(device.write(kind=with_a_sick_sensor(sick))):
        await device.seconds(20)

    assert sick.reads > 3
    found = [m.values for m in device.measurements()]
    assert {"vibration": 1.0} in found
    assert sum("temperature" in one for one in found) >= 15
    assert str(error) in caplog.text


async def test_a_position_that_cannot_be_used_means_the_beginning_not_a_failed_start(device, caplog, eventually):
    files = device.write(kind=with_a_sick_sensor(SickSettings(SensorError("x"))))
    async with device.running(files):
        await device.seconds(8)
    async with device.running(files):
        await eventually(lambda: "sick: no such position; starting from the beginning" in caplog.text)


async def test_a_sensor_goes_on_where_it_was_when_its_settings_change_while_the_disk_refuses(device, monkeypatch):
    follows = REPLAY.replace("1.0", '{ setting = "interval_ms", scale = 0.001 }')
    async with device.running(device.write("flush_interval_s = 1.0", follows)):
        await device.seconds(5)
        refused = RingQueue.append
        monkeypatch.setattr(RingQueue, "append", refuse)
        await device.seconds(5)
        device.service.desire("config", {"interval_ms": 2000})
        await device.seconds(10)
        monkeypatch.setattr(RingQueue, "append", refused)
        await device.seconds(20)
    assert device.values() == [float(n) for n in range(len(device.values()))]


def refuse(*_):
    raise QueueError("the disk refuses")


async def test_the_status_tells_what_waits_and_what_went(device):
    async with device.running() as agent:
        await device.seconds(12)
        await device.until(lambda: agent._health.sent)
        status = await agent.status()

    assert status.thing == "pump-7"
    assert status.connected
    assert status.endpoint == "broker:8883"
    assert 1 <= status.sent <= len(device.envelopes())
    assert status.recorded >= 5
    assert (status.dropped, status.refused, status.lost, status.last_error) == (0, 0, 0, None)


async def test_an_agent_whose_queue_is_taken_does_not_start(device, clock, log, tmp_path):
    queue = RingQueue(tmp_path / "queue", max_bytes=2**21, files=PosixFiles(), clock=clock, log=log)
    with pytest.raises(QueueError, match="in use"):
        async with device.running():
            pass
    queue.close()


async def test_a_start_is_told_and_what_goes_wrong_is_told_too(device):
    files = device.write(kind=with_a_sick_sensor(SickSettings(SensorError("no answer on the bus"))))
    async with device.running(files) as agent:
        await device.seconds(8)

    (boot,) = device.events("boot")
    assert boot.boot == agent.boot
    assert boot.data["sensors"] == ["r", "sick"]
    assert any(event.data["text"] == "sick: no answer on the bus" for event in device.events("log"))


TOO_HOT = """
[[rule]]
name = "too-hot"
severity = "critical"
when = { metric = "temperature", above = 10 }
do = [{ actuator = "relay", parameters = { on = false } }]
"""


async def test_actuators_are_in_their_safe_state_before_anything_else_runs(device, monkeypatch):
    files = device.write(tables=REPLAY + RELAY + "active_high = false\n")
    pin = gpio.factory(files.configure().gpio).pin(17)
    start, found = Tasks.start, {}

    def start_(tasks, name, *arguments, **options):
        found[name] = (pin.function, bool(pin.state))
        return start(tasks, name, *arguments, **options)

    monkeypatch.setattr(Tasks, "start", start_)
    async with device.running(files):
        pass
    assert found.keys() >= {"actuators", "link", "recorder", "commands", "shadow state", "sensor r"}
    assert set(found.values()) == {("output", True)}


async def test_a_command_moves_the_actuator_and_is_answered_and_a_rule_at_the_edge_moves_it_back(device):
    def answers():
        return [
            documents.decode(CommandResponse, message.payload)
            for message in device.broker.received
            if message.topic == topics.command_response("pump-7", "c1")
        ]

    async with device.running(device.write(tables=REPLAY + RELAY + TOO_HOT)):
        await device.seconds(3)
        device.command("c1", on=True)
        await device.seconds(3)
        await device.until(lambda: len(answers()) == 2)
        assert [answer.status for answer in answers()] == ["DELIVERED", "SUCCEEDED"]
        assert answers()[-1].result == {"on": True}
        await device.seconds(15)

    (fired,) = device.events("rule_fired")
    assert fired.data["rule"] == "too-hot"
    relay = device.values("relay")
    assert relay[0] is False
    assert True in relay
    assert relay[-1] is False


async def test_a_new_setting_changes_the_rhythm_and_is_reported(device):
    """The sensor gives no interval of its own, so it follows the model's setting."""
    tables = '[[sensor]]\nkind = "simulated"\nmetrics = ["vibration"]\n'
    async with device.running(device.write("flush_interval_s = 1", tables)):
        await device.seconds(3)
        device.service.desire("config", {"interval_ms": 1000})
        await device.seconds(30)
        assert device.service.reported("config")["values"] == {"interval_ms": 1000, "stop_on_overheat": True}

    times = [m.ts for m in device.measurements()]
    assert [after - before for before, after in pairwise(times[-10:])] == [1000] * 9
    (applied,) = device.events("config_applied")
    assert applied.data["values"]["interval_ms"] == 1000


async def test_hostile_settings_and_states_change_nothing_and_are_answered_with_a_reason(device):
    async with device.running(device.write(tables=REPLAY + RELAY + TOO_HOT)) as agent:
        await device.seconds(3)
        device.service.desire("config", {"interval_ms": "fast", "nonsense": 1})
        device.service.desire("state", {"relay": {"on": "yes"}, "laser": {"on": True}})
        await device.seconds(10)
        assert set(device.service.reported("config")["rejected"]) == {"interval_ms", "nonsense"}
        assert set(device.service.reported("state")["rejected"]) == {"relay", "laser"}
        assert device.service.reported("state")["values"] == {"relay": {"on": False}}
        for payload in (b"", b"{", b"[" * 50_000, b'{"state": 7}', b"\xff\xfe"):
            for name in ("config", "state"):
                device.broker.deliver(topics.shadow("pump-7", name, "update/delta"), payload)
            device.broker.deliver(topics.command_request("pump-7", "hostile"), payload)
        await device.seconds(10)
        told = await handlers(agent._parts, agent._heartbeats)["status"]({})
        assert (told["ignored"]["shadow_config"], told["ignored"]["shadow_state"]) == (5, 5)

    assert device.service.reported("config")["values"]["interval_ms"] == 5000
    relay = device.values("relay")
    assert not any(relay)
    answers = [m.payload for m in device.broker.received if m.topic == topics.command_response("pump-7", "hostile")]
    assert {documents.decode(CommandResponse, payload).status for payload in answers} == {"REJECTED"}
    assert sorted(device.values()) == list(range(len(device.values())))


CALIBRATED = """
[sensor.calibration.temperature]
gain = 2.0
date = 2024-01-31
due = 2025-01-31
"""


async def test_a_calibration_is_applied_and_told_of_once_it_is_overdue(device):
    async with device.running(device.write(tables=REPLAY + CALIBRATED)):
        await device.seconds(20)

    assert device.values()[:3] == [0, 2, 4]
    (overdue,) = device.events("calibration_overdue")
    assert overdue.data["due"] == "2025-01-31"


async def test_the_status_tells_of_each_calibration(device):
    async with device.running(device.write(tables=REPLAY + CALIBRATED)) as agent:
        told = await handlers(agent._parts, agent._heartbeats)["status"]({})

    assert told["calibrations"] == [
        {"sensor": "r", "metric": "temperature", "date": "2024-01-31", "due": "2025-01-31", "overdue": True}
    ]


async def test_a_device_that_does_not_know_the_day_says_nothing_of_its_calibrations(device, clock):
    clock.set_synced(False)
    async with device.running(device.write(tables=REPLAY + CALIBRATED)):
        await device.seconds(20)

    assert device.events("calibration_overdue") == []


async def test_a_start_tells_of_each_calibration_its_date_and_due_date(device):
    second = REPLAY.replace('"r"', '"s"').replace("temperature", "vibration") + "calibration.vibration.offset = 0.1\n"
    async with device.running(device.write(tables=REPLAY + CALIBRATED + second)):
        await device.until(lambda: device.events("boot"))

    (boot,) = device.events("boot")
    assert boot.data["calibrations"] == [
        {"sensor": "r", "metric": "temperature", "date": "2024-01-31", "due": "2025-01-31"},
        {"sensor": "s", "metric": "vibration", "date": None, "due": None},
    ]
    assert "calibrations_left_out" not in boot.data


async def test_of_more_calibrations_than_a_message_should_hold_the_first_are_told(device):
    one = REPLAY.replace('"r"', '"NAME"').replace("temperature", "NAME") + CALIBRATED.replace("temperature", "NAME")
    names = [f"m{n}" for n in range(MOST_CALIBRATIONS + 3)]
    async with device.running(device.write(tables="".join(one.replace("NAME", name) for name in names))):
        await device.until(lambda: device.events("boot"))

    (boot,) = device.events("boot")
    assert [told["sensor"] for told in boot.data["calibrations"]] == names[:MOST_CALIBRATIONS]
    assert boot.data["calibrations_left_out"] == 3


async def test_a_start_without_calibrations_tells_of_none(device):
    async with device.running():
        await device.until(lambda: device.events("boot"))

    (boot,) = device.events("boot")
    assert "calibrations" not in boot.data
