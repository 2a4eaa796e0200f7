"""What the queue holds and what it tells of itself."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum


class Priority(IntEnum):
    """Which messages make way for which: the highest number goes first."""

    URGENT = 0
    """Alarms and results of commands."""
    TELEMETRY = 1
    LOG = 2

    @property
    def word(self) -> str:
        """What it is called in documents: status, figures, the event `dropped`."""
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class QueuedMessage:
    """One message that waits; ids grow in the order of appending, over all priorities, and are never used twice."""

    id: int
    priority: Priority
    payload: bytes


@dataclass(frozen=True, slots=True)
class PriorityStats:
    """What waits of one priority."""

    messages: int
    bytes: int
    """What the records that hold these messages take on the disk, compressed."""
    dropped: int
    """Messages given up since the queue was made: no room was left, or they were damaged on the disk."""
    oldest_id: int | None


@dataclass(frozen=True)
class QueueStats:
    """The queue's figures."""

    priorities: Mapping[Priority, PriorityStats]
    capacity: int
    """Bytes of disk that the queue has reserved."""

    def __getitem__(self, priority: Priority) -> PriorityStats:
        return self.priorities[priority]

    @property
    def messages(self) -> int:
        return sum(stats.messages for stats in self.priorities.values())

    @property
    def bytes(self) -> int:
        return sum(stats.bytes for stats in self.priorities.values())

    @property
    def dropped(self) -> int:
        return sum(stats.dropped for stats in self.priorities.values())
