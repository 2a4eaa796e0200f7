"""A sensor that a package brings, so that whatever it does is a problem of its own: what it hands on is a Reading as
promised, and what it raises is a SensorError.
"""

import asyncio
import math
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import fields
from typing import Any, Final

from contract.errors import shown
from contract.telemetry import MAX_INTEGER, MAX_TEXT_CHARS, QUALITIES, Value
from device_agent.clock import Clock
from device_agent.errors import SensorError
from device_agent.sensors import Reading, Sensor
from device_agent.sensors.driver_table import LEAST_INTERVAL_S, MOST_INTERVAL_S

READ_LIMIT_S: Final = 60.0
"""A reading that takes longer is given up."""
_MOST_SHOWN: Final = 200
MOST_POSITION_CHARS: Final = 1_000
"""Of every sensor, the position is written with each chunk of the queue."""


class GuardedSensor:
    """Raises SensorError where the sensor raises, never answers, or returns what is no Reading of its metrics."""

    def __init__(self, sensor: Sensor, metrics: Collection[str], clock: Clock) -> None:
        """Raises SensorError if there is no telling how often it is to be read."""
        self._sensor = sensor
        self._metrics = frozenset(metrics)
        self._clock = clock
        self._reading: asyncio.Task[Reading | None] | None = None
        self.interval_s = _interval_s(sensor)

    async def read(self, now: int) -> Reading | None:
        """While a reading that was given up goes on all the same, each further one fails at once."""
        if self._reading is not None and not self._reading.done():
            raise SensorError("hung: it does not heed that its reading was given up")
        reading = self._reading = asyncio.ensure_future(self._ask(now))
        limit = asyncio.ensure_future(self._clock.sleep(READ_LIMIT_S))
        try:
            await asyncio.wait({reading, limit}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            limit.cancel()
            reading.cancel()  # nothing, once it is done
        if not reading.done():
            raise SensorError(f"hung: no answer within {READ_LIMIT_S:g} s")
        if reading.cancelled():
            raise SensorError("it cancelled its own reading")
        return reading.result()

    def close(self) -> None:
        with suppress(Exception, SystemExit):  # it is given up; nothing can be done about what it holds
            self._sensor.close()

    async def _ask(self, now: int) -> Reading | None:
        try:
            found: Any = await self._sensor.read(now)
            return None if found is None else _looked_at(found, self._metrics)
        except SensorError:
            raise
        except (Exception, SystemExit) as error:  # the latter would end the agent
            raise SensorError(f"{type(error).__name__}: {error}") from error


def _interval_s(sensor: Sensor) -> float:
    interval: Any = sensor.interval_s
    # So written that NaN is outside.
    if isinstance(interval, (int, float)) and LEAST_INTERVAL_S <= interval <= MOST_INTERVAL_S:
        return float(interval)
    raise SensorError(f"interval_s: expected {LEAST_INTERVAL_S:g} to {MOST_INTERVAL_S:g} s, got {shown(interval)}")


def _looked_at(found: Any, metrics: Collection[str]) -> Reading:
    """What was read, with values that are what they say; what cannot be used is a fault of its metric."""
    if not _is_reading(found):
        raise SensorError(f"expected a Reading or None, got {shown(found)[:_MOST_SHOWN]}")
    faults = {str(metric): str(fault) for metric, fault in found.faults.items()}
    values: dict[str, Value] = {}
    for metric, value in found.values.items():
        if metric not in metrics:
            faults[str(metric)] = "the sensor did not say that this is its metric"
        elif (usable := _usable(value)) is None:
            faults[metric] = f"expected a finite number, true or false, or a short text, got {shown(value)}"
        else:
            values[metric] = usable
    return Reading(found.at, values, found.position, found.quality, faults)


def _is_reading(found: Any) -> bool:
    if not isinstance(found, Reading):
        return False
    claimed: dict[str, Any] = {each.name: getattr(found, each.name) for each in fields(Reading)}
    position = claimed["position"]
    return (
        type(claimed["at"]) is int
        and claimed["at"] >= 0
        and isinstance(claimed["values"], Mapping)
        and isinstance(claimed["faults"], Mapping)
        and claimed["quality"] in QUALITIES
        and (position is None or (_is_text(position) and len(position) <= MOST_POSITION_CHARS))
    )


def _usable(value: Any) -> Value | None:
    """As one of Python's own types, which numbers of other libraries derive from; None if it cannot be used."""
    if isinstance(value, bool):
        return value
    if isinstance(value, int):
        return int(value) if -MAX_INTEGER <= value <= MAX_INTEGER else None
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    return str(value) if _is_text(value) and len(value) <= MAX_TEXT_CHARS else None


def _is_text(value: Any) -> bool:
    """Whether it is one that can be written: half of a surrogate pair cannot."""
    return isinstance(value, str) and value.encode("utf-8", "replace") == value.encode("utf-8", "surrogatepass")
