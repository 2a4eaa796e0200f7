"""ROHM's light sensor: counts to lux, and full sunlight."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_agent.errors import SensorError
from device_agent.sensors.bh1750 import lux
from tests.device_agent.sensors.chips import Bh1750Chip


def test_the_worked_example_of_the_technical_note():
    """Page 7: the bytes 0x83, 0x90 are 28,067 lx."""
    assert lux(0x8390, 69) == pytest.approx(28_067, abs=0.5)


@given(counts=st.tuples(st.integers(0, 0xFFFF), st.integers(0, 0xFFFF)), time=st.sampled_from([31, 69, 254]))
def test_more_counts_are_brighter(counts, time):
    darker, brighter = (lux(one, time) for one in sorted(counts))
    assert (darker < brighter) == (counts[0] != counts[1])
    assert darker >= 0


@pytest.mark.parametrize("brightness", [0, 0.83, 250, 28_067, 54_000])
async def test_light_is_measured_once_per_reading(bus, made, time, brightness):
    chip = Bh1750Chip(time, brightness)
    sensor = made("bh1750", on=bus(x23=chip)[0])

    for now in (0, 1000):
        reading = await sensor.read(now)
        assert reading.values["illuminance"] == pytest.approx(brightness, abs=0.5)
    assert not chip.on


@pytest.mark.parametrize("brightness", [60_000, 120_000])
async def test_what_is_too_bright_is_measured_for_a_shorter_time(bus, made, time, brightness):
    chip = Bh1750Chip(time, brightness)

    reading = await made("bh1750", on=bus(x23=chip)[0]).read(0)

    assert chip.measurement_time == 31
    assert reading.values["illuminance"] == pytest.approx(brightness, abs=1)


async def test_darkness_after_sunlight_is_measured_as_finely_as_before(bus, made, time):
    chip = Bh1750Chip(time, 100_000)
    sensor = made("bh1750", on=bus(x23=chip)[0])
    await sensor.read(0)
    chip.lux = 0.8

    assert (await sensor.read(1000)).values["illuminance"] == 0.8
    assert chip.measurement_time == 69


async def test_what_no_setting_can_measure_is_an_error_and_no_value(bus, made, time):
    with pytest.raises(SensorError, match="brighter than the 121557 lx"):
        await made("bh1750", on=bus(x23=Bh1750Chip(time, 200_000))[0]).read(0)
