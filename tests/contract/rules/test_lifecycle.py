"""The life of an alarm: against an oracle over the whole history, and what flapping, bands and a reset promise."""

import doctest

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.models import SEVERITIES
from contract.rules import Flapping, lifecycle, read_rule
from contract.rules.lifecycle import RuleProgram, RuleState
from contract.rules.rule import Band, Rule
from tests.contract.evaluation_oracle import Oracle
from tests.contract.test_evaluation import END, histories, is_quiet, stale_afters, trees

bands = st.lists(
    st.tuples(st.integers(0, 4), trees, st.none() | trees), min_size=1, max_size=2, unique_by=lambda b: b[0]
)
flappings = st.none() | st.builds(Flapping, times=st.integers(2, 3), within_ms=st.integers(2, 12))


@st.composite
def rules(draw):
    return Rule(
        id="r",
        title="R",
        scope="*",
        bands=tuple(Band(severity=SEVERITIES[s], when=when, clear=clear) for s, when, clear in sorted(draw(bands))),
        stale_after_ms=draw(stale_afters),
        flapping=draw(flappings),
    )


def run(program, history, end=END, *, through_json=False):
    state, found = program.start(0), []
    for at in sorted(history):
        state, steps = program.observe(state, at, history[at])
        found += steps
        if through_json:
            state = msgspec.json.decode(msgspec.json.encode(state), type=RuleState)
    return [*found, *program.advance(state, end + 1)[1]]


class Life:
    """What becomes of an alarm, told the severity of each instant in turn."""

    def __init__(self, flapping):
        self.flapping, self.raised, self.found, self.over = flapping, [], [], True

    def tell(self, t, severity):
        if self.over and severity is not None:
            self.over, self.flaps, self.clear, self.since, self.count, self.severity = (
                False,
                False,
                None,
                t,
                1,
                severity,
            )
            self.raised.append(t)
            self.note("raised", t)
        elif not self.over and severity is not None:
            self.hold(t, severity)
        elif not self.over:
            self.end(t)

    def hold(self, t, severity):
        self.count += self.clear is not None
        self.clear = None
        worse = SEVERITIES.index(severity) - SEVERITIES.index(self.severity)
        if worse < 0 or (worse > 0 and not self.flaps):
            self.severity = severity
            self.note("escalated" if worse < 0 else "downgraded", t)

    def end(self, t):
        if self.flapping and not self.flaps and self.of_late(t) >= self.flapping.times:
            self.flaps = True
            self.note("flapping", t)
        if self.flaps and self.clear is None:
            self.clear = t
        if not self.flaps or t >= self.clear + self.flapping.within_ms:
            self.note("cleared", t)
            self.over, self.raised = True, [] if self.flaps else self.raised

    def of_late(self, t):
        return sum(at > t - self.flapping.within_ms for at in self.raised)

    def note(self, kind, t):
        self.found.append((kind, self.severity, t, self.since, self.count))


def expected(rule, history, end=END):
    """(kind, severity, at, since, count) of every step, from when each band had fired according to the oracle."""
    oracle, fired, active, life = Oracle(history, rule.stale_after_ms), {}, set(), Life(rule.flapping)
    for rank, band in enumerate(rule.bands):
        for kind, at in oracle.transitions(band.when, band.clear, 0, end):
            fired.setdefault(at, {})[rank] = kind == "fired"
    for t in range(end + 1):
        for rank, has in fired.get(t, {}).items():
            (active.add if has else active.discard)(rank)
        life.tell(t, rule.bands[min(active)].severity if active else None)
    return life.found


def shown(steps):
    return [(step.kind, step.severity, step.at, step.since, step.count) for step in steps]


@settings(max_examples=80)
@given(rules(), histories)
def test_an_alarm_lives_as_the_whole_history_says(rule, history):
    assert shown(run(RuleProgram(rule), history)) == expected(rule, history)


@settings(max_examples=30)
@given(rules(), histories)
def test_a_way_through_json_changes_nothing(rule, history):
    program = RuleProgram(rule)
    assert run(program, history, through_json=True) == run(program, history)


@settings(max_examples=80)
@given(rules(), histories)
def test_skipping_what_is_quiet_changes_nothing_not_even_a_peak(rule, history):
    program = RuleProgram(rule)
    state, found, skipped = program.start(0), [], {}

    def flush():
        nonlocal state
        for at in sorted({at for at, _ in skipped.values()}):
            held = {metric: value for metric, (when, value) in skipped.items() if when == at}
            state, none = program.observe(state, at, held)
            assert none == ()
        skipped.clear()

    for at in sorted(history):
        due, quiet = program.next_due(state), program.quiet(state)
        asked = {each: value for each, value in history[at].items() if value is None or each in program.metrics}
        last = {metric: sample[1] for metric, sample in (state.evaluation.samples | skipped).items()}
        if (due is None or at < due - 1) and quiet is not None and is_quiet(quiet, asked, last):
            skipped |= {metric: (at, value) for metric, value in history[at].items()}
            continue
        flush()
        state, steps = program.observe(state, at, history[at])
        found += steps
    flush()
    assert [*found, *program.advance(state, END + 1)[1]] == run(program, history)


def program(**changes):
    hot = {"rule": "hot", "scope": "*", "severity": "major", "when": {"metric": "t", "above": 90}}
    return RuleProgram(read_rule({**hot, **changes}))


def series(*values, every=10):
    return {index * every: {"t": value} for index, value in enumerate(values)}


def test_an_alarm_knows_its_first_last_and_peak_value():
    found = run(program(), series(80, 91, 97, 93, 85), end=100)
    assert [(step.kind, step.first, step.last, step.peak) for step in found] == [
        ("raised", 91, 91, 91),
        ("cleared", 91, 85, 97),
    ]
    (_, cleared) = run(program(when={"not": {"metric": "t", "at_least": 5}}), series(9, 4, 2, 3, 6), end=100)
    assert (cleared.first, cleared.last, cleared.peak) == (4, 6, 2)


def test_what_is_no_number_or_no_comparison_has_no_peak():
    (raised,) = run(program(when={"metric": "t", "equals": "open"}), series("open"))
    assert (raised.first, raised.last, raised.peak) == ("open", "open", None)
    silent = program(when={"no_data": True, "for": "10ms"})
    (raised,) = run(silent, {})
    assert (silent.primary, raised.first, raised.peak) == (None, None, None)


def banded(**changes):
    bands = [
        {"severity": "warning", "when": {"metric": "t", "above": 70}, "clear": {"metric": "t", "below": 60}},
        {"severity": "critical", "when": {"metric": "t", "above": 90}, "clear": {"metric": "t", "below": 80}},
    ]
    return RuleProgram(read_rule({"rule": "hot", "scope": "*", "bands": bands, **changes}))


def test_severities_change_within_one_alarm():
    found = run(banded(), series(75, 95, 85, 79, 65, 59), end=100)
    assert shown(found) == [
        ("raised", "warning", 0, 0, 1),
        ("escalated", "critical", 10, 0, 1),
        ("downgraded", "warning", 30, 0, 1),
        ("cleared", "warning", 50, 0, 1),
    ]
    assert [step.why["verdict"] for step in found] == ["true", "true", "true", "true"]
    assert [(step.why.get("above"), step.why.get("below")) for step in found] == [
        (70, None),
        (90, None),
        (None, 80),
        (None, 60),
    ]


def test_an_alarm_that_is_worst_at_once_is_raised_so():
    assert shown(run(banded(), series(95, 50))) == [
        ("raised", "critical", 0, 0, 1),
        ("cleared", "critical", 10, 0, 1),
    ]


FLAPPING = {"flapping": {"times": 3, "within": "60ms"}}


def test_an_alarm_that_flaps_stays_and_counts_until_it_was_clear_for_long_enough():
    found = run(program(**FLAPPING), series(95, 80, 95, 80, 95, 80, 95, 80, 95, 80), end=200)
    assert shown(found) == [
        ("raised", "major", 0, 0, 1),
        ("cleared", "major", 10, 0, 1),
        ("raised", "major", 20, 20, 1),
        ("cleared", "major", 30, 20, 1),
        ("raised", "major", 40, 40, 1),
        ("flapping", "major", 50, 40, 1),
        ("cleared", "major", 150, 40, 3),
    ]


def test_one_that_was_raised_rarely_or_stays_raised_does_not_flap():
    assert "flapping" not in [step.kind for step in run(program(**FLAPPING), series(95, 80, 95, 80, every=40), end=300)]
    steady = {**series(95, 80, 95, 80, 95), 500: {"t": 80}}
    assert [step.kind for step in run(program(**FLAPPING), steady, end=600)][-2:] == ["raised", "cleared"]


def test_an_alarm_that_clears_after_a_quiet_waits_for_all_of_it_however_long_it_took_to_be_raised():
    slow = program(when={"metric": "t", "above": 90, "for_ms": 100}, clear_after_ms=50)
    history = {0: {"t": 95}, 100: {"t": 95}, 160: {"t": 80}, 170: {"t": 95}, 300: {"t": 80}}
    assert [(step.kind, step.at) for step in run(slow, history, end=1_000)] == [("raised", 100), ("cleared", 350)]


def test_what_is_heard_after_an_alarm_that_flapped_has_ended_raises_none_before_that():
    rule = program(**FLAPPING)
    state = rule.start(0)
    for at, values in series(95, 80, 95, 80, 95, 80).items():
        state, _ = rule.observe(state, at, values)
    state, (cleared,) = rule.advance(state, 1_000)
    state, (raised,) = rule.observe(state, 60, {"t": 95})
    assert (cleared.at, raised.kind, raised.at) == (110, "raised", 110)


def test_what_is_worse_than_all_before_is_told_even_while_it_flaps():
    found = run(banded(**FLAPPING), series(75, 50, 75, 50, 75, 50, 95, 50, 75, 50), end=300)
    assert shown(found)[4:] == [
        ("raised", "warning", 40, 40, 1),
        ("flapping", "warning", 50, 40, 1),
        ("escalated", "critical", 60, 40, 2),
        ("cleared", "critical", 150, 40, 3),
    ]


def test_after_a_reset_the_condition_must_come_true_anew():
    hot = program()
    state, _ = hot.observe(hot.start(0), 5, {"t": 95})
    state = hot.reset(state)
    assert state.alarm is None
    state, steps = hot.advance(state, 1_000)
    assert steps == ()
    state, (raised,) = hot.observe(state, 1_000, {"t": 95})
    assert (raised.kind, raised.since) == ("raised", 1_000)


def test_a_rule_explains_each_of_its_bands():
    state, _ = banded().observe(banded().start(0), 5, {"t": 75})
    told = banded().explain(state)
    assert (told["at"], [(band["severity"], band["fired"]) for band in told["bands"]]) == (
        5,
        [("critical", False), ("warning", True)],
    )
    assert [band["when"]["verdict"] for band in told["bands"]] == ["false", "true"]
    assert ["clear" in band for band in told["bands"]] == [False, True]


def test_a_fingerprint_stands_for_conditions_and_severities_alone():
    assert program().fingerprint == program(title="Very hot", flapping={"times": 2, "within": "1m"}).fingerprint
    others = [program(severity="minor"), program(stale_after="5m"), program(when={"metric": "t", "above": 91})]
    assert program().fingerprint not in {other.fingerprint for other in others}


def test_a_rule_without_bands_is_no_program():
    with pytest.raises(ValueError, match="climate:no_data has no bands"):
        RuleProgram(read_rule({"rule": "climate:no_data", "enabled": False}))


def test_the_example_in_the_docstring_holds():
    assert doctest.testmod(lifecycle).failed == 0
