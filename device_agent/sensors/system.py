"""How the machine itself is doing, from /proc and /sys: devices die of heat, a full disk or a weak supply.

Files: proc(5); the kernel's Documentation/hwmon/raspberrypi-hwmon.rst; the bits of `get_throttled` as the Raspberry Pi
documentation (OS, vcgencmd) has them.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from contract.errors import shown
from contract.models import DeviceModel
from contract.telemetry import Value
from device_agent.config.table import Table
from device_agent.errors import SensorError
from device_agent.sensors import Host, sysfs, thermal
from device_agent.sensors.description import ReadingDescription
from device_agent.sensors.driver import DriverSettings, FunctionDriver
from device_agent.sensors.driver_table import driver_settings

UNDER_VOLTAGE, CAPPED, THROTTLED, TOO_HOT = 0, 1, 2, 3
"""Bits of what the firmware says is so now; 16 bits further up, what was so since it started."""
SINCE_START = 16
LEAST_DBM, MOST_DBM = -120, 0


@dataclass(frozen=True)
class Machine:
    """Where to look: the root of the file system, and which disk and network interfaces are of interest."""

    root: Path
    disk: Path
    zone: str | None
    """None: the first there is."""
    wifi: str | None
    """None: the first there is."""
    network: str | None
    """None: all but the loopback together."""

    def cpu_temperature(self) -> float | None:
        directory = self.root / thermal.DIRECTORY
        if self.zone is None:
            zone = min(directory.glob(thermal.ZONES), default=None)
        else:
            zone = sysfs.find_device(directory, thermal.ZONES, self.zone, "type")
        return None if zone is None else sysfs.number(zone / "temp") / 1000

    def load(self, index: int) -> float:
        return float(sysfs.text(self.root / "proc/loadavg").split()[index])

    def memory_used(self) -> float:
        """What programs could not get, in % of all: without caches that would be given up for them."""
        sizes = {}
        for line in sysfs.text(self.root / "proc/meminfo").splitlines():
            name, _, size = line.partition(":")
            sizes[name] = size
        total, available = (int(sizes[name].split()[0]) for name in ("MemTotal", "MemAvailable"))
        return 100 * (total - available) / total

    def disk_used(self) -> float:
        """What a user without special rights cannot fill any more, in % of what there is for them; as `df` has it."""
        found = self._disk()
        used = found.f_blocks - found.f_bfree
        return 100 * used / (used + found.f_bavail)

    def disk_free(self) -> float:
        """MiB that such a user can still fill."""
        found = self._disk()
        return found.f_bavail * found.f_frsize / 2**20

    def uptime(self) -> float:
        return float(sysfs.text(self.root / "proc/uptime").split()[0])

    def throttled(self) -> bool | None:
        """Whether the firmware slows the processor down now, be it for heat or for lack of power."""
        bits = self._firmware()
        return None if bits is None else any(bits >> bit & 1 for bit in (CAPPED, THROTTLED, TOO_HOT))

    def under_voltage(self) -> bool | None:
        """Whether the supply was too weak since the machine started (firmware), or is so now (hwmon)."""
        bits = self._firmware()
        if bits is not None:
            return bool((bits >> UNDER_VOLTAGE | bits >> UNDER_VOLTAGE + SINCE_START) & 1)
        for device in (self.root / "sys/class/hwmon").glob("hwmon*"):
            if (device / "name").exists() and sysfs.text(device / "name") == "rpi_volt":
                return sysfs.number(device / "in0_lcrit_alarm") != 0
        return None

    def wifi_signal(self) -> float | None:
        """In dBm, of the access point."""
        wireless = self.root / "proc/net/wireless"
        if not wireless.exists():
            return None
        for line in sysfs.text(wireless).splitlines()[2:]:
            interface, _, numbers = line.strip().partition(":")
            if self.wifi in (None, interface):
                return float(numbers.split()[2].rstrip("."))
        return None

    def network_bytes(self, column: int) -> float:
        """Since the interface came up; starts again from 0 when it goes down."""
        total = None
        for line in sysfs.text(self.root / "proc/net/dev").splitlines()[2:]:
            interface, _, numbers = line.strip().partition(":")
            if interface == self.network or (self.network is None and interface != "lo"):
                total = (total or 0) + int(numbers.split()[column])
        if total is None:
            raise SensorError(f"there is no network interface {shown(self.network or 'but lo')}")
        return float(total)

    def _disk(self) -> os.statvfs_result:
        try:
            return os.statvfs(self.root / self.disk)
        except OSError as error:
            raise SensorError(f"{self.disk}: {error.strerror}") from error

    def _firmware(self) -> int | None:
        """None where this is no Raspberry Pi, or its kernel does not tell."""
        for file in (self.root / "sys/devices/platform").glob("soc*/*firmware/get_throttled"):
            found = sysfs.text(file)
            try:
                return int(found, 16)
            except ValueError as error:
                raise SensorError(f"{file}: expected a hexadecimal number, got {shown(found)}") from error
        return None


RECEIVED, SENT = 0, 8
"""Columns of /proc/net/dev."""


def _number(
    key: str,
    unit: str,
    read: Callable[[Machine], Value | None],
    *,
    minimum: float | None = 0,
    maximum: float | None = None,
    decimals: int = 0,
    optional: bool = False,
) -> ReadingDescription[Machine]:
    return ReadingDescription(
        key=key, unit=unit, read=read, minimum=minimum, maximum=maximum, decimals=decimals, optional=optional
    )


def _flag(key: str, read: Callable[[Machine], Value | None]) -> ReadingDescription[Machine]:
    return ReadingDescription(key=key, unit=None, type="boolean", read=read, optional=True)


READINGS = (
    _number("cpu_temperature", "Cel", Machine.cpu_temperature, minimum=-55, maximum=150, decimals=1, optional=True),
    _number("load_1", "1", lambda machine: machine.load(0), decimals=2),
    _number("load_5", "1", lambda machine: machine.load(1), decimals=2),
    _number("load_15", "1", lambda machine: machine.load(2), decimals=2),
    _number("memory_used", "%", Machine.memory_used, maximum=100, decimals=1),
    _number("disk_used", "%", Machine.disk_used, maximum=100, decimals=1),
    _number("disk_free", "MiBy", Machine.disk_free),
    _number("uptime", "s", Machine.uptime),
    _flag("throttled", Machine.throttled),
    _flag("under_voltage", Machine.under_voltage),
    _number("wifi_signal", "dB{mW}", Machine.wifi_signal, minimum=LEAST_DBM, maximum=MOST_DBM, optional=True),
    _number("network_received", "By", lambda machine: machine.network_bytes(RECEIVED)),
    _number("network_sent", "By", lambda machine: machine.network_bytes(SENT)),
)


def parse(table: Table, name: str, model: DeviceModel, _claimed: tuple[str, ...]) -> DriverSettings:
    """Read a `[[sensor]]` table of kind `system`; what is wrong is noted in the table."""
    make = partial(
        Machine,
        # Below the root, which tests set to another.
        disk=Path(table.text("disk", "/").lstrip("/")),
        zone=table.optional_text("zone"),
        wifi=table.optional_text("wifi"),
        network=table.optional_text("network"),
    )

    def open_driver(host: Host) -> FunctionDriver[Machine]:
        machine = make(root=host.root)
        return FunctionDriver(lambda: machine)

    return driver_settings(table, name, model, READINGS, open_driver)
