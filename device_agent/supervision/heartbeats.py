"""Who is alive: each task beats, and one that has not beaten within its limit is overdue.

Measured on the monotonic clock, which stands still while the device sleeps: after a suspend nobody is overdue for it.
"""

from dataclasses import dataclass

from device_agent.clock import Clock

ATTEMPTS = 3
"""So many starts in a row may end without a beat before a start no longer counts as a sign of life."""


class Heartbeat:
    """The beat of one task: call it to beat."""

    def __init__(
        self, name: str, limit_s: float, clock: Clock, registry: dict[str, "Heartbeat"], *, critical: bool
    ) -> None:
        self.name = name
        self.limit_s = limit_s
        self.critical = critical
        self.starts = 0
        self._clock = clock
        self._registry = registry
        self._seen = self._started = clock.monotonic()
        self._silent_starts = 0

    def __call__(self) -> None:
        self._seen = self._clock.monotonic()
        self._silent_starts = 0

    def start(self) -> None:
        """The task is started (again): it has the whole limit for its first beat."""
        self.starts += 1
        self._silent_starts += 1
        self._started = self._clock.monotonic()
        if self._silent_starts <= ATTEMPTS:
            self._seen = self._started

    def retire(self) -> None:
        """The task has ended as it should: nobody waits for its beat any more, and its name is free."""
        if self._registry.get(self.name) is self:
            del self._registry[self.name]

    @property
    def left_s(self) -> float:
        """Seconds that the running attempt may still go without a beat; zero or less when it has stalled."""
        return max(self._seen, self._started) + self.limit_s - self._clock.monotonic()

    @property
    def age_s(self) -> float:
        """Seconds since the last sign of life."""
        return self._clock.monotonic() - self._seen

    @property
    def fresh(self) -> bool:
        """Whether the last sign of life is within the limit. A task that is started again and again and never beats
        is not fresh, nor is one that waits longer than its limit to be started again.
        """
        return self.age_s <= self.limit_s


@dataclass(frozen=True)
class Beating:
    """A snapshot of one heartbeat."""

    name: str
    critical: bool
    limit_s: float
    age_s: float
    fresh: bool
    starts: int


class Heartbeats:
    """Every heartbeat of the process. Used on the event loop only."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._beats: dict[str, Heartbeat] = {}

    def register(self, name: str, limit_s: float, *, critical: bool = False) -> Heartbeat:
        """A heartbeat that is fresh now and counts until it is retired.

        Raises:
            ValueError: another has this name, or the limit is not above zero.
        """
        if name in self._beats:
            raise ValueError(f"heartbeat name: expected one that is not taken, got {name!r}")
        if not limit_s > 0:
            raise ValueError(f"heartbeat limit_s of {name!r}: expected a number above 0, got {limit_s!r}")
        self._beats[name] = heartbeat = Heartbeat(name, limit_s, self._clock, self._beats, critical=critical)
        return heartbeat

    def overdue(self) -> list[str]:
        """The critical tasks that are not fresh; while there is one, the watchdog must not be fed."""
        return [beat.name for beat in self._beats.values() if beat.critical and not beat.fresh]

    def snapshot(self) -> list[Beating]:
        """In the order of their registration."""
        return [
            Beating(beat.name, beat.critical, beat.limit_s, beat.age_s, beat.fresh, beat.starts)
            for beat in self._beats.values()
        ]
