"""Maxim DS18B20 thermometer on the kernel's 1-Wire bus.

Files: the kernel's Documentation/w1/slaves/w1_therm.rst. Scratchpad, power-on value and checksum: DS18B20 data sheet
(19-7487), figure 9 and the sections Memory, Operation (measuring temperature), CRC Generation.
"""

import re
from pathlib import Path

from contract.errors import shown
from contract.models import DeviceModel
from device_agent.config.table import Table
from device_agent.errors import SensorError
from device_agent.sensors import Host, sysfs
from device_agent.sensors.description import ReadingDescription
from device_agent.sensors.driver import DriverSettings
from device_agent.sensors.driver_table import driver_settings

DIRECTORY = "sys/bus/w1/devices"
FAMILY = "28-"
POWER_ON = 85.0
"""What the chip says (°C) when it was reset before it could convert: its supply is weak, or the bus was disturbed."""
NEAR = 5.0
"""So close to the power-on value must the last reading be for it to be believed."""
POLYNOMIAL = 0x8C
"""x⁸ + x⁵ + x⁴ + 1, reflected."""

TEMPERATURE = ReadingDescription[float](
    key="temperature", unit="Cel", minimum=-55, maximum=125, decimals=4, read=lambda celsius: celsius
)


def crc8(data: bytes) -> int:
    """The checksum of 1-Wire: of a whole scratchpad, its own included, it is 0."""
    crc = 0
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ POLYNOMIAL if crc & 1 else crc >> 1
    return crc


def celsius(w1_slave: str) -> float:
    """The temperature in the two lines of a `w1_slave` file.

    Raises:
        SensorError: the checksum does not fit, or the lines are none of this kind.
    """
    match = re.match(r"((?:[0-9a-f]{2} ){9}): crc=[0-9a-f]{2} (YES|NO)\n.*\bt=(-?[0-9]+)$", w1_slave, re.DOTALL)
    if match is None:
        raise SensorError(f"expected the two lines of a scratchpad, got {shown(w1_slave)}")
    scratchpad = bytes.fromhex(match[1])
    if match[2] != "YES" or crc8(scratchpad):
        raise SensorError(f"the checksum of the scratchpad {scratchpad.hex()} does not fit: noise on the bus?")
    # All zeros have a checksum that fits: the data line is shorted to ground.
    if not any(scratchpad):
        raise SensorError("the scratchpad is all zeros: a short circuit of the data line?")
    return int(match[3]) / 1000


class Ds18b20:
    """One thermometer. A power-on value is measured again, and not believed unless it was about that warm before."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._last: float | None = None

    def measure(self) -> float:
        found = self._celsius()
        if found == POWER_ON and not self._is_near:
            found = self._celsius()
            if found == POWER_ON:
                raise SensorError("85 °C, the value before any conversion: is its supply too weak?")
        self._last = found
        return found

    def close(self) -> None:
        """Nothing to give back."""

    @property
    def _is_near(self) -> bool:
        return self._last is not None and abs(self._last - POWER_ON) <= NEAR

    def _celsius(self) -> float:
        scratchpad = self._directory / "w1_slave"
        if scratchpad.exists():
            return celsius(sysfs.text(scratchpad))
        # Newer kernels can be built with this file alone; they check the checksum themselves.
        return sysfs.number(self._directory / "temperature") / 1000


def _open(device: str | None, host: Host) -> Ds18b20:
    directory = host.root / DIRECTORY
    if device is None:
        found = sorted(path.name for path in directory.glob(f"{FAMILY}*"))
        if len(found) != 1:
            raise SensorError(f"name the device: there are {', '.join(found) or 'none'} in {directory}")
        device = found[0]
    elif not (directory / device).is_dir():
        raise SensorError(f"there is no {device} in {directory}: is it wired, and the overlay w1-gpio loaded?")
    return Ds18b20(directory / device)


def parse(table: Table, name: str, model: DeviceModel, _claimed: tuple[str, ...]) -> DriverSettings:
    """Read a `[[sensor]]` table of kind `ds18b20`; what is wrong is noted in the table."""
    device = table.optional_text("device")
    if device is not None and not re.fullmatch(r"28-[0-9a-f]{12}", device):
        table.problem("device", "an id such as 28-0316a2794fff", shown(device))
    return driver_settings(table, name, model, (TEMPERATURE,), lambda host: _open(device, host))
