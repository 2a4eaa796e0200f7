"""Bosch's compensation, against worked examples, and the chip's protocol."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_agent.errors import SensorError
from device_agent.sensors.bme280_compensation import Trimming, compensate, fine_temperature
from tests.device_agent.sensors.chips import Bme280Chip

# BMP280 data sheet (BST-BMP280-DS001), section 3.12.
EXAMPLE = (27_504, 26_435, -1_000), (36_477, -10_685, 3_024, 2_855, 140, -7, 15_500, -14_600, 6_000)
# A BME280's, and what Bosch's own code makes of counts: facts found in the tests of two published drivers.
SENSOR_A = (
    (28_009, 25_654, 50),
    (39_145, -10_750, 3_024, 5_667, -120, -7, 15_500, -14_600, 6_000),
    (75, 376, 0, 286, 50, 30),
)
SENSOR_B = (
    (28_353, 26_575, 50),
    (37_446, -10_740, 3_024, 8_986, -124, -7, 9_900, -10_230, 4_285),
    (0, 354, 0, 340, 0, 30),
)


def test_the_worked_example_of_the_data_sheet():
    trimming = Trimming(*EXAMPLE)

    assert int(fine_temperature(trimming, 519_888)) == 128_422
    found = compensate(trimming, 519_888, 415_148)
    assert found.temperature == pytest.approx(25.08, abs=0.005)
    assert found.pressure == pytest.approx(100_653.27, abs=0.02)
    assert found.humidity is None


def test_what_boschs_code_makes_of_one_sensors_counts():
    found = compensate(Trimming(*SENSOR_A), 529_191, 326_816, 30_281)

    assert found.temperature == pytest.approx(24.7894877676, abs=1e-9)
    assert found.pressure == pytest.approx(100_661.517564, abs=0.01)
    assert found.humidity == pytest.approx(68.669966, abs=1e-5)


def test_the_curves_that_boschs_code_draws():
    trimming = Trimming(*SENSOR_B)
    temperatures = [fine_temperature(trimming, 100_000 * step) / 5120 for step in range(9)]
    assert temperatures == pytest.approx(
        [-143.598, -111.964, -80.3188, -48.6621, -16.994, 14.6855, 46.3763, 78.0785, 109.792], rel=1e-5
    )
    at_25 = next(counts for counts in range(530_000, 540_000) if fine_temperature(trimming, counts) >= 25 * 5120)
    pressures = [compensate(trimming, at_25, 100_000 * step).pressure for step in range(9)]
    assert pressures == pytest.approx(
        [151_534, 134_575, 117_685, 100_865, 84_114.7, 67_433.7, 50_822.1, 34_280, 17_807.5], rel=1e-5
    )
    humidities = [compensate(trimming, at_25, 300_000, 21_000 + 2_100 * step).humidity for step in range(10)]
    assert humidities == pytest.approx(
        [0, 7.40383, 19.0068, 30.6099, 42.2129, 53.8159, 65.4189, 77.0219, 88.6249, 100], rel=1e-4
    )


@pytest.mark.parametrize("sensor", [SENSOR_A, SENSOR_B])
@given(counts=st.tuples(st.integers(450_000, 650_000), st.integers(450_000, 650_000)))
def test_more_counts_are_warmer(sensor, counts):
    cooler, warmer = (fine_temperature(Trimming(*sensor), one) for one in sorted(counts))
    assert (cooler < warmer) == (counts[0] != counts[1])


@pytest.mark.parametrize("sensor", [SENSOR_A, SENSOR_B])
@given(
    temperature=st.integers(450_000, 650_000),
    counts=st.tuples(st.integers(200_000, 550_000), st.integers(200_000, 550_000)),
)
def test_more_counts_are_less_pressure_at_any_temperature(sensor, temperature, counts):
    higher, lower = (compensate(Trimming(*sensor), temperature, one).pressure for one in sorted(counts))
    assert (higher > lower) == (counts[0] != counts[1])


@pytest.mark.parametrize("sensor", [SENSOR_A, SENSOR_B])
@given(temperature=st.integers(450_000, 650_000), counts=st.tuples(st.integers(0, 65_535), st.integers(0, 65_535)))
def test_more_counts_are_never_drier_and_always_a_percentage(sensor, temperature, counts):
    drier, damper = (compensate(Trimming(*sensor), temperature, 300_000, one).humidity for one in sorted(counts))
    assert 0 <= drier <= damper <= 100


@given(
    t=st.tuples(st.integers(0, 65_535), st.integers(-32_768, 32_767), st.integers(-32_768, 32_767)),
    p=st.tuples(st.integers(0, 65_535), *[st.integers(-32_768, 32_767)] * 8),
    h=st.tuples(
        st.integers(0, 255),
        st.integers(-32_768, 32_767),
        st.integers(0, 255),
        st.integers(-2_048, 2_047),
        st.integers(-2_048, 2_047),
        st.integers(-128, 127),
    ),
)
def test_trimming_values_are_read_as_the_chip_has_them(t, p, h):
    chip = Bme280Chip(None, (t, p, h))

    read = Trimming.read(bytes(chip.registers[0x88:0xA2]), bytes(chip.registers[0xE1:0xE8]))
    assert (read.t, read.p, read.h) == (t, p, h)


def test_trimming_values_of_no_sensor_are_an_error():
    with pytest.raises(ValueError, match="not read from a sensor"):
        compensate(Trimming((0,) * 3, (0,) * 9), 500_000, 300_000)


async def test_a_reading_is_one_forced_measurement(bus, made, time):
    chip = Bme280Chip(time, SENSOR_A, counts=(529_191, 326_816, 30_281))
    sensor = made("bme280", on=bus(x76=chip)[0])

    for now in (0, 1000):
        assert (await sensor.read(now)).values == {"temperature": 24.79, "humidity": 68.67, "pressure": 1006.615}
    assert chip.registers[0xF2] == 0b001


async def test_a_measurement_that_takes_longer_is_waited_for(bus, made, time):
    chip = Bme280Chip(time, SENSOR_A, counts=(529_191, 326_816, 30_281), takes_s=0.02)

    assert (await made("bme280", on=bus(x76=chip)[0]).read(0)).values["temperature"] == 24.79


async def test_a_bmp280_has_no_humidity(bus, made, time):
    chip = Bme280Chip(time, (*EXAMPLE, None), chip_id=0x58, counts=(519_888, 415_148, None))

    reading = await made("bmp280", on=bus(x77=chip)[0], address=0x77).read(0)

    assert reading.values == {"temperature": 25.08, "pressure": 1006.533}


@pytest.mark.parametrize(
    ("kind", "chip_id", "said"),
    [("bme280", 0x58, "expected a BME280, got chip id 0x58 .BMP280"), ("bmp280", 0x61, "0x61 .no such sensor")],
)
async def test_another_chip_is_told_apart(bus, made, time, kind, chip_id, said):
    chip = Bme280Chip(time, (*EXAMPLE, None), chip_id=chip_id)
    with pytest.raises(SensorError, match=said):
        await made(kind, on=bus(x76=chip)[0]).read(0)


async def test_a_chip_that_lost_its_power_between_two_readings_is_set_up_by_the_next(bus, made, time):
    chip = Bme280Chip(time, SENSOR_A)
    sensor = made("bme280", on=bus(x76=chip)[0])
    first = await sensor.read(0)
    chip.power_on()

    assert (await sensor.read(1000)).values == first.values


async def test_a_measurement_that_was_skipped_is_an_error(bus, made, time):
    chip = Bme280Chip(time, SENSOR_A, counts=(0x80000, 326_816, 30_281))
    with pytest.raises(SensorError, match="measured nothing"):
        await made("bme280", on=bus(x76=chip)[0]).read(0)


async def test_a_chip_that_never_gets_ready_is_an_error(bus, made, time):
    chip = Bme280Chip(time, SENSOR_A)
    chip.registers[0xF3] = 0x01
    with pytest.raises(SensorError, match="does not get ready"):
        await made("bme280", on=bus(x76=chip)[0]).read(0)


async def test_what_the_sensor_cannot_measure_is_a_fault(bus, made, time):
    chip = Bme280Chip(time, SENSOR_A, counts=(529_191, 0, 30_281))

    reading = await made("bme280", on=bus(x76=chip)[0]).read(0)
    assert set(reading.values) == {"temperature", "humidity"}
    assert "from 30000 up to 110000 Pa" in reading.faults["pressure"]
