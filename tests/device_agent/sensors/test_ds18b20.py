"""The kernel's 1-Wire thermometers: checksums, the value before any conversion, short circuits."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_agent.errors import SensorError
from device_agent.sensors.ds18b20 import celsius, crc8

DEVICE = "28-0316a2794fff"


def dallas(data):
    """Bit by bit, as the data sheet's figure draws the shift register; the driver's is another one."""
    register = 0
    for bit in (byte >> place & 1 for byte in data for place in range(8)):
        feedback = register & 1 ^ bit
        register = register >> 1 ^ (0b10001100 if feedback else 0)
    return register


def scratchpad(raw):
    """A scratchpad with this temperature in sixteenths of a degree."""
    data = (raw & 0xFFFF).to_bytes(2, "little") + bytes([0x4B, 0x46, 0x7F, 0xFF, 0x0C, 0x10])
    return data + bytes([dallas(data)])


def w1_slave(data, raw, yes="YES"):
    hexadecimal = " ".join(f"{byte:02x}" for byte in data)
    return f"{hexadecimal} : crc={data[8]:02x} {yes}\n{hexadecimal} t={raw * 1000 // 16}"


@pytest.fixture
def bus(tmp_path):
    """Writes what the kernel shows of a thermometer."""

    def show(raw, device=DEVICE, text=None):
        directory = tmp_path / "sys/bus/w1/devices" / device
        directory.mkdir(parents=True, exist_ok=True)
        (directory / "w1_slave").write_text((w1_slave(scratchpad(raw), raw) if text is None else text) + "\n")

    return show


@pytest.mark.parametrize(
    ("raw", "expected"),
    [(0x07D0, 125), (0x0550, 85), (0x0191, 25.0625), (0x00A2, 10.125), (0, 0), (-8, -0.5), (-880, -55)],
)
def test_the_temperatures_of_the_data_sheets_table(raw, expected):
    assert celsius(w1_slave(scratchpad(raw), raw)) == pytest.approx(expected, abs=0.001)


def test_what_a_real_sensor_said():
    text = "72 01 4b 46 7f ff 0e 10 57 : crc=57 YES\n72 01 4b 46 7f ff 0e 10 57 t=23125"
    assert celsius(text) == 23.125


@given(raw=st.integers(-880, 2000))
def test_a_whole_scratchpad_has_the_checksum_nought(raw):
    assert crc8(scratchpad(raw)) == 0


@given(raw=st.integers(-880, 2000), bit=st.integers(0, 71))
def test_a_flipped_bit_anywhere_is_noticed_even_if_the_kernel_did_not(raw, bit):
    data = bytearray(scratchpad(raw))
    data[bit // 8] ^= 1 << bit % 8

    with pytest.raises(SensorError, match="checksum"):
        celsius(w1_slave(data, raw))


@given(text=st.text(alphabet="0123456789abcdef :=YESNOt\n-", max_size=120))
def test_whatever_the_file_says_is_a_temperature_or_a_sensor_error(text):
    with suppress(SensorError):
        assert isinstance(celsius(text), float)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (w1_slave(scratchpad(400), 400, yes="NO"), "checksum"),
        (w1_slave(bytes(9), 0), "all zeros: a short circuit"),
        ("", "expected the two lines of a scratchpad, got ''"),
    ],
)
async def test_what_is_no_measurement_is_an_error(bus, made, text, said):
    bus(0, text=text)
    with pytest.raises(SensorError, match=said):
        await made("ds18b20", device=DEVICE).read(0)


async def test_the_value_before_any_conversion_is_not_believed(bus, made):
    bus(85 * 16)
    sensor = made("ds18b20", device=DEVICE)

    with pytest.raises(SensorError, match="85 °C, the value before any conversion"):
        await sensor.read(0)
    bus(21 * 16)
    assert (await sensor.read(1000)).values == {"temperature": 21.0}
    bus(85 * 16)
    with pytest.raises(SensorError, match="85 °C"):
        await sensor.read(2000)


async def test_a_boiler_may_be_at_85_degrees(bus, made):
    sensor = made("ds18b20", device=DEVICE)
    temperatures = []
    for raw in (84 * 16, 85 * 16, 85 * 16, 86 * 16):
        bus(raw)
        temperatures.append((await sensor.read(0)).values["temperature"])

    assert temperatures == [84, 85, 85, 86]


async def test_a_kernel_without_the_scratchpad_file(tmp_path, made):
    directory = tmp_path / "sys/bus/w1/devices" / DEVICE
    directory.mkdir(parents=True)
    (directory / "temperature").write_text("-1250\n")

    assert (await made("ds18b20", device=DEVICE).read(0)).values == {"temperature": -1.25}


async def test_the_only_thermometer_need_not_be_named(bus, made):
    bus(320)
    assert (await made("ds18b20").read(0)).values == {"temperature": 20.0}


async def test_of_several_one_must_be_named(bus, made):
    bus(320)
    bus(320, device="28-0416c18bd2ff")
    with pytest.raises(SensorError, match="name the device: there are 28-0316a2794fff, 28-0416c18bd2ff"):
        await made("ds18b20").read(0)


async def test_one_that_is_not_there_says_what_to_look_at(made):
    with pytest.raises(SensorError, match=r"there is no 28-0316a2794fff .* overlay w1-gpio"):
        await made("ds18b20", device=DEVICE).read(0)


def test_an_id_of_another_family_is_a_problem(parse):
    _, problems = parse("ds18b20", device="10-000802b4d0a5")
    assert problems == ["device: expected an id such as 28-0316a2794fff, got '10-000802b4d0a5'"]
