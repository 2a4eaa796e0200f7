import dataclasses
import sys
import tracemalloc
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from contract.expressions import compile_expression
from device_agent.clock import ManualClock
from device_agent.pipeline.pipeline import Pipeline
from device_agent.pipeline.settings import ChainSettings, Derivation, PipelineSettings
from device_agent.pipeline.stages.scaling import Calibrate, Clamp
from device_agent.pipeline.stages.settling import Timeout
from device_agent.pipeline.stages.smoothing import Ema, Median
from device_agent.pipeline.stages.thinning import Delta, Heartbeat, Throttle
from device_agent.pipeline.stages.windows import Window
from device_agent.sensors import Reading


def line(*chains, previous=None):
    return Pipeline(PipelineSettings(chains), previous)


def derived(metric, text, *stages, **options):
    return ChainSettings(metric, stages, Derivation(compile_expression(text), **options))


def told(readings):
    return [(each.at, dict(each.values), each.quality) for each in readings]


def test_a_reading_without_stages_is_handed_on_itself():
    reading = Reading(5, {"a": 1.0, "b": True}, "row 7", "stale")
    assert line().take(reading)[0] is reading
    (passed,) = line(ChainSettings("c", (Median(3),))).take(reading)
    assert passed is reading


def test_metrics_with_and_without_stages_of_one_reading_stay_together():
    (passed,) = line(ChainSettings("a", (Calibrate(2.0),))).take(Reading(5, {"a": 1.0, "b": "x"}, "row 7"))
    assert passed == Reading(5, {"a": 2.0, "b": "x"}, "row 7")


def test_a_position_comes_out_even_if_every_value_was_held_back():
    chain = ChainSettings("a", (Throttle(1_000),))
    passing = line(chain)
    assert passing.take(Reading(1, {"a": 1.0}, "row 1")) == [Reading(1, {"a": 1.0}, "row 1")]
    assert passing.take(Reading(2, {"a": 1.0}, "row 2")) == [Reading(2, {}, "row 2")]
    assert passing.take(Reading(3, {"a": 1.0})) == []


readings = st.lists(
    st.tuples(
        st.integers(1, 300),
        st.dictionaries(st.sampled_from(["a", "b", "c"]), st.floats(-100, 100), max_size=3),
        st.sampled_from(["good", "good", "stale"]),
    ),
    max_size=30,
)
FULL = (
    ChainSettings("a", (Delta(absolute=5), Heartbeat(500), Timeout(400))),
    ChainSettings("b", (Window(250, "avg", ("max",)),)),
    derived("d", "a + b", Throttle(100), Timeout(300)),
    derived("e", "d - b_max + c"),
)


def made(steps):
    at, found = 0, []
    for index, (gap, values, quality) in enumerate(steps):
        at += gap
        found.append(Reading(at, values, f"row {index}", quality))
    return found


def run(chains, given_readings, ticks=(), end=20_000):
    passing, out = line(*chains), []
    events = [(each.at, 1, each) for each in given_readings] + [(tick // 2, tick % 2 * 2, None) for tick in ticks]
    for at, _, reading in sorted(events, key=lambda event: event[:2]):
        out += passing.take(reading) if reading else passing.tick(at)
    return [*out, *passing.tick(end)]


def merged(out):
    """By time and quality: a tick between may give two readings of one time."""
    found = {}
    for each in out:
        found.setdefault((each.at, each.quality), {}).update(each.values)
    return {key: values for key, values in found.items() if values}


@given(readings)
def test_positions_come_out_in_order_once_each_and_nothing_is_moved_in_time(steps):
    out = run(FULL, made(steps))
    assert [(each.at, each.position) for each in out if each.position] == [(r.at, r.position) for r in made(steps)]
    assert [each.at for each in out] == sorted(each.at for each in out)


@given(readings, st.lists(st.integers(0, 20_000)))
def test_wherever_it_is_ticked_the_same_comes_out_of_all_metrics(steps, ticks):
    assert merged(run(FULL, made(steps), ticks)) == merged(run(FULL, made(steps)))


@given(readings)
def test_what_comes_out_of_one_metric_does_not_depend_on_the_others(steps):
    alone = [
        dataclasses.replace(each, values={k: v for k, v in each.values.items() if k == "a"}) for each in made(steps)
    ]
    both = [(each.at, each.values["a"]) for each in run(FULL, made(steps)) if "a" in each.values]
    assert both == [(each.at, each.values["a"]) for each in run(FULL[:1], alone) if "a" in each.values]


def test_a_derived_metric_follows_its_inputs_as_they_come_out():
    passing = line(ChainSettings("a", (Calibrate(2.0),)), derived("sum", "a + b"))
    assert told(passing.take(Reading(1, {"a": 1.0}))) == [(1, {"a": 2.0}, "good")]
    assert told(passing.take(Reading(2, {"b": 5.0}))) == [(2, {"b": 5.0, "sum": 7.0}, "good")]
    assert told(passing.take(Reading(3, {"a": 10.0, "b": 1.0}))) == [(3, {"a": 20.0, "b": 1.0, "sum": 21.0}, "good")]
    assert told(passing.take(Reading(4, {"other": 1.0}))) == [(4, {"other": 1.0}, "good")]


def test_derived_metrics_may_be_derived_from_each_other_and_go_through_stages():
    passing = line(derived("double", "a * 2"), derived("clamped", "double + 1", Clamp(maximum=10)))
    assert told(passing.take(Reading(1, {"a": 7.0}))) == [(1, {"a": 7.0, "double": 14.0, "clamped": 10.0}, "good")]


def test_a_missing_stale_or_old_input_gives_no_derived_value():
    passing = line(derived("sum", "a + b", max_age_ms=100))
    passing.take(Reading(1, {"a": 1.0, "b": 2.0}))
    assert told(passing.take(Reading(50, {"a": 3.0}))) == [(50, {"a": 3.0, "sum": 5.0}, "good")]
    assert told(passing.take(Reading(60, {"b": 2.0}, quality="stale"))) == [(60, {"b": 2.0}, "stale")]
    assert told(passing.take(Reading(70, {"a": 3.0}))) == [(70, {"a": 3.0}, "good")]
    assert told(passing.take(Reading(80, {"b": 2.0}))) == [(80, {"b": 2.0, "sum": 5.0}, "good")]
    assert told(passing.take(Reading(181, {"a": 3.0}))) == [(181, {"a": 3.0}, "good")]


def test_an_expression_without_a_result_gives_no_value():
    passing = line(derived("share", "a / b"))
    assert told(passing.take(Reading(1, {"a": 1.0, "b": 0.0}))) == [(1, {"a": 1.0, "b": 0.0}, "good")]


def test_what_is_due_makes_derived_values_in_the_order_of_time():
    passing = line(
        ChainSettings("a", (Window(100, "last"),)), ChainSettings("b", (Window(70, "last"),)), derived("sum", "a + b")
    )
    passing.take(Reading(1, {"a": 1.0, "b": 10.0}))
    assert told(passing.tick(500)) == [(70, {"b": 10.0}, "good"), (100, {"a": 1.0, "sum": 11.0}, "good")]


def test_two_sensors_that_read_at_the_same_instant_both_count():
    passing = line(derived("sum", "a + b"))
    passing.take(Reading(1, {"a": 1.0, "b": 1.0}))
    assert told(passing.take(Reading(5, {"a": 2.0}))) == [(5, {"a": 2.0, "sum": 3.0}, "good")]
    assert told(passing.take(Reading(5, {"b": 2.0}))) == [(5, {"b": 2.0}, "good"), (6, {"sum": 4.0}, "good")]


async def test_a_step_of_the_wall_clock_touches_nothing():
    def run_with(steps):
        clock, out = ManualClock(), []
        passing = line(*FULL)
        for index in range(40):
            if index in steps:
                clock.set_wall_ms(clock.wall_ms() + steps[index])
            out += passing.take(Reading(clock.boot_ms(), {"a": float(index), "b": 1.0, "c": 2.0}))
            yield out, clock

    years = 10 * 365 * 86_400_000
    stepped, plain = run_with({7: years, 21: -2 * years}), run_with({})
    for (one, clock), (other, other_clock) in zip(stepped, plain, strict=True):
        await clock.advance(0.13)
        await other_clock.advance(0.13)
        assert one == other
    assert len(one) > 20


def test_chains_whose_settings_stay_go_on_where_they_were_in_a_new_configuration():
    kept, changed = ChainSettings("a", (Ema(1_000),)), ChainSettings("b", (Ema(1_000),))
    before = line(kept, changed)
    before.take(Reading(1, {"a": 0.0, "b": 0.0}))
    after = line(kept, ChainSettings("b", (Ema(2_000),)), previous=before)
    (passed,) = after.take(Reading(2, {"a": 100.0, "b": 100.0}))
    assert passed.values["a"] < 1
    assert passed.values["b"] == 100.0


def test_a_window_that_goes_on_in_a_new_configuration_is_closed_there():
    before = line(ChainSettings("a", (Window(100, "sum"),)))
    before.take(Reading(1, {"a": 2.0}))
    after = line(ChainSettings("a", (Window(100, "sum"),)), previous=before)
    assert after.next_due() == 101
    assert told(after.tick(101)) == [(100, {"a": 2.0}, "good")]


def calls(pipeline, readings):
    """How many calls it takes to take them, of Python's functions and of C's."""
    made = Counter()

    def count(_frame, event, _argument):
        made[event] += 1

    sys.setprofile(count)
    try:
        for reading in readings:
            pipeline.take(reading)
    finally:
        sys.setprofile(None)
    return made


def test_of_five_thousand_samples_through_four_stages_the_last_cost_what_the_first_did():
    passing = line(ChainSettings("a", (Calibrate(1.02, -0.3), Clamp(-40, 85), Median(5), Ema(30_000))))
    given_readings = [Reading(at, {"a": float(at % 50)}) for at in range(5_000)]
    for reading in given_readings[:100]:
        passing.take(reading)

    first = calls(passing, given_readings[100:200])
    for reading in given_readings[200:4_900]:
        passing.take(reading)

    assert calls(passing, given_readings[4_900:]) == first


def test_five_thousand_samples_through_four_stages_leave_nothing_behind():
    passing = line(ChainSettings("a", (Calibrate(1.02, -0.3), Clamp(-40, 85), Median(5), Ema(30_000))))
    given_readings = [Reading(at, {"a": float(at % 50)}) for at in range(5_000)]
    tracemalloc.start()
    try:
        for reading in given_readings[:100]:
            passing.take(reading)
        before, _ = tracemalloc.get_traced_memory()
        for reading in given_readings[100:]:
            passing.take(reading)
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    # One byte a sample would be more.
    assert after - before < 4_900
