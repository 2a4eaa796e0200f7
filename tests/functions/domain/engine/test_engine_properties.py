"""However messages come, and whatever is spared, rules find what they find in one ordered pass."""

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from contract.models import DeviceModel
from contract.rules import read_rule
from functions.domain.engine.program import Input, InstalledRule, Program
from functions.domain.state import DeviceState
from tests.functions.domain.engine.engine_oracle import BEGINNING, Oracle, in_short

HOLD = 1_000
MODEL = DeviceModel(name="m", title="M", version="1", interval_ms=500, metrics={}, reorder_hold_ms=HOLD)
T, D, X = {"metric": "t"}, {"metric": "door"}, {"metric": "x"}
RULES = [
    read_rule({"rule": id_, "scope": "*", "severity": "major", **document})
    for id_, document in {
        "above": {"when": {**T, "above": 8}},
        "hysteresis": {"when": {**T, "above": 8, "until": 6}},
        "lasting": {"when": {**T, "above": 7, "for_ms": 700}, "clear": {**T, "below": 5, "for_ms": 400}},
        "counted": {"when": {**T, "below": 3, "count": 3}},
        "rising": {"when": {**T, "above": 5, "rate_over_ms": 2_000}},
        "open": {"when": {"all": [{**D, "equals": True}, {**T, "above": 6}], "for_ms": 600}},
        "either": {"when": {"any": [{**X, "equals": "hot"}, {"not": {**T, "above": 2}}]}, "stale_after_ms": 900},
        "silent": {"when": {"no_data": True, "for_ms": 1_100}},
        "closed": {"when": {"no_data": True, "metric": "door", "for_ms": 1_500}},
        "flapping": {"when": {**T, "above": 5}, "flapping": {"times": 2, "within_ms": 3_000}},
    }.items()
]
RULES.append(
    read_rule(
        {
            "rule": "banded",
            "scope": "*",
            "bands": [
                {"severity": "critical", "when": {**T, "above": 9}},
                {"severity": "minor", "when": {**T, "above": 6}, "clear": {**T, "below": 4}},
            ],
        }
    )
)
values = st.fixed_dictionaries(
    {},
    optional={
        "t": st.sampled_from([0.0, 2.5, 4.5, 5.5, 6.5, 7.5, 8.5, 9.5, None]),
        "door": st.booleans(),
        "x": st.sampled_from(["hot", "cold"]),
        "other": st.just(1.0),
    },
)


@st.composite
def lives(draw):
    """Messages of a device as it sent them, and as they came: late by less than the hold, twice, with ticks between."""
    # Rules begin with the first sample, before any tick.
    sent, at, boot, seq = [Input("b0", 0, BEGINNING, BEGINNING, ((BEGINNING, {"t": 5.0}),))], BEGINNING, 0, 1
    for _ in range(draw(st.integers(1, 14))):
        if seq and draw(st.integers(0, 9)) == 0:
            boot, seq, at = boot + 1, 0, at + 2 * HOLD
        at += draw(st.sampled_from([1, 100, 300, 600, 900, 2_500]))
        first = draw(values)
        samples = [(at, first)] if first else []
        if draw(st.integers(0, 3)) == 0 and (second := draw(values)):
            samples.insert(0, (at - draw(st.integers(0, 90)), second))
        sent.append(Input(f"b{boot}", seq, at, at, tuple(samples)))
        seq += 1
    lost = draw(st.sets(st.integers(1, max(1, len(sent) - 1)), max_size=2))
    came = [one for index, one in enumerate(sent) if index not in lost]
    events = [(BEGINNING, came[0]), *((one.received_at + draw(st.integers(0, HOLD - 91)), one) for one in came[1:])]
    events += [
        (at + draw(st.integers(0, HOLD)), one) for at, one in draw(st.lists(st.sampled_from(events), max_size=3))
    ]
    ticks = draw(st.lists(st.integers(1, at - BEGINNING + 3 * HOLD), max_size=6))
    events += [(BEGINNING + tick, None) for tick in ticks]
    events.sort(key=lambda pair: pair[0])
    return came, events, draw(st.lists(st.booleans(), min_size=len(events), max_size=len(events)))


class Device:
    def __init__(self, rules):
        self.program = Program(tuple(InstalledRule(rule, 1) for rule in rules), MODEL)
        self.state = DeviceState()
        self.seen = set()
        self.found = []

    def run(self, inputs, now=None):
        new = {(one.boot, one.seq): one for one in inputs if (one.boot, one.seq) not in self.seen}
        self.seen |= new.keys()
        outcome = self.program.run("pump-1", self.state, new.values(), now)
        self.state = replace(self.state, rules=outcome.rules, alarms=outcome.alarms, armed=outcome.armed)
        self.found += outcome.transitions

    def run_timers(self, until):
        """Ticks at which the device's timer comes up, as a sweep that is never late."""
        for _ in range(200):
            if self.state.armed is None or self.state.armed > until:
                return
            armed = self.state.armed
            self.run([], armed)
            assert self.state.armed is None or self.state.armed > armed


def in_one_pass(rules, came):
    oracle = Oracle(rules)
    for one in came:
        for at, seen in one.samples:
            oracle.see(at, seen)
    oracle.wait(BEGINNING + 10**7)
    return oracle.found


@settings(max_examples=120)
@given(st.sets(st.integers(0, len(RULES) - 1), min_size=1, max_size=5), lives())
def test_rules_find_what_they_find_in_one_ordered_pass(chosen, life):
    rules = [RULES[index] for index in sorted(chosen)]
    came, events, splits = life
    device, batch = Device(rules), []
    for (at, one), split in zip(events, splits, strict=True):
        if one is not None:
            batch.append(one)
        if one is None or split:
            device.run(batch)
            batch = []
            # Whatever else happens, a tick that is not later than the messages on their way changes nothing.
            if one is None:
                device.run([], at)
    device.run(batch)
    device.run([], BEGINNING + 10**7)
    device.run_timers(BEGINNING + 10**8)
    assert in_short(device.found) == in_one_pass(rules, came)
