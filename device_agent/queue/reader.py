"""Taking messages out of the segments, and noting which are done with."""

import logging
from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from typing import Final

from device_agent.queue.index import Indexes, SegmentIndex
from device_agent.queue.messages import Priority, QueuedMessage
from device_agent.queue.records import DamagedRecordError, unpack
from device_agent.queue.segment_files import SegmentFiles
from device_agent.queue.state import RingState, Segment

_KEPT_CHUNKS: Final = 2
"""One from each end of the queue: a backlog is sent newest first and oldest first at once."""


class Reader:
    """Reads by record; keeps the last few unpacked. Everything raises OSError where the disk cannot be read."""

    def __init__(self, state: RingState, files: SegmentFiles, log: logging.LoggerAdapter[logging.Logger]) -> None:
        self.indexes = Indexes(state, files, log)
        self._state = state
        self._files = files
        self._log = log
        self._chunks: OrderedDict[tuple[int, int], list[bytes]] = OrderedDict()

    def peek(self, priority: Priority, after: int, limit: int) -> list[QueuedMessage]:
        """The oldest unacknowledged messages with an id above `after`."""
        acknowledged = self._state.acknowledged[priority]
        taken: list[QueuedMessage] = []
        start = acknowledged.next_absent(max(0, after) + 1)
        for segment, at in self._waiting(priority, start) if limit > 0 else ():
            for message in self._messages(segment, at):
                if message.id > after and message.id not in acknowledged:
                    taken.append(message)
                    if len(taken) == limit:
                        return taken
        return taken

    def newest(self, priority: Priority, limit: int) -> list[QueuedMessage]:
        """The newest unacknowledged messages, the oldest of them first."""
        acknowledged = self._state.acknowledged[priority]
        taken: list[QueuedMessage] = []
        for segment in reversed(self._state.of(priority)):
            if not segment.messages:
                continue
            index = self.indexes.of(segment)
            for at in range(len(index) - 1, -1, -1):
                if len(taken) >= limit:
                    return taken[len(taken) - limit :] if limit > 0 else []
                if not self._done(segment, index, at):
                    waiting = [message for message in self._messages(segment, at) if message.id not in acknowledged]
                    taken = waiting + taken
        return taken[max(0, len(taken) - limit) :]

    def oldest_id(self, priority: Priority) -> int | None:
        """Without a look into the bodies."""
        acknowledged = self._state.acknowledged[priority]
        for segment, at in self._waiting(priority, 0):
            return acknowledged.next_absent(self.indexes.of(segment).first_ids[at])
        return None

    def acknowledge(self, ids: Iterable[int]) -> int:
        """Forget messages; how many there were of them."""
        return sum(map(self._acknowledge, sorted(set(ids))))

    def _acknowledge(self, identifier: int) -> bool:
        for priority in Priority:
            mine = self._state.of(priority)
            place = bisect_left(mine, identifier, key=lambda segment: segment.last_id)
            if place < len(mine) and identifier not in self._state.acknowledged[priority]:
                index = self.indexes.of(mine[place]) if mine[place].first_id <= identifier else SegmentIndex()
                at = index.at_or_after(identifier)
                if at < len(index) and index.first_ids[at] <= identifier:
                    self._mark(mine[place], index, at, identifier, mine[place - 1].last_id if place else 0)
                    return True
        return False

    def _mark(self, segment: Segment, index: SegmentIndex, at: int, identifier: int, before: int) -> None:
        """Take one id of a record for done; `before` is the last id before the segment."""
        segment.messages -= 1
        first = identifier
        if first == index.first_ids[at]:
            # Ids in between are other priorities' or nobody's: with them, what is acknowledged in order is one range.
            first = (index.last_id(at - 1) if at else before) + 1
        self._state.acknowledged[segment.priority].add(first, identifier)
        if self._done(segment, index, at):
            segment.bytes -= index.lengths[at]

    def _waiting(self, priority: Priority, start: int) -> Iterator[tuple[Segment, int]]:
        """The records with unacknowledged messages, from the one with id `start` on."""
        for segment in self._state.of(priority):
            if segment.messages and segment.last_id >= start:
                index = self.indexes.of(segment)
                for at in range(index.at_or_after(start), len(index)):
                    if not self._done(segment, index, at):
                        yield segment, at

    def _done(self, segment: Segment, index: SegmentIndex, at: int) -> bool:
        return self._state.acknowledged[segment.priority].next_absent(index.first_ids[at]) > index.last_id(at)

    def _messages(self, segment: Segment, at: int) -> Iterator[QueuedMessage]:
        index = self.indexes.of(segment)
        first_id = index.first_ids[at]
        for place, payload in enumerate(self._payloads(segment, index, at)):
            yield QueuedMessage(first_id + place, segment.priority, payload)

    def _payloads(self, segment: Segment, index: SegmentIndex, at: int) -> list[bytes]:
        key = (segment.generation, index.offsets[at])
        if key not in self._chunks:
            content = self._files.pread(segment.number, index.lengths[at], index.offsets[at])
            try:
                self._chunks[key] = unpack(content)[1].messages
            except DamagedRecordError as error:
                self._lose(segment, index, at, error)
                return []
            if len(self._chunks) > _KEPT_CHUNKS:
                self._chunks.popitem(last=False)
        self._chunks.move_to_end(key)
        return self._chunks[key]

    def _lose(self, segment: Segment, index: SegmentIndex, at: int, error: DamagedRecordError) -> None:
        """A chunk was damaged since the queue was opened."""
        first, last = index.first_ids[at], index.last_id(at)
        acknowledged = self._state.acknowledged[segment.priority]
        lost = last - first + 1 - acknowledged.count(first, last)
        segment.messages -= lost
        segment.bytes -= index.lengths[at]
        acknowledged.add(first, last)
        self._state.dropped[segment.priority] += lost
        self._log.error("a chunk of the queue is lost with %d messages: %s", lost, error)
