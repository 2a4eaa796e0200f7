"""What a Bosch BME280 or BMP280 measured, from what it counted: the sensor's own trimming values applied.

The formulas are those of the BME280 data sheet (BST-BME280-DS002), appendix 8.1 (double precision); the trimming
values lie as its section 4.2.2, table 16 says. The BMP280's (BST-BMP280-DS001, section 3.11 and appendix 8.1) are the
same without humidity; its section 3.12 has the worked example that the tests recompute.
"""

import struct
from dataclasses import dataclass

TRIMMING_BYTES = 26
"""From register 0x88 on: temperature, pressure, a reserved byte, and the first of humidity."""
HUMIDITY_TRIMMING_BYTES = 7
"""From register 0xE1 on."""


@dataclass(frozen=True)
class Trimming:
    """The values that each sensor got when it was made. `t`, `p`, `h` start at the data sheet's index 1."""

    t: tuple[int, ...]
    p: tuple[int, ...]
    h: tuple[int, ...] = ()

    @classmethod
    def read(cls, first: bytes, second: bytes = b"") -> "Trimming":
        """From the bytes at 0x88 (26) and, for humidity, those at 0xE1 (7)."""
        words = struct.unpack("<HhhHhhhhhhhhxB", first)
        if not second:
            return cls(words[:3], words[3:12])
        h2, h3, high4, shared, high5, h6 = struct.unpack("<hBbBbb", second)
        # Two signed 12-bit numbers share a byte: its low half ends the one, its high half the other.
        h4, h5 = high4 * 16 + (shared & 0x0F), high5 * 16 + (shared >> 4)
        return cls(words[:3], words[3:12], (words[12], h2, h3, h4, h5, h6))


@dataclass(frozen=True)
class Compensated:
    """Temperature in °C, pressure in Pa, relative humidity in %."""

    temperature: float
    pressure: float
    humidity: float | None


def compensate(trimming: Trimming, counts_t: int, counts_p: int, counts_h: int | None = None) -> Compensated:
    """Temperature and pressure counts have 20 bits, humidity's 16.

    Raises:
        ValueError: the trimming values are none that a sensor can have, so that there is no pressure.
    """
    fine = fine_temperature(trimming, counts_t)
    return Compensated(
        temperature=fine / 5120,
        pressure=_pressure(trimming, int(fine), counts_p),
        humidity=None if counts_h is None else _humidity(trimming, int(fine), counts_h),
    )


def fine_temperature(trimming: Trimming, counts: int) -> float:
    """The temperature in 1/5120 °C, which pressure and humidity depend on."""
    t1, t2, t3 = trimming.t
    difference = counts / 16_384 - t1 / 1024
    return difference * t2 + (difference / 8) ** 2 * t3


def _pressure(trimming: Trimming, fine: int, counts: int) -> float:
    p1, p2, p3, p4, p5, p6, p7, p8, p9 = trimming.p
    x = fine / 2 - 64_000
    offset = (x * x * p6 / 32_768 + x * p5 * 2) / 4 + p4 * 65_536
    sensitivity = (1 + (p3 * x * x / 524_288 + p2 * x) / 524_288 / 32_768) * p1
    if sensitivity == 0:
        raise ValueError("the trimming values of pressure are all but zero: they were not read from a sensor")
    linear = (1_048_576 - counts - offset / 4096) * 6250 / sensitivity
    return linear + (p9 * linear * linear / 2_147_483_648 + linear * p8 / 32_768 + p7) / 16


def _humidity(trimming: Trimming, fine: int, counts: int) -> float:
    h1, h2, h3, h4, h5, h6 = trimming.h
    x = fine - 76_800
    span = counts - (h4 * 64 + h5 / 16_384 * x)
    linear = span * h2 / 65_536 * (1 + h6 / 67_108_864 * x * (1 + h3 / 67_108_864 * x))
    humidity = linear * (1 - h1 * linear / 524_288)
    return min(100.0, max(0.0, humidity))
