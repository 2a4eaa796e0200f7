"""`sensor list` and `sensor read`: what the device senses, as its drivers see it."""

import argparse
from typing import TYPE_CHECKING, Any

from device_agent.cli.configured import offline
from device_agent.cli.exits import Exit, UsageError
from device_agent.cli.groups import Group
from device_agent.cli.output import show, word
from device_agent.cli.running import answers

if TYPE_CHECKING:
    from collections.abc import Mapping


def add(commands: Group) -> None:
    group = commands.group("sensor", "the sensors")
    group.command("list", "the sensors and the metrics that each produces", _list)
    about = "read every sensor once, or tell the running agent's last readings; before the pipeline"
    read = group.command("read", about, _read)
    read.add_argument("name", nargs="?", metavar="NAME", help="only this sensor")


def _list(options: argparse.Namespace) -> int:
    config = offline(options)
    found = {sensor.name: list(sensor.metrics) for sensor in config.sensors}
    show(options, found, "\n".join(f"{name}: {', '.join(metrics)}" for name, metrics in found.items()))
    return Exit.DONE


def _read(options: argparse.Namespace) -> int:
    config = offline(options)
    names = [sensor.name for sensor in config.sensors]
    if options.name is not None and options.name not in names:
        raise UsageError(f"no sensor {options.name!r}: expected one of {', '.join(names) or 'none'}")
    wanted = names if options.name is None else [options.name]
    found = answers(config, "sensors")
    if found is None:
        import asyncio

        from device_agent.cli.reading import read_sensors

        readings: Mapping[str, Any] = asyncio.run(read_sensors(config, wanted))
    else:
        readings = {name: _told(found.get(name, {})) for name in wanted}
    show(options, readings, "\n".join(line for name in wanted for line in _lines(name, readings[name])))
    return Exit.SENSOR if any(one["error"] for one in readings.values()) else Exit.DONE


def _told(sensor: "Mapping[str, Any]") -> dict[str, Any]:
    """A running agent's answer in the shape of a reading."""
    values = sensor.get("values") or {}
    error = sensor.get("fault") or (None if values or sensor.get("ended") else "no reading yet")
    return {"values": values, "at": sensor.get("at"), "q": sensor.get("q"), "error": error}


def _lines(name: str, reading: "Mapping[str, Any]") -> list[str]:
    lines = [f"{name} {metric} {word(value)}" for metric, value in reading["values"].items()]
    if reading["q"] == "stale":
        lines = [f"{line} (stale)" for line in lines]
    return [*lines, *([f"{name}: {reading['error']}"] if reading["error"] else [])]
