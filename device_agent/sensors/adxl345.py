"""Analog Devices ADXL345: acceleration on three axes, and how much it shakes, over I²C.

Registers: ADXL345 data sheet (revision E), table 19 and the register definitions after it. The chip fills its FIFO by
itself; a reading takes what has gathered: the mean on each axis and the RMS of what moves around it.
"""

import struct
from dataclasses import dataclass
from math import fsum, sqrt

from contract.models import DeviceModel
from device_agent.config.table import Table
from device_agent.errors import SensorError
from device_agent.sensors import i2c_device
from device_agent.sensors.description import ReadingDescription
from device_agent.sensors.driver import DriverSettings
from device_agent.sensors.driver_table import driver_settings
from device_agent.sensors.i2c_device import I2cDevice

ADDRESS = 0x53
"""With SDO/ALT ADDRESS to ground; 0x1D with it to the supply."""
DEVICE_ID, BW_RATE, POWER_CTL, DATA_FORMAT, DATA, FIFO_CTL, FIFO_STATUS = 0x00, 0x2C, 0x2D, 0x31, 0x32, 0x38, 0x39
ADXL345 = 0xE5
RATES = {"12.5": 0b0111, "25": 0b1000, "50": 0b1001, "100": 0b1010, "200": 0b1011, "400": 0b1100}
"""Hz; those that a 400 kHz bus can carry (table 7)."""
FULL_RESOLUTION_16_G = 0x0B
"""DATA_FORMAT: FULL_RES and the widest range; the resolution is the same as in a narrower one."""
MEASURE, STANDBY, STREAM = 0x08, 0x00, 0x80
ENTRIES = 0x3F
METRES_PER_S2 = 9.80665 / 256
"""Per count: 256 counts to the g in full resolution (table 1), and the standard acceleration of gravity."""
READ_GAP_S = 5e-6
"""Between reads of two samples (section FIFO, Retrieving Data from FIFO)."""
MOST_POLLS = 10
RANGE = 16 * 9.80665 * 1.05
"""16 g, and the tolerance of the sensitivity."""


@dataclass(frozen=True)
class Shaking:
    """Means of a burst, and the RMS of its deviations from them over all axes, in m/s²."""

    x: float
    y: float
    z: float
    rms: float

    @classmethod
    def of(cls, samples: list[tuple[int, int, int]]) -> "Shaking":
        """Of a burst's counts, at least one sample."""
        count = len(samples)
        means = [fsum(axis) / count for axis in zip(*samples, strict=True)]
        squares = fsum((value - mean) ** 2 for sample in samples for value, mean in zip(sample, means, strict=True))
        x, y, z = (mean * METRES_PER_S2 for mean in means)
        return cls(x, y, z, sqrt(squares / count) * METRES_PER_S2)


def _axis(name: str) -> ReadingDescription[Shaking]:
    return ReadingDescription(
        key=f"acceleration_{name}",
        unit="m/s2",
        minimum=-RANGE,
        maximum=RANGE,
        decimals=3,
        read=lambda shaking: float(getattr(shaking, name)),
    )


READINGS = (
    _axis("x"),
    _axis("y"),
    _axis("z"),
    ReadingDescription[Shaking](
        key="acceleration_rms", unit="m/s2", minimum=0, maximum=2 * RANGE, decimals=3, read=lambda shaking: shaking.rms
    ),
)


class Adxl345:
    """A chip that samples all the time until it is closed."""

    def __init__(self, chip: I2cDevice, rate_hz: str) -> None:
        """Raises SensorError: another chip answers."""
        self._chip = chip
        self._period_s = 1 / float(rate_hz)
        if (found := chip.read_from(DEVICE_ID, 1)[0]) != ADXL345:
            raise SensorError(f"expected an ADXL345 (device id 0x{ADXL345:02x}), got 0x{found:02x}")
        # In standby first: settings are safe to change only there.
        chip.write(POWER_CTL, STANDBY)
        chip.write(BW_RATE, RATES[rate_hz])
        chip.write(DATA_FORMAT, FULL_RESOLUTION_16_G)
        chip.write(FIFO_CTL, STREAM)
        chip.write(POWER_CTL, MEASURE)

    def measure(self) -> Shaking:
        """Of the latest samples, up to 32 and at least one."""
        samples = []
        for _ in range(self._gathered()):
            samples.append(struct.unpack("<hhh", self._chip.read_from(DATA, 6)))
            self._chip.pause(READ_GAP_S)
        return Shaking.of(samples)

    def close(self) -> None:
        try:
            self._chip.write(POWER_CTL, STANDBY)
        finally:
            self._chip.close()

    def _gathered(self) -> int:
        for _ in range(MOST_POLLS):
            if count := self._chip.read_from(FIFO_STATUS, 1)[0] & ENTRIES:
                return count
            self._chip.pause(self._period_s)
        raise SensorError("the chip samples nothing: did it lose its power?")


def parse(table: Table, name: str, model: DeviceModel, _claimed: tuple[str, ...]) -> DriverSettings:
    """Read a `[[sensor]]` table of kind `adxl345`; what is wrong is noted in the table."""
    rate_hz = table.choice("rate_hz", RATES, "100")
    open_driver = i2c_device.parse(table, ADDRESS, lambda chip: Adxl345(chip, rate_hz))
    return driver_settings(table, name, model, READINGS, open_driver)
