from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from device_agent.pipeline.stages.settling import Debounce, Timeout
from device_agent.pipeline.stages.thinning import Delta
from tests.device_agent.pipeline.feed import feed, series, values_of

states = st.sampled_from(["open", "closed", "ajar"])


@given(series(st.booleans()) | series(states), st.integers(1, 1_000))
def test_a_debounced_value_changes_only_to_what_has_stayed_for_so_long(samples, for_ms):
    end = 10**6
    out = values_of(feed([Debounce(for_ms)], samples, until=end))
    for before, (at, value) in pairwise(out):
        if value == before[1]:
            continue
        since = at - for_ms
        assert (since, value) in samples
        assert all(other == value for time, other in samples if since <= time < at)
    if samples:
        last = samples[-1][1]
        assert out[-1][1] == last


@given(series(states), st.integers(1, 1_000))
def test_what_repeats_the_debounced_value_passes_at_once(samples, for_ms):
    out = values_of(feed([Debounce(for_ms)], samples, until=10**6))
    for pair in samples:
        before = [value for at, value in out if at < pair[0]]
        if before and before[-1] == pair[1]:
            assert pair in out


def test_a_bouncing_contact_comes_out_once_when_it_has_settled():
    samples = [(1, False), (100, True), (103, False), (105, True), (140, True)]
    assert values_of(feed([Debounce(50)], samples, until=1_000)) == [(1, False), (103, False), (155, True)]


def test_a_sample_at_the_very_end_of_the_wait_settles_it_or_ends_it():
    assert values_of(feed([Debounce(50)], [(1, False), (100, True), (150, True)])) == [(1, False), (150, True)]
    assert values_of(feed([Debounce(50)], [(1, False), (100, True), (150, False)], until=999)) == [
        (1, False),
        (150, False),
    ]


def test_an_unsure_value_passes_and_ends_the_wait():
    out = feed([Debounce(50)], [(1, False), (100, True), (120, True, "stale")], until=999)
    assert out == [(1, "m", False, "good"), (120, "m", True, "stale")]


@given(series(st.booleans() | states | st.floats(-9, 9)), st.integers(1, 1_000))
def test_silence_makes_the_last_value_stale_once(samples, after):
    out = feed([Timeout(after)], samples, until=10**6)
    stale = [(at, value) for at, _, value, quality in out if quality == "stale"]
    expected = [
        (at + after, value) for (at, value), (later, _) in pairwise([*samples, (10**6, None)]) if at + after < later
    ]
    assert stale == expected
    assert [(at, value) for at, _, value, quality in out if quality == "good"] == samples


def test_samples_that_a_stage_held_back_are_no_silence():
    samples = [(at, 5.0) for at in range(0, 1_000, 10)]
    assert feed([Delta(absolute=1), Timeout(50)], samples, until=1_000) == [(0, "m", 5.0, "good")]
    assert feed([Delta(absolute=1), Timeout(50)], samples, until=1_041)[1:] == [(1_040, "m", 5.0, "stale")]


def test_a_stale_sample_is_no_news_and_is_not_made_stale_again():
    assert feed([Timeout(50)], [(1, 5.0), (20, 5.0, "stale")], until=999) == [
        (1, "m", 5.0, "good"),
        (20, "m", 5.0, "stale"),
    ]


def test_nothing_is_made_stale_before_there_is_a_value():
    assert feed([Timeout(50)], [(1, 5.0, "bad")], until=999) == [(1, "m", 5.0, "bad")]
