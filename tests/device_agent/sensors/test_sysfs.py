"""IIO, hwmon and thermal zones, in a directory laid out as the kernel's documentation has it."""

import pytest

from device_agent.errors import SensorError


@pytest.fixture
def files(tmp_path):
    def write(directory, **contents):
        folder = tmp_path / directory
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in contents.items():
            path = folder / name.replace("__", "-")
            if content is None:
                path.unlink()
            else:
                path.write_text(f"{content}\n")

    return write


IIO = "sys/bus/iio/devices/"


async def test_an_iio_channel_is_raw_and_offset_times_scale(files, made):
    files(IIO + "iio:device0", name="mcp9808", in_temp_raw=1000, in_temp_offset=-32, in_temp_scale="62.5")

    sensor = made("iio", device="mcp9808", channels={"temperature": "in_temp"})

    assert (await sensor.read(0)).values == {"temperature": (1000 - 32) * 62.5 / 1000}


async def test_a_processed_channel_is_taken_as_it_is(files, made):
    files(
        IIO + "iio:device3",
        name="bme280",
        in_temp_input=21_330,
        in_humidityrelative_input=45_123,
        in_pressure_input="101.32515",
    )
    channels = {"temperature": "in_temp", "humidity": "in_humidityrelative", "pressure": "in_pressure"}

    reading = await made("iio", device="iio:device3", channels=channels).read(0)

    # kPa by the kernel, hPa in the model.
    assert reading.values == {"temperature": 21.33, "humidity": 45.123, "pressure": 1013.2515}


async def test_scale_and_offset_may_be_shared_by_the_channels_of_a_kind(files, made):
    files(
        IIO + "iio:device0",
        name="adxl345",
        in_accel_scale="0.038245",
        in_accel_z_raw=256,
        in_accel_x_raw=-26,
        in_voltage1_raw=2048,
        in_voltage_scale="0.805664062",
        in_voltage1__voltage2_raw=10,
        in_voltage1__voltage2_scale="2",
    )
    channels = {
        "acceleration_z": "in_accel_z",
        "acceleration_x": "in_accel_x",
        "supply": "in_voltage1",
        "bridge": "in_voltage1-voltage2",
    }

    values = (await made("iio", model="tracker", device="adxl345", channels=channels).read(0)).values

    assert values["acceleration_z"] == pytest.approx(9.7907, abs=0.0001)
    assert values["acceleration_x"] == pytest.approx(-0.99437, abs=0.0001)
    assert values["supply"] == pytest.approx(1650, abs=0.001)
    assert values["bridge"] == 20


async def test_a_channel_that_cannot_be_read_is_a_fault_and_the_others_are_kept(files, made):
    files(IIO + "iio:device0", name="x", in_temp_input="garbage", in_pressure_input="100")
    channels = {"temperature": "in_temp", "pressure": "in_pressure", "humidity": "in_humidityrelative"}

    reading = await made("iio", device="x", channels=channels).read(0)

    assert reading.values == {"pressure": 1000.0}
    assert "expected a number, got 'garbage'" in reading.faults["temperature"]
    assert "in_humidityrelative_raw: No such file or directory" in reading.faults["humidity"]


async def test_a_device_is_found_again_under_another_number(files, made):
    files(IIO + "iio:device0", name="bme280", in_temp_input=20_000)
    sensor = made("iio", device="bme280", channels={"temperature": "in_temp"})
    await sensor.read(0)
    files(IIO + "iio:device0", name="other", in_temp_input=None)
    files(IIO + "iio:device1", name="bme280", in_temp_input=22_000)

    for now in (1000, 2000, 3000):
        with pytest.raises(SensorError):
            await sensor.read(now)
    assert (await sensor.read(4000)).values == {"temperature": 22.0}


@pytest.mark.parametrize(
    ("device", "said"),
    [
        (
            "bme281",
            r"there is no device 'bme281' .* there are: iio:device0 .bme280., iio:device1 .ads., iio:device2 .ads.",
        ),
        ("ads", "2 devices are called 'ads': name one of iio:device1, iio:device2"),
    ],
)
async def test_a_device_that_cannot_be_told_is_an_error_with_those_there_are(files, made, device, said):
    for number, name in enumerate(["bme280", "ads", "ads"]):
        files(f"{IIO}iio:device{number}", name=name)
    with pytest.raises(SensorError, match=said):
        await made("iio", device=device, channels={"x": "in_temp"}).read(0)


async def test_a_machine_without_iio_says_so(made):
    with pytest.raises(SensorError, match="there are: none"):
        await made("iio", device="bme280", channels={"x": "in_temp"}).read(0)


async def test_a_range_can_be_given_to_a_channel(files, made):
    files(IIO + "iio:device0", name="x", in_temp_input=-127_000)
    sensor = made("iio", device="x", channels={"temperature": {"channel": "in_temp", "minimum": -55, "maximum": 125}})

    with pytest.raises(SensorError, match="temperature: expected a number from -55 up to 125 Cel, got -127"):
        await sensor.read(0)


async def test_hwmon_channels_come_in_their_units(files, made):
    files(
        "sys/class/hwmon/hwmon2",
        name="ina226",
        temp1_input=42_500,
        in1_input=5_012,
        curr1_input=1_500,
        power1_input=7_518_000,
        energy1_input=1_000_000,
        humidity1_input=45_500,
        fan1_input=1_200,
    )
    channels = {
        "temperature": "temp1",
        "voltage": "in1",
        "current": "curr1",
        "power": "power1",
        "energy": "energy1",
        "humidity": "humidity1",
        "fan": "fan1",
    }

    reading = await made("hwmon", model="machine", device="ina226", channels=channels).read(0)

    assert reading.values == {
        "temperature": 42.5,
        "voltage": 5012.0,
        "current": 1.5,  # A in the model
        "power": 7.518,
        "energy": 1.0,
        "humidity": 45.5,
        "fan": 1200.0,
    }


async def test_a_channel_that_the_kernel_calls_faulty_has_no_value(files, made):
    files("sys/class/hwmon/hwmon0", name="x", temp1_input=0, temp1_fault=1)
    sensor = made("hwmon", device="x", channels={"temperature": "temp1"})

    with pytest.raises(SensorError, match="the kernel reports a fault of temp1"):
        await sensor.read(0)
    files("sys/class/hwmon/hwmon0", temp1_fault=0, temp1_input=21_000)
    assert (await sensor.read(1000)).values == {"temperature": 21.0}


@pytest.mark.parametrize("zone", ["thermal_zone1", "cpu-thermal"])
async def test_a_thermal_zone_by_its_number_or_its_type(files, made, zone):
    files("sys/class/thermal/thermal_zone0", type="gpu-thermal", temp=40_000)
    files("sys/class/thermal/thermal_zone1", type="cpu-thermal", temp=48_312)

    assert (await made("thermal", zone=zone).read(0)).values == {"temperature": 48.31}


@pytest.mark.parametrize(
    ("kind", "channels", "problem"),
    [
        ("iio", {"x": "temp"}, "channels.x.channel: expected a channel of in_accel"),
        ("hwmon", {"x": "in_temp"}, "channels.x.channel: expected a channel of curr"),
        ("hwmon", {"x": {"chanel": "temp1"}}, "channels.x.channel: expected a text, got nothing"),
        ("hwmon", {"humidity": "temp1"}, "metrics.humidity: expected a metric in Cel"),
    ],
)
def test_channels_that_cannot_be_used_say_why(parse, kind, channels, problem):
    _, problems = parse(kind, device="x", channels=channels)
    assert any(one.startswith(problem) for one in problems), problems
