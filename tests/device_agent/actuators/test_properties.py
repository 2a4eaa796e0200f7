"""Whoever asks for what, and whenever: the limits hold at the pins."""

import asyncio
import logging

from gpiozero.pins.mock import MockFactory, MockPWMPin
from hypothesis import given, settings
from hypothesis import strategies as st

from device_agent.actuators.limits import Permit
from device_agent.clock import ManualClock

from .conftest import Bench, relay, valve

MAX_ON_S, MIN_CYCLE_S = 60, 20
PUMP, HEATER, KILN, OPENING, CLOSING = 1, 2, 3, 5, 6
ACTUATORS = (
    relay("pump", PUMP, max_on_s=MAX_ON_S, min_cycle_s=MIN_CYCLE_S, interlock=frozenset({"heater", "valve"})),
    relay("heater", HEATER, interlock=frozenset({"pump"})),
    relay("kiln", KILN, permits=(Permit("t", maximum=50, within_s=40),)),
    valve("valve", OPENING, CLOSING, 10.0, interlock=frozenset({"pump"})),
)

for_s = st.none() | st.integers(1, 90)
words = st.sampled_from([("pump", "on"), ("heater", "on"), ("valve", "open"), ("kiln", "on")])
sources = st.sampled_from(["command:1", "shadow:7", "rule:x", "control"])
steps = st.one_of(
    st.tuples(st.just("request"), words, st.sampled_from([True, True, False]), for_s, sources),
    st.tuples(st.just("request"), words, st.sampled_from([True]), st.none(), sources),
    st.tuples(st.just("advance"), st.sampled_from([0.1, 1, 5, 9.9, 10, 19.9, 20, 31, 59, 60, 61])),
    st.tuples(st.just("observe"), st.sampled_from([20.0, 49.9, 50.1, float("nan")])),
    st.tuples(st.just("sleep through"), st.sampled_from([10, 100])),
    st.tuples(st.just("make safe")),
)


def played(plan):
    """Every change of a pin: boot time in ms, pin, level."""
    clock = ManualClock()
    changes = []

    class Recorded(MockPWMPin):
        def _change_state(self, value):
            changed = super()._change_state(value)
            if changed:
                changes.append((clock.boot_ms(), int(self.info.name.removeprefix("GPIO")), value))
            return changed

    async def play():
        log = logging.LoggerAdapter(logging.getLogger("device_agent.test"), {})
        at = Bench(clock, log, ACTUATORS, factory=MockFactory(pin_class=Recorded))
        await at.actuators.open()
        running = asyncio.create_task(at.actuators.run(lambda: None))
        await clock.advance(MIN_CYCLE_S)
        for kind, *details in plan:
            if kind == "request":
                (name, word), value, seconds, source = details
                at.actuators.act(name, {word: value} if seconds is None else {word: value, "for_s": seconds}, source)
            elif kind == "advance":
                await clock.advance(details[0])
            elif kind == "observe":
                at.actuators.observe(clock.boot_ms(), {"t": details[0]})
                if not details[0] <= 50:
                    assert at.level(KILN) == 0.0
            elif kind == "sleep through":
                clock._booted_at -= details[0]
                at.actuators.tick()
            else:
                at.actuators.make_safe("control")
        await clock.advance(75)
        running.cancel()

    asyncio.run(play())
    return changes


def intervals(changes, pin):
    """When it was on: from, to."""
    found, since = [], None
    for at, changed, level in changes:
        if changed == pin and level and since is None:
            since = at
        elif changed == pin and not level and since is not None:
            found.append((since, at))
            since = None
    return found if since is None else [*found, (since, float("inf"))]


def overlap(one, other):
    return any(a < d and c < b for a, b in one for c, d in other)


@settings(max_examples=80, deadline=None)
@given(st.lists(steps, max_size=25))
def test_the_limits_hold_at_the_pins_whatever_is_asked_for(plan):
    changes = played(plan)
    pump, heater, opening = (intervals(changes, pin) for pin in (PUMP, HEATER, OPENING))
    assert not overlap(pump, heater)
    assert not overlap(pump, opening)
    slept = sum(step[1] for step in plan if step[0] == "sleep through")
    assert all(to - since <= (MAX_ON_S + slept) * 1000 for since, to in pump)
    starts = [since for since, _ in pump]
    ends = [to for _, to in pump]
    assert all(later - earlier >= MIN_CYCLE_S * 1000 for earlier, later in zip(ends, starts[1:], strict=False))


@settings(max_examples=30, deadline=None)
@given(st.lists(steps, max_size=25))
def test_whatever_was_asked_for_a_stop_ends_with_everything_off(plan):
    changes = played([*plan, ("make safe",)])
    last = {pin: level for _, pin, level in changes}
    assert not any(last.values())
