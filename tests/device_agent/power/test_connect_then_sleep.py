"""A device on a battery is connected when it has to be, and not longer."""

import pytest

from device_agent.power.connect_then_sleep import PATIENCE_S, URGENT_RETRY_S, ConnectThenSleep
from device_agent.power.power import Level, Power, PowerSettings, QuietHours
from device_agent.recording.recorder import Recorder
from device_agent.sensors import Reading
from tests.device_agent.background import running
from tests.device_agent.publishing.publishing_bench import Bench

EVERY_S = 600.0
MIDNIGHT = 1_790_035_200_000


class Sleeper(Bench):
    def __init__(self, log, **settings):
        super().__init__(log)
        self.power = Power(PowerSettings(**({"mode": "sleep", "connect_every_s": EVERY_S, "linger_s": 5} | settings)))

    async def start(self):
        await self.open()
        self.recorder = Recorder(
            self.storage,
            self.keeper,
            boot="b1",
            flush_interval_s=10,
            clock=self.clock,
            health=self.health,
            log=self.log,
        )
        sleeping = ConnectThenSleep(
            self.power,
            self.link,
            self.publisher,
            self.recorder,
            storage=self.storage,
            timekeeper=self.keeper,
            clock=self.clock,
            log=self.log,
        )
        beat = lambda: None  # noqa: E731
        return running(self.link.run(), self.publisher.run(beat), self.recorder.run(beat), sleeping.run(beat))

    async def lives(self, seconds, step_s=0.5):
        """For how long of this time it was connected, in s."""
        connected = 0.0
        for _ in range(round(seconds / step_s)):
            await self.clock.advance(step_s)
            connected += step_s * self.link.is_connected
        return connected


@pytest.fixture
def sleeper(log):
    return Sleeper(log)


async def test_it_connects_at_once_sends_what_it_has_and_rests(sleeper):
    async with await sleeper.start():
        await sleeper.append(3)
        assert 5 <= await sleeper.lives(60) <= 8
        assert sleeper.health.sent == 3
        assert not sleeper.link.is_connected


async def test_it_connects_at_its_interval(sleeper):
    async with await sleeper.start():
        for _ in range(6):
            sleeper.recorder.add("s", Reading(sleeper.clock.boot_ms(), {"n": 1.0}))
            assert 4 <= await sleeper.lives(EVERY_S + 6) <= 14
        assert 5 <= len(sleeper.broker.attempts) <= 8
        assert sleeper.health.sent >= 5


async def test_something_urgent_wakes_it_at_once(sleeper):
    async with await sleeper.start():
        await sleeper.lives(60)
        sleeper.recorder.event("rule_fired", {})
        await sleeper.lives(2)
        assert sleeper.health.sent == 1
        assert await sleeper.lives(60) < 10


async def test_a_backlog_is_drained_before_it_rests(sleeper):
    await sleeper.open()
    await sleeper.append(1000)
    async with await sleeper.start():
        await sleeper.lives(120, step_s=0.02)
        assert sleeper.health.sent == 1000
        assert not sleeper.link.is_connected


async def test_a_broker_that_cannot_be_reached_is_not_tried_for_ever(sleeper):
    sleeper.broker.reachable = False
    async with await sleeper.start():
        await sleeper.lives(PATIENCE_S + 5)
        tried = len(sleeper.broker.attempts)
        await sleeper.lives(EVERY_S - 20)
        assert len(sleeper.broker.attempts) == tried
        await sleeper.lives(60)
        assert len(sleeper.broker.attempts) > tried


async def test_with_something_urgent_it_tries_again_sooner(sleeper):
    sleeper.broker.reachable = False
    async with await sleeper.start():
        sleeper.recorder.event("rule_fired", {})
        await sleeper.lives(2 * PATIENCE_S + 10)  # the second time for the event
        sleeper.broker.reachable = True
        assert sleeper.health.sent == 0
        await sleeper.lives(URGENT_RETRY_S + 10)
        assert sleeper.health.sent == 1


async def test_a_low_battery_makes_it_connect_more_seldom(log):
    sleeper = Sleeper(log, battery="battery", levels=(Level(20, 1, 4),))
    sleeper.power.observe({"battery": 10.0})
    async with await sleeper.start():
        await sleeper.lives(4 * EVERY_S)
        assert len(sleeper.broker.attempts) == 1
        await sleeper.lives(60)
        assert len(sleeper.broker.attempts) == 2


async def test_in_quiet_hours_it_connects_only_for_what_is_urgent(log):
    sleeper = Sleeper(log, quiet_hours=QuietHours(60, 360, "utc"))
    sleeper.clock.set_wall_ms(MIDNIGHT + 55 * 60_000)
    async with await sleeper.start():
        await sleeper.lives(4 * 3600, step_s=5)
        assert len(sleeper.broker.attempts) == 1
        sleeper.recorder.event("rule_fired", {})
        await sleeper.lives(30)
        assert sleeper.health.sent == 1
        await sleeper.lives(3600 + 600, step_s=5)  # past six o'clock
        assert len(sleeper.broker.attempts) == 3


async def test_quiet_hours_do_not_keep_a_device_from_learning_the_time(log):
    sleeper = Sleeper(log, quiet_hours=QuietHours(0, 1439, "utc"))
    sleeper.clock.reboot(wall_ms=0)
    async with await sleeper.start():
        await sleeper.lives(3 * EVERY_S)
        assert len(sleeper.broker.attempts) >= 2


async def test_a_device_that_is_always_connected_does_not_rest(log):
    sleeper = Sleeper(log, mode="always")
    async with await sleeper.start():
        assert await sleeper.lives(3 * EVERY_S) > 3 * EVERY_S - 2
