"""Chips on a fake I²C bus. Each checks what it is told as the data sheet demands, and answers by its registers."""

import struct
from dataclasses import dataclass, field

from device_agent.errors import SensorError


class Time:
    """Passes when a driver pauses."""

    def __init__(self):
        self.now = 0.0
        self.pauses = []

    def pause(self, seconds):
        self.now += seconds
        self.pauses.append(seconds)


class NackError(Exception):
    """The chip does not acknowledge."""


class FakeBus:
    """A bus port whose chips are models. Counts how often it was closed."""

    def __init__(self, **chips):
        self.chips = {int(address.removeprefix("x"), 16): chip for address, chip in chips.items()}
        self.closed = 0

    def transfer(self, address, write, read=0):
        try:
            chip = self.chips[address]
            if write:
                chip.write(bytes(write))
            return bytes(chip.read(read)) if read else b""
        except (KeyError, NackError):
            raise SensorError(f"I²C address 0x{address:02x}: no answer") from None

    def close(self):
        self.closed += 1


class Registers:
    """A chip with 8-bit registers: a write sets the pointer and then what follows it, a read goes on from there."""

    def __init__(self, time):
        self.time = time
        self.at = 0
        self.registers = bytearray(256)

    def write(self, data):
        self.at, values = data[0], data[1:]
        for value in values:
            self.registers[self.at] = value
            self.written(self.at, value)
            self.at += 1

    def read(self, count):
        self.before_read(self.at, count)
        data = self.registers[self.at : self.at + count]
        self.at += count
        return data

    def written(self, register, value):
        pass

    def before_read(self, register, count):
        pass


class Bme280Chip(Registers):
    """BME280 or BMP280 by its id. Forced measurements only, as long as the data sheet says that they take."""

    def __init__(self, time, trimming, *, chip_id=0x60, counts=(519_888, 415_148, 30_281), takes_s=0.0093):
        super().__init__(time)
        self.registers[0xD0] = chip_id
        self.counts = counts
        self.takes_s = takes_s
        self.busy_until = None
        self.humidity_oversampling = 0
        t, p, h = trimming
        self.registers[0x88:0xA0] = struct.pack("<HhhHhhhhhhhh", *t, *p)
        if chip_id == 0x60:
            h1, h2, h3, h4, h5, h6 = h
            self.registers[0xA1] = h1
            shared = (h4 & 0x0F) | (h5 & 0x0F) << 4
            self.registers[0xE1:0xE8] = struct.pack("<hBbBbb", h2, h3, h4 >> 4, shared, h5 >> 4, h6)
        self.power_on()

    def power_on(self):
        self.registers[0xF2:0xF6] = bytes(4)
        self.registers[0xF7:0xFF] = b"\x80\x00\x00\x80\x00\x00\x80\x00"
        self.humidity_oversampling = 0
        self.busy_until = None

    def written(self, register, value):
        assert register in (0xF2, 0xF4, 0xF5), f"0x{register:02x} is read-only"
        assert self.busy_until is None or self.time.now >= self.busy_until, "written during a conversion"
        if register != 0xF4:
            return
        self.humidity_oversampling = self.registers[0xF2] & 0b111  # latched by this write
        assert value & 0b11 in (0b00, 0b01, 0b10), "normal mode heats the chip"
        if value & 0b11:
            assert value >> 5 == 0b001
            assert value >> 2 & 0b111 == 0b001
            self.busy_until = self.time.now + self.takes_s
            self.registers[0xF3] |= 0x08

    def before_read(self, register, count):
        done = self.busy_until is not None and self.time.now >= self.busy_until
        if done:
            self.busy_until = None
            self.registers[0xF3] &= ~0x08
            temperature, pressure, humidity = self.counts
            if self.registers[0xD0] != 0x60 or not self.humidity_oversampling:
                humidity = 0x8000
            self.registers[0xF7:0xFF] = (
                (pressure << 4).to_bytes(3, "big") + (temperature << 4).to_bytes(3, "big") + humidity.to_bytes(2, "big")
            )
        if register >= 0xF7:
            assert self.busy_until is None, "data read during a conversion"
            assert (register, count) in ((0xF7, 8), (0xF7, 6)), "one burst keeps the values of one measurement together"


def crc8(data):
    """Bit by bit, as the data sheet draws it; the driver's is another one."""
    crc = 0xFF
    for bit in (byte >> shift & 1 for byte in data for shift in range(7, -1, -1)):
        top = crc >> 7
        crc = crc << 1 & 0xFF
        if top ^ bit:
            crc ^= 0x31
    return crc


def with_crc(*words):
    return b"".join(word.to_bytes(2, "big") + bytes([crc8(word.to_bytes(2, "big"))]) for word in words)


@dataclass
class SensirionChip:
    """Takes 16-bit commands; the answer is there after the command's time, and once."""

    time: Time
    commands: list = field(default_factory=list)
    answer: bytes | None = None
    ready_at: float = 0.0
    garble: int | None = None  # a bit of the answer that noise flips

    def write(self, data):
        if self.time.now < self.ready_at:
            raise NackError
        code = int.from_bytes(data[:2], "big")
        words = []
        for at in range(2, len(data), 3):
            assert crc8(data[at : at + 2]) == data[at + 2], "the chip ignores words without a checksum that fits"
            words.append(int.from_bytes(data[at : at + 2], "big"))
        self.commands.append((code, *words))
        self.answer, duration_s = self.obey(code, words)
        self.ready_at = self.time.now + duration_s

    def read(self, count):
        if self.answer is None or self.time.now < self.ready_at:
            raise NackError
        answer, self.answer = bytearray(self.answer[:count]), None
        if self.garble is not None:
            answer[self.garble // 8] ^= 1 << self.garble % 8
        return answer

    def obey(self, code, words):
        raise NotImplementedError


@dataclass
class Sht3xChip(SensirionChip):
    words: tuple = (0x6666, 0x8000)
    heater: bool = True

    def obey(self, code, words):
        if code == 0x3066:
            self.heater = False
        if code == 0x2400:
            return with_crc(*self.words), 0.015
        assert code in (0x3093, 0x3066), f"unknown command 0x{code:04x}"
        return None, 0.001


@dataclass
class Scd4xChip(SensirionChip):
    words: tuple = (500, 0x6667, 0x5EB9)
    period_s: float | None = None
    next_at: float = 0.0
    altitude: int | None = None

    def obey(self, code, words):
        running = self.period_s is not None
        if code == 0x3F86:
            self.period_s = None
            return None, 0.5
        if code in (0x21B1, 0x21AC, 0x2427):
            assert not running, "the chip ignores this command while it measures"
            if code == 0x2427:
                (self.altitude,) = words
            else:
                self.period_s = 5.0 if code == 0x21B1 else 30.0
                self.next_at = self.time.now + self.period_s
            return None, 0.001
        ready = running and self.time.now >= self.next_at
        if code == 0xE4B8:
            return with_crc(0x8006 if ready else 0x8000), 0.001
        assert code == 0xEC05, f"unknown command 0x{code:04x}"
        if not ready:
            raise NackError
        self.next_at += self.period_s
        return with_crc(*self.words), 0.001


class Bh1750Chip:
    """Counts in proportion to light and measurement time, up to 16 bits; powers down after a one-time measurement."""

    def __init__(self, time, lux):
        self.time, self.lux = time, lux
        self.on = False
        self.measurement_time = 69
        self.counts = 0
        self.ready_at = 0.0

    def write(self, data):
        (code,) = data
        if code == 0x01:
            self.on = True
        elif code >> 3 == 0b01000:
            self.measurement_time = self.measurement_time & 0x1F | (code & 0b111) << 5
        elif code >> 5 == 0b011:
            self.measurement_time = self.measurement_time & 0xE0 | code & 0x1F
        elif code == 0x20:
            assert self.on, "a chip that is powered down measures nothing"
            assert 31 <= self.measurement_time <= 254
            self.on = False
            self.ready_at = self.time.now + 0.18 * self.measurement_time / 69 - 1e-9
            self.counts = min(0xFFFF, round(self.lux * 1.2 * self.measurement_time / 69))
        else:
            raise AssertionError(f"unknown command 0x{code:02x}")

    def read(self, count):
        assert count == 2
        # Before it is ready, the registers hold the measurement before.
        return (self.counts if self.time.now >= self.ready_at else 0).to_bytes(2, "big")


class Adxl345Chip(Registers):
    """Samples at its rate into a FIFO of 32 once it is told to; the data registers hold the front of the FIFO."""

    def __init__(self, time, signal, *, device_id=0xE5):
        super().__init__(time)
        self.registers[0x00] = device_id
        self.registers[0x2C] = 0x0A
        self.signal = signal
        self.started_at = None
        self.taken = 0

    @property
    def rate(self):
        return 100 * 2.0 ** ((self.registers[0x2C] & 0x0F) - 0x0A)

    def written(self, register, value):
        assert register in (0x2C, 0x2D, 0x31, 0x38), f"0x{register:02x} is not the driver's"
        if register == 0x2D:
            self.started_at = self.time.now if value & 0x08 else None
            self.taken = 0
        else:
            assert self.started_at is None, "settings change in standby only"

    def before_read(self, register, count):
        sampled = 0 if self.started_at is None else int((self.time.now - self.started_at) * self.rate + 1e-9)
        if self.registers[0x38] >> 6 != 0b10:
            sampled = 0  # no FIFO in stream mode: it holds one, which this model does not know
        self.taken = min(sampled, max(self.taken, sampled - 32))
        self.registers[0x39] = sampled - self.taken
        if register == 0x32:
            assert count == 6, "fewer bytes tear a sample apart"
            assert self.registers[0x31] & 0x08, "counts are 1/256 g in full resolution only"
            self.registers[0x32:0x38] = struct.pack("<hhh", *self.signal(self.taken))
            self.taken += 1


class Ads1115Chip:
    """Converts once when it is told to; the pointer selects which of the 16-bit registers is read."""

    def __init__(self, time, volts):
        self.time = time
        self.volts = dict.fromkeys(range(4), 0.0) | volts
        self.pointer = 0
        self.config = 0x8583
        self.conversion = 0
        self.ready_at = 0.0

    def write(self, data):
        self.pointer = data[0]
        if len(data) == 1:
            return
        assert len(data) == 3
        assert self.pointer == 1, "only the config register is the driver's"
        config = int.from_bytes(data[1:], "big")
        assert config & 0b11 == 0b11, "the comparator would pull ALERT"
        assert config >> 8 & 1, "continuous mode drains a battery"
        assert self.time.now >= self.ready_at, "a conversion runs"
        self.config = config & 0x7FFF
        if config >> 15:
            rate = (8, 16, 32, 64, 128, 250, 475, 860)[config >> 5 & 0b111]
            self.ready_at = self.time.now + 1.1 / rate
            positive, negative = {0: (0, 1), 1: (0, 3), 2: (1, 3), 3: (2, 3)}.get(
                config >> 12 & 0b111, ((config >> 12 & 0b111) - 4, None)
            )
            full_scale = (6.144, 4.096, 2.048, 1.024, 0.512, 0.256)[config >> 9 & 0b111]
            difference = self.volts[positive] - (0 if negative is None else self.volts[negative])
            self.conversion = max(-0x8000, min(0x7FFF, round(difference / full_scale * 0x8000)))

    def read(self, count):
        assert count == 2
        ready = self.time.now >= self.ready_at
        if self.pointer == 1:
            return (self.config | ready << 15).to_bytes(2, "big")
        assert ready, "the conversion register still holds the conversion before"
        return self.conversion.to_bytes(2, "big", signed=True)
