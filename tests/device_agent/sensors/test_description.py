"""A reading is published only if it is of its type, finite, and what the sensor can physically say."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_agent.errors import SensorError
from device_agent.sensors.description import ReadingDescription

TEMPERATURE = ReadingDescription(
    key="temperature", unit="Cel", minimum=-40, maximum=85, decimals=2, read=lambda sample: sample
)


@pytest.mark.parametrize("sample", [-40, 85, 21.5, 0])
def test_what_lies_in_the_range_is_a_value(sample):
    value = TEMPERATURE.value(sample)

    assert value == sample
    assert isinstance(value, float)


@pytest.mark.parametrize("sample", [None, math.nan, math.inf, -math.inf, "21.5", b"21", True, [21.5], 1j, object()])
def test_rubbish_is_refused_with_what_came(sample):
    with pytest.raises(ValueError, match="expected a finite number, got"):
        TEMPERATURE.value(sample)


@pytest.mark.parametrize("sample", [-40.01, 85.01, 1e300, -127])
def test_what_the_sensor_cannot_say_is_refused_with_the_range(sample):
    with pytest.raises(ValueError, match="expected a number from -40 up to 85 Cel, got"):
        TEMPERATURE.value(sample)


@given(sample=st.one_of(st.floats(), st.none(), st.text(), st.integers(), st.booleans(), st.binary()))
def test_whatever_comes_is_a_finite_number_in_range_or_an_error(sample):
    try:
        value = TEMPERATURE.value(sample)
    except ValueError:
        return
    assert -40 <= value <= 85


def test_digits_that_say_nothing_are_left_out():
    assert TEMPERATURE.value(21.123456) == 21.12


def test_booleans_and_texts_are_of_their_type():
    closed = ReadingDescription(key="closed", unit=None, type="boolean", read=lambda sample: sample)
    state = ReadingDescription(key="state", unit=None, type="string", read=lambda sample: sample)

    assert [closed.value(sample) for sample in (False, True)] == [False, True]
    assert state.value("idle") == "idle"
    for reading, sample in [(closed, 1), (closed, None), (state, 1), (state, "x" * 257)]:
        with pytest.raises(ValueError, match=f"expected a {reading.type}, got"):
            reading.value(sample)


def test_only_an_optional_reading_may_have_nothing_to_say():
    optional = ReadingDescription(key="signal", unit=None, read=lambda sample: sample, optional=True)

    assert optional.value(None) is None
    with pytest.raises(ValueError, match="got null"):
        TEMPERATURE.value(None)


def test_a_range_in_words_names_what_there_is():
    def words(**ranges):
        return ReadingDescription(key="x", unit="m", read=lambda sample: sample, **ranges).range

    assert words() == "a number m"
    assert words(minimum=0) == "a number from 0 m"
    assert words(maximum=5.5) == "a number up to 5.5 m"


def test_what_a_read_function_raises_is_not_swallowed():
    def read(sample):
        raise SensorError("no echo")

    with pytest.raises(SensorError, match="no echo"):
        ReadingDescription(key="x", unit=None, read=read).value(1)
