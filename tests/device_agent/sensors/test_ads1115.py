"""TI's analogue-to-digital converter: pins, gains, what a volt means."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_agent.errors import SensorError
from device_agent.sensors.ads1115 import GAINS, MUX, Input
from tests.device_agent.sensors.chips import Ads1115Chip


def test_full_scale_and_the_smallest_step_of_each_gain():
    """Data sheet, table 3: the size of the least significant bit, in µV."""
    steps = {gain: Input("x", "a0", gain, 1, 0).volts(1) * 1e6 for gain in GAINS}

    assert steps == pytest.approx(
        {"6.144": 187.5, "4.096": 125, "2.048": 62.5, "1.024": 31.25, "0.512": 15.625, "0.256": 7.8125}
    )


@given(pins=st.sampled_from(sorted(MUX)), gain=st.sampled_from(sorted(GAINS)))
def test_each_choice_has_a_config_of_its_own_that_converts_once(pins, gain):
    config = Input("x", pins, gain, 1, 0).config

    assert config >> 15 == 1
    assert (config >> 12 & 7, config >> 9 & 7) == (MUX[pins], GAINS[gain])
    assert config & 0x1FF == 0x183  # single shot, 128 samples/s, no comparator


async def test_voltages_and_what_they_mean(bus, made, time):
    chip = Ads1115Chip(time, {0: 1.65, 1: 2.0, 2: 0.1, 3: 0.35})
    sensor = made(
        "ads1115",
        on=bus(x48=chip)[0],
        inputs={
            "reference": "a0",
            "tank_level": {"pins": "a1", "scale": 50.0, "offset": -25.0, "unit": "%", "minimum": 0, "maximum": 100},
            "bridge": {"pins": "a2-a3", "full_scale_v": "0.256", "scale": 1000, "unit": "mV"},
        },
    )

    values = (await sensor.read(0)).values

    assert values["reference"] == pytest.approx(1.65, abs=0.0001)
    assert values["tank_level"] == pytest.approx(75, abs=0.01)
    assert values["bridge"] == pytest.approx(-250, abs=0.01)


async def test_more_than_full_scale_is_a_fault_and_the_other_inputs_are_kept(bus, made, time):
    chip = Ads1115Chip(time, {0: 4.9, 1: 2.0})

    reading = await made("ads1115", on=bus(x48=chip)[0], inputs={"a": "a0", "b": "a1"}).read(0)

    assert reading.values == {"b": pytest.approx(2.0, abs=0.001)}
    assert reading.faults == {"a": "+4.096 V or beyond: more than full_scale_v = 4.096 can tell"}


async def test_a_reading_takes_the_models_unit(bus, made, time):
    chip = Ads1115Chip(time, {0: 1.0})
    inputs = {"current": {"pins": "a0", "scale": 10_000, "unit": "mA"}}

    reading = await made("ads1115", model="machine", on=bus(x48=chip)[0], inputs=inputs).read(0)

    assert reading.values == {"current": pytest.approx(10.0, abs=0.01)}


async def test_a_conversion_that_does_not_end_is_an_error(bus, made, time):
    chip = Ads1115Chip(time, {})
    chip.config = 0x0583
    chip.write = lambda data: setattr(chip, "pointer", data[0]) or setattr(chip, "ready_at", 1e9)
    with pytest.raises(SensorError, match="the conversion of a0 does not end"):
        await made("ads1115", on=bus(x48=chip)[0], inputs={"x": "a0"}).read(0)


@pytest.mark.parametrize(
    ("inputs", "problem"),
    [
        ({"x": "a4"}, "inputs.x.pins: expected one of a0-a1"),
        ({"x": {"pins": "a0", "full_scale_v": "5"}}, "inputs.x.full_scale_v: expected one of 6.144"),
        ({"x": {"pins": "a0", "scale": 2}}, "inputs.x.unit: expected a text, got nothing"),
        ({"x": {"pins": "a0", "gain": 2}}, "inputs.x.gain: expected one of"),
        ({"X": "a0"}, "metrics.X: expected a name for this reading, since 'X' is no metric"),
        ({}, "readings: expected some of"),
    ],
)
def test_inputs_that_cannot_be_used_say_why(parse, inputs, problem):
    _, problems = parse("ads1115", inputs=inputs)
    assert any(problem in one for one in problems), problems
