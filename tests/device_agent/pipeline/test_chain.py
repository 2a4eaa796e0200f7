import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_agent.pipeline.stages.scaling import Calibrate, Clamp
from device_agent.pipeline.stages.settling import Debounce, Timeout
from device_agent.pipeline.stages.smoothing import Average, Ema, Median
from device_agent.pipeline.stages.thinning import Delta, Heartbeat, Throttle
from device_agent.pipeline.stages.windows import Window
from device_agent.sensors import Reading
from tests.device_agent.pipeline.feed import feed, moderate, pipeline, series

NUMERIC = [
    Calibrate(2.0, 1.0),
    Calibrate(points=((0.0, 1.0), (5.0, 2.0))),
    Clamp(-1e3, 1e3),
    Clamp(0, 1e5, drop=True),
    Median(3),
    Average(count=4),
    Average(over_ms=700),
    Ema(400, reset_after_ms=400),
    Delta(absolute=2.0),
    Delta(percent=10.0),
    Throttle(300),
    Heartbeat(600),
    Timeout(350),
    Window(450, "avg", ("min", "count")),
    Window(600, "last"),
]
OTHERS = [Delta(), Throttle(300), Heartbeat(600), Timeout(350), Debounce(200), Window(450, "last", ("count",))]

qualities = st.sampled_from(["good", "good", "good", "stale", "bad", "estimated"])
chains = st.tuples(st.lists(st.sampled_from(NUMERIC), max_size=5), series(st.tuples(moderate, qualities))) | st.tuples(
    st.lists(st.sampled_from(OTHERS), max_size=5), series(st.tuples(st.booleans(), qualities))
)
END = 30_000


def flat(samples):
    return [(at, value, quality) for at, (value, quality) in samples]


@given(chains, st.lists(st.integers(0, END)))
def test_wherever_it_is_ticked_the_same_comes_out(chain, ticks):
    stages, samples = chain
    assert feed(stages, flat(samples), until=END, ticks=ticks) == feed(stages, flat(samples), until=END)


@given(chains)
def test_a_second_tick_brings_nothing_and_the_time_named_something(chain):
    stages, samples = chain
    line = pipeline(*stages)
    for at, value, quality in flat(samples):
        while (due := line.next_due()) is not None and due <= at:
            assert line.tick(due - 1) == []
            line.tick(due)
            assert line.tick(due) == []
            assert line.next_due() is None or line.next_due() > due
        line.take(Reading(at, {"m": value}, quality=quality))


@given(chains)
def test_the_times_of_a_metric_rise_and_are_those_of_samples_or_before_the_last_tick(chain):
    stages, samples = chain
    out = feed(stages, flat(samples), until=END)
    for metric in {each[1] for each in out}:
        times = [at for at, name, _, _ in out if name == metric]
        assert times == sorted(set(times))
        assert all(at < END for at in times)


@given(chains, st.data())
def test_rubbish_in_between_is_counted_and_changes_nothing(chain, data):
    """NaN, infinity, texts among numbers, duplicates and what is older: no stage sees them."""
    stages, samples = chain
    line, clean = pipeline(*stages, Throttle(1)), pipeline(*stages, Throttle(1))
    bad = 0
    for at, value, quality in flat(samples):
        reading = Reading(at, {"m": value}, quality=quality)
        assert line.take(reading) == clean.take(reading)
        rubbish = data.draw(st.sampled_from([None, (at, value), (at - 1, value), (at, math.nan), (at, math.inf)]))
        if rubbish is not None:
            bad += 1
            assert line.take(Reading(rubbish[0], {"m": rubbish[1]})) == []
    assert line.left_out == ({"m": bad} if bad else {})


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, "warm", True])
def test_what_a_stage_does_not_take_is_left_out(value):
    line = pipeline(Median(3))
    assert line.take(Reading(1, {"m": value})) == []
    assert line.left_out == {"m": 1}


def test_a_chain_of_two_windows_sums_up_what_the_first_hands_on():
    samples = [(at, float(at)) for at in range(100, 1_100, 100)]
    stages = [Window(200, "max"), Window(1_000, "sum", ("count",))]
    assert feed(stages, samples, until=END) == [
        (1_000, "m_count", 4, "good"),
        (1_000, "m", 100 + 300 + 500 + 700, "good"),
        (2_000, "m_count", 2, "good"),
        (2_000, "m", 900 + 1_000, "good"),
    ]


def test_of_two_stages_that_are_due_at_once_the_first_comes_first():
    out = feed([Window(100, "last"), Timeout(50)], [(50, 1.0), (150, 2.0)], until=END)
    assert out == [
        (100, "m", 1.0, "good"),
        (101, "m", 1.0, "stale"),
        (200, "m", 2.0, "good"),
        (201, "m", 2.0, "stale"),
    ]


def test_a_sample_that_comes_later_than_what_was_due_after_it_is_moved_behind_that():
    line = pipeline(Timeout(50))
    line.take(Reading(10, {"m": 1.0}))
    (stale,) = line.tick(100)
    assert (stale.at, stale.quality) == (60, "stale")
    (late,) = line.take(Reading(55, {"m": 2.0}))
    assert (late.at, late.values, late.quality) == (61, {"m": 2.0}, "good")
