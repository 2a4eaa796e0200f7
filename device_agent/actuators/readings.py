"""What the actuators do, as readings: the metrics of the model that tell what is true of them."""

from collections.abc import Callable
from typing import Final

from device_agent.actuators.controller import Actuators
from device_agent.clock import Clock
from device_agent.sensors import Reading

NAME: Final = "actuators"
"""The readings' sensor, which no `[[sensor]]` can be: its name is taken."""


class ActuatorReadings:
    """Reads them back at an interval, and whenever one has changed."""

    def __init__(
        self, actuators: Actuators, take: Callable[[str, Reading], None], *, interval_s: float, clock: Clock
    ) -> None:
        self._actuators = actuators
        self._take = take
        self._interval_s = interval_s
        self._clock = clock
        self._last_at = -1
        self._told: dict[str, object] = {}
        actuators.on_change(self._changed)

    async def run(self, beat: Callable[[], None]) -> None:
        """Read at the interval, for ever."""
        while True:
            beat()
            self._read()
            await self._clock.sleep(self._interval_s)

    def _changed(self) -> None:
        if self._actuators.metrics() != self._told:
            self._read()

    def _read(self) -> None:
        values = self._actuators.metrics()
        self._told = dict(values)
        if values:
            self._last_at = max(self._clock.boot_ms(), self._last_at + 1)
            self._take(NAME, Reading(self._last_at, values))
