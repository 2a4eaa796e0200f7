"""The whole agent: each part that waits in its room for a word of another one gets it."""

import asyncio
import shutil
from itertools import pairwise

import pytest
from cryptography import x509

from contract import topics
from device_agent.control.handlers import handlers
from device_agent.publishing.budget import CONNECTION_BYTES, message_bytes
from device_agent.supervision.watchdog import Notifier
from device_agent.time.timekeeper import RELEASED_MS
from tests.device_agent.simulated_device import RELAY, REPLAY, SimulatedDevice

WATCHDOG_S = 4.0
WATCHDOG_OF_THE_UNIT_S = 30.0
YEARS_10_MS = 10 * 365 * 86_400_000


WARM = """
[[rule]]
name = "warm"
when = { metric = "temperature", at_least = 30 }
"""


class Manager(Notifier):
    """The service manager: when it was told that the agent lives, in s."""

    def __init__(self, clock):
        super().__init__(None)
        self.clock = clock
        self.meals = []

    def alive(self):
        self.meals.append(self.clock.monotonic())

    def longest_hunger(self):
        times = [*self.meals, self.clock.monotonic()]
        return max(later - earlier for earlier, later in pairwise(times))


class Device(SimulatedDevice):
    """Under a service manager."""

    def __init__(self, folder, clock, eventually):
        super().__init__(folder, clock, eventually, rows=400)
        self.manager = Manager(clock)

    def running(self, tables=""):
        files = self.write("flush_interval_s = 1", REPLAY + tables)
        return super().running(files, notifier=self.manager, watchdog_s=WATCHDOG_S)

    def rows(self):
        return [m for m in self.measurements() if "temperature" in m.values]


@pytest.fixture
def device(tmp_path, clock, eventually):
    return Device(tmp_path, clock, eventually)


async def test_the_watchdog_is_fed_while_every_critical_part_beats_and_starves_when_one_hangs(device, monkeypatch):
    released = asyncio.Event()
    async with device.running() as agent:
        await device.seconds(40)
        assert device.manager.longest_hunger() <= WATCHDOG_S

        append = agent._parts.storage.append

        async def hang(*arguments):
            await released.wait()
            await append(*arguments)

        monkeypatch.setattr(agent._parts.storage, "append", hang)
        try:
            # It is started again some times before it is given up.
            await device.seconds(400)
            assert device.manager.longest_hunger() > WATCHDOG_OF_THE_UNIT_S
        finally:
            released.set()


async def test_what_the_watchdog_starves_without_is_what_reads_stores_sends_and_switches(device):
    """Of the rest one part may hang: it is started again by itself, and a restart would cost more than it."""
    async with device.running(RELAY) as agent:
        beating = agent._heartbeats.snapshot()

    critical = {beat.name for beat in beating if beat.critical}
    assert critical == {"flow", "recorder", "publisher", "link", "time", "actuators"}
    assert {beat.name for beat in beating} > critical | {"sensor r", "commands", "shadow state", "shadow config"}


async def test_a_device_that_does_not_know_the_time_is_not_before_its_certificate(device, clock, credentials):
    issued = x509.load_pem_x509_certificate(credentials.certificate.read_bytes()).not_valid_before_utc
    shutil.copy(credentials.certificate, device.folder / "pump-7.pem")
    clock.reboot(wall_ms=0)
    async with device.running() as agent:
        now = (await agent.status()).clock

    assert not now.synced
    assert now.now >= issued.timestamp() * 1000 > RELEASED_MS


@pytest.mark.parametrize("years_ms", [YEARS_10_MS, -YEARS_10_MS])
async def test_a_clock_that_is_set_by_years_stops_nothing_and_changes_no_order(device, clock, years_ms):
    """Somebody sets it while the agent works: rows, rule, `max_on_s` and the way to the cloud go on by boot time."""
    tables = RELAY + "max_on_s = 20\n" + WARM
    async with device.running(tables) as agent:
        await device.seconds(5)
        device.command("c1", on=True)
        await device.seconds(3)
        assert agent._parts.actuators.report() == {"relay": {"on": True}}
        clock.set_wall_ms(clock.wall_ms() + years_ms)
        clock.set_synced(False)
        await device.seconds(10)
        assert agent._parts.actuators.report() == {"relay": {"on": True}}
        await device.seconds(10)
        assert agent._parts.actuators.report() == {"relay": {"on": False}}
        await device.seconds(20)

    rows = device.rows()
    assert [row.values["temperature"] for row in rows] == list(range(len(rows)))
    assert len(rows) > 40
    assert {later.ts - earlier.ts for earlier, later in pairwise(rows)} == {1000}
    (warm,) = device.events("rule_fired")
    assert warm.data["values"] == {"temperature": 30.0}


async def test_a_device_that_sleeps_is_connected_only_when_it_has_to_be(device):
    async with device.running('[power]\nmode = "sleep"\nconnect_every_s = 100\n'):
        await device.seconds(60)
        assert not device.broker.sessions
        assert len(device.broker.attempts) == 1
        await device.seconds(60)
        assert len(device.broker.attempts) == 2
    assert device.rows()


async def test_a_battery_that_is_low_makes_every_sensor_be_read_more_seldom(device):
    levels = '[power]\nbattery = "temperature"\nlevels = [{ below = 50, sampling = 5 }]\n'
    async with device.running(levels):
        await device.seconds(60)

    times = [row.ts for row in device.rows()]
    assert [later - earlier for earlier, later in pairwise(times)][1:6] == [5000] * 5


async def test_a_budget_that_is_used_up_holds_telemetry_back_over_restarts_too_and_is_told(device):
    budget = "[budget]\nbytes_per_day = 20_000\n"
    async with device.running(budget):
        await device.seconds(60)
        sent = len(device.rows())
        assert 3 < sent < 30
        (used_up,) = device.events("budget_used_up")
        assert used_up.data["period"] == "day"
    async with device.running(budget) as agent:
        await device.seconds(30)
        assert len(device.rows()) == sent
        assert (await agent.status()).budget.used_up


async def test_a_budget_counts_the_connection_and_every_message_shadows_too(device):
    async with device.running("[budget]\nbytes_per_day = 1000000000\n") as agent:
        await device.seconds(20)
        sent = device.broker.received
        assert {topics.parse(message.topic).kind for message in sent} >= {"telemetry", "event", "shadow"}
        expected = CONNECTION_BYTES + sum(message_bytes(message.topic, message.payload) for message in sent)
        used = (await agent.status()).budget.day_used
        assert expected < used < 1.5 * expected  # and what the shadows answered


async def test_what_was_lost_is_told(device):
    async with device.running() as agent:
        await device.seconds(3)
        agent._parts.health.lost += 3
        await device.seconds(70)

    (dropped,) = device.events("dropped")
    assert dropped.data["not_stored"] == 3


async def test_both_shadows_are_shown_to_who_asks_at_the_device(device):
    async with device.running(RELAY) as agent:
        ask = handlers(agent._parts, agent._heartbeats)["shadow"]
        assert (await ask({}))["state"] == {"desired": None, "reported": {"relay": {"on": False}}, "rejected": {}}
        device.service.desire("config", {"interval_ms": "often"})
        device.service.desire("state", {"relay": {"on": True}, "horn": {"on": True}})
        await device.seconds(10)
        found = await ask({})

    assert found["config"]["values"] == {"interval_ms": 5000, "stop_on_overheat": True}
    assert "often" in found["config"]["rejected"]["interval_ms"]
    assert found["state"] == {
        "desired": {"relay": {"on": True}, "horn": {"on": True}},
        "reported": {"relay": {"on": True}},
        "rejected": {"horn": "no actuator of this device; there are: relay"},
    }


async def test_a_permit_sees_what_the_sensors_say(device):
    async with device.running(RELAY + "only_while.temperature = { max = 20, within_s = 5 }\n") as agent:
        await device.seconds(3)
        device.command("c1", on=True)
        await device.seconds(3)
        assert agent._parts.actuators.report() == {"relay": {"on": True}}
        await device.seconds(25)
        assert agent._parts.actuators.report() == {"relay": {"on": False}}


async def test_the_truth_of_actuators_is_told_in_the_rhythm_that_is_set_from_afar_and_by_the_battery(device):
    levels = '[power]\nbattery = "temperature"\nlevels = [{ below = 100, sampling = 2 }]\n'
    async with device.running(levels + RELAY):
        await device.seconds(35)
        device.service.desire("config", {"interval_ms": 10_000})
        await device.seconds(100)

    times = [m.ts for m in device.measurements() if "relay" in m.values]
    pauses = [later - earlier for earlier, later in pairwise(times)]
    assert pauses[:3] == [10_000] * 3, "twice the model's"
    assert pauses[-4:] == [20_000] * 4


async def test_a_command_that_comes_while_the_agent_stops_is_done_by_the_next_start(device, monkeypatch):
    """Who has stopped looking at commands must not take one from the broker."""
    async with device.running(RELAY) as agent:
        await device.seconds(3)
        stop = agent._parts.gathering.stop

        async def stop_late():
            device.command("c1", on=True)
            await asyncio.sleep(0)
            await stop()

        monkeypatch.setattr(agent._parts.gathering, "stop", stop_late)
    answer = topics.command_response("pump-7", "c1")
    assert answer not in {message.topic for message in device.broker.received}

    async with device.running(RELAY) as agent:
        await device.seconds(5)
        assert agent._parts.actuators.report() == {"relay": {"on": True}}
    assert answer in {message.topic for message in device.broker.received}
