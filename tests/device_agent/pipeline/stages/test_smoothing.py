import math
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_agent.pipeline.stages.smoothing import MOST_SAMPLES, Average, Ema, Median
from tests.device_agent.pipeline.feed import any_finite, feed, moderate, series, values_of

counts = st.integers(2, 9)


@given(series(any_finite), counts)
def test_a_median_is_one_of_the_last_samples_and_half_of_them_are_on_either_side(samples, count):
    out = values_of(feed([Median(count)], samples))
    assert [at for at, _ in out] == [at for at, _ in samples]
    for index, (_, result) in enumerate(out):
        last = [value for _, value in samples[max(0, index + 1 - count) : index + 1]]
        assert result in last
        assert result == statistics.median_low(last)


def test_a_median_ignores_a_spike():
    out = values_of(feed([Median(3)], list(enumerate([20, 20, 85, 20, 20], 1))))
    assert [value for _, value in out] == [20, 20, 20, 20, 20]


@given(series(), counts)
def test_an_average_over_a_count_is_the_mean_of_those_samples(samples, count):
    for index, (_, result) in enumerate(values_of(feed([Average(count=count)], samples))):
        last = [value for _, value in samples[max(0, index + 1 - count) : index + 1]]
        assert result == pytest.approx(math.fsum(last) / len(last), abs=1e-6)


@given(series(), st.integers(1, 2_000))
def test_an_average_over_a_time_is_the_mean_of_the_samples_of_that_time(samples, over):
    for at, result in values_of(feed([Average(over_ms=over)], samples)):
        last = [value for time, value in samples if at - over < time <= at]
        assert result == pytest.approx(math.fsum(last) / len(last), abs=1e-6)


def test_a_huge_sample_leaves_no_trace_in_an_average_once_it_has_left():
    samples = list(enumerate([1e300, 0.1, 0.2, 0.3, 0.4], 1))
    assert values_of(feed([Average(count=2)], samples))[-1] == (5, pytest.approx(0.35))


def test_an_average_over_a_time_keeps_a_bounded_number_of_samples():
    samples = [(at, float(at)) for at in range(1, MOST_SAMPLES + 101)]
    *_, (_, result) = values_of(feed([Average(over_ms=10**9)], samples))
    assert result == pytest.approx(sum(range(101, MOST_SAMPLES + 101)) / MOST_SAMPLES)


@given(series(any_finite), st.integers(1, 5_000))
def test_an_ema_stays_between_the_least_and_the_greatest_sample(samples, time_constant):
    out = values_of(feed([Ema(time_constant)], samples))
    for index, (_, result) in enumerate(out):
        seen = [value for _, value in samples[: index + 1]]
        assert min(seen) <= result <= max(seen)


@given(moderate, moderate, st.integers(1, 10_000), st.lists(st.integers(1, 1_000), min_size=1, max_size=10))
def test_an_ema_depends_on_time_and_not_on_how_often_it_was_sampled(before, after, time_constant, gaps):
    times = [1000 + sum(gaps[: index + 1]) for index in range(len(gaps))]
    out = values_of(feed([Ema(time_constant)], [(1000, before), *((at, after) for at in times)]))
    expected = after + (before - after) * math.exp(-sum(gaps) / time_constant)
    assert out[-1][1] == pytest.approx(expected, abs=1e-3)


def test_an_ema_of_what_stays_the_same_is_exactly_that():
    samples = [(at * at, 0.1) for at in range(1, 200)]
    assert values_of(feed([Ema(777)], samples)) == samples


def test_an_ema_has_gone_63_percent_of_a_step_after_its_time_constant():
    assert values_of(feed([Ema(30_000)], [(1, 0.0), (30_001, 100.0)]))[-1][1] == pytest.approx(63.2, abs=0.1)


@pytest.mark.parametrize("stage", [Median(3), Average(count=3), Average(over_ms=9_999), Ema(9_999)], ids=repr)
def test_the_first_sample_passes_as_it_is(stage):
    assert feed([stage], [(5, 21.5)]) == [(5, "m", 21.5, "good")]


@pytest.mark.parametrize("stage", [Median(3), Average(count=3), Average(over_ms=9_999), Ema(9_999)], ids=repr)
def test_an_unsure_value_passes_as_it_is_and_enters_no_statistics(stage):
    good = [(1, 10.0), (3, 12.0), (4, 11.0)]
    with_stale = [good[0], (2, 1000.0, "stale"), *good[1:]]
    assert [each for each in feed([stage], with_stale) if each[3] == "good"] == feed([stage], good)
    assert (2, "m", 1000.0, "stale") in feed([stage], with_stale)


@pytest.mark.parametrize(
    "stage",
    [
        Median(3, reset_after_ms=100),
        Average(count=3, reset_after_ms=100),
        Average(over_ms=9_999, reset_after_ms=100),
        Ema(9_999, reset_after_ms=100),
    ],
    ids=repr,
)
def test_after_a_gap_that_is_too_long_it_begins_anew_and_after_a_shorter_one_not(stage):
    *_, (_, kept) = values_of(feed([stage], [(1, 10.0), (2, 10.0), (102, 50.0)]))
    assert kept < 50
    *_, (_, anew) = values_of(feed([stage], [(1, 10.0), (2, 10.0), (103, 50.0)]))
    assert anew == 50.0
