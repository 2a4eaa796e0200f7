"""A trace in words: every kind of condition, as the evaluation explains it."""

import json
from pathlib import Path

import pytest

from contract.conditions import parse
from contract.evaluation import Evaluator
from contract.traces import lines, reasons, span

T0 = 1_764_000_000_000  # 2025-11-24T16:00:00Z
HOT = {"metric": "t", "above": 8}
DRY = {"metric": "h", "below": 40}


def trace(condition, *seen, at=60_000, **more):
    """After `seen`, pairs of seconds and values."""
    evaluator = Evaluator(parse(condition), **more)
    state = evaluator.start(T0)
    for seconds, values in seen:
        state, _ = evaluator.observe(state, T0 + seconds * 1000, values)
    state, _ = evaluator.advance(state, T0 + at)
    return evaluator.explain(state)["when"], state.at


def said(condition, *seen, **more):
    (line,) = lines(*trace(condition, *seen, **more))
    return line.verdict, line.text


@pytest.mark.parametrize(
    ("condition", "seen", "verdict", "text"),
    [
        (HOT, [(5, {"t": 9})], "true", "t above 8: it was 9 at 16:00:05"),
        (HOT, [(5, {"t": 7.25})], "false", "t above 8: it was 7.25 at 16:00:05"),
        (HOT, [], "unknown", "t above 8: it never came"),
        (HOT, [(5, {"t": None})], "unknown", "t above 8: it was not to be relied on at 16:00:05"),
        (
            HOT,
            [(5, {"t": "warm"})],
            "unknown",
            "t above 8: it was warm at 16:00:05, which cannot be compared or is too old",
        ),
        (HOT | {"until": 7}, [(5, {"t": 9})], "true", "t above 8 (until 7): it was 9 at 16:00:05"),
        (
            HOT | {"for": "5m"},
            [(5, {"t": 9}), (35, {"t": 9})],
            "false",
            "t above 8 for 5m: it was 9 at 16:00:35, so far for 30s",
        ),
        (HOT | {"count": 3}, [(5, {"t": 9})], "false", "t above 8, 3 in a row: it was 9 at 16:00:05"),
        (
            HOT | {"count": 2, "of": 3},
            [(5, {"t": 9}), (6, {"t": 9})],
            "true",
            "t above 8, 2 of the last 3: it was 9 at 16:00:06",
        ),
        (
            HOT | {"rate_over": "1m"},
            [(0, {"t": 9}), (40, {"t": 409})],
            "true",
            "change of t per second over 1m above 8: it was 10, the last value at 16:00:40",
        ),
        (
            HOT | {"aggregate": "avg", "over": "1m"},
            [(0, {"t": 9}), (10, {"t": 11})],
            None,
            "avg of t over 1m above 8: ",
        ),
        (
            {"metric": "t", "above": {"metric": "limit", "plus": 2}},
            [(5, {"t": 9, "limit": 6})],
            "true",
            "t above limit + 2 (8): it was 9 at 16:00:05",
        ),
        (
            {"metric": "t", "above": {"attribute": "limit"}},
            [(5, {"t": 9})],
            "unknown",
            "t above limit (unknown): it was 9 at 16:00:05",
        ),
        ({"no_data": True, "for": "1h"}, [(5, {"t": 9})], "false", "no data of the device for 1h: silent for 0s"),
        (
            {"no_data": True, "metric": "t", "for": "10s"},
            [(5, {"t": 9})],
            "true",
            "no data of t for 10s: silent for 10s",
        ),
        (
            {"metric": "door", "changes": True, "from": False, "to": True},
            [(5, {"door": False}), (6, {"door": True})],
            "true",
            "door changes from false to true: it was true after false at 16:00:06",
        ),
        ({"online": True}, [(5, {"$online": False})], "false", "online: it was false at 16:00:05"),
        ({"online": False}, [], "unknown", "offline: it never came"),
        (
            {"schedule": [{"days": ["mon"], "from": "08:00", "to": "20:00"}], "zone": "Europe/Berlin"},
            [],
            "true",
            "within the schedule (Europe/Berlin): it was mon 17:00 there",
        ),
        (
            {"geofence": {"circle": {"latitude": 53.8, "longitude": -1.5, "radius_m": 100}}},
            [(5, {"latitude": 53.8, "longitude": -1.5})],
            "true",
            "inside the geofence: at 53.8, -1.5, 0 m from the centre",
        ),
        (
            {"geofence": {"circle": {"latitude": 53.8, "longitude": -1.5, "radius_m": 100}}, "is": "outside"},
            [],
            "unknown",
            "outside the geofence: the position is unknown",
        ),
    ],
)
def test_every_kind_of_condition_says_what_it_wanted_and_what_came(condition, seen, verdict, text):
    told, words = said(condition, *seen)
    assert words.startswith(text)
    assert told == verdict or verdict is None


def test_a_tree_is_told_from_its_root_with_each_part_s_verdict():
    tree, at = trace({"all": [HOT, {"not": DRY}], "for": "5m"}, (5, {"t": 9, "h": 50}), (25, {"t": 9}))
    assert [(one.depth, one.verdict, one.text) for one in lines(tree, at)] == [
        (0, "false", "all of for 5m: so far for 20s"),
        (1, "true", "t above 8: it was 9 at 16:00:25"),
        (1, "true", "not:"),
        (2, "false", "h below 40: it was 50 at 16:00:05"),
    ]


@pytest.mark.parametrize(
    ("condition", "seen", "deciding"),
    [
        ({"all": [HOT, DRY]}, {"t": 9, "h": 50}, ["h below 40"]),
        ({"all": [HOT, DRY]}, {"t": 7, "h": 50}, ["t above 8", "h below 40"]),
        ({"all": [HOT, DRY]}, {"t": 9, "h": 30}, ["t above 8", "h below 40"]),
        ({"all": [HOT, DRY]}, {"t": 9}, ["h below 40"]),
        ({"any": [HOT, DRY]}, {"t": 9, "h": 50}, ["t above 8"]),
        ({"any": [HOT, DRY]}, {"t": 7, "h": 50}, ["t above 8", "h below 40"]),
        ({"any": [HOT, DRY]}, {"t": 7}, ["h below 40"]),
        ({"not": HOT}, {"t": 9}, ["not t above 8"]),
        (
            {"all": [HOT, {"any": [DRY, {"metric": "p", "above": 1}]}]},
            {"t": 9, "h": 50, "p": 0},
            ["h below 40", "p above 1"],
        ),
        ({"all": [HOT, DRY], "for": "1h"}, {"t": 9, "h": 30}, ["all of 2 conditions for 1h"]),
        ({"not": HOT, "for": "1h"}, {"t": 7}, ["not for 1h"]),
        ({"all": [HOT, DRY], "for": "1h"}, {"t": 7, "h": 30}, ["t above 8"]),
    ],
)
def test_only_the_parts_that_decide_are_reasons(condition, seen, deciding):
    found = reasons(*trace(condition, (5, seen)))
    assert [one.partition(":")[0] for one in found] == deciding


def test_a_part_that_is_not_known_here_is_told_as_it_is():
    (line,) = lines({"resonance": 3, "verdict": "true", "value": 1.5, "age_ms": 0}, T0)
    assert line == (0, "true", "resonance 3: it was 1.5 at 16:00:00")
    assert lines({}, T0)[0].verdict == "unknown"


def test_a_value_of_another_day_has_its_date():
    (line,) = lines({"metric": "t", "above": 8, "verdict": "true", "value": 9, "age_ms": 86_400_000}, T0)
    assert line.text == "t above 8: it was 9 at 2025-11-23 16:00:00"
    (line,) = lines({"metric": "t", "above": 8, "verdict": "true", "value": 9, "age_ms": 10**17}, T0)
    assert "ms" in line.text, "also where no calendar reaches"


@pytest.mark.parametrize(
    ("ms", "text"),
    [
        (0, "0s"),
        (250, "250ms"),
        (90_000, "1m30s"),
        (5_400_000, "1h30m"),
        (3_601_000, "1h"),
        (90_061_000, "1d1h"),
        (-5, "0s"),
    ],
)
def test_a_span_is_told_by_its_two_greatest_units(ms, text):
    assert span(ms) == text


FIXTURES = Path(__file__).parents[1] / "fixtures" / "contract" / "traces.json"


@pytest.mark.parametrize("row", json.loads(FIXTURES.read_text()), ids=lambda row: row["lines"][0]["text"])
def test_the_dashboard_which_reads_the_same_fixtures_says_the_same(row):
    assert [one._asdict() for one in lines(row["trace"], row["at"])] == row["lines"]
