"""A driver's unit becomes the model's, or it is said that it cannot."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_agent.sensors import units
from device_agent.sensors.units import conversion

ALL = [unit for group in units._GROUPS for unit in group]


@pytest.mark.parametrize(
    ("value", "of", "to", "expected"),
    [
        (101_325.0, "Pa", "hPa", 1013.25),
        (101.325, "kPa", "hPa", 1013.25),
        (25.0, "Cel", "K", 298.15),
        (25.0, "Cel", "[degF]", 77.0),
        (-40.0, "[degF]", "Cel", -40.0),
        (1.0, "[g]", "m/s2", 9.80665),
        (36.0, "km/h", "m/s", 10.0),
        (1500.0, "/min", "Hz", 25.0),
        (12.5, "%", "1", 0.125),
        (5.08, "cm", "[in_i]", 2.0),
    ],
)
def test_a_value_keeps_its_meaning_in_another_unit(value, of, to, expected):
    assert conversion(of, to).of(value) == pytest.approx(expected, rel=1e-11)


@pytest.mark.parametrize(
    ("of", "to"), [("Pa", "Cel"), ("m", "m/s"), ("lx", None), (None, "lx"), ("dB{mW}", "W"), ("made-up", "Cel")]
)
def test_units_of_different_things_are_not_converted(of, to):
    assert conversion(of, to) is None


def test_an_unknown_unit_is_itself():
    assert conversion("made-up", "made-up").of(1.5) == 1.5


@given(
    value=st.floats(-1e6, 1e6),
    units=st.sampled_from([(a, b) for a in ALL for b in ALL if conversion(a, b)]),
)
def test_there_and_back_is_the_same_value(value, units):
    there, back = conversion(*units), conversion(*reversed(units))

    # An offset (kelvin) is what digits may be lost to.
    assert back.of(there.of(value)) == pytest.approx(value, rel=1e-9, abs=1e-6)


def test_no_unit_is_in_two_groups():
    assert len(ALL) == len(set(ALL))
