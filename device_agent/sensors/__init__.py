"""Where readings come from. A sensor is made from its settings; settings are parsed by the table in `kinds`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from contract.telemetry import Quality, Value
from device_agent.sensors.host import Host

__all__ = ["Host", "Reading", "Sensor", "SensorSettings"]


@dataclass(frozen=True)
class Reading:
    """Values of one instant, and the position from which the sensor goes on once they are stored."""

    at: int
    """Boot time in ms. The sampler makes it grow strictly for each sensor, whatever the sensor says."""
    values: Mapping[str, Value]
    position: str | None = None
    quality: Quality = "good"
    faults: Mapping[str, str] = field(default_factory=dict)
    """Metrics that belong here and have no value that can be used, and why. The sampler counts them and takes them off:
    what comes after it need not look at this."""


class Sensor(Protocol):
    """Something to read every `interval_s`."""

    @property
    def interval_s(self) -> float: ...

    async def read(self, now: int) -> Reading | None:
        """One reading at boot time `now` (ms); None when there will be no more. Must not block the event loop.

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

    def make(self, host: Host, position: str | None) -> Sensor:
        """The sensor, going on from a stored `position` if there is one. Must not block. Raises SensorError."""
        ...
