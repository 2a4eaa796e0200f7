import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_agent.pipeline.stages.thinning import Delta
from device_agent.pipeline.stages.windows import AGGREGATES, Window
from device_agent.sensors import Reading
from tests.device_agent.pipeline.feed import any_finite, feed, pipeline, series, values_of

END = 10**6


@given(series(), st.integers(1, 2_000), st.lists(st.integers(0, 25_000)))
def test_no_sample_is_lost_or_counted_twice_and_each_aggregate_is_that_of_its_window(samples, every, ticks):
    out = feed([Window(every, None, AGGREGATES)], samples, until=END, ticks=ticks)
    found = {}
    for at, metric, value, _ in out:
        found.setdefault(at, {})[metric] = value
    assert sum(window["m_count"] for window in found.values()) == len(samples)
    for end, window in found.items():
        inside = [value for at, value in samples if end - every <= at < end]
        assert end % every == 0
        assert window["m_count"] == len(inside)
        assert window["m_last"] == inside[-1]
        assert (window["m_min"], window["m_max"]) == (min(inside), max(inside))
        assert window["m_sum"] == pytest.approx(math.fsum(inside), abs=1e-5)
        assert window["m_min"] <= window["m_avg"] <= window["m_max"]
        assert window["m_avg"] == pytest.approx(window["m_sum"] / len(inside), abs=1e-5)


@given(series(any_finite), st.integers(1, 2_000))
def test_an_average_is_between_its_extremes_or_absent_whatever_the_values(samples, every):
    out = feed([Window(every, None, ("min", "max", "avg", "sum"))], samples, until=END)
    assert all(math.isfinite(value) for _, _, value, _ in out)
    means = values_of(out, "m_avg")
    assert all(dict(values_of(out, "m_min"))[at] <= value <= dict(values_of(out, "m_max"))[at] for at, value in means)


def test_the_average_of_what_stays_the_same_is_exactly_that():
    samples = [(at, 0.1) for at in range(1, 4)]
    assert sum(value for _, value in samples) / 3 > 0.1
    assert feed([Window(10, "avg")], samples, until=END) == [(10, "m", 0.1, "good")]


def test_the_value_goes_on_in_the_chain_under_the_metrics_own_name():
    samples = [(at, value) for at, value in zip(range(500, 4_500, 500), [1, 3, 2, 2, 2, 2, 9, 9], strict=True)]
    stages = [Window(1_000, "avg", ("max",)), Delta(absolute=3)]
    assert feed(stages, samples, until=END) == [
        (1_000, "m_max", 1, "good"),
        (1_000, "m", 1.0, "good"),
        (2_000, "m_max", 3, "good"),
        (3_000, "m_max", 2, "good"),
        (4_000, "m_max", 9, "good"),
        (4_000, "m", 5.5, "good"),
        (5_000, "m_max", 9, "good"),
        (5_000, "m", 9.0, "good"),
    ]


def test_a_window_closes_without_a_sample_once_time_is_beyond_its_end():
    assert feed([Window(1_000, "last")], [(900, 5.0)], until=1_000) == []
    assert feed([Window(1_000, "last")], [(900, 5.0)], until=1_001) == [(1_000, "m", 5.0, "good")]


def test_a_sample_at_the_end_belongs_to_the_next_window():
    assert values_of(feed([Window(1_000, "sum")], [(999, 1.0), (1_000, 2.0)], until=END)) == [(1_000, 1), (2_000, 2)]


def test_windows_without_samples_do_not_come_out():
    assert values_of(feed([Window(10, "count")], [(5, 1.0), (1_005, 1.0)], until=END)) == [(10, 1), (1_010, 1)]


def test_unsure_samples_do_not_count():
    samples = [(1, 5.0), (2, 99.0, "stale"), (3, 99.0, "bad"), (4, 7.0, "estimated")]
    assert feed([Window(10, "avg")], samples, until=END) == [(10, "m", 6.0, "good")]


def test_booleans_and_texts_have_a_last_and_a_count():
    window = Window(10, "last", ("count",))
    assert feed([window], [(1, "a"), (2, "b")], until=END) == [(10, "m_count", 2, "good"), (10, "m", "b", "good")]
    assert window.takes == {"number", "boolean", "string"}
    assert Window(10, "last", ("max",)).takes == {"number"}


@given(series(), st.integers(2, 500))
def test_a_sample_that_comes_after_its_window_was_closed_counts_in_the_next(samples, every):
    """As a slow sensor's do: their time is when it began to measure."""
    line, out = pipeline(Window(every, None, ("count",))), []
    for at, value in samples:
        out += line.tick(at + 100)
        out += line.take(Reading(at, {"m": value}))
    out += line.tick(END)
    assert sum(each.values["m_count"] for each in out) == len(samples)
    assert all(earlier.at < later.at for earlier, later in pairwise(out))
