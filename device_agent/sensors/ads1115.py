"""Texas Instruments ADS1115: up to four voltages with 16 bits, over I²C.

Registers: ADS1115 data sheet (SBAS444), config register in table 8 of section 9.6.3, full-scale ranges in table 3.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from contract.models import DeviceModel
from device_agent.config.table import Table
from device_agent.errors import SensorError
from device_agent.sensors import i2c_device
from device_agent.sensors.description import ReadingDescription
from device_agent.sensors.driver import DriverSettings
from device_agent.sensors.driver_table import driver_settings
from device_agent.sensors.i2c_device import I2cDevice

ADDRESS = 0x48
"""With ADDR to ground; 0x49 to the supply, 0x4A to SDA, 0x4B to SCL."""
CONVERSION, CONFIG = 0x00, 0x01
MUX = {"a0-a1": 0, "a0-a3": 1, "a1-a3": 2, "a2-a3": 3, "a0": 4, "a1": 5, "a2": 6, "a3": 7}
"""A pin against ground, or the difference of two."""
GAINS = {"6.144": 0, "4.096": 1, "2.048": 2, "1.024": 3, "0.512": 4, "0.256": 5}
"""Full scale in V, both ways."""
START, SINGLE_SHOT, RATE_128, NO_COMPARATOR = 1 << 15, 1 << 8, 0b100 << 5, 0b11
IDLE = 1 << 15
CONVERSION_S = 1.1 / 128 + 25e-6
"""At 128 samples/s, which the chip's oscillator keeps to 10 %, and the time to wake up."""
POLL_S = 0.001
MOST_POLLS = 20
LOWEST, HIGHEST = -0x8000, 0x7FFF


@dataclass(frozen=True)
class Input:
    """Which pins, how much of them is full scale, and what a volt means: value = V × scale + offset."""

    key: str
    pins: str
    full_scale: str
    scale: float
    offset: float

    def volts(self, counts: int) -> float:
        return counts * float(self.full_scale) / 0x8000

    @property
    def config(self) -> int:
        """What to write to the config register to measure it once."""
        return START | MUX[self.pins] << 12 | GAINS[self.full_scale] << 9 | SINGLE_SHOT | RATE_128 | NO_COMPARATOR


class Ads1115:
    """Converts each input once per reading; the chip powers itself down afterwards."""

    def __init__(self, chip: I2cDevice, inputs: tuple[Input, ...]) -> None:
        self._chip = chip
        self._inputs = inputs

    def measure(self) -> Mapping[str, int]:
        """The counts of each input by its key."""
        return {one.key: self._convert(one) for one in self._inputs}

    def close(self) -> None:
        self._chip.close()

    def _convert(self, one: Input) -> int:
        self._chip.write(CONFIG, *one.config.to_bytes(2, "big"))
        self._chip.pause(CONVERSION_S)
        for _ in range(MOST_POLLS):
            if int.from_bytes(self._chip.read_from(CONFIG, 2), "big") & IDLE:
                return int.from_bytes(self._chip.read_from(CONVERSION, 2), "big", signed=True)
            self._chip.pause(POLL_S)
        raise SensorError(f"the conversion of {one.pins} does not end")


def _description(table: Table, key: str) -> tuple[Input, ReadingDescription[Mapping[str, int]]]:
    one = Input(
        key=key,
        pins=table.choice("pins", MUX),
        full_scale=table.choice("full_scale_v", GAINS, "4.096"),
        scale=table.number("scale", default=1.0),
        offset=table.number("offset", default=0.0),
    )
    scaled = "scale" in table or "offset" in table

    def read(counts: Mapping[str, int]) -> float:
        if (count := counts[key]) in (LOWEST, HIGHEST):
            raise SensorError(
                f"{one.volts(count):+.3f} V or beyond: more than full_scale_v = {one.full_scale} can tell"
            )
        return one.volts(count) * one.scale + one.offset

    reading = ReadingDescription[Mapping[str, int]](
        key=key,
        unit=table.text("unit") if scaled else table.text("unit", "V"),
        minimum=table.optional_number("minimum"),
        maximum=table.optional_number("maximum"),
        decimals=6,
        read=read,
    )
    return one, reading


def parse(table: Table, name: str, model: DeviceModel, _claimed: tuple[str, ...]) -> DriverSettings:
    """Read a `[[sensor]]` table of kind `ads1115`; what is wrong is noted in the table."""
    described = [_description(options, key) for key, options in table.named_tables("inputs", shorthand="pins")]
    inputs = tuple(one for one, _ in described)
    open_driver = i2c_device.parse(table, ADDRESS, lambda chip: Ads1115(chip, inputs))
    return driver_settings(table, name, model, [reading for _, reading in described], open_driver)
