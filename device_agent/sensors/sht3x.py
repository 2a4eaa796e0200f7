"""Sensirion SHT30, SHT31 and SHT35: temperature and relative humidity, over I²C.

Commands: SHT3x-DIS data sheet (version 5), tables 9 (single shot), 16 (heater) and the conversion of section 4.13.
"""

from contract.models import DeviceModel
from device_agent.config.table import Table
from device_agent.sensors import i2c_device, sensirion
from device_agent.sensors.description import ReadingDescription
from device_agent.sensors.driver import DriverSettings
from device_agent.sensors.driver_table import driver_settings
from device_agent.sensors.i2c_device import I2cDevice

ADDRESS = 0x44
"""With ADDR to ground; 0x45 with ADDR to the supply (table 7)."""
BREAK, HEATER_OFF, SINGLE_SHOT = 0x3093, 0x3066, 0x2400
"""The single shot has high repeatability and does not stretch the clock, which a Raspberry Pi's bus does badly."""
MEASUREMENT_S = 0.0155
"""The longest of high repeatability (table 4)."""
COMMAND_S = 0.001
FULL = 0xFFFF

READINGS = (
    ReadingDescription[list[int]](
        key="temperature", unit="Cel", minimum=-40, maximum=125, decimals=2, read=lambda words: celsius(words[0])
    ),
    ReadingDescription[list[int]](
        key="humidity", unit="%", minimum=0, maximum=100, decimals=2, read=lambda words: relative_humidity(words[1])
    ),
)


def celsius(word: int) -> float:
    """Temperature in °C (section 4.13)."""
    return -45 + 175 * word / FULL


def relative_humidity(word: int) -> float:
    """Relative humidity in % (section 4.13)."""
    return 100 * word / FULL


class Sht3x:
    """An idle chip whose heater is off."""

    def __init__(self, chip: I2cDevice) -> None:
        """Ends what a program before us may have left running: periodic measurement, the heater."""
        self._chip = chip
        for code in (BREAK, HEATER_OFF):
            sensirion.command(chip, code)
            chip.pause(COMMAND_S)

    def measure(self) -> list[int]:
        return sensirion.ask(self._chip, SINGLE_SHOT, 2, MEASUREMENT_S)

    def close(self) -> None:
        self._chip.close()


def parse(table: Table, name: str, model: DeviceModel, _claimed: tuple[str, ...]) -> DriverSettings:
    """Read a `[[sensor]]` table of kind `sht3x`; what is wrong is noted in the table."""
    return driver_settings(table, name, model, READINGS, i2c_device.parse(table, ADDRESS, Sht3x))
