"""SHT3x and SCD4x: conversions by the data sheets, checksums, and the protocol with its waits."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_agent.errors import SensorError
from device_agent.sensors import sensirion, sht3x
from device_agent.sensors.i2c_device import I2cDevice
from tests.device_agent.sensors.chips import FakeBus, Scd4xChip, Sht3xChip, Time, with_crc


def test_the_checksum_of_the_data_sheet():
    assert sensirion.crc8(bytes.fromhex("beef")) == 0x92


@given(word=st.integers(0, 0xFFFF), bit=st.integers(0, 23))
def test_a_flipped_bit_anywhere_in_a_word_or_its_checksum_is_noticed(word, bit):
    data = bytearray(with_crc(word))
    data[bit // 8] ^= 1 << bit % 8

    assert sensirion.crc8(bytes(data[:2])) != data[2]


@given(words=st.lists(st.integers(0, 0xFFFF), min_size=1, max_size=3))
def test_words_are_sent_and_read_as_they_are(words):
    class Echo:
        def write(self, data):
            self.data = data

        def read(self, count):
            return self.data[2:]

    chip = I2cDevice(FakeBus(x44=Echo()), 0x44, lambda seconds: None)
    sensirion.command(chip, 0x1234, *words)

    assert sensirion.read_words(chip, len(words)) == words


@pytest.mark.parametrize(("word", "celsius", "percent"), [(0, -45, 0), (0xFFFF, 130, 100), (0x6666, 25, 40)])
def test_conversions_at_their_ends_and_at_a_known_point(word, celsius, percent):
    # 0x6666 is 2/5 of full scale: -45 + 175 × 0.4 and 100 × 0.4.
    assert sht3x.celsius(word) == pytest.approx(celsius, abs=0.001)
    assert sht3x.relative_humidity(word) == pytest.approx(percent, abs=0.001)


@given(words=st.tuples(st.integers(0, 0xFFFF), st.integers(0, 0xFFFF)))
def test_conversions_grow_with_the_counts(words):
    low, high = sorted(words)
    assert (sht3x.celsius(low) < sht3x.celsius(high)) == (low != high)
    assert (sht3x.relative_humidity(low) < sht3x.relative_humidity(high)) == (low != high)


async def test_an_sht3x_measures_once_per_reading_with_its_heater_off(bus, made, time):
    chip = Sht3xChip(time, words=(0x6666, 0x8000))
    sensor = made("sht3x", on=bus(x44=chip)[0])

    for now in (0, 1000):
        assert (await sensor.read(now)).values == {"temperature": 25.0, "humidity": 50.0}
    assert not chip.heater
    assert [command for (command,) in chip.commands] == [0x3093, 0x3066, 0x2400, 0x2400]


@pytest.mark.parametrize("bit", range(48))
async def test_noise_on_the_bus_is_an_error_and_no_value(bus, made, time, bit):
    chip = Sht3xChip(time, garble=bit)
    sensor = made("sht3x", on=bus(x44=chip)[0])

    with pytest.raises(SensorError, match=r"checksum 0x.*noise on the bus"):
        await sensor.read(0)
    chip.garble = None
    assert (await sensor.read(1000)).values == {"temperature": 25.0, "humidity": 50.0}


async def test_an_sht3x_beyond_its_range_is_a_fault(bus, made, time):
    reading = await made("sht3x", on=bus(x44=Sht3xChip(time, words=(0xFFFF, 0x8000)))[0]).read(0)

    assert reading.values == {"humidity": 50.0}
    assert "from -40 up to 125 Cel, got 130" in reading.faults["temperature"]


async def test_the_worked_example_of_the_scd4x_data_sheet(bus, made, time):
    """Section 3.5.2: 500 ppm, 25 °C, 37 %."""
    chip = Scd4xChip(time, words=(0x01F4, 0x6667, 0x5EB9))
    sensor = made("scd4x", on=bus(x62=chip)[0])

    reading = await sensor.read(0)

    assert reading.values == {"carbon_dioxide": 500.0, "temperature": 25.0, "humidity": 37.0}
    assert time.now == pytest.approx(5.5, abs=0.2)  # the chip's first measurement, after it was stopped


async def test_an_scd4x_that_was_left_measuring_is_stopped_and_set_up(bus, made, time):
    chip = Scd4xChip(time, period_s=5.0)

    await made("scd4x", on=bus(x62=chip)[0], altitude_m=520).read(0)

    assert chip.altitude == 520


async def test_low_power_is_a_measurement_every_half_minute(bus, made, time):
    chip = Scd4xChip(time)
    sensor = made("scd4x", on=bus(x62=chip)[0], low_power=True, interval_s=60)

    await sensor.read(0)

    assert chip.period_s == 30
    assert time.now >= 30


async def test_a_measurement_that_waits_is_taken_at_once(bus, made, time):
    sensor = made("scd4x", on=bus(x62=Scd4xChip(time))[0])
    await sensor.read(0)
    time.now += 60
    before = time.now

    await sensor.read(60_000)
    assert time.now - before < 0.01


async def test_an_scd4x_that_lost_its_power_is_noticed_and_started_again(bus, made, time):
    chip = Scd4xChip(time)
    sensor = made("scd4x", on=bus(x62=chip)[0])
    await sensor.read(0)
    chip.period_s = None

    for now in (10_000, 20_000, 30_000):
        with pytest.raises(SensorError, match="did it lose its power"):
            await sensor.read(now)
    assert (await sensor.read(40_000)).values["carbon_dioxide"] == 500


async def test_no_air_on_earth_has_no_carbon_dioxide(bus, made, time):
    reading = await made("scd4x", on=bus(x62=Scd4xChip(time, words=(0, 0x6667, 0x5EB9)))[0]).read(0)

    assert "carbon_dioxide" in reading.faults
    assert reading.values == {"temperature": 25.0, "humidity": 37.0}


async def test_a_closed_scd4x_rests(bus, made, time):
    chip = Scd4xChip(time)
    sensor = made("scd4x", on=bus(x62=chip)[0])
    await sensor.read(0)

    sensor.close()
    assert chip.period_s is None


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"interval_s": 2}, "interval_s: expected at least 5, as often as the chip measures, got 2"),
        ({"low_power": True, "interval_s": 10}, "interval_s: expected at least 30"),
        ({"timeout_s": 3}, "timeout_s: expected at least 6: the first measurement takes that long, got 3"),
        ({"altitude_m": -10}, "altitude_m: expected an integer from 0 to 3000"),
    ],
)
def test_what_an_scd4x_cannot_do_is_a_problem(parse, options, problem):
    _, problems = parse("scd4x", **options)
    assert [one for one in problems if problem in one] == problems


def test_the_model_of_a_chip_refuses_an_answer_before_its_time():
    """What the tests above rely on."""
    time = Time()
    bus = FakeBus(x44=Sht3xChip(time))
    bus.transfer(0x44, bytes.fromhex("2400"))
    with pytest.raises(SensorError):
        bus.transfer(0x44, b"", 6)
