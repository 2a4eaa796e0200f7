"""What the actuators do, as readings: the metrics of the model that tell what is true of them."""

from collections.abc import Callable
from typing import Final

from device_agent.actuators.controller import Actuators
from device_agent.clock import Clock
from device_agent.sensors import Reading

NAME: Final = "actuators"
"""The readings' sensor, which no `[[sensor]]` can be: its name is taken."""
BEAT_S: Final = 10.0


class ActuatorReadings:
    """Reads them back at an interval, and whenever one has changed."""

    def __init__(
        self,
        actuators: Actuators,
        take: Callable[[str, Reading], None],
        *,
        interval_s: Callable[[], float],
        clock: Clock,
    ) -> None:
        """`interval_s` is asked again and again: it may change at any time."""
        self._actuators = actuators
        self._take = take
        self._interval_s = interval_s
        self._clock = clock
        self._last_at = -1
        self._told: dict[str, object] = {}
        actuators.on_change(self._changed)

    async def run(self, beat: Callable[[], None]) -> None:
        """Read at the interval, for ever; beats every BEAT_S or sooner."""
        while True:
            self._read()
            since = self._clock.monotonic()
            beat()
            while (left := since + self._interval_s() - self._clock.monotonic()) > 0:
                await self._clock.sleep(min(left, BEAT_S))
                beat()

    def _changed(self) -> None:
        if self._actuators.metrics() != self._told:
            self._read()

    def _read(self) -> None:
        values = self._actuators.metrics()
        self._told = dict(values)
        if values:
            self._last_at = max(self._clock.boot_ms(), self._last_at + 1)
            self._take(NAME, Reading(self._last_at, values))
