"""The bus port: the fake of the drivers' tests, and smbus2's over a kernel faked at the ioctl, keep one promise."""

import errno
import os
from types import SimpleNamespace

import pytest
from smbus2 import smbus2

from device_agent.errors import SensorError
from device_agent.sensors import i2c
from tests.device_agent.sensors.chips import FakeBus, NackError, Registers, Time

I2C_M_RD = 0x0001


class Kernel:
    """`/dev/i2c-1` as far as smbus2 asks: opens, and combined transfers by I2C_RDWR."""

    O_RDWR = os.O_RDWR

    def __init__(self, **chips):
        self.bus = FakeBus(**chips)
        self.opened = []
        self.calls = []

    def open(self, path, flags):
        if path != "/dev/i2c-1":
            raise OSError(errno.ENOENT, "No such file or directory", path)
        self.opened.append(path)
        return 4711

    def close(self, fd):
        assert fd == 4711
        self.opened.pop()

    def ioctl(self, fd, request, data):
        assert fd == 4711
        if request == smbus2.I2C_FUNCS:
            data.value = 0
            return
        assert request == smbus2.I2C_RDWR
        messages = [data.msgs[index] for index in range(data.nmsgs)]
        self.calls.append(len(messages))
        for message in messages:
            try:
                chip = self.bus.chips[message.addr]
                if message.flags & I2C_M_RD:
                    for index, byte in enumerate(chip.read(message.len)):
                        message.buf[index] = bytes([byte])
                else:
                    chip.write(bytes(message))
            except (KeyError, NackError):
                raise OSError(errno.EREMOTEIO, "Remote I/O error") from None


@pytest.fixture
def kernel(monkeypatch):
    kernel = Kernel(x40=Registers(Time()))
    monkeypatch.setattr(smbus2, "os", SimpleNamespace(open=kernel.open, close=kernel.close, O_RDWR=os.O_RDWR))
    monkeypatch.setattr(smbus2, "ioctl", kernel.ioctl)
    return kernel


@pytest.fixture(params=["fake", "smbus2"])
def any_bus(request, kernel):
    bus = FakeBus(x40=Registers(Time())) if request.param == "fake" else i2c.open_smbus(1)
    yield bus
    bus.close()


def test_what_was_written_is_read_back(any_bus):
    assert any_bus.transfer(0x40, bytes([0x10, 1, 2, 255])) == b""
    assert any_bus.transfer(0x40, bytes([0x10]), 3) == bytes([1, 2, 255])


def test_a_read_alone_goes_on_where_the_chip_stands(any_bus):
    any_bus.transfer(0x40, bytes([0x10, 1, 2, 3]))
    any_bus.transfer(0x40, bytes([0x10]))

    assert any_bus.transfer(0x40, b"", 2) == bytes([1, 2])
    assert any_bus.transfer(0x40, b"", 1) == bytes([3])


@pytest.mark.parametrize(("write", "read"), [(b"\x10", 0), (b"\x10", 2), (b"", 2)])
def test_an_address_where_nothing_is_is_an_error_that_names_it(any_bus, write, read):
    with pytest.raises(SensorError, match="0x41"):
        any_bus.transfer(0x41, write, read)


def test_write_and_read_are_one_call_of_the_kernel(kernel):
    bus = i2c.open_smbus(1)
    bus.transfer(0x40, bytes([0x10]), 2)
    bus.close()

    assert kernel.calls == [2]
    assert kernel.opened == []


def test_a_bus_that_is_not_there_is_an_error_that_says_what_to_look_at(kernel):
    with pytest.raises(SensorError, match=r"I²C bus 7 cannot be opened: No such file or directory; is I²C enabled"):
        i2c.open_smbus(7)


def test_a_missing_library_is_an_error_that_says_what_to_install(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "smbus2", None)
    with pytest.raises(SensorError, match="needs the extra `hardware`"):
        i2c.open_smbus(1)


async def test_a_sensor_uses_the_bus_and_the_address_that_it_is_told(host, made):
    opened = []

    def open_bus(number):
        opened.append(number)
        return bus

    bus = FakeBus()
    device = host(open_bus=open_bus, i2c=i2c.I2cSettings(bus=3))
    for options, number, address in [({}, 3, "0x23"), ({"bus": 0, "address": 0x5C}, 0, "0x5c")]:
        with pytest.raises(SensorError, match=address):
            await made("bh1750", on=device, **options).read(0)
        assert opened.pop() == number


async def test_a_bus_is_closed_again_if_the_chip_does_not_answer(bus, made):
    device, fake = bus()
    with pytest.raises(SensorError, match="no answer"):
        await made("bme280", on=device).read(0)

    assert fake.closed == 1
