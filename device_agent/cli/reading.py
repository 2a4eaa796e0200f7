"""Reads sensors without an agent: each is made, read once and closed."""

import asyncio
from collections.abc import Collection
from typing import TYPE_CHECKING, Any, Final

from device_agent import gpio
from device_agent.clock import Clock, SystemClock
from device_agent.errors import SensorError
from device_agent.sensors import Host, Reading, Sensor, SensorSettings

if TYPE_CHECKING:
    from device_agent.config.agent import AgentConfig

TRIES: Final = 10
PAUSE_S: Final = 0.3
"""A chip that measures all the time may have nothing to say at first."""


async def read_sensors(
    config: "AgentConfig", wanted: Collection[str], *, clock: Clock | None = None
) -> dict[str, dict[str, Any]]:
    """By sensor its `values`, the time `at` in UTC ms, the quality `q`, and an `error` or None."""
    clock = clock or SystemClock()
    host = Host(thing=config.thing, model=config.model, clock=clock, gpio=config.gpio, i2c=config.i2c)
    chosen = [settings for settings in config.sensors if settings.name in wanted]
    try:
        readings = await asyncio.gather(*(_read(settings, host) for settings in chosen))
    finally:
        gpio.close(config.gpio)
    return {settings.name: reading for settings, reading in zip(chosen, readings, strict=True)}


async def _read(settings: SensorSettings, host: Host) -> dict[str, Any]:
    clock = host.clock
    try:
        sensor = settings.make(host, None)
        try:
            reading = await _first(sensor, clock)
        finally:
            sensor.close()
    except SensorError as error:
        return {"values": {}, "at": None, "q": None, "error": str(error)}
    faults = "; ".join(f"{metric}: {fault}" for metric, fault in reading.faults.items())
    at = reading.at + clock.wall_ms() - clock.boot_ms()
    missing = None if reading.values else "no value"
    return {"values": dict(reading.values), "at": at, "q": reading.quality, "error": faults or missing}


async def _first(sensor: Sensor, clock: Clock) -> Reading:
    """The first reading with a value or a fault, or the last that was tried for. Raises SensorError."""
    for left in reversed(range(TRIES)):
        reading = await sensor.read(clock.boot_ms())
        if reading is None:
            break
        if reading.values or reading.faults or not left:
            return reading
        await clock.sleep(PAUSE_S)
    raise SensorError("there is nothing more to read")
