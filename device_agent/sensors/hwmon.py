"""What drivers of the kernel's hardware monitoring measure: temperatures, voltages, currents, power, fans.

File names and units: the kernel's Documentation/hwmon/sysfs-interface.rst.
"""

import re
from pathlib import Path

from contract.models import DeviceModel
from device_agent.config.table import Table
from device_agent.errors import SensorError
from device_agent.sensors import sysfs
from device_agent.sensors.driver import DriverSettings
from device_agent.sensors.sysfs import Channels, Quantity

QUANTITIES = {
    "temp": Quantity("Cel", 1e-3, 3),
    "in": Quantity("mV"),
    "curr": Quantity("mA"),
    "power": Quantity("W", 1e-6, 6),
    "energy": Quantity("J", 1e-6, 6),
    "humidity": Quantity("%", 1e-3, 3),
    "fan": Quantity("/min"),
}


def kind_of(channel: str) -> str:
    """`temp` of `temp1`."""
    match = re.fullmatch(r"([a-z]+)[0-9]+", channel)
    return match[1] if match else channel


def read(device: Path, channel: str) -> float:
    """The channel's input, unless the driver says that its sensor is faulty."""
    if sysfs.optional_number(device / f"{channel}_fault", 0):
        raise SensorError(f"the kernel reports a fault of {channel}")
    return sysfs.number(device / f"{channel}_input")


CHANNELS = Channels("sys/class/hwmon", "hwmon*", QUANTITIES, kind_of, read)


def parse(table: Table, name: str, model: DeviceModel, _claimed: tuple[str, ...]) -> DriverSettings:
    """Read a `[[sensor]]` table of kind `hwmon`; what is wrong is noted in the table."""
    return sysfs.parse_channels(table, name, model, CHANNELS)
