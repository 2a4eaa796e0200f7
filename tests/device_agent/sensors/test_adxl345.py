"""Analog Devices' accelerometer: means and shaking of what its FIFO gathered."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_agent.errors import SensorError
from device_agent.sensors.adxl345 import METRES_PER_S2, Shaking
from tests.device_agent.sensors.chips import Adxl345Chip

G = 9.80665
COUNT = st.integers(-4096, 4095)


def at_rest(n):
    return (0, 0, 256)


def test_256_counts_are_standard_gravity():
    assert pytest.approx(G) == 256 * METRES_PER_S2


@given(sample=st.tuples(COUNT, COUNT, COUNT), count=st.integers(1, 32))
def test_what_stands_still_does_not_shake(sample, count):
    found = Shaking.of([sample] * count)

    assert found.rms == pytest.approx(0, abs=1e-9)
    assert (found.x, found.y, found.z) == pytest.approx(tuple(axis * METRES_PER_S2 for axis in sample))


@given(samples=st.lists(st.tuples(COUNT, COUNT, COUNT), min_size=1, max_size=32), tilt=st.tuples(COUNT, COUNT, COUNT))
def test_shaking_does_not_depend_on_how_it_is_mounted(samples, tilt):
    tilted = [tuple(a + b for a, b in zip(sample, tilt, strict=True)) for sample in samples]

    assert Shaking.of(tilted).rms == pytest.approx(Shaking.of(samples).rms, abs=1e-9)


def test_the_rms_of_a_sine_is_its_amplitude_over_the_root_of_two():
    samples = [(round(1000 * math.sin(2 * math.pi * n / 16)), 0, 256) for n in range(32)]

    assert Shaking.of(samples).rms == pytest.approx(1000 / math.sqrt(2) * METRES_PER_S2, rel=0.001)


async def test_a_machine_at_rest_shows_gravity(bus, made, time):
    sensor = made("adxl345", model="tracker", on=bus(x53=Adxl345Chip(time, at_rest))[0])

    assert (await sensor.read(0)).values == {
        "acceleration_x": 0.0,
        "acceleration_y": 0.0,
        "acceleration_z": 9.807,
        "acceleration_rms": 0.0,
    }


async def test_a_reading_is_of_the_latest_32_samples(bus, made, time):
    chip = Adxl345Chip(time, lambda n: (100 * (-1) ** n, 0, 256))
    sensor = made("adxl345", model="tracker", on=bus(x53=chip)[0])
    await sensor.read(0)
    time.now += 60

    reading = await sensor.read(60_000)

    assert reading.values["acceleration_rms"] == pytest.approx(100 * METRES_PER_S2, abs=0.001)
    assert reading.values["acceleration_x"] == 0
    assert chip.taken >= 6000


async def test_the_rate_is_the_one_that_was_chosen(bus, made, time):
    chip = Adxl345Chip(time, at_rest)
    await made("adxl345", model="tracker", on=bus(x53=chip)[0], rate_hz="400").read(0)
    assert chip.rate == 400


async def test_another_chip_is_told_apart(bus, made, time):
    chip = Adxl345Chip(time, at_rest, device_id=0x33)
    with pytest.raises(SensorError, match=r"expected an ADXL345 .device id 0xe5., got 0x33"):
        await made("adxl345", model="tracker", on=bus(x53=chip)[0]).read(0)


async def test_a_chip_that_lost_its_power_is_set_up_again(bus, made, time):
    chip = Adxl345Chip(time, at_rest)
    sensor = made("adxl345", model="tracker", on=bus(x53=chip)[0])
    await sensor.read(0)
    chip.started_at = None

    for now in (1000, 2000, 3000):
        with pytest.raises(SensorError, match="samples nothing"):
            await sensor.read(now)
    assert (await sensor.read(4000)).values["acceleration_z"] == 9.807


async def test_a_chip_that_was_left_measuring_is_set_up_from_standby(bus, made, time):
    chip = Adxl345Chip(time, at_rest)
    chip.written(0x2D, 0x08)

    assert (await made("adxl345", model="tracker", on=bus(x53=chip)[0]).read(0)).values["acceleration_z"] == 9.807


async def test_a_closed_chip_sleeps(bus, made, time):
    chip = Adxl345Chip(time, at_rest)
    sensor = made("adxl345", model="tracker", on=bus(x53=chip)[0])
    await sensor.read(0)

    sensor.close()
    assert chip.started_at is None
