"""From what the disk has to what the queue knows. Reads only; the queue does the mending that this finds necessary."""

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

from device_agent.queue.messages import Priority
from device_agent.queue.ranges import IdRanges
from device_agent.queue.records import PAGE, DamagedRecordError, Found, Header, scan, unpack
from device_agent.queue.state import Checkpoint, RingState, Segment

ID_RESERVE: Final = 1 << 20
"""So many ids are set aside with each checkpoint, so that ids need no write of their own."""


@dataclass
class Recovered:
    state: RingState
    uncommitted: list[tuple[int, int]] = field(default_factory=list)
    """Segment and offset of the headers that an interrupted append left; they must go before the next append."""
    last_written: int | None = None
    """The segment of the last append: if its process was killed, it may not be on the disk yet."""
    behind: bool = False
    """The checkpoint does not know of the last append."""
    damaged: int = 0
    """How many places were found where a record should be and none is whole."""


@dataclass(frozen=True, slots=True)
class _Glance:
    """One segment, taken as if everything in it were committed and nothing acknowledged."""

    segment: Segment
    newest_append: int
    commit: int
    """The newest append whose commit is here and whole; 0 if there is none."""
    highest_id: int
    damaged: int


class Recovery:
    """Finds the state of a queue. `read` gives a segment's content by its number."""

    def __init__(
        self,
        segment_bytes: int,
        read: Callable[[int], bytes],
        log: logging.LoggerAdapter[logging.Logger],
    ) -> None:
        self._segment_bytes = segment_bytes
        self._read = read
        self._log = log

    def recover(self, numbers: Iterable[int], checkpoint: Checkpoint | None, *, certain: bool) -> Recovered:
        """Raises OSError, from `read`. `certain`: no newer checkpoint than this one was ever written."""
        table = {} if checkpoint is None else checkpoint.segments
        glances = [self._glance(number, table.get(number), certain=certain) for number in numbers]
        state = RingState(self._segment_bytes, {glance.segment.number: glance.segment for glance in glances})
        found = Recovered(state, damaged=sum(glance.damaged for glance in glances))
        state.generation = max((segment.generation for segment in state.segments.values()), default=0)
        highest_id = max((glance.highest_id for glance in glances), default=0)
        if checkpoint is not None:
            highest_id = max(highest_id, checkpoint.id_limit)
            state.generation = max([state.generation, *(generation for generation, _, _ in table.values())])
            self._take(state, checkpoint.committed, checkpoint.acknowledged, checkpoint.dropped, checkpoint.positions)
        self._take_newest_tail(found, glances)
        found.behind = checkpoint is None or checkpoint.committed < state.committed
        # Twice, since the newest checkpoint may be the damaged one.
        state.next_id = highest_id + 1 + 2 * ID_RESERVE if highest_id else 1
        for glance in glances:
            self._refine(found, glance)
        _put_empty_ones_in_order(state)
        if found.damaged:
            self._log.warning("the queue has %d damaged chunks; their messages are lost", found.damaged)
        return found

    def _glance(self, number: int, known: tuple[int, int, bool] | None, *, certain: bool) -> _Glance:
        generation, priority, gone = known or (0, Priority.TELEMETRY, False)
        if gone and certain:
            return _Glance(Segment(number, generation, Priority(priority), self._segment_bytes), 0, 0, 0, 0)
        return _glance(number, self._read(number), generation, Priority(priority))

    def _take(
        self,
        state: RingState,
        committed: int,
        acknowledged: list[list[tuple[int, int]]],
        dropped: list[int],
        positions: dict[str, str],
    ) -> None:
        """Add what a checkpoint or tail says; positions are those of the newer append."""
        if committed >= state.committed:
            state.committed, state.positions = committed, dict(positions)
        for priority, ranges, count in zip(Priority, acknowledged, dropped, strict=False):
            state.dropped[priority] = max(state.dropped[priority], count)
            for first, last in ranges:
                state.acknowledged[priority].add(first, last)

    def _take_newest_tail(self, found: Recovered, glances: list[_Glance]) -> None:
        newest = max(glances, key=lambda glance: glance.commit, default=None)
        if newest is None or newest.commit < max(1, found.state.committed):
            return
        append, segment = newest.commit, newest.segment
        content = self._read(segment.number)
        for record in scan(content):
            if _commits(record, segment.generation) and record.header.append == append:
                found.last_written = segment.number
                found.state.committed = append
                try:
                    tail = unpack(content, record.offset)[1].tail
                except DamagedRecordError as error:
                    self._log.warning("the positions of append %d cannot be read: %s", append, error)
                    return
                if tail is not None:
                    self._take(found.state, append, tail.acknowledged, tail.dropped, tail.positions)

    def _refine(self, found: Recovered, glance: _Glance) -> None:
        """Take the acknowledged, the damaged and the uncommitted out of a segment's figures."""
        segment, state = glance.segment, found.state
        acknowledged = state.acknowledged[segment.priority]
        touched = acknowledged.count(segment.first_id, segment.last_id)
        as_glanced = not glance.damaged and glance.newest_append <= state.committed
        if as_glanced and acknowledged.next_absent(segment.first_id) > segment.last_id:
            segment.messages = segment.bytes = 0
        if as_glanced and not (touched and segment.messages):
            return
        records = _live(self._read(segment.number), segment.generation)
        found.uncommitted += [(segment.number, r.offset) for r in records if r.header.append > state.committed]
        committed = [record for record in records if record.header.append <= state.committed]
        for record in committed:
            if not record.whole:
                header = record.header
                state.dropped[segment.priority] += waiting(header, acknowledged)
                acknowledged.add(header.first_id, header.last_id)
        summarise(segment, [record for record in committed if record.whole], acknowledged)


def _put_empty_ones_in_order(state: RingState) -> None:
    for priority in Priority:
        last_id = 0
        for segment in state.of(priority):
            if not segment.last_id:
                segment.first_id, segment.last_id = last_id + 1, last_id
            last_id = segment.last_id


def waiting(header: Header, acknowledged: IdRanges) -> int:
    """How many messages of a record are not acknowledged."""
    return header.count - acknowledged.count(header.first_id, header.last_id)


def _glance(number: int, content: bytes, generation: int, priority: Priority) -> _Glance:
    everything = list(scan(content))
    generation = max([generation, *(found.header.generation for found in everything)])
    records = [found for found in everything if found.header.generation == generation]
    segment = Segment(number, generation, records[0].header.priority if records else priority)
    whole = [found for found in records if found.whole]
    summarise(segment, whole, IdRanges())
    return _Glance(
        segment,
        max((found.header.append for found in records), default=0),
        max((found.header.append for found in whole if found.header.commits), default=0),
        max((max(found.header.append, found.header.last_id) for found in everything), default=0),
        _damage(records),
    )


def _live(content: bytes, generation: int) -> list[Found]:
    return [found for found in scan(content) if found.header.generation == generation]


def _commits(found: Found, generation: int) -> bool:
    return found.whole and found.header.commits and found.header.generation == generation


def _damage(records: list[Found]) -> int:
    """How often the next record is not where it must be, or is not whole; the last may be an append under way."""
    damaged = end = 0
    for found in records:
        damaged += found.offset not in (end, end + -end % PAGE)
        end = found.offset + found.header.length
    return damaged + sum(not found.whole for found in records)


def summarise(segment: Segment, records: list[Found], acknowledged: IdRanges) -> None:
    """Set a segment's figures by its records, all of them whole."""
    segment.end = segment.messages = segment.bytes = segment.first_id = segment.last_id = 0
    for found in records:
        header = found.header
        segment.end = found.offset + header.length
        if header.count:
            segment.first_id = segment.first_id or header.first_id
            segment.last_id = header.last_id
            left = waiting(header, acknowledged)
            segment.messages += left
            segment.bytes += header.length if left else 0
