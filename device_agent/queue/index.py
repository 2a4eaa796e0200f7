"""Where the records of a segment are: made from the segment when it is wanted, kept for a few segments.

So a full queue needs no more memory than an empty one, however small its records are.
"""

import logging
from array import array
from bisect import bisect_right
from collections import OrderedDict
from dataclasses import dataclass, field, replace
from typing import Final

from device_agent.queue.records import scan
from device_agent.queue.recovery import summarise
from device_agent.queue.segment_files import SegmentFiles
from device_agent.queue.state import RingState, Segment

_KEPT: Final = 6
"""Each priority's oldest and newest segment are in use at a time."""


def _unsigned(code: str) -> "array[int]":
    return array(code)


@dataclass(slots=True)
class SegmentIndex:
    """The records of one segment that have messages, in the order of their ids."""

    offsets: "array[int]" = field(default_factory=lambda: _unsigned("I"))
    lengths: "array[int]" = field(default_factory=lambda: _unsigned("I"))
    first_ids: "array[int]" = field(default_factory=lambda: _unsigned("Q"))
    counts: "array[int]" = field(default_factory=lambda: _unsigned("I"))

    def __len__(self) -> int:
        return len(self.offsets)

    def add(self, offset: int, length: int, first_id: int, count: int) -> None:
        self.offsets.append(offset)
        self.lengths.append(length)
        self.first_ids.append(first_id)
        self.counts.append(count)

    def last_id(self, at: int) -> int:
        return self.first_ids[at] + self.counts[at] - 1

    def at_or_after(self, identifier: int) -> int:
        """The place of the record that has the id, or else of the next one."""
        at = bisect_right(self.first_ids, identifier) - 1
        return at if at >= 0 and self.last_id(at) >= identifier else at + 1


class Indexes:
    """The index of each segment that was lately used."""

    def __init__(self, state: RingState, files: SegmentFiles, log: logging.LoggerAdapter[logging.Logger]) -> None:
        self._state = state
        self._files = files
        self._log = log
        self._kept: OrderedDict[tuple[int, int], SegmentIndex] = OrderedDict()

    def of(self, segment: Segment) -> SegmentIndex:
        """Raises OSError."""
        key = (segment.number, segment.generation)
        if key not in self._kept:
            self._kept[key] = self._loaded(segment)
            if len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        return self._kept[key]

    def note(self, segment: Segment, offset: int, length: int, first_id: int, count: int) -> None:
        """A record was appended."""
        index = self._kept.get((segment.number, segment.generation))
        if index is not None and count:
            index.add(offset, length, first_id, count)

    def _loaded(self, segment: Segment) -> SegmentIndex:
        index = SegmentIndex()
        whole = [
            found
            for found in scan(self._files.read(segment.number))
            if found.whole and found.header.generation == segment.generation and found.offset < segment.end
        ]
        for found in whole:
            if found.header.count:
                index.add(found.offset, found.header.length, found.header.first_id, found.header.count)
        now = replace(segment)
        summarise(now, whole, self._state.acknowledged[segment.priority])
        if now.messages < segment.messages:
            lost = segment.messages - now.messages
            segment.messages, segment.bytes = now.messages, now.bytes
            self._state.dropped[segment.priority] += lost
            self._log.error("segment %d was damaged since it was opened: %d messages are lost", segment.number, lost)
        return index
