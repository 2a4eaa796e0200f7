from math import fsum

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.domain.retention import AHEAD_MS, Horizon
from functions.domain.series import Aggregate, Binner, Point, Summary, bin_start, newest, precedence

points = st.builds(
    Point,
    st.just("d"),
    st.sampled_from("ab"),
    st.integers(0, 3),
    st.floats(-10, 10) | st.booleans() | st.text(max_size=2),
    st.sampled_from(["good", "estimated", "stale", "bad"]),
    st.booleans(),
    st.integers(0, 3),
)


@given(st.lists(points), st.randoms(use_true_random=False))
def test_which_point_stands_does_not_depend_on_the_order_of_writing(some, chance):
    shuffled = chance.sample(some, len(some))
    assert newest(shuffled) == newest(some)
    assert all(precedence(newest(some)[one.device, one.metric, one.ts]) >= precedence(one) for one in some)


@given(st.integers(0, 2**53), st.integers(1, 10**12))
def test_bins_begin_at_multiples_of_their_width(ts, bin_ms):
    start = bin_start(ts, bin_ms)
    assert start % bin_ms == 0
    assert start <= ts < start + bin_ms


@given(
    st.lists(st.tuples(st.integers(0, 200), st.floats(-1e6, 1e6)), unique_by=lambda one: one[0]).map(sorted),
    st.integers(1, 70),
    st.integers(1, 5),
)
def test_summaries_do_not_depend_on_how_points_are_handed_over(rows, bin_ms, pieces):
    binner, whole = Binner(bin_ms, tuple(Aggregate)), Binner(bin_ms, tuple(Aggregate))
    whole.add("m", [ts for ts, _ in rows], [value for _, value in rows])
    for first in reversed(range(pieces)):
        part = rows[first * len(rows) // pieces : (first + 1) * len(rows) // pieces]
        binner.add("m", [ts for ts, _ in part], [value for _, value in part])
    one, other = whole.complete(), binner.complete()
    assert [(row.ts, row.values["count"], row.values["last"]) for row in one] == [
        (row.ts, row.values["count"], row.values["last"]) for row in other
    ]
    for mine, theirs in zip(one, other, strict=True):
        assert mine.values["sum"] == pytest.approx(theirs.values["sum"])
    assert sum(row.values["count"] for row in one) == len(rows)


def test_only_bins_that_end_in_time_are_complete():
    binner = Binner(10, (Aggregate.COUNT,))
    binner.add("m", [1, 9, 10, 25], [1.0, 2.0, 3.0, 4.0])
    assert [row.ts for row in binner.complete(20)] == [0, 10]
    assert [row.ts for row in binner.complete(20)] == []
    assert [row.ts for row in binner.complete()] == [20]


def test_sums_are_exact_as_far_as_a_float_is():
    summary = Summary()
    summary.add(list(range(10)), [0.1] * 10)
    assert summary.values((Aggregate.SUM,)) == {"sum": fsum([0.1] * 10)}


def test_a_sum_beyond_a_float_is_unknown_and_the_rest_is_known():
    summary = Summary()
    summary.add([1, 2], [1.7e308, 1.7e308])
    assert summary.values(tuple(Aggregate)) == {
        "avg": None,
        "min": 1.7e308,
        "max": 1.7e308,
        "sum": None,
        "count": 2,
        "last": 1.7e308,
    }


def test_the_horizon_bounds_every_reading():
    horizon = Horizon(10 * AHEAD_MS, 2 * AHEAD_MS)
    assert horizon.clamp(0, 10**15) == (8 * AHEAD_MS, 11 * AHEAD_MS)
    assert horizon.clamp(9 * AHEAD_MS, 10 * AHEAD_MS) == (9 * AHEAD_MS, 10 * AHEAD_MS)
    assert Horizon(5, 100).oldest == 0
