"""What has arrived at the other side of the broker."""

from dataclasses import dataclass, field

TOGETHER_S = 0.2
"""Messages within so long of the first are one arrival: the agent sends what a flush brings one after the other."""


@dataclass
class Arrivals:
    """`times` holds for each row of the recording the times under which it came."""

    messages: int = 0
    samples: int = 0
    times: dict[int, set[int]] = field(default_factory=dict)
    first_at: float | None = None
    last_at: float = 0.0
    """When the newest arrival began."""
    _first_samples: int = 0

    def take(self, at: float, rows: dict[int, int]) -> None:
        """A message that came at the time `at`, in s: its rows, each with the time it was recorded at."""
        if self.first_at is None:
            self.first_at = self.last_at = at
        elif at - self.last_at > TOGETHER_S:
            self.last_at = at
        self.messages += 1
        self.samples += len(rows)
        self._first_samples += len(rows) * (self.last_at == self.first_at)
        for row, recorded in rows.items():
            self.times.setdefault(row, set()).add(recorded)

    @property
    def rate(self) -> float:
        """Samples a second from the first arrival to the last one; 0 before there are two."""
        since = self.last_at if self.first_at is None else self.first_at
        return (self.samples - self._first_samples) / (self.last_at - since) if self.last_at > since else 0.0

    @property
    def doubled(self) -> int:
        """Rows that a store with (metric, ts) as its key would hold more than once."""
        return sum(len(times) > 1 for times in self.times.values())
