import asyncio

import pytest

from device_agent.flow import DERIVED, Flow
from device_agent.sensors import Reading


class Doubling:
    """A pipeline that doubles, fails on what is negative, and has something due at one time."""

    def __init__(self, due=None):
        self.due = due

    def take(self, reading):
        if reading.values["n"] < 0:
            raise ValueError("a fault in a stage")
        return [Reading(reading.at, {"n": 2 * reading.values["n"]})]

    def tick(self, now):
        if self.due is None or now < self.due:
            return []
        self.due = None
        return [Reading(now, {"late": 1.0})]

    def next_due(self):
        return self.due


class Watching:
    def __init__(self, seen):
        self.seen = seen
        self.ticks = []

    def observe(self, reading):
        self.seen.append(("rules", reading.values))

    def tick(self, now):
        self.ticks.append(now)

    def next_due(self):
        return None


@pytest.fixture
def seen():
    """What happened, in its order."""
    return []


@pytest.fixture
def flow(clock, log, seen):
    def make(pipeline):
        return Flow(
            pipeline,
            Watching(seen),
            lambda name, reading: seen.append((name, reading.values)),
            clock=clock,
            log=log,
        )

    return make


def test_a_reading_goes_through_the_pipeline_is_recorded_and_then_seen_by_the_rules(flow, seen):
    flow(Doubling()).take("s", Reading(5, {"n": 2.0}))
    assert seen == [("s", {"n": 4.0}), ("rules", {"n": 4.0})]


def test_a_reading_on_which_the_pipeline_fails_is_recorded_as_it_came(flow, seen, caplog):
    flow(Doubling()).take("s", Reading(5, {"n": -2.0}))
    assert seen == [("s", {"n": -2.0}), ("rules", {"n": -2.0})]
    assert "the pipeline failed on a reading of s" in caplog.text


async def test_what_falls_due_without_a_reading_is_done_when_it_is_due(flow, seen, clock):
    due = clock.boot_ms() + 2_300
    one = flow(Doubling(due))
    beats = []
    running = asyncio.ensure_future(one.run(lambda: beats.append(clock.boot_ms())))
    await clock.advance(2.2)
    assert seen == []
    await clock.advance(0.1)
    assert seen == [(DERIVED, {"late": 1.0}), ("rules", {"late": 1.0})]
    assert one.rules.ticks[-1] == due
    assert beats == one.rules.ticks
    running.cancel()


async def test_what_rules_bring_about_is_recorded_at_once_and_seen_at_the_next_look(clock, log, seen):
    """Two rules that undo each other's work: one switches on what is off, the other off what is on."""
    switched = []

    class Undoing(Watching):
        def observe(self, reading):
            super().observe(reading)
            switched.append(clock.boot_ms())
            flow.take("actuators", Reading(clock.boot_ms(), {"n": reading.values["n"]}))

    flow = Flow(
        Doubling(), Undoing(seen), lambda name, reading: seen.append((name, reading.values)), clock=clock, log=log
    )
    start = clock.boot_ms()
    flow.take("s", Reading(start, {"n": 1.0}))
    assert seen == [("s", {"n": 2.0}), ("rules", {"n": 2.0}), ("actuators", {"n": 4.0})]

    running = asyncio.ensure_future(flow.run(lambda: None))
    await clock.advance(4.5)
    assert switched == [start, start, start + 1000, start + 2000, start + 3000, start + 4000]
    running.cancel()
