"""Where readings come from. A sensor is made from its settings; settings are parsed by the table in `kinds`."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from contract.models import DeviceModel
from contract.telemetry import Quality, Value

FORGET_AHEAD_MS = 15 * 60 * 1000
"""How far time may step back before a sensor believes it: what was further ahead, the cloud has quarantined."""


@dataclass(frozen=True)
class Reading:
    """Values of one instant, and the position from which the sensor goes on once they are stored."""

    ts: int
    values: Mapping[str, Value]
    position: str | None = None
    quality: Quality = "good"


class Sensor(Protocol):
    """Something to read every `interval_s`."""

    @property
    def interval_s(self) -> float: ...

    async def read(self, now_ms: int) -> Reading | None:
        """One reading, stamped later than the one before; None when there will be no more.

        Raises:
            SensorError: this reading failed; the next may succeed.
        """
        ...

    def close(self) -> None: ...


class SensorSettings(Protocol):
    """What a `[[sensor]]` table says. `metrics` are the ones that only this sensor may produce."""

    @property
    def name(self) -> str: ...

    @property
    def metrics(self) -> tuple[str, ...]: ...

    def make(self, thing: str, model: DeviceModel, position: str | None) -> Sensor:
        """The sensor, going on from a stored `position` if there is one. Raises SensorError."""
        ...


def stamp(now_ms: int, last_ms: int | None) -> int:
    """The time of a reading: now, but after the one before, unless the clock was set back by more than that."""
    if last_ms is None or last_ms - now_ms > FORGET_AHEAD_MS:
        return now_ms
    return max(now_ms, last_ms + 1)
