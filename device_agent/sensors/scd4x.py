"""Sensirion SCD40 and SCD41: carbon dioxide (photoacoustic), temperature and relative humidity, over I²C.

Commands and conversions: SCD4x data sheet (version 1.3), table 9 and sections 3.5 to 3.8. The chip measures by itself,
every 5 s or, at a tenth of the power, every 30 s, and keeps its own base line.
"""

from contract.models import DeviceModel
from device_agent.config.table import Table
from device_agent.errors import SensorError
from device_agent.sensors import i2c_device, sensirion
from device_agent.sensors.description import ReadingDescription
from device_agent.sensors.driver import DriverSettings
from device_agent.sensors.driver_table import driver_settings
from device_agent.sensors.i2c_device import I2cDevice

ADDRESS = 0x62
START, START_LOW_POWER, STOP, READY, READ, SET_ALTITUDE = 0x21B1, 0x21AC, 0x3F86, 0xE4B8, 0xEC05, 0x2427
STOP_S = 0.5
COMMAND_S = 0.001
READY_BITS = 0x07FF
"""A measurement waits if any of these is set (section 3.8.2)."""
PERIOD_S, LOW_POWER_PERIOD_S = 5.0, 30.0
LATE_S = 1.0
"""The chip's own clock may run so much behind ours at a measurement."""
POLL_S = 0.1
MOST_ALTITUDE_M = 3000
FULL = 0xFFFF

READINGS = (
    # Below 300 ppm is no air on Earth: the first answer after a start may be 0 (section 3.10).
    ReadingDescription[list[int]](
        key="carbon_dioxide", unit="[ppm]", minimum=300, maximum=40_000, read=lambda words: float(words[0])
    ),
    ReadingDescription[list[int]](
        key="temperature",
        unit="Cel",
        minimum=-10,
        maximum=60,
        decimals=2,
        read=lambda words: -45 + 175 * words[1] / FULL,
    ),
    ReadingDescription[list[int]](
        key="humidity", unit="%", minimum=0, maximum=100, decimals=2, read=lambda words: 100 * words[2] / FULL
    ),
)


class Scd4x:
    """A chip that measures periodically until it is closed."""

    def __init__(self, chip: I2cDevice, *, low_power: bool, altitude_m: int) -> None:
        """Ends what a program before us may have left running: a chip that measures takes no settings."""
        self._chip = chip
        self._polls = round(((LOW_POWER_PERIOD_S if low_power else PERIOD_S) + LATE_S) / POLL_S)
        sensirion.command(chip, STOP)
        chip.pause(STOP_S)
        sensirion.command(chip, SET_ALTITUDE, altitude_m)
        chip.pause(COMMAND_S)
        sensirion.command(chip, START_LOW_POWER if low_power else START)
        chip.pause(COMMAND_S)

    def measure(self) -> list[int]:
        """Waits for the chip's next measurement if it has none that was not read yet."""
        for _ in range(self._polls):
            (status,) = sensirion.ask(self._chip, READY, 1, COMMAND_S)
            if status & READY_BITS:
                return sensirion.ask(self._chip, READ, 3, COMMAND_S)
            self._chip.pause(POLL_S)
        raise SensorError("the chip has measured nothing: did it lose its power?")

    def close(self) -> None:
        try:
            sensirion.command(self._chip, STOP)
            self._chip.pause(STOP_S)  # until then it answers nobody, and whoever closes may open again
        finally:
            self._chip.close()


def parse(table: Table, name: str, model: DeviceModel, _claimed: tuple[str, ...]) -> DriverSettings:
    """Read a `[[sensor]]` table of kind `scd4x`; what is wrong is noted in the table."""
    low_power = table.boolean("low_power", default=False)
    altitude_m = table.integer("altitude_m", minimum=0, maximum=MOST_ALTITUDE_M, default=0)
    open_driver = i2c_device.parse(table, ADDRESS, lambda chip: Scd4x(chip, low_power=low_power, altitude_m=altitude_m))
    period = LOW_POWER_PERIOD_S if low_power else PERIOD_S
    settings = driver_settings(table, name, model, READINGS, open_driver, timeout_s=period + 2 * LATE_S)
    if settings.interval_s < period:
        table.problem("interval_s", f"at least {period:g}, as often as the chip measures", f"{settings.interval_s:g}")
    if settings.timeout_s < (first_s := period + LATE_S):
        expected = f"at least {first_s:g}: the first measurement takes that long"
        table.problem("timeout_s", expected, f"{settings.timeout_s:g}")
    return settings
