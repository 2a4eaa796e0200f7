"""In which order the queue's messages leave.

What is urgent comes first, then telemetry, then logs. Telemetry leaves in the order of its making as long as the cloud
still waits for what is missing. After a longer outage that order would keep everybody waiting for what is true now, so
the newest message leaves first, and fresh ones as they come, while the backlog drains beside them, the oldest first.
"""

from collections import deque
from collections.abc import Collection
from typing import TYPE_CHECKING, Final

from device_agent import wire
from device_agent.clock import Clock
from device_agent.errors import PayloadError
from device_agent.queue import Priority, QueuedMessage

if TYPE_CHECKING:
    from device_agent.storage import Storage

_AHEAD: Final = 16
"""So many messages are read from the disk together."""
_NEVER: Final = 2**63


class Lane:
    """Messages of one priority with ids in (`after`, `until`), oldest first, each handed out once until `rewind`."""

    def __init__(self, storage: "Storage", priority: Priority, *, after: int = 0, until: int = _NEVER) -> None:
        self.priority = priority
        self.paused_until = 0.0
        """Monotonic time before which it has nothing to give."""
        self.waits = False
        """Whether it has something that may go soon, so that it is worth staying connected for."""
        self._storage = storage
        self._first = self._after = after
        self._until = until
        self._ahead: deque[QueuedMessage] = deque()
        self._exhausted = False

    async def next(self, skip: Collection[int]) -> QueuedMessage | None:
        """The next message whose id is not in `skip`, without handing it out; None when there is none now."""
        while True:
            while self._ahead:
                message = self._ahead[0]
                if message.id not in skip:
                    return message
                self.pass_over()
            if self._exhausted:
                return None
            found = await self._storage.peek(self.priority, self._after, _AHEAD)
            self._ahead.extend(message for message in found if message.id < self._until)
            self._exhausted = len(found) < _AHEAD or len(self._ahead) < len(found)

    def pass_over(self) -> None:
        """The message that `next` has returned is dealt with."""
        self._after = self._ahead.popleft().id

    def look_again(self) -> None:
        """Something was appended."""
        self._exhausted = False

    def rewind(self) -> None:
        """Hand out again what the queue still has."""
        self._after = self._first
        self._ahead.clear()
        self._exhausted = False

    def pause(self, until: float, *, waits: bool) -> None:
        self.paused_until = until
        self.waits = waits

    @property
    def ended(self) -> bool:
        """Whether there can be no more in it, whatever is appended."""
        return self._until != _NEVER and self._exhausted and not self._ahead


async def telemetry_lanes(storage: "Storage", clock: Clock, *, reorder_hold_ms: int) -> list[Lane]:
    """One lane in order; or, before the newest message of a backlog that the cloud waits for no longer, two."""
    oldest = await storage.peek(Priority.TELEMETRY, 0, 1)
    if not oldest or _age_ms(oldest[0], clock) <= reorder_hold_ms:
        return [Lane(storage, Priority.TELEMETRY)]
    newest = await storage.newest(Priority.TELEMETRY, 1)
    first_fresh = newest[0].id if newest else oldest[0].id
    return [
        Lane(storage, Priority.TELEMETRY, after=first_fresh - 1),
        Lane(storage, Priority.TELEMETRY, until=first_fresh),
    ]


def _age_ms(message: QueuedMessage, clock: Clock) -> int:
    """Since it was made; what another start of the machine has left is old."""
    try:
        payload = wire.read(message.payload)
    except PayloadError:
        return _NEVER
    if not isinstance(payload, wire.Batch) or payload.stamp.machine_boot != clock.machine_boot():
        return _NEVER
    return clock.boot_ms() - payload.sent_at
