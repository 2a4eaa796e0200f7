"""Readings between the sensors and the queue."""

from collections import deque
from collections.abc import Sequence
from typing import Final, NamedTuple

from contract.telemetry import Quality, Value
from device_agent.time.timekeeper import Offset

MOST_BYTES: Final = 2 * 1024 * 1024
"""So much, as JSON, is held while the queue cannot be written; then the oldest is given up."""
MOST_READINGS: Final = 10_000


class HeldReading(NamedTuple):
    """A reading that waits to be stored. `size` is that of its JSON, at most."""

    sensor: str
    at: int
    values: dict[str, Value]
    quality: Quality
    position: str | None
    size: int
    offset: Offset


class HeldReadings:
    """Readings in their order, and how large they are."""

    def __init__(self) -> None:
        self._readings: deque[HeldReading] = deque()
        self.bytes = 0

    def __len__(self) -> int:
        return len(self._readings)

    def add(self, reading: HeldReading) -> None:
        self._readings.append(reading)
        self.bytes += reading.size

    def position(self, sensor: str) -> str | None:
        """The newest position of a sensor, if a reading that is held brought one."""
        mine = (reading.position for reading in reversed(self._readings) if reading.sensor == sensor)
        return next((position for position in mine if position is not None), None)

    def take(self) -> list[HeldReading]:
        readings = list(self._readings)
        self._readings.clear()
        self.bytes = 0
        return readings

    def put_back(self, readings: Sequence[HeldReading]) -> int:
        """Put them before those that came since; returns how many had to be given up."""
        self._readings.extendleft(reversed(readings))
        self.bytes += sum(reading.size for reading in readings)
        return self.trim()

    def trim(self) -> int:
        """Give up the oldest beyond what may be held; returns how many."""
        given_up = 0
        while self.bytes > MOST_BYTES or len(self._readings) > MOST_READINGS:
            self.bytes -= self._readings.popleft().size
            given_up += 1
        return given_up


class Later:
    """Keeps the times of each sensor growing after time was set back a little.

    Until time has caught up, each of its readings comes a millisecond after the one before.
    """

    def __init__(self) -> None:
        self._ms: int | None = None
        self._last: dict[str, int] = {}

    def than_told(self, sensor: str, at: int, offset: Offset) -> int:
        """The boot time to store for a reading of `at`."""
        if offset.ms != self._ms:
            self._ms = offset.ms
            if offset.after is None:  # set forward, or back so far that it is followed
                self._last.clear()
        if offset.after is None and not self._last:
            return at
        last = max(self._last.get(sensor, 0), offset.after or 0)
        if at + offset.ms > last:
            self._last.pop(sensor, None)
            return at
        self._last[sensor] = last + 1
        return last + 1 - offset.ms
