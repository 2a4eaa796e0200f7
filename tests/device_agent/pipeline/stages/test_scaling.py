from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_agent.pipeline.stages.scaling import Calibrate, Clamp
from tests.device_agent.pipeline.feed import any_finite, feed, moderate, series, values_of

TABLE = Calibrate(points=((0.0, 1.0), (10.0, 21.0), (20.0, 26.0)))


def test_a_linear_calibration_is_gain_and_offset():
    assert feed([Calibrate(2.0, -1.0)], [(1, 3)]) == [(1, "m", 5.0, "good")]


@pytest.mark.parametrize(
    ("raw", "true"), [(0, 1), (5, 11), (10, 21), (15, 23.5), (20, 26), (-5, -9), (30, 31)], ids=str
)
def test_a_table_is_interpolated_and_prolonged_beyond_its_ends(raw, true):
    assert values_of(feed([TABLE], [(1, raw)])) == [(1, pytest.approx(true))]


points = st.lists(st.tuples(moderate, moderate), min_size=2, max_size=6, unique_by=lambda point: round(point[0])).map(
    lambda found: tuple(sorted(found))
)


@given(points, moderate)
def test_between_two_points_the_result_is_between_theirs_and_at_a_point_its_own(found, raw):
    inside = min(max(raw, found[0][0]), found[-1][0])
    ((_, result),) = values_of(feed([Calibrate(points=found)], [(1, inside)]))
    around = [(low, high) for low, high in pairwise(found) if low[0] <= inside <= high[0]]
    least = min(min(low[1], high[1]) for low, high in around)
    most = max(max(low[1], high[1]) for low, high in around)
    assert least - 1e-6 <= result <= most + 1e-6
    for x, y in found:
        assert values_of(feed([Calibrate(points=found)], [(1, x)])) == [(1, pytest.approx(y, abs=1e-6))]


def test_a_result_beyond_what_a_float_holds_is_no_value():
    assert feed([Calibrate(gain=1e300)], [(1, 1e300), (2, 1.0)]) == [(2, "m", 1e300, "good")]
    assert feed([Calibrate(points=((0.0, 0.0), (1e-300, 1e300)))], [(1, 1e300)]) == []


@given(series(any_finite), moderate, moderate, st.booleans())
def test_what_comes_out_of_a_clamp_is_within_its_bounds_and_what_is_within_is_unchanged(samples, one, other, drop):
    low, high = min(one, other), max(one, other)
    out = values_of(feed([Clamp(low, high, drop=drop)], samples))
    assert all(low <= value <= high for _, value in out)
    assert [pair for pair in samples if low <= pair[1] <= high] == [pair for pair in out if pair in samples]
    if not drop:
        assert [at for at, _ in out] == [at for at, _ in samples]


def test_a_clamp_with_one_bound_leaves_the_other_side_open():
    assert values_of(feed([Clamp(minimum=0)], [(1, -5), (2, 1e300)])) == [(1, 0), (2, 1e300)]
    assert values_of(feed([Clamp(maximum=9, drop=True)], [(1, -5), (2, 10)])) == [(1, -5)]


def test_unsure_values_are_scaled_too():
    assert feed([Calibrate(2.0), Clamp(maximum=5)], [(1, 1, "stale"), (2, 4, "bad")]) == [
        (1, "m", 2.0, "stale"),
        (2, "m", 5, "bad"),
    ]
