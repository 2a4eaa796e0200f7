from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_agent.pipeline.stages.scaling import Clamp
from device_agent.pipeline.stages.thinning import Delta, Heartbeat, Throttle
from tests.device_agent.pipeline.feed import any_finite, feed, moderate, series, values_of

words = st.sampled_from(["open", "closed"])


@given(series(), st.floats(0.001, 1e5))
def test_an_absolute_delta_passes_exactly_what_is_that_far_from_the_last_that_passed(samples, absolute):
    out = values_of(feed([Delta(absolute=absolute)], samples))
    last = None
    for pair in samples:
        passes = last is None or abs(pair[1] - last) >= absolute
        assert (pair in out) == passes
        if passes:
            last = pair[1]


@given(series(any_finite), st.floats(0.1, 200))
def test_a_relative_delta_passes_exactly_what_is_that_share_from_the_last_that_passed(samples, percent):
    out = values_of(feed([Delta(percent=percent)], samples))
    last = None
    for pair in samples:
        passes = last is None or (pair[1] != last and abs(pair[1] - last) >= abs(last) * (percent / 100))
        assert (pair in out) == passes
        if passes:
            last = pair[1]


def test_from_zero_any_change_is_more_than_a_share_of_it_and_none_is_not():
    samples = [(1, 0.0), (2, 0.0), (3, 1e-9), (4, 0.0)]
    assert values_of(feed([Delta(percent=5)], samples)) == [(1, 0.0), (3, 1e-9), (4, 0.0)]


def test_either_of_two_deltas_is_enough():
    samples = list(enumerate([100, 101, 103, 2, 2.9, 3.1], 1))
    assert [value for _, value in values_of(feed([Delta(absolute=3, percent=40)], samples))] == [100, 103, 2, 2.9]


@given(series(st.booleans() | words | moderate))
def test_a_delta_without_a_size_passes_every_change(samples):
    out = feed([Delta()], samples)
    assert all(one[2] != other[2] for one, other in pairwise(out))
    changes = [pair for before, pair in pairwise([(0, None), *samples]) if pair[1] != before[1]]
    assert values_of(out) == changes


@given(series(st.booleans() | words | moderate), st.integers(1, 1_500))
def test_a_throttle_keeps_its_distance_and_passes_the_first_that_may(samples, every):
    out = values_of(feed([Throttle(every)], samples))
    assert all(later[0] - earlier[0] >= every for earlier, later in pairwise(out))
    assert out[:1] == samples[:1]
    for earlier, later in pairwise([*out, (10**9, None)]):
        assert not [pair for pair in samples if earlier[0] + every <= pair[0] < later[0]]


@given(series(), st.integers(1, 1_500), st.floats(0.1, 1e6))
def test_a_heartbeat_is_never_overdue_by_more_than_the_next_sample(samples, every, absolute):
    out = values_of(feed([Delta(absolute=absolute), Heartbeat(every)], samples, until=10**9))
    times = [at for at, _ in samples]
    assert {at for at, _ in out} <= set(times)
    for (earlier, _), (later, _) in pairwise(out):
        assert not [at for at in times if earlier + every <= at < later]
    thinned = values_of(feed([Delta(absolute=absolute)], samples))
    repeated = [pair for pair in out if pair not in thinned]
    assert [pair for pair in out if pair in thinned] == thinned
    for at, value in repeated:
        before = [pair for pair in out if pair[0] < at][-1]
        assert at - before[0] >= every
        assert value == before[1]


def test_a_dead_sensor_has_no_heartbeat():
    stages = [Delta(absolute=1), Heartbeat(10)]
    assert feed(stages, [(1, 5.0), (2, 5.0)], until=10**6) == [(1, "m", 5.0, "good")]
    stale = [(1, 5.0), (2, 5.0, "stale"), (30, 5.0, "stale"), (60, 5.0)]
    assert feed(stages, stale) == [(1, "m", 5.0, "good"), (2, "m", 5.0, "stale"), (60, "m", 5.0, "good")]


def test_a_value_that_was_not_sure_is_not_repeated():
    stages = [Clamp(maximum=10, drop=True), Heartbeat(100)]
    assert feed(stages, [(1, 5), (2, 5, "stale"), (200, 99)]) == [(1, "m", 5.0, "good"), (2, "m", 5.0, "stale")]


def test_a_heartbeat_wherever_it_stands_hears_of_samples_that_were_held_back():
    stages = [Clamp(maximum=10, drop=True), Heartbeat(100), Throttle(1)]
    out = values_of(feed(stages, [(1, 5), (50, 99), (101, 99), (150, 99), (201, 99)]))
    assert out == [(1, 5), (101, 5), (201, 5)]


@pytest.mark.parametrize("stage", [Delta(absolute=10), Throttle(1_000)], ids=repr)
def test_a_change_of_quality_passes_and_its_repetition_does_not(stage):
    samples = [(1, 5.0), (2, 5.0, "stale"), (3, 5.0, "stale"), (4, 5.0), (5, 5.0)]
    assert [(at, quality) for at, _, _, quality in feed([stage], samples)] == [(1, "good"), (2, "stale"), (4, "good")]
