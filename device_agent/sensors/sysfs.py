"""Values that the kernel shows as files, and the directories of devices that have them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from contract.errors import shown
from contract.models import DeviceModel
from device_agent.config.table import Table
from device_agent.errors import SensorError
from device_agent.sensors import Host
from device_agent.sensors.description import ReadingDescription
from device_agent.sensors.driver import DriverSettings, FunctionDriver
from device_agent.sensors.driver_table import driver_settings

LONGEST = 4096


def text(path: Path) -> str:
    """The file's text without the white space around it. Raises SensorError."""
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            return file.read(LONGEST).strip()
    except OSError as error:
        raise SensorError(f"{path}: {error.strerror}") from error


def number(path: Path) -> float:
    """The file's number. Raises SensorError."""
    found = text(path)
    try:
        return float(found)
    except ValueError as error:
        raise SensorError(f"{path}: expected a number, got {shown(found)}") from error


def optional_number(path: Path, default: float) -> float:
    """The file's number, or the default if there is no such file. Raises SensorError."""
    return number(path) if path.exists() else default


def find_device(directory: Path, pattern: str, device: str, label: str) -> Path:
    """The directory of a device: `device` is the directory's own name, or what its file `label` says.

    A device is looked for each time that it is opened: its number may be another after a restart.

    Raises:
        SensorError: there is none, or several have that label; says which there are.
    """
    found = {path.name: path for path in sorted(directory.glob(pattern))}
    if device in found:
        return found[device]
    labels = {name: text(path / label) for name, path in found.items() if (path / label).exists()}
    fits = [name for name, text_ in labels.items() if text_ == device]
    if len(fits) == 1:
        return found[fits[0]]
    there = ", ".join(f"{name} ({labels.get(name, 'no name')})" for name in found) or "none"
    if fits:
        raise SensorError(f"{len(fits)} devices are called {device!r}: name one of {', '.join(fits)}")
    raise SensorError(f"there is no device {device!r} in {directory}; there are: {there}")


@dataclass(frozen=True)
class Quantity:
    """What a class of channels measures once multiplied by `scale`."""

    unit: str
    scale: float = 1.0
    decimals: int | None = None


@dataclass(frozen=True)
class Channels:
    """A subsystem of the kernel whose devices have channels, and how one is read and in what unit."""

    directory: str
    pattern: str
    quantities: Mapping[str, Quantity]
    """By the channel's name without its index."""
    kind_of: Callable[[str], str]
    read: Callable[[Path, str], float]
    """The channel's value in the kernel's unit. Raises SensorError."""


def parse_channels(table: Table, name: str, model: DeviceModel, channels: Channels) -> DriverSettings:
    """Read `device` and `channels`: a table from reading to channel, or `{ channel, minimum, maximum }`."""
    device = table.text("device")
    chosen: dict[str, str] = {}
    readings = []
    for key, options in table.named_tables("channels", shorthand="channel"):
        channel = options.text("channel")
        quantity = channels.quantities.get(channels.kind_of(channel))
        if quantity is None:
            if channel:
                expected = f"a channel of {', '.join(sorted(channels.quantities))}"
                options.problem("channel", expected, shown(channel))
            continue
        chosen[key] = channel
        readings.append(_description(key, channel, quantity, options))

    def open_driver(host: Host) -> FunctionDriver[Mapping[str, Callable[[], float]]]:
        at = find_device(host.root / channels.directory, channels.pattern, device, "name")
        # Each is read by its own description, so that one which cannot be read does not take the others along.
        readers = {channel: _reader(channels.read, at, channel) for channel in chosen.values()}
        return FunctionDriver(lambda: readers)

    return driver_settings(table, name, model, readings, open_driver)


def _reader(read: Callable[[Path, str], float], at: Path, channel: str) -> Callable[[], float]:
    return lambda: read(at, channel)


def _description(key: str, channel: str, quantity: Quantity, options: Table) -> ReadingDescription[Any]:
    return ReadingDescription[Any](
        key=key,
        unit=quantity.unit,
        minimum=options.optional_number("minimum"),
        maximum=options.optional_number("maximum"),
        decimals=quantity.decimals,
        read=lambda readers: readers[channel]() * quantity.scale,
    )
