"""Bosch BME280 (temperature, humidity, pressure) and BMP280 (without humidity), over I²C.

Registers: BME280 data sheet (BST-BME280-DS002), section 5.3, table 18. Each reading is one forced measurement (3.3.3)
with an oversampling of 1 and the filter off, as section 3.5.1 has it for weather: the chip sleeps in between, warms
itself least, and one that lost its power meanwhile is set up again by the next reading.
"""

from dataclasses import dataclass

from contract.models import DeviceModel
from device_agent.config.table import Table
from device_agent.errors import SensorError
from device_agent.sensors import i2c_device
from device_agent.sensors.bme280_compensation import (
    HUMIDITY_TRIMMING_BYTES,
    TRIMMING_BYTES,
    Compensated,
    Trimming,
    compensate,
)
from device_agent.sensors.description import ReadingDescription
from device_agent.sensors.driver import DriverSettings
from device_agent.sensors.driver_table import driver_settings
from device_agent.sensors.i2c_device import I2cDevice

ADDRESS = 0x76
"""With SDO to ground; 0x77 with SDO to the supply (section 6.2)."""
CHIP_ID, CTRL_HUM, STATUS, CTRL_MEAS, CONFIG, DATA = 0xD0, 0xF2, 0xF3, 0xF4, 0xF5, 0xF7
TRIMMING, HUMIDITY_TRIMMING = 0x88, 0xE1
IDS = {"BMP280": (0x56, 0x57, 0x58), "BME280": (0x60,)}
ONCE_EACH_FORCED = 0b001_001_01
"""ctrl_meas: temperature ×1, pressure ×1, forced mode (tables 22 to 25)."""
MEASURING, COPYING = 0x08, 0x01
"""Bits of `status` (table 21): a conversion runs; the trimming values are being copied."""
LONGEST_MEASUREMENT_S = 0.0093
"""Appendix 9.1: 1.25 + 2.3 + (2.3 + 0.575) + (2.3 + 0.575) ms for an oversampling of 1 each."""
POLL_S = 0.002
MOST_POLLS = 20
SKIPPED_20_BIT, SKIPPED_16_BIT = 0x80000, 0x8000
"""What the data registers hold if nothing was measured (sections 5.4.7 to 5.4.9)."""

TEMPERATURE = ReadingDescription[Compensated](
    key="temperature", unit="Cel", minimum=-40, maximum=85, decimals=2, read=lambda measured: measured.temperature
)
PRESSURE = ReadingDescription[Compensated](
    key="pressure", unit="Pa", minimum=30_000, maximum=110_000, decimals=1, read=lambda measured: measured.pressure
)
HUMIDITY = ReadingDescription[Compensated](
    key="humidity", unit="%", minimum=0, maximum=100, decimals=2, read=lambda measured: measured.humidity
)


@dataclass
class Bme280:
    """An opened chip whose trimming values are known."""

    chip: I2cDevice
    trimming: Trimming
    humid: bool

    @classmethod
    def open(cls, chip: I2cDevice, kind: str) -> "Bme280":
        """Raises SensorError: another chip answers, or it does not get ready."""
        found = chip.read_from(CHIP_ID, 1)[0]
        if found not in IDS[kind]:
            known = next((name for name, ids in IDS.items() if found in ids), "no such sensor")
            raise SensorError(f"expected a {kind}, got chip id 0x{found:02x} ({known})")
        _wait(chip, COPYING)
        chip.write(CONFIG, 0)
        humid = kind == "BME280"
        trimming = Trimming.read(
            chip.read_from(TRIMMING, TRIMMING_BYTES),
            chip.read_from(HUMIDITY_TRIMMING, HUMIDITY_TRIMMING_BYTES) if humid else b"",
        )
        return cls(chip, trimming, humid)

    def measure(self) -> Compensated:
        if self.humid:
            self.chip.write(CTRL_HUM, 0b001)  # takes effect by the write to ctrl_meas (section 5.4.3)
        self.chip.write(CTRL_MEAS, ONCE_EACH_FORCED)
        self.chip.pause(LONGEST_MEASUREMENT_S)
        _wait(self.chip, MEASURING)
        data = self.chip.read_from(DATA, 8 if self.humid else 6)
        pressure = int.from_bytes(data[0:3], "big") >> 4
        temperature = int.from_bytes(data[3:6], "big") >> 4
        humidity = int.from_bytes(data[6:8], "big") if self.humid else None
        if SKIPPED_20_BIT in (pressure, temperature) or humidity == SKIPPED_16_BIT:
            raise SensorError("the chip says that it measured nothing: it lost its power on the way")
        return compensate(self.trimming, temperature, pressure, humidity)

    def close(self) -> None:
        self.chip.close()


def _wait(chip: I2cDevice, bit: int) -> None:
    for _ in range(MOST_POLLS):
        if not chip.read_from(STATUS, 1)[0] & bit:
            return
        chip.pause(POLL_S)
    raise SensorError("the chip does not get ready")


def parse(table: Table, name: str, model: DeviceModel, _claimed: tuple[str, ...]) -> DriverSettings:
    """Read a `[[sensor]]` table of kind `bme280`; what is wrong is noted in the table."""
    open_driver = i2c_device.parse(table, ADDRESS, lambda chip: Bme280.open(chip, "BME280"))
    return driver_settings(table, name, model, (TEMPERATURE, HUMIDITY, PRESSURE), open_driver)


def parse_bmp280(table: Table, name: str, model: DeviceModel, _claimed: tuple[str, ...]) -> DriverSettings:
    """Read a `[[sensor]]` table of kind `bmp280`; what is wrong is noted in the table."""
    open_driver = i2c_device.parse(table, ADDRESS, lambda chip: Bme280.open(chip, "BMP280"))
    return driver_settings(table, name, model, (TEMPERATURE, PRESSURE), open_driver)
