"""What a sensor is made with: the device it runs on."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from contract.models import DeviceModel
from device_agent.clock import Clock
from device_agent.gpio import GpioSettings
from device_agent.sensors.i2c import Bus, I2cSettings, open_smbus


@dataclass(frozen=True, kw_only=True)
class Host:
    """The device: who it is, its clock, pins and buses, and the root of its file system (tests give another)."""

    thing: str
    model: DeviceModel
    clock: Clock
    gpio: GpioSettings = field(default_factory=GpioSettings)
    i2c: I2cSettings = field(default_factory=I2cSettings)
    root: Path = Path("/")
    open_bus: Callable[[int], Bus] = open_smbus
    pause: Callable[[float], None] = time.sleep
    """Blocks a driver's thread for so many seconds, while a chip measures."""
