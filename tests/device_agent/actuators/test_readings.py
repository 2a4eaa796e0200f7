import asyncio
from itertools import pairwise

from device_agent.actuators.readings import NAME, ActuatorReadings
from tests.device_agent.background import running


class Relays:
    """What of `Actuators` is read."""

    def __init__(self):
        self.values = {"relay": False}
        self.listeners = []

    def on_change(self, listener):
        self.listeners.append(listener)

    def metrics(self):
        return dict(self.values)

    def switch(self, values):
        self.values = values
        for listener in self.listeners:
            listener()


async def test_the_truth_is_read_at_the_interval_and_at_each_change(clock):
    relays, taken = Relays(), []
    readings = ActuatorReadings(
        relays,
        lambda name, reading: taken.append((name, reading.at, reading.values)),
        interval_s=lambda: 5.0,
        clock=clock,
    )
    start = clock.boot_ms()
    running = asyncio.ensure_future(readings.run(lambda: None))
    await clock.advance(6)
    assert taken == [(NAME, start, {"relay": False}), (NAME, start + 5000, {"relay": False})]

    relays.switch({"relay": True})
    relays.switch({"relay": True})
    relays.switch({"relay": False})
    assert taken[2:] == [(NAME, start + 6000, {"relay": True}), (NAME, start + 6001, {"relay": False})]
    running.cancel()


async def test_what_nobody_knows_is_no_reading(clock):
    relays, taken = Relays(), []
    ActuatorReadings(relays, lambda *reading: taken.append(reading), interval_s=lambda: 5.0, clock=clock)
    relays.switch({})
    assert taken == []


async def test_of_a_model_that_reports_once_an_hour_it_beats_as_often_as_any_other(clock):
    """Without a beat for a minute it would count as stalled, and be started again for ever."""
    taken, beats = [], []
    readings = ActuatorReadings(
        Relays(), lambda _name, reading: taken.append(reading.at), interval_s=lambda: 3600.0, clock=clock
    )
    start = clock.boot_ms()
    async with running(readings.run(lambda: beats.append(clock.monotonic()))):
        await clock.advance(7300)

    assert taken == [start, start + 3_600_000, start + 7_200_000]
    assert max(later - earlier for earlier, later in pairwise([*beats, clock.monotonic()])) <= 10


async def test_an_interval_that_changes_counts_at_once(clock):
    taken, interval = [], [3600.0]
    readings = ActuatorReadings(
        Relays(), lambda _name, reading: taken.append(reading.at), interval_s=lambda: interval[0], clock=clock
    )
    async with running(readings.run(lambda: None)):
        await clock.advance(60)
        assert len(taken) == 1
        interval[0] = 100.0
        await clock.advance(50)
        assert len(taken) == 2
