"""Where the records of one append go, and what has to make way for them. Pure: nothing changes before it is applied."""

from collections.abc import Callable

from device_agent.queue.messages import Priority
from device_agent.queue.records import start_after
from device_agent.queue.state import RingState, Segment


class Placement:
    """A plan, made record by record."""

    def __init__(self, state: RingState, grow: Callable[[], bool]) -> None:
        """`grow` adds a segment to the state, if the disk has room for one that is still missing."""
        self._state = state
        self._grow = grow
        self._ends: dict[int, int] = {}
        self._current: dict[Priority, Segment | None] = {}
        self.taken: dict[int, Priority] = {}
        """Segments that begin a new pass, by number, in the order of their generations to come."""

    def place(self, priority: Priority, length: int) -> tuple[int, int] | None:
        """Segment and offset for a record; None where only what is of higher priority could make way, or itself."""
        if priority not in self._current:
            self._current[priority] = self._state.current(priority)
        current = self._current[priority]
        if current is not None and self.taken.get(current.number, priority) == priority:
            offset = start_after(self._ends.get(current.number, current.end), length)
            if offset + length <= self._state.segment_bytes:
                self._ends[current.number] = offset + length
                return current.number, offset
        taken = self._room_for(priority) if length <= self._state.segment_bytes else None
        if taken is None:
            return None
        self._current[priority] = taken
        self.taken[taken.number] = priority
        self._ends[taken.number] = length
        return taken.number, 0

    def _room_for(self, priority: Priority) -> Segment | None:
        """A segment to begin a new pass in, and the oldest of the lowest priority if none is empty."""
        empty = self._empty()
        if empty is None and self._grow():
            empty = self._empty()
        return empty or self._victim(priority)

    def _empty(self) -> Segment | None:
        """One with nothing that is wanted. One that was in use costs less than one that was not, which is zeroed first;
        one that a priority still writes to comes last.
        """
        state = self._state
        current = {segment.number for p in Priority if (segment := state.current(p))}
        candidates = [
            s for s in state.segments.values() if s.writable and not s.messages and s.number not in self._ends
        ]
        return min(
            candidates, key=lambda s: (s.number in current, s.generation == 0, s.generation, s.number), default=None
        )

    def _victim(self, priority: Priority) -> Segment | None:
        for lowest in reversed(Priority):
            if lowest < priority:
                return None
            for segment in self._state.of(lowest):
                if segment.messages and segment.writable and segment.number not in self._ends:
                    return segment
        return None
