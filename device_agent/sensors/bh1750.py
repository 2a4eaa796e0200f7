"""ROHM BH1750FVI: illuminance, over I²C.

Commands, times and the conversion: BH1750FVI technical note (2009.04 rev. B), instruction set architecture on page 5,
measurement result adjustment on page 11.
"""

from contract.models import DeviceModel
from device_agent.config.table import Table
from device_agent.errors import SensorError
from device_agent.sensors import i2c_device
from device_agent.sensors.description import ReadingDescription
from device_agent.sensors.driver import DriverSettings
from device_agent.sensors.driver_table import driver_settings
from device_agent.sensors.i2c_device import I2cDevice

ADDRESS = 0x23
"""With ADDR low; 0x5C with ADDR high."""
POWER_ON, ONE_TIME_HIGH_RESOLUTION = 0x01, 0x20
COUNTS_PER_LUX = 1.2
"""At the default measurement time."""
DEFAULT_TIME, SHORTEST_TIME = 69, 31
"""The measurement time register; the shortest reaches to full sunlight."""
LONGEST_MEASUREMENT_S = 0.18
"""At the default measurement time; it grows in proportion."""
SATURATED = 0xFFFF

ILLUMINANCE = ReadingDescription[float](
    key="illuminance", unit="lx", minimum=0, maximum=121_557, decimals=1, read=lambda lux: lux
)


def lux(counts: int, measurement_time: int) -> float:
    """Illuminance of counts that took `measurement_time` (the register's value)."""
    return counts / COUNTS_PER_LUX * DEFAULT_TIME / measurement_time


class Bh1750:
    """Measures once per reading; the chip powers itself down afterwards."""

    def __init__(self, chip: I2cDevice) -> None:
        self._chip = chip

    def measure(self) -> float:
        """In lx. What is too bright for the default measurement time is measured again with the shortest."""
        for time in (DEFAULT_TIME, SHORTEST_TIME):
            if (counts := self._count(time)) != SATURATED:
                return lux(counts, time)
        raise SensorError(f"brighter than the {lux(SATURATED, SHORTEST_TIME):.0f} lx that the chip can measure")

    def close(self) -> None:
        self._chip.close()

    def _count(self, time: int) -> int:
        self._chip.write(POWER_ON)
        self._chip.write(0x40 | time >> 5)
        self._chip.write(0x60 | time & 0x1F)
        self._chip.write(ONE_TIME_HIGH_RESOLUTION)
        self._chip.pause(LONGEST_MEASUREMENT_S * time / DEFAULT_TIME)
        return int.from_bytes(self._chip.read(2), "big")


def parse(table: Table, name: str, model: DeviceModel, _claimed: tuple[str, ...]) -> DriverSettings:
    """Read a `[[sensor]]` table of kind `bh1750`; what is wrong is noted in the table."""
    return driver_settings(table, name, model, (ILLUMINANCE,), i2c_device.parse(table, ADDRESS, Bh1750))
