"""What a rule would have found, and how that differs from another."""

import pytest

from contract.rules import read_rule
from functions.domain.access import By
from functions.domain.backtests import (
    GIVEN_UP_MS,
    MAX_LOOKBACK_MS,
    MAX_SHOWN,
    WARM_UP_MS,
    Backtest,
    Episode,
    Replay,
    Stage,
    difference,
    episodes,
    finding,
    lookback_ms,
    result,
)

MINUTE = 60_000
DAY = 86_400_000


def rule(when=None, **more):
    when = when or {"metric": "t", "above": 8}
    base = {} if "bands" in more else {"severity": "major", "when": when}
    return read_rule({"rule": "warm", "scope": "*", **base, **more})


def steps(values, until=None, begin=0, **more):
    replay = Replay(rule(**more), begin, {})
    for minute, value in enumerate(values):
        replay.feed(begin + minute * MINUTE, {"t": value})
    replay.until(until or begin + len(values) * MINUTE)
    return replay.steps


def test_transitions_of_the_range_and_alarms_that_reach_into_it():
    found = finding(steps([9, 9, 1, 1, 9, 1, 9]), 1 * MINUTE, 7 * MINUTE)
    assert [(one.kind, one.at // MINUTE, one.value) for one in found.transitions] == [
        ("cleared", 2, 1),
        ("raised", 4, 9),
        ("cleared", 5, 1),
        ("raised", 6, 9),
    ]
    assert found.counts == {"cleared": 2, "raised": 2}
    assert [(one.raised_at // MINUTE, one.cleared_at) for one in found.alarms] == [
        (0, 2 * MINUTE),
        (4, 5 * MINUTE),
        (6, None),
    ]
    assert found.active_ms == (1 + 1 + 1) * MINUTE


def test_an_alarm_is_as_severe_as_its_worst():
    bands = [{"severity": "minor", "when": {"metric": "t", "above": 8}}]
    bands.append({"severity": "critical", "when": {"metric": "t", "above": 20}})
    (one,) = episodes(steps([9, 25, 9, 1], bands=bands))
    assert one == Episode(0, 3 * MINUTE, "critical")


def test_what_becomes_due_before_the_end_is_found_and_after_it_is_not():
    silent = {"no_data": True, "for": "5m"}
    assert [one.at for one in steps([1], until=6 * MINUTE, when=silent)] == [5 * MINUTE]
    assert steps([1], until=5 * MINUTE, when=silent) == []


def test_attributes_are_known_from_the_beginning():
    replay = Replay(rule({"metric": "t", "above": {"attribute": "limit"}}), 0, {"@limit": 8.0})
    replay.feed(0, {"t": 9})
    assert [one.kind for one in replay.steps] == ["raised"]


def test_of_many_transitions_the_first_are_told_and_all_are_counted():
    found = finding(steps([9, 1] * MAX_SHOWN), 0, 2 * MAX_SHOWN * MINUTE)
    assert len(found.transitions) == MAX_SHOWN
    assert found.counts == {"raised": MAX_SHOWN, "cleared": MAX_SHOWN}
    assert (len(found.alarms), found.raised) == (MAX_SHOWN, MAX_SHOWN)


def test_alarms_that_overlap_are_the_same_perhaps_changed():
    def one(begin, end, severity="major"):
        return Episode(begin, end, severity)

    installed = [one(0, 10), one(20, 30), one(40, 50), one(70, 80), one(90, None)]
    tested = [one(0, 10), one(22, 30), one(40, 50, "minor"), one(55, 60), one(95, None)]
    found = difference(installed, tested)
    assert (found.same, found.changed, found.added, found.removed) == (1, 3, 1, 1)
    assert found.additions == (one(55, 60),)
    assert found.removals == (one(70, 80),)
    assert [(each.installed.raised_at, each.tested.raised_at) for each in found.changes] == [
        (20, 22),
        (40, 40),
        (90, 95),
    ]


@pytest.mark.parametrize(("installed", "tested"), [([], []), ([Episode(5, 5, "info")], [Episode(5, 5, "info")])])
def test_without_any_difference_all_is_the_same(installed, tested):
    found = difference(installed, tested)
    assert (found.same, found.changed, found.added, found.removed) == (len(installed), 0, 0, 0)


def test_of_many_differences_the_first_are_told_and_all_are_counted():
    many = [Episode(at * 10, at * 10 + 5, "major") for at in range(MAX_SHOWN)]
    found = difference([], many)
    assert (found.added, len(found.additions)) == (MAX_SHOWN, MAX_SHOWN // 5)


def test_the_difference_is_of_the_range_alone():
    before, tested = [9, 1, 1, 1, 9], [9, 1, 1, 1, 1]
    made = result(3, steps(tested), steps(before), 2 * MINUTE, 5 * MINUTE)
    assert (made.difference.same, made.difference.removed) == (0, 1)
    assert (made.tested.raised, made.installed.raised) == (0, 1)
    assert result(3, steps(tested), None, 0, 5 * MINUTE).difference is None


@pytest.mark.parametrize(
    ("when", "more", "ms"),
    [
        ({"metric": "t", "above": 8}, {}, 0),
        ({"metric": "t", "above": 8, "for": "5m"}, {}, 5 * MINUTE),
        ({"metric": "t", "above": 8, "count": 3}, {}, 30_000),
        ({"metric": "t", "above": 8, "rate_over_ms": MINUTE, "for": "5m"}, {}, 6 * MINUTE),
        (
            {"all": [{"metric": "t", "above": 8, "for": "2m"}, {"metric": "h", "above": 8, "for": "7m"}], "for": "1m"},
            {},
            8 * MINUTE,
        ),
        ({"metric": "t", "above": 8}, {"clear_after": "9m", "stale_after": "3m"}, 12 * MINUTE),
        ({"no_data": True, "for_ms": 60 * DAY}, {}, MAX_LOOKBACK_MS - WARM_UP_MS),
    ],
)
def test_a_replay_begins_as_far_back_as_the_rule_s_windows_reach(when, more, ms):
    assert lookback_ms(rule(when, **more), interval_ms=10_000) == ms + WARM_UP_MS


def test_what_never_ended_counts_as_given_up():
    job = Backtest(
        id="b",
        thing="cold-1",
        rule="{}",
        begin=0,
        start=0,
        end=1,
        metrics=(),
        attributes={},
        by=By("user:ann", "ann"),
        created_at=100,
        stage=Stage.RUNNING,
        started_at=200,
    )
    assert job.at(200 + GIVEN_UP_MS - 1) == job
    assert job.at(200 + GIVEN_UP_MS).stage is Stage.FAILED
