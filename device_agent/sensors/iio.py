"""What drivers of the kernel's Industrial I/O subsystem measure: hundreds of chips, without a driver of our own.

File names and units: the kernel's Documentation/ABI/testing/sysfs-bus-iio.
"""

import re
from pathlib import Path

from contract.models import DeviceModel
from device_agent.config.table import Table
from device_agent.sensors import sysfs
from device_agent.sensors.driver import DriverSettings
from device_agent.sensors.sysfs import Channels, Quantity

QUANTITIES = {
    "in_temp": Quantity("Cel", 1e-3, 3),
    "in_humidityrelative": Quantity("%", 1e-3, 3),
    "in_pressure": Quantity("kPa", decimals=6),
    "in_illuminance": Quantity("lx", decimals=4),
    "in_voltage": Quantity("mV", decimals=6),
    "in_current": Quantity("mA", decimals=6),
    "in_power": Quantity("mW", decimals=6),
    "in_resistance": Quantity("Ohm", decimals=6),
    "in_accel": Quantity("m/s2", decimals=6),
    "in_anglvel": Quantity("rad/s", decimals=6),
    "in_magn": Quantity("G", decimals=6),
    "in_concentration": Quantity("%", decimals=6),
    "in_distance": Quantity("m", decimals=6),
    "in_proximity": Quantity("1"),
    "in_intensity": Quantity("1"),
}


def kind_of(channel: str) -> str:
    """`in_voltage0-voltage1`, `in_accel_x`, `in_concentration_co2`: what comes before the index and the modifier."""
    match = re.match(r"(in_[a-z]+)", channel)
    return match[1] if match else channel


def read(device: Path, channel: str) -> float:
    """`_input` as it is; else (`_raw` + `_offset`) × `_scale`, the latter two perhaps shared by all of a kind."""
    processed = device / f"{channel}_input"
    if processed.exists():
        return sysfs.number(processed)
    raw = sysfs.number(device / f"{channel}_raw")
    return (raw + _attribute(device, channel, "offset", 0.0)) * _attribute(device, channel, "scale", 1.0)


def _attribute(device: Path, channel: str, name: str, default: float) -> float:
    own = device / f"{channel}_{name}"
    return sysfs.optional_number(own if own.exists() else device / f"{kind_of(channel)}_{name}", default)


CHANNELS = Channels("sys/bus/iio/devices", "iio:device*", QUANTITIES, kind_of, read)


def parse(table: Table, name: str, model: DeviceModel, _claimed: tuple[str, ...]) -> DriverSettings:
    """Read a `[[sensor]]` table of kind `iio`; what is wrong is noted in the table."""
    return sysfs.parse_channels(table, name, model, CHANNELS)
