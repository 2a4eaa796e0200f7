"""Derived metrics of one message: from which inputs, of which quality, and never of anything but this message."""

import json
import random

from contract.models import DeviceModel, Metric
from functions.domain.derived import CARRIED_INTERVALS
from functions.domain.ingest import Incoming, assess, state_after
from functions.domain.state import Boundless, DeviceState

NOW = 1_764_000_000_000
HOUR = 3_600_000
INTERVAL = 10_000
CARRIED = CARRIED_INTERVALS * INTERVAL


def number(key, minimum=None, maximum=None, derived=None):
    return Metric(key=key, title=key, type="number", unit="1", minimum=minimum, maximum=maximum, derived=derived)


MODEL = DeviceModel(
    name="press",
    title="Press",
    version="1",
    interval_ms=INTERVAL,
    metrics={
        metric.key: metric
        for metric in (
            number("volts", 0, 400),
            number("amperes", 0, 20),
            number("power", 0, 4000, "volts * amperes"),
            number("heat", derived="power / 5"),
        )
    },
)


def incoming(*measurements, seq=0):
    document = {"v": 1, "boot": "b1", "seq": seq, "sent": NOW, "m": list(measurements)}
    return Incoming(f"id-{seq}", "pump-1", NOW, json.dumps(document).encode())


def at(ago=0, q=None, **values):
    return {"ts": NOW - ago, "values": values, **({"q": q} if q else {})}


def assessed(*measurements, state=DeviceState()):  # noqa: B008 - immutable
    (one,) = assess([incoming(*measurements)], MODEL, state)
    return one


def derived(one):
    return {
        (point.metric, NOW - point.ts): (point.value, point.quality)
        for point in one.points
        if point.metric in {"power", "heat"}
    }


def test_a_metric_is_derived_at_the_instant_of_its_inputs_and_others_from_it():
    assert derived(assessed(at(volts=230.0, amperes=2.0))) == {
        ("power", 0): (460.0, "good"),
        ("heat", 0): (92.0, "good"),
    }


def test_an_input_holds_within_its_message_for_two_intervals():
    one = assessed(at(CARRIED, volts=230.0), at(0, amperes=2.0))
    assert derived(one)["power", 0] == (460.0, "good")
    assert derived(assessed(at(CARRIED + 1, volts=230.0), at(0, amperes=2.0))) == {}


def test_no_value_comes_of_an_input_of_another_message():
    (first,) = assess([incoming(at(1, volts=230.0))], MODEL, DeviceState())
    state = state_after(DeviceState(), [first])
    assert "volts" in state.latest
    (second,) = assess([incoming(at(amperes=2.0), seq=1)], MODEL, state)
    assert derived(second) == {}


def test_there_is_none_of_an_input_that_is_missing_bad_stale_refused_or_no_value():
    assert derived(assessed(at(volts=230.0))) == {}
    for q in ("bad", "stale"):
        assert derived(assessed(at(5, volts=230.0), at(0, q, volts=231.0), at(0, amperes=2.0))) == {}
    # Not from the one before either: what came last is not known.
    for wrong in (500.0, "high", None):
        assert derived(assessed(at(5, volts=230.0), at(volts=wrong, amperes=2.0))) == {}


def test_it_is_as_sure_as_its_inputs():
    one = assessed(at(5, "estimated", volts=230.0), at(0, amperes=2.0))
    assert derived(one)["power", 0] == (460.0, "estimated")


def test_one_out_of_its_range_is_quarantined_and_nothing_is_derived_from_it():
    one = assessed(at(volts=400.0, amperes=20.0))
    assert {point.metric for point in one.points} == {"volts", "amperes"}
    (fault,) = one.faults
    assert (fault.reason, fault.metric, fault.ts) == ("out_of_range", "power", NOW)
    assert "at most 4000" in fault.detail


def test_one_that_a_device_sends_itself_is_quarantined_and_the_rest_kept():
    one = assessed(at(volts=230.0, amperes=2.0, power=17.0))
    (fault,) = one.faults
    assert (fault.reason, fault.metric) == ("derived", "power")
    assert derived(one)["power", 0] == (460.0, "good")


def test_late_inputs_make_a_late_value():
    one = assessed(at(2 * HOUR, volts=230.0, amperes=2.0), at(volts=1.0, amperes=1.0))
    assert {(point.metric, NOW - point.ts): point.late for point in one.points if point.metric == "power"} == {
        ("power", 2 * HOUR): True,
        ("power", 0): False,
    }


def test_it_counts_and_becomes_the_last_value_like_any_other():
    one = assessed(at(volts=230.0, amperes=2.0))
    state = state_after(DeviceState(), [one])
    assert state.counters.points == 4
    assert state.latest["heat"].value == 92.0
    assert not state.latest["heat"].unmodeled


def test_neither_order_nor_repetition_nor_the_state_changes_what_is_derived():
    chance = random.Random(7)
    for _ in range(50):
        measurements = [
            at(
                chance.randrange(0, 6 * INTERVAL, 1000),
                chance.choice([None, "estimated", "bad"]),
                **{
                    name: chance.choice([1.0, 2.0, 399.0, 500.0])
                    for name in chance.sample(["volts", "amperes"], chance.randint(1, 2))
                },
            )
            for _ in range(chance.randint(1, 8))
        ]
        once = assessed(*measurements)
        chance.shuffle(measurements)
        again = assessed(*measurements, state=state_after(DeviceState(), [once, once]))
        assert derived(once) == {
            (point.metric, NOW - point.ts): (point.value, point.quality)
            for point in (*again.again, *again.points)
            if point.metric in {"power", "heat"}
        }
        (replayed,) = assess([incoming(*measurements)], MODEL, DeviceState(), Boundless())
        assert derived(replayed) == derived(once)
