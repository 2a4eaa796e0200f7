"""Whatever is written in whatever order, every store answers what a list of points and plain arithmetic answer."""

import itertools
from math import fsum, isclose

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from functions.adapters.memory import ManualClock
from functions.domain.series import Aggregate, Point, RawRow, SeriesQuery
from tests.functions.adapters.telemetry_stores import RETENTION, STORES, exported

NOW = 1_764_000_000_000
HOUR = 3_600_000
DAY = 24 * HOUR
METRICS = ("a", "b", "c")
devices = (f"device-{number}" for number in itertools.count())

# Few instants around the edges of hours and days, so that points meet.
instants = st.sampled_from(
    [NOW, NOW - 1, NOW - HOUR, NOW - DAY, NOW - DAY - 1, NOW - 16 * HOUR, NOW - 16 * HOUR - 1, NOW - RETENTION]
) | st.integers(NOW - 3 * DAY, NOW + HOUR)
numbers = st.sampled_from([0.0, 1.5, -7.25, 0.1, 1e12]) | st.floats(-1e100, 1e100)
values = numbers | st.booleans() | st.text(max_size=20)
points = st.tuples(
    st.sampled_from(METRICS),
    instants,
    values,
    st.sampled_from(["good", "estimated", "stale", "bad"]),
    st.booleans(),
    st.integers(NOW, NOW + 3),
)
steps = st.lists(
    st.tuples(st.just("write"), st.lists(points, max_size=12))
    | st.tuples(st.just("again"), st.integers(0, 9))
    | st.tuples(st.just("delete"), st.tuples(instants, instants)),
    max_size=8,
)
questions = st.lists(
    st.tuples(
        st.lists(st.sampled_from([*METRICS, "none"]), min_size=1, max_size=3, unique=True),
        instants,
        instants,
        st.sampled_from([None, None, 1000, 7 * 60_000, HOUR, DAY, 5 * DAY]),
        st.sampled_from([1, 2, 5, 1000]),
    ),
    min_size=1,
    max_size=4,
)


class Oracle:
    """The points in a list; everything else is a comprehension."""

    def __init__(self):
        self.points = []

    def standing(self):
        def weight(one):
            kind = [bool, float, str].index(type(one.value))
            return one.received_at, kind, one.value, one.late, ["good", "estimated", "stale", "bad"].index(one.quality)

        kept = {}
        for one in sorted(self.points, key=lambda one: (weight(one)[:2], str(type(one.value)))):
            other = kept.get((one.metric, one.ts))
            if other is None or weight(one) >= weight(other):
                kept[one.metric, one.ts] = one
        return sorted(kept.values(), key=lambda one: (one.ts, one.metric))

    def raw(self, metrics, start, end):
        return [
            RawRow(one.ts, one.metric, one.value, one.quality, one.late)
            for one in self.standing()
            if one.metric in metrics and start <= one.ts < end
        ]

    def bins(self, metrics, start, end, bin_ms):
        groups = {}
        for row in self.raw(metrics, start, end):
            groups.setdefault((row.ts // bin_ms * bin_ms, row.metric), []).append(row.value)
        return {key: self.summary(some) for key, some in sorted(groups.items())}

    def rounding(self, metrics, start, end, bin_ms):
        """By how much a bin's sum may be off, in whatever order its numbers were summed up."""
        groups = {}
        for row in self.raw(metrics, start, end):
            if type(row.value) is float:
                groups.setdefault((row.ts // bin_ms * bin_ms, row.metric), []).append(abs(row.value))
        return {key: fsum(some) * len(some) * 2.0**-52 for key, some in groups.items()}

    def summary(self, some):
        numbers = [value for value in some if type(value) is float]
        total = fsum(numbers) if numbers else None
        return {
            "avg": total / len(numbers) if numbers else None,
            "min": min(numbers, default=None),
            "max": max(numbers, default=None),
            "sum": total,
            "count": len(some),
            "last": some[-1],
        }


def ask(store, **question):
    rows, cursor = [], None
    while True:
        page = store.series(SeriesQuery(cursor=cursor, **question))
        assert len(page.rows) <= question["limit"]
        rows += page.rows
        cursor = page.cursor
        if cursor is None:
            return rows


def same(mine, theirs, rounding=0.0):
    if type(mine) is float and type(theirs) is float:
        return isclose(mine, theirs, rel_tol=1e-12, abs_tol=rounding)
    return type(mine) is type(theirs) and mine == theirs


def without_ties(points, known):
    """The points but those that differ from one in `known` which was received in the same millisecond."""
    kept = []
    for one in points:
        version = (type(one.value), repr(one.value), one.quality, one.late)
        if known.setdefault((one.metric, one.ts, one.received_at), version) == version:
            kept.append(one)
    return kept


def check(store, steps, questions):
    can = store.capabilities()
    device, oracle, written, known = next(devices), Oracle(), [], {}
    for kind, detail in steps:
        if kind == "write":
            batch = [Point(device, *one) for one in detail]
            batch = batch if can.breaks_ties else without_ties(batch, known)
            assert store.write(batch) == []
            oracle.points += batch
            written.append(batch)
        elif kind == "again" and written:
            store.write(written[detail % len(written)])
            oracle.points += written[detail % len(written)]
        elif kind == "delete" and can.deletes:
            store.delete(device, min(detail), max(detail))
            oracle.points = [one for one in oracle.points if not min(detail) <= one.ts < max(detail)]
    for metrics, one, other, bin_ms, limit in questions:
        start, end = min(one, other), max(one, other)
        question = {"device": device, "metrics": tuple(metrics), "start": start, "end": end, "limit": limit}
        if bin_ms is None:
            assert ask(store, **question) == oracle.raw(metrics, start, end)
            continue
        rows = ask(store, **question, bin_ms=bin_ms, aggregates=tuple(Aggregate))
        expected = oracle.bins(metrics, start, end, bin_ms)
        rounding = oracle.rounding(metrics, start, end, bin_ms)
        assert [(row.ts, row.metric) for row in rows] == list(expected)
        for row in rows:
            for name, value in expected[row.ts, row.metric].items():
                summed = name in ("sum", "avg")
                off = rounding.get((row.ts, row.metric), 0.0) if summed else 0.0
                assert same(row.values[name], value, off), (row, name, value)
    start, end = min(questions[0][1:3]), max(questions[0][1:3])
    moved = sorted(exported(store, device, start, end), key=lambda one: (one.ts, one.metric))
    assert moved == [one for one in oracle.standing() if start <= one.ts < end]


@pytest.fixture(params=STORES)
def store(request):
    return STORES[request.param](request, ManualClock(NOW))


# Each example has a device of its own, so that one store serves them all.
@settings(
    max_examples=max(60, settings.default.max_examples // 2),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(steps, questions)
def test_a_store_answers_as_arithmetic_does(store, steps, questions):
    check(store, steps, questions)
