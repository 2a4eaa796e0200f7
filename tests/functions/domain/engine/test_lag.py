"""A device whose clock is behind, or ahead, gets the alarms that it would get with the right time."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from contract.models import DeviceModel
from contract.rules import read_rule
from functions.domain.engine.codec import Head, encode, head_of
from functions.domain.engine.lag import RISE_MS, Lag, heard, step_ms
from functions.domain.engine.program import Input, InstalledRule, Program
from functions.domain.presence import Presence
from functions.domain.state import DeviceState

NOW = 1_764_000_000_000
INTERVAL = HOLD = 10_000
MINUTE = 60_000
RULES = [
    read_rule({"rule": id_, "scope": "*", "severity": "major", "when": when})
    for id_, when in {
        "silent": {"no_data": True, "for_ms": 30_000},
        "hot": {"metric": "t", "above": 8, "for_ms": 5 * MINUTE},
        "warm": {"metric": "t", "above": 6, "for_ms": 15_000},
    }.items()
]


class Device:
    """Its clock is behind by `error`; it is looked at whenever its timer comes up."""

    def __init__(self, error, rules=RULES, **model):
        model = DeviceModel(name="m", title="M", version="1", interval_ms=INTERVAL, metrics={}, **model)
        self.program = Program(tuple(InstalledRule(rule, 1) for rule in rules), model)
        self.error = error
        self.state = DeviceState()
        self.found = []
        self.seq = 0

    def send(self, made, received_at, value=5.0):
        self.look_until(received_at)
        at = made - self.error
        self._run([Input("b1", self.seq, at, received_at, ((at, {"t": value}),))], None)
        self.seq += 1

    def look_until(self, time):
        while (armed := self.state.armed) is not None and armed <= time:
            self._run([], armed)

    @property
    def lag(self):
        return head_of(self.state).lag

    def _run(self, inputs, now):
        outcome = self.program.run("pump-1", self.state, inputs, now, presence=Presence())
        self.state = replace(self.state, rules=outcome.rules, alarms=outcome.alarms, armed=outcome.armed)
        self.found += [(one.rule, one.kind, one.at + self.error) for one in outcome.transitions]


@settings(max_examples=40, deadline=None)
@given(
    st.integers(-6 * MINUTE, 6 * MINUTE),
    st.lists(st.sampled_from([5.0, 5.0, 7.0, 9.0]), min_size=5, max_size=50),
    st.lists(st.integers(0, 3_000), min_size=1, max_size=3),
)
def test_a_clock_that_is_wrong_by_always_the_same_shifts_alarms_and_changes_none(error, values, ways):
    right, wrong = Device(0), Device(error)
    for device in (right, wrong):
        for n, value in enumerate(values):
            made = NOW + INTERVAL * n
            device.send(made, made + ways[n % len(ways)], value)
        assert "silent" not in [rule for rule, _, _ in device.found]
        device.look_until(NOW + 60 * MINUTE)
    assert wrong.found == right.found
    assert right.found[-1][0] in {"silent", "hot"}


@pytest.mark.parametrize("error", [0, 60_000, 6 * MINUTE])
def test_a_device_that_was_slow_and_falls_silent_is_found_so(error):
    device = Device(error)
    for n in range(60):
        device.send(NOW + INTERVAL * n, NOW + INTERVAL * n + 100)
    last = NOW + INTERVAL * 59
    device.look_until(last + 30_000 + HOLD)
    assert device.found == []
    device.look_until(last + 30_000 + HOLD + 1)
    assert device.found == [("silent", "raised", last + 30_000)]


def test_the_age_of_a_backlog_is_no_error_of_the_clock():
    device = Device(0)
    device.send(NOW, NOW + 100)
    for n in range(1, 361):  # an hour offline, which comes in order within three minutes
        device.send(NOW + INTERVAL * n, NOW + 60 * MINUTE + 500 * n)
        assert device.lag.ms == 0
    assert [kind for _, kind, _ in device.found] == ["raised", "cleared"]


def test_a_device_that_goes_while_its_backlog_comes_in_is_missed_within_a_minute():
    device = Device(0)
    device.send(NOW, NOW + 100)
    for n in range(1, 11):
        device.send(NOW + INTERVAL * n, NOW + 60 * MINUTE + 500 * n)
    gone = NOW + 60 * MINUTE + 5_000
    device.look_until(gone + 30_000)
    assert len(device.found) == 2
    device.look_until(gone + RISE_MS)
    assert device.found[2:] == [("silent", "raised", NOW + 10 * INTERVAL + 30_000)]
    assert device.lag.at(gone + RISE_MS) == 0


def test_the_age_of_what_comes_behind_the_newest_message_says_nothing():
    device = Device(0)
    device.send(NOW, NOW + 100)
    device.seq = 30
    device.send(NOW + 30 * INTERVAL, NOW + 30 * INTERVAL + 100)
    for n in range(1, 20):
        device.seq = n
        device.send(NOW + n * INTERVAL, NOW + 30 * INTERVAL + 200 + n * 10)
    assert device.lag == Lag(0)


def test_a_clock_that_loses_time_is_followed():
    device = Device(0)
    for n in range(100):
        device.error = 1_000 * n
        device.send(NOW + INTERVAL * n, NOW + INTERVAL * n)
    assert (device.lag.at(NOW + INTERVAL * 99), device.found) == (90_000, [])


def test_a_clock_that_was_set_back_is_believed_once_it_has_passed_what_it_showed_before():
    device = Device(0)
    for n in range(30):
        device.error = 0 if n < 10 else 45_000
        device.send(NOW + INTERVAL * n, NOW + INTERVAL * n)
    assert device.lag == Lag(40_000)


def test_one_that_is_set_right_is_believed_at_once():
    device = Device(45_000)
    for n in range(7):
        device.send(NOW + INTERVAL * n, NOW + INTERVAL * n)
    assert device.lag == Lag(40_000)
    device.error = 0
    device.send(NOW + INTERVAL * 7, NOW + INTERVAL * 7)
    assert device.lag == Lag(0)


def test_no_lag_is_greater_than_what_rules_see_may_be_late():
    device = Device(0, lateness_ms=25_000)
    device.send(NOW, NOW + 3_600_000)
    assert device.lag.at(NOW + 3_600_000) == 20_000


def test_a_greater_lag_is_believed_as_the_least_that_was_told_for_long_enough():
    known = Lag(0)
    for received_at, lag in [(0, 35_000), (20_000, 52_000), (RISE_MS - 1, 31_000)]:
        at = NOW + received_at
        known = heard(known, at, at - lag, step=10_000, most=90_000)
        assert known == Lag(0, NOW, 30_000, at)
    assert heard(known, NOW + RISE_MS, NOW + RISE_MS - 70_000, step=10_000, most=90_000) == Lag(30_000)
    assert heard(known, NOW + RISE_MS, NOW + RISE_MS - 9_000, step=10_000, most=90_000) == Lag(0)


@pytest.mark.parametrize(("hold", "step"), [(0, 1_000), (1_000, 1_000), (4_000, 4_000), (60_000, 10_000)])
def test_what_is_left_of_a_step_is_within_the_hold(hold, step):
    assert step_ms(hold) == step


def test_a_state_of_before_lags_were_kept_is_read():
    older = msgspec.msgpack.decode(encode(Head(boot="b1", next=7)))[:-1]
    head = head_of(DeviceState(rules=encode(older)))
    assert (head.boot, head.next, head.lag) == ("b1", 7, Lag())
