"""What the queue knows of its disk while it is open: a few words for each segment, none for a record."""

import zlib
from collections.abc import Container, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

import msgspec

from device_agent.queue.messages import Priority, PriorityStats
from device_agent.queue.ranges import IdRanges
from device_agent.queue.records import Tail

_CHECKPOINT_RANGES: Final = 128
_TAIL_RANGES: Final = 8
"""So many ranges of acknowledged ids are kept for each priority; what does not fit is sent again after a crash."""


@dataclass(slots=True)
class Segment:
    """One segment's present pass."""

    number: int
    generation: int = 0
    """The pass, counted over all segments; 0: the segment was never used."""
    priority: Priority = Priority.TELEMETRY
    end: int = 0
    """Where the next record may begin, in bytes."""
    first_id: int = 0
    last_id: int = 0
    """These two are in the order of the generations, in empty segments too."""
    messages: int = 0
    """Not acknowledged."""
    bytes: int = 0
    """Of the records that hold them."""
    writable: bool = True
    """Whether it has its whole space."""


class Checkpoint(msgspec.Struct, array_like=True, frozen=True):
    """What the slots hold. Lists of three are by priority."""

    segment_bytes: int
    id_limit: int
    """No id from here on was ever given."""
    committed: int
    """The last append that was committed."""
    segments: dict[int, tuple[int, int, bool]]
    """From the segment's number to its generation, its priority, and whether nothing in it is wanted any more. What it
    has of an earlier generation is gone."""
    acknowledged: list[list[tuple[int, int]]]
    dropped: list[int]
    positions: dict[str, str]

    def encode(self) -> bytes:
        return zlib.compress(msgspec.msgpack.encode(self))

    @classmethod
    def decode(cls, content: bytes) -> "Checkpoint":
        """Raises ValueError where the content is none."""
        try:
            return msgspec.msgpack.decode(zlib.decompress(content), type=cls)
        except (zlib.error, msgspec.DecodeError) as error:
            raise ValueError(f"no checkpoint: {error}") from error


@dataclass
class RingState:
    """The segments by number, and what holds for all of them."""

    segment_bytes: int
    segments: dict[int, Segment] = field(default_factory=dict)
    """Changed by `put` and `remove` only."""
    acknowledged: dict[Priority, IdRanges] = field(default_factory=lambda: {p: IdRanges() for p in Priority})
    dropped: dict[Priority, int] = field(default_factory=lambda: dict.fromkeys(Priority, 0))
    positions: dict[str, str] = field(default_factory=dict)
    next_id: int = 1
    committed: int = 0
    generation: int = 0
    """The highest that was ever given to a segment."""
    _order: dict[Priority, list[Segment]] = field(default_factory=dict)

    def put(self, segment: Segment) -> None:
        """Add a segment, or let it begin a new pass."""
        self.segments[segment.number] = segment
        self._order.clear()

    def remove(self, number: int) -> None:
        del self.segments[number]
        self._order.clear()

    def of(self, priority: Priority) -> list[Segment]:
        """The segments that belong to a priority, in the order of their ids."""
        if priority not in self._order:
            mine = [s for s in self.segments.values() if s.generation and s.priority == priority]
            self._order[priority] = sorted(mine, key=lambda segment: segment.generation)
        return self._order[priority]

    def current(self, priority: Priority) -> Segment | None:
        """The segment that this priority's next record goes to, if it still fits."""
        mine = self.of(priority)
        return mine[-1] if mine and mine[-1].writable else None

    def copy(self) -> "RingState":
        """One whose changes do not show here; the segments themselves are shared."""
        acknowledged = {priority: IdRanges(ranges.pairs()) for priority, ranges in self.acknowledged.items()}
        return replace(
            self, segments=dict(self.segments), acknowledged=acknowledged, dropped=dict(self.dropped), _order={}
        )

    def become(self, other: "RingState") -> None:
        """Take over what a copy of this has come to."""
        self.segments, self.acknowledged, self.dropped = other.segments, other.acknowledged, other.dropped
        self.generation = other.generation
        self._order.clear()

    def forget(self, segment: Segment) -> None:
        """Give up the oldest segment of its priority: what it still has is counted as dropped."""
        self.dropped[segment.priority] += segment.messages
        self.acknowledged[segment.priority].add(0, segment.last_id)

    def tail(self, positions: Mapping[str, str]) -> Tail:
        return Tail(dict(positions), self._ranges(_TAIL_RANGES), [self.dropped[p] for p in Priority])

    def checkpoint(self, id_limit: int, *, about_to_write: Container[int] = ()) -> Checkpoint:
        """`about_to_write`: the segments, by number, that are empty now and will not be."""
        current = {mine[-1].generation for p in Priority if (mine := self.of(p))}
        return Checkpoint(
            self.segment_bytes,
            id_limit,
            self.committed,
            {
                s.number: (s.generation, s.priority, self._is_done_with(s, current, about_to_write))
                for s in self.segments.values()
                if s.generation
            },
            self._ranges(_CHECKPOINT_RANGES),
            [self.dropped[p] for p in Priority],
            self.positions,
        )

    def _is_done_with(self, segment: Segment, current: Container[int], about_to_write: Container[int]) -> bool:
        return not segment.messages and segment.generation not in current and segment.number not in about_to_write

    def stats(self, priority: Priority, oldest_id: int | None) -> PriorityStats:
        mine = self.of(priority)
        return PriorityStats(
            sum(segment.messages for segment in mine),
            sum(segment.bytes for segment in mine),
            self.dropped[priority],
            oldest_id,
        )

    def _ranges(self, limit: int) -> list[list[tuple[int, int]]]:
        return [self.acknowledged[p].pairs(limit) for p in Priority]
