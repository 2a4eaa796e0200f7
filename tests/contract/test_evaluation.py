"""Rules at work: against an oracle that knows the whole history, and what each part promises at its edges."""

import json
from math import inf

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.conditions import (
    AllOf,
    AnyOf,
    Changes,
    Circle,
    Comparison,
    Geofence,
    NoData,
    Not,
    Operand,
    Polygon,
    parse,
)
from contract.errors import DocumentError
from contract.evaluation import Evaluator, decode_state, encode_state
from tests.contract.evaluation_oracle import Oracle

END = 30
thresholds = st.integers(0, 4).map(float)
durations = st.integers(0, 6)
metrics = st.sampled_from(["a", "b"])
operands = st.builds(Operand, sample=st.sampled_from(["a", "b", "@limit"]), plus=st.sampled_from([0.0, 0.0, 1.0, -2.0]))
AGGREGATES = [None, None, None, "avg", "min", "max", "sum", "count", "range"]


@st.composite
def comparisons(draw):
    operator = draw(st.sampled_from(["above", "below", "at_least", "at_most", "equals", "not_equals"]))
    low, high = sorted([draw(thresholds), draw(thresholds)])
    threshold, until = (high, low) if operator in ("above", "at_least") else (low, high)
    window, aggregate = draw(st.none() | st.integers(2, 8)), draw(st.sampled_from(AGGREGATES))
    scale = 200 if window is not None and aggregate is None else 1
    threshold = draw(st.just(threshold * scale) | st.just(threshold * scale) | operands)
    hysteresis = operator not in ("equals", "not_equals") and not isinstance(threshold, Operand)
    count = draw(st.integers(1, 3))
    return Comparison(
        metric=draw(st.sampled_from(["a", "b", "a", "b", "@limit"])),
        operator=operator,
        threshold=threshold,
        until=draw(st.sampled_from([None, until * scale])) if hysteresis else None,
        rate_over_ms=window if aggregate is None else None,
        aggregate=aggregate,
        over_ms=None if aggregate is None else window or 9,
        count=count,
        of=draw(st.none() | st.integers(count + 1, count + 2)),
        for_ms=draw(durations),
    )


AREAS = [
    Circle(latitude=2, longitude=2, radius_m=200_000),
    Polygon(corners=((0.5, 0.5), (3.5, 0.5), (3.5, 3.5), (2.5, 1.5))),
]
between = st.sampled_from([None, 1.0, 2.0, True, "x"])
leaves = st.one_of(
    comparisons(),
    comparisons(),
    st.builds(NoData, metric=st.none() | metrics, for_ms=st.integers(1, 6)),
    st.builds(Changes, metric=metrics, before=between, after=between, for_ms=st.integers(0, 3)),
    st.builds(
        Geofence,
        area=st.sampled_from(AREAS),
        inside=st.booleans(),
        latitude=st.just("a"),
        longitude=st.just("b"),
        for_ms=durations,
    ),
)
trees = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.builds(AllOf, parts=st.lists(inner, min_size=1, max_size=2).map(tuple), for_ms=durations),
        st.builds(AnyOf, parts=st.lists(inner, min_size=1, max_size=2).map(tuple), for_ms=durations),
        st.builds(Not, part=inner, for_ms=durations),
    ),
    max_leaves=4,
)
values = st.integers(0, 5) | st.none() | st.sampled_from([True, "x"])
histories = st.dictionaries(
    st.integers(0, END),
    st.dictionaries(st.sampled_from(["a", "b", "other", "@limit"]), values, min_size=1),
    max_size=14,
)
stale_afters = st.none() | st.integers(1, 8)


def run(evaluator, history, ticks=(), start=0, end=END, *, through_json=False):
    state, found = evaluator.start(start), []
    # A tick at the instant of data may come before or after it.
    for at, order in sorted([(at, 1) for at in history] + [(tick // 2, tick % 2 * 2) for tick in ticks]):
        state, transitions = evaluator.observe(state, at, history[at]) if order == 1 else evaluator.advance(state, at)
        found += transitions
        if through_json:
            state = decode_state(encode_state(state), evaluator)
    state, transitions = evaluator.advance(state, end + 1)
    return [*found, *transitions]


@settings(max_examples=250)
@given(trees, st.none() | trees, histories, stale_afters)
def test_what_fires_and_clears_is_what_the_whole_history_says(when, clear, history, stale_after):
    found = run(Evaluator(when, clear, stale_after_ms=stale_after), history)
    expected = Oracle(history, stale_after).transitions(when, clear, 0, END)
    assert [(each.kind, each.at) for each in found] == expected


@settings(max_examples=80)
@given(trees, st.none() | trees, histories, stale_afters, st.lists(st.integers(0, 2 * END)))
def test_neither_ticks_nor_a_way_through_json_change_anything(when, clear, history, stale_after, ticks):
    evaluator = Evaluator(when, clear, stale_after_ms=stale_after)
    assert run(evaluator, history, ticks, through_json=True) == run(evaluator, history)


@settings(max_examples=80)
@given(trees, st.none() | trees, histories, stale_afters)
def test_a_tick_at_the_time_named_does_something_and_a_second_one_nothing(when, clear, history, stale_after):
    evaluator = Evaluator(when, clear, stale_after_ms=stale_after)
    state = evaluator.start(0)
    for at in sorted(history):
        due = evaluator.next_due(state)
        if due is not None and due <= at:
            early, none = evaluator.advance(state, due - 1)
            assert (early, none) == (state, ())
            state, _ = evaluator.advance(state, due)
            assert evaluator.advance(state, due) == (state, ())
            assert evaluator.next_due(state) is None or evaluator.next_due(state) > due
        state, _ = evaluator.observe(state, at, history[at])


@settings(max_examples=80)
@given(trees, st.none() | trees, histories)
def test_fired_and_cleared_alternate_and_carry_json_that_says_why(when, clear, history):
    found = run(Evaluator(when, clear), history)
    assert [each.kind for each in found] == [("fired", "cleared")[index % 2] for index in range(len(found))]
    for each in found:
        assert json.loads(json.dumps(each.why)) == each.why
        if each.kind == "fired":
            assert (each.since, each.why["verdict"]) == (each.at, "true")
        else:
            assert each.since <= each.at
            assert each.why["verdict"] == ("false" if clear is None else "true")


def is_quiet(quiet, values, last):
    """Whether a rule may be spared these values, as `Evaluator.quiet` says; `last` holds the values before them."""
    for metric, value in values.items():
        if metric not in quiet:
            return False
        low, high = quiet[metric]
        same = metric in last and (type(value), value) == (type(last[metric]), last[metric])
        if not same and (type(value) not in (int, float) or not low < value < high):
            return False
    return True


def run_sparing(evaluator, history, end=END):
    """As `run`, without what may be skipped; also how much that was."""
    state, found, skipped, spared = evaluator.start(0), [], {}, 0

    def flush():
        nonlocal state
        for at in sorted({at for at, _ in skipped.values()}):
            held = {metric: value for metric, (when, value) in skipped.items() if when == at}
            state, none = evaluator.observe(state, at, held)
            assert none == ()
        skipped.clear()

    for at in sorted(history):
        quiet = evaluator.quiet(state)
        asked = {each: value for each, value in history[at].items() if value is None or each in evaluator.metrics}
        last = {metric: sample[1] for metric, sample in (state.samples | skipped).items()}
        if (state.due is None or at < state.due) and quiet is not None and is_quiet(quiet, asked, last):
            skipped |= {metric: (at, value) for metric, value in history[at].items()}
            spared += 1
            continue
        flush()
        state, transitions = evaluator.observe(state, at, history[at])
        found += transitions
    flush()
    state, transitions = evaluator.advance(state, end + 1)
    return [*found, *transitions], spared


@settings(max_examples=250)
@given(trees, st.none() | trees, histories, stale_afters)
def test_skipping_what_is_quiet_changes_nothing(when, clear, history, stale_after):
    evaluator = Evaluator(when, clear, stale_after_ms=stale_after)
    assert run_sparing(evaluator, history)[0] == run(evaluator, history)


def test_most_of_what_comes_is_quiet():
    hot = rule({"metric": "t", "above": 90, "until": 80, "for_ms": 2_000}, {"metric": "t", "below": 70})
    history = {at * 1_000: {"t": 60 + at % 20} for at in range(1, 1_000)}
    found, spared = run_sparing(hot, history, end=1_000_000)
    assert (found, spared) == ([], 998)
    history |= {500_500: {"t": 95}, 503_500: {"t": 75}, 900_500: {"t": 65}}
    _, spared = run_sparing(hot, history, end=1_000_000)
    assert spared > 900


def test_what_may_be_skipped_is_said_for_each_metric():
    def quiet(when, history, **options):
        evaluator = rule(when, **options)
        state = evaluator.start(0)
        for at, values in history.items():
            state, _ = evaluator.observe(state, at, values)
        return evaluator.quiet(state)

    hot = {"metric": "t", "above": 90, "until": 80}
    assert quiet(hot, {}) == {}
    assert quiet(hot, {1: {"t": 70}}) == {"t": (-inf, 90)}
    assert quiet(hot, {1: {"t": 95}}) == {"t": (80, inf)}
    assert quiet(hot, {1: {"t": 90}})["t"] == (inf, -inf)
    assert quiet(hot, {1: {"t": None}}) == quiet(hot, {1: {"t": True}}) == {}
    assert quiet({"metric": "mode", "equals": "eco"}, {1: {"mode": "eco"}}) == {"mode": (inf, -inf)}
    assert quiet({"metric": "t", "above": 90, "count": 3}, {1: {"t": 95}}) == {}
    assert quiet({"metric": "t", "above": 90, "count": 3}, {1: {"t": 85}}) == {"t": (-inf, 90)}
    assert quiet({"metric": "t", "rate_over_ms": 5_000, "above": 90}, {1: {"t": 85}}) == {}
    assert quiet({"all": [hot, {"metric": "t", "above": 60}]}, {1: {"t": 70}}) == {"t": (60, 90)}
    apart = {"metric": "a", "above": {"metric": "b", "plus": 1}}
    assert quiet(apart, {1: {"a": 10, "b": 5}}) == {"a": (8, inf), "b": (-inf, 6)}
    assert quiet(apart, {1: {"a": 6, "b": 5}}) == {"a": (inf, -inf), "b": (inf, -inf)}
    assert quiet({**apart, "aggregate": "avg", "over_ms": 500}, {900: {"a": 10, "b": 5}}) == {}
    assert quiet({"metric": "mode", "changes": True}, {1: {"mode": "a"}, 2: {"mode": "a"}}) == {"mode": (inf, -inf)}
    assert quiet({"metric": "mode", "changes": True}, {1: {"mode": "a"}, 2: {"mode": "b"}}) == {}
    some = {"metric": "t", "above": 90, "count": 1, "of": 2}
    assert quiet(some, {1: {"t": 95}}) == {}
    assert quiet(some, {1: {"t": 95}, 2: {"t": 95}}) == {"t": (90, inf)}
    silent = {"no_data": True, "for_ms": 10}
    assert quiet({"any": [silent, hot]}, {1: {"t": 70}}) == {"t": (-inf, 90)}
    assert quiet(silent, {1: {"t": 70}, 5: {"t": 70}}) == {}


def test_nothing_may_be_skipped_while_a_device_is_silent():
    silent = rule({"no_data": True, "for_ms": 10})
    state, (fired,) = silent.advance(silent.start(0), 11)
    assert (fired.kind, silent.quiet(state)) == ("fired", None)


def test_bands_fire_by_themselves_and_are_judged_at_the_same_instants():
    high, higher = parse({"metric": "t", "above": 80, "for_ms": 5}), parse({"metric": "t", "above": 90})
    evaluator = Evaluator(higher, more=[(high, parse({"metric": "t", "below": 70}))])
    found = run(evaluator, {0: {"t": 85}, 3: {"t": 95}, 8: {"t": 85}, 9: {"t": 75}, 12: {"t": 65}})
    assert [(each.kind, each.band, each.at) for each in found] == [
        ("fired", 0, 3),
        ("fired", 1, 5),
        ("cleared", 0, 8),
        ("cleared", 1, 12),
    ]


def rule(when, clear=None, **options):
    return Evaluator(parse(when), None if clear is None else parse(clear), **options)


def kinds(evaluator, history, end=END, **more):
    return [(each.kind, each.at) for each in run(evaluator, history, end=end, **more)]


def test_a_duration_is_over_without_a_message():
    hot = rule({"metric": "t", "above": 90, "for_ms": 30_000})
    assert kinds(hot, {1_000: {"t": 95}}, end=30_999) == []
    assert kinds(hot, {1_000: {"t": 95}}, end=31_000) == [("fired", 31_000)]


def test_what_comes_at_the_very_instant_that_something_is_due_comes_first():
    hot = rule({"metric": "t", "above": 90, "for_ms": 10})
    assert kinds(hot, {0: {"t": 95}, 10: {"t": 80}}) == []
    assert kinds(hot, {0: {"t": 95}, 11: {"t": 80}}) == [("fired", 10), ("cleared", 11)]
    silent = rule({"no_data": True, "for_ms": 10})
    assert kinds(silent, {0: {"t": 1}, 10: {"t": 1}}, end=19) == []
    assert kinds(silent, {0: {"t": 1}, 10: {"t": 1}}, end=20) == [("fired", 20)]


def test_hysteresis_holds_between_its_two_thresholds():
    hot = rule({"metric": "t", "above": 90, "until": 80})
    series = [85, 90, 91, 85, 80.5, 80, 85, 95]
    assert kinds(hot, {at: {"t": value} for at, value in enumerate(series)}) == [
        ("fired", 2),
        ("cleared", 5),
        ("fired", 7),
    ]


def test_an_own_clear_condition_lets_it_stand_until_then():
    hot = rule({"metric": "t", "above": 90}, {"metric": "t", "below": 80, "for_ms": 5})
    history = {0: {"t": 95}, 3: {"t": 85}, 6: {"t": 79}, 9: {"t": 81}, 12: {"t": 70}}
    assert kinds(hot, history) == [("fired", 0), ("cleared", 17)]


def test_a_clear_condition_that_holds_already_does_not_make_it_flap():
    odd = rule({"metric": "t", "above": 30}, {"metric": "h", "below": 80})
    history = {0: {"h": 50}, 1: {"t": 35}, 2: {"t": 36}, 3: {"t": 20}}
    assert kinds(odd, history) == [("fired", 1), ("cleared", 3)]


def test_a_count_wants_samples_in_a_row_of_that_metric():
    low = rule({"metric": "b", "below": 20, "count": 3})
    history = {0: {"b": 10}, 1: {"t": 1}, 2: {"b": 10}, 3: {"b": 30}, 4: {"b": 9}, 5: {"b": 9}, 6: {"b": 9}}
    assert kinds(low, history) == [("fired", 6)]


def test_a_count_that_was_reached_stays_so_over_an_unknown_and_one_that_runs_does_not():
    low = rule({"metric": "b", "below": 20, "count": 2})
    reached = {0: {"b": 10}, 1: {"b": 10}, 2: {"b": None}, 3: {"b": 10}, 4: {"b": 30}}
    assert kinds(low, reached) == [("fired", 1), ("cleared", 4)]
    assert kinds(low, {0: {"b": 10}, 1: {"b": None}, 2: {"b": 10}, 3: {"b": 10}}) == [("fired", 3)]


def test_a_rate_in_the_clear_condition_knows_what_came_before_the_firing():
    rising = rule({"metric": "t", "above": 90}, {"metric": "t", "rate_over_ms": 4_000, "below": 0})
    history = {at * 1000: {"t": value} for at, value in enumerate([99 - 20, 85, 88, 89, 91, 89, 88])}
    assert kinds(rising, history, end=9_000) == [("fired", 4_000)]
    history = {at * 1000: {"t": value} for at, value in enumerate([80, 85, 88, 89, 91, 60, 50])}
    assert kinds(rising, history, end=9_000) == [("fired", 4_000), ("cleared", 5_000)]


def test_a_rate_is_per_second_over_its_window():
    rising = rule({"metric": "t", "rate_over_ms": 10_000, "above": 0.5})
    slow = {at * 1000: {"t": at * 0.4} for at in range(20)}
    assert kinds(rising, slow, end=20_000) == []
    fast = {at * 1000: {"t": at * 0.6} for at in range(20)}
    assert kinds(rising, fast, end=19_000) == [("fired", 5_000)]


def test_a_rate_keeps_a_bounded_state_however_fast_samples_come():
    rising = rule({"metric": "t", "rate_over_ms": 60_000, "above": 0.5})
    state = rising.start(0)
    for at in range(0, 120_000, 20):
        state, _ = rising.observe(state, at, {"t": at / 1000})
    assert len(encode_state(state)) < 1500
    assert state.since is not None


def test_unknown_neither_fires_nor_clears():
    hot = rule({"metric": "t", "above": 90, "for_ms": 4})
    assert kinds(hot, {0: {"t": 95}, 2: {"t": None}, 3: {"t": 95}}) == [("fired", 7)]
    assert kinds(hot, {0: {"t": 95}, 6: {"t": None}, 20: {"t": 95}, 25: {"t": 1}}) == [("fired", 4), ("cleared", 25)]
    assert kinds(rule({"not": {"metric": "t", "above": 90}}), {3: {"h": 1}}) == []


def test_one_part_that_decides_makes_the_unknown_ones_not_matter():
    either = rule({"any": [{"metric": "a", "above": 1}, {"metric": "b", "above": 1}]})
    assert kinds(either, {1: {"b": 2}}) == [("fired", 1)]
    both = rule({"not": {"all": [{"metric": "a", "above": 1}, {"metric": "b", "above": 1}]}})
    assert kinds(both, {1: {"b": 0}}) == [("fired", 1)]


def test_a_metric_that_has_not_come_for_too_long_is_unknown():
    hot = rule({"metric": "t", "above": 90, "for_ms": 10}, stale_after_ms=5)
    assert kinds(hot, {0: {"t": 95}}) == []
    assert kinds(hot, {0: {"t": 95}, 4: {"t": 95}, 8: {"t": 95}}) == [("fired", 10)]


def test_silence_counts_from_the_start_and_ends_with_a_value_to_rely_on():
    silent = rule({"no_data": True, "metric": "t", "for_ms": 10})
    assert kinds(silent, {12: {"t": None, "h": 1}, 14: {"t": 5}}, start=2, end=20) == [("fired", 12), ("cleared", 14)]


def test_data_that_is_not_newer_than_its_metrics_last_is_ignored():
    hot = rule({"metric": "t", "above": 90})
    state, _ = hot.observe(hot.start(0), 5, {"t": 80})
    assert hot.observe(state, 5, {"t": 95}) == (state, ())
    assert hot.observe(state, 4, {"t": 95}) == (state, ())


def test_data_that_is_older_than_what_was_done_already_is_judged_at_that():
    both = rule({"all": [{"metric": "a", "above": 1}, {"metric": "b", "above": 1}]})
    state, _ = both.observe(both.start(0), 9, {"a": 2})
    _, (fired,) = both.observe(state, 7, {"b": 2})
    assert (fired.kind, fired.at) == ("fired", 9)


def test_a_transition_says_which_part_was_true_with_what_value_and_threshold():
    overload = rule(
        {
            "any": [
                {"metric": "current", "above": 40},
                {"all": [{"metric": "current", "above": 32}, {"metric": "temperature", "above": 70, "for_ms": 50}]},
                {"metric": "speed", "above": 1},
            ],
            "for_ms": 10,
        }
    )
    (fired,) = run(overload, {0: {"current": 44.5}, 4: {"temperature": 80}})
    assert fired.values == {"current": 44.5, "temperature": 80}
    assert fired.why == {
        "any": [
            {"metric": "current", "above": 40, "verdict": "true", "value": 44.5, "age_ms": 10},
            {
                "all": [
                    {"metric": "current", "above": 32, "verdict": "true", "value": 44.5, "age_ms": 10},
                    {
                        "metric": "temperature",
                        "above": 70,
                        "for_ms": 50,
                        "held_ms": 6,
                        "verdict": "false",
                        "value": 80,
                        "age_ms": 6,
                    },
                ],
                "verdict": "false",
            },
            {"metric": "speed", "above": 1, "verdict": "unknown"},
        ],
        "for_ms": 10,
        "verdict": "true",
    }


def test_a_rule_that_has_not_fired_says_why_not():
    hot = rule({"metric": "t", "above": 90, "for_ms": 30}, {"metric": "t", "below": 80})
    state, _ = hot.observe(hot.start(0), 10, {"t": 91})
    assert hot.explain(state) == {
        "when": {
            "metric": "t",
            "above": 90,
            "for_ms": 30,
            "held_ms": 0,
            "verdict": "false",
            "value": 91,
            "age_ms": 0,
        }
    }
    state, _ = hot.advance(state, 100)
    assert hot.explain(state)["clear"]["verdict"] == "false"


def test_a_state_of_other_conditions_is_refused():
    hot, hotter = rule({"metric": "t", "above": 90}), rule({"metric": "t", "above": 95})
    with pytest.raises(DocumentError, match="`rule` must be"):
        decode_state(encode_state(hot.start(0)), hotter)
    for rubbish in (b"", b"[]", b'{"rule": 3}', b"\xff"):
        with pytest.raises(DocumentError, match="the state of a rule"):
            decode_state(rubbish, hot)


def test_another_metric_may_be_the_threshold():
    apart = rule({"metric": "inlet", "above": {"metric": "outlet", "plus": 5}})
    history = {0: {"inlet": 30}, 1: {"outlet": 26}, 2: {"outlet": 24}, 3: {"inlet": 29}}
    assert kinds(apart, history) == [("fired", 2), ("cleared", 3)]
    (fired, _) = run(apart, history)
    assert (fired.why["threshold"], fired.values) == (29, {"inlet": 30, "outlet": 24})


def test_an_attribute_of_the_device_may_be_the_threshold_and_is_never_too_old():
    warm = rule({"metric": "t", "above": {"attribute": "limit"}}, stale_after_ms=10)
    state, _ = warm.observe(warm.start(0), 0, {"@limit": 8})
    state, _ = warm.observe(state, 1_000, {"t": 7})
    assert warm.quiet(state) == {"t": (-inf, 8)}
    _, (fired,) = warm.observe(state, 1_001, {"t": 9})
    assert fired.why == {
        "metric": "t",
        "above": {"attribute": "limit"},
        "verdict": "true",
        "value": 9,
        "age_ms": 0,
        "threshold": 8,
    }
    assert warm.observe(state, 1_001, {"@limit": 6})[1][0].kind == "fired"
    assert warm.observe(state, 1_001, {"@limit": "high"})[1] == ()


def test_an_attribute_itself_may_be_asked_for():
    spare = rule({"all": [{"attribute": "site", "equals": "north"}, {"metric": "t", "above": 1}]})
    assert kinds(spare, {0: {"t": 2}, 1: {"@site": "south"}, 2: {"@site": "north"}}) == [("fired", 2)]


def test_being_offline_is_a_sample_like_any_other():
    offline = rule({"online": False, "for_ms": 10}, stale_after_ms=5)
    assert kinds(offline, {0: {"$online": True}, 3: {"$online": False}, 20: {"$online": True}}) == [
        ("fired", 13),
        ("cleared", 20),
    ]
    assert kinds(offline, {0: {"t": 1}}) == []


def test_attributes_and_presence_do_not_break_a_devices_silence():
    silent = rule({"no_data": True, "for_ms": 10})
    assert kinds(silent, {5: {"$online": True, "@site": "north"}, 8: {"t": None}}, end=12) == [("fired", 10)]


def test_some_of_the_last_samples_are_enough():
    low = rule({"metric": "t", "below": 20, "count": 2, "of": 3})
    series = [10, 30, 10, 30, 30, 10, 10]
    history = {at: {"t": value} for at, value in enumerate(series)}
    assert kinds(low, history) == [("fired", 2), ("cleared", 3), ("fired", 6)]


def test_an_average_moves_as_samples_leave_its_window():
    warm = Evaluator(Comparison(metric="t", operator="above", threshold=50.0, aggregate="avg", over_ms=10))
    history = {at: {"t": value} for at, value in {0: 10, 5: 60, 9: 90, 12: 20}.items()}
    # Known from 10 on; then 0's sample leaves. At 12 (60 + 90 + 20) / 3, at 19 only 20 is left.
    assert kinds(warm, history) == [("fired", 10), ("cleared", 19)]
    state = warm.start(0)
    for at, values in history.items():
        state, _ = warm.observe(state, at, values)
    assert (warm.next_due(state), warm.explain(state)["when"]["result"]) == (20, pytest.approx(170 / 3))


def test_what_is_certain_before_the_window_has_passed_is_told():
    def first(aggregate, operator, threshold, history):
        when = Comparison(metric="t", operator=operator, threshold=threshold, aggregate=aggregate, over_ms=20)
        found = run(Evaluator(when), history)
        return (found[0].kind, found[0].at) if found else None

    busy = {at: {"t": at} for at in range(1, 6)}
    assert first("count", "at_least", 5.0, busy) == ("fired", 5)
    assert first("count", "at_most", 5.0, busy) == ("fired", 20)
    assert first("max", "above", 4.0, busy) == ("fired", 5)
    assert first("min", "below", 2.0, busy) == ("fired", 1)
    assert first("min", "above", 0.0, busy) == ("fired", 20)
    assert first("range", "above", 3.0, busy) == ("fired", 5)
    assert first("sum", "above", 1.0, busy) == ("fired", 20)
    assert first("sum", "above", 1.0, {}) is None
    assert first("count", "equals", 0.0, {}) == ("fired", 20)


def test_an_aggregate_wakes_only_when_its_verdict_changes():
    many = rule({"metric": "t", "above": 30, "aggregate": "count", "over_ms": 3_200_000})
    state, found = many.start(0), ()
    for at in range(50):
        state, more = many.observe(state, at * 10_000, {"t": 1})
        found += more
    assert [each.kind for each in found] == ["fired"]
    # Five of its slices of 100 s hold ten samples each; when the second leaves, only 30 are left.
    assert many.next_due(state) == 100_000 + 3_200_000 + 1


def test_an_aggregate_keeps_a_bounded_state_however_fast_samples_come():
    wide = rule({"metric": "t", "above": 1e9, "aggregate": "range", "over_ms": 60_000})
    state = wide.start(0)
    for at in range(0, 120_000, 20):
        state, _ = wide.observe(state, at, {"t": at / 1000})
    assert len(encode_state(state)) < 1500


def test_a_change_of_value_is_told_until_the_next_sample():
    switched = rule({"metric": "mode", "changes": True})
    history = {at: {"mode": mode} for at, mode in enumerate(["eco", "eco", "boost", "eco", "eco"])}
    assert kinds(switched, history) == [("fired", 2), ("cleared", 4)]
    only_up = rule({"metric": "mode", "changes": True, "from": "eco", "to": "boost"})
    assert kinds(only_up, history) == [("fired", 2), ("cleared", 3)]
    assert run(only_up, history)[0].why["value_before"] == "eco"


def test_a_change_to_look_for_in_order_to_clear_is_one_after_the_firing():
    hot = rule({"metric": "t", "above": 90}, {"metric": "mode", "changes": True})
    history = {0: {"mode": "a"}, 1: {"mode": "b"}, 2: {"t": 95}, 3: {"t": 20}, 4: {"mode": "b"}, 5: {"mode": "c"}}
    assert kinds(hot, history) == [("fired", 2), ("cleared", 5)]


def test_an_evaluator_says_which_data_it_asks_for():
    some = rule({"all": [{"metric": "a", "above": 1}, {"no_data": True, "metric": "b", "for_ms": 5}]})
    assert (some.metrics, some.device_wide) == (frozenset({"a", "b"}), False)
    any_ = rule({"metric": "a", "above": 1}, {"no_data": True, "for_ms": 5})
    assert (any_.metrics, any_.device_wide) == (frozenset({"a"}), True)
    state, _ = any_.observe(any_.start(0), 3, {"b": 1})
    assert state.at == 3
    state = some.start(0)
    assert some.observe(state, 0, {"c": 1}) == (state, ())
