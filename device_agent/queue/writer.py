"""Appending: what goes to the disk, in which order, and what is remembered once it is there."""

import errno
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from device_agent.errors import QueueError
from device_agent.queue.messages import Priority
from device_agent.queue.opening import OpenRing
from device_agent.queue.placement import Placement
from device_agent.queue.reader import Reader
from device_agent.queue.records import HEADER_BYTES, pack, pack_body
from device_agent.queue.recovery import ID_RESERVE
from device_agent.queue.state import RingState, Segment

CHUNK_BYTES: Final = 128 * 1024
"""A record has at most so much of messages before compression, or one message: it is in memory while it is read."""
MOST_POSITION_BYTES: Final = 32 * 1024
_LENGTH_BYTES: Final = 5
"""What a message takes beside itself, at most."""


@dataclass(frozen=True, slots=True)
class _Chunk:
    """Messages of one priority that share a record."""

    priority: Priority
    first_id: int
    messages: list[bytes]


@dataclass(frozen=True, slots=True)
class _Part:
    """A record of the append, with its place."""

    chunk: _Chunk
    number: int
    offset: int
    body: bytes


class Writer:
    """Writes into an open ring."""

    def __init__(self, ring: OpenRing, reader: Reader, log: logging.LoggerAdapter[logging.Logger]) -> None:
        self._ring = ring
        self._state: RingState = ring.state
        self._reader = reader
        self._log = log
        self._debris: list[tuple[int, int]] = []
        """Headers that a failed append may have left; they go before the next one."""

    def append(self, messages: Sequence[tuple[Priority, bytes]], positions: Mapping[str, str]) -> bool:
        """Whether there was anything to write. Raises OSError, or QueueError for what could never be written."""
        state = self._state
        merged = {**state.positions, **positions}
        _check_positions(merged, state.segment_bytes)
        if not messages and merged == state.positions:
            return False
        self._ring.slots.reserve()
        self._ring.erase(self._debris)
        if not self._ring.capacity and not self._ring.grow():
            raise OSError(errno.ENOSPC, "the disk has no room for a segment")
        append = state.next_id
        state.next_id += max(1, len(messages))
        chunks = list(_chunks(messages, append, min(CHUNK_BYTES, state.segment_bytes // 2)))
        placement = Placement(state, self._ring.grow)
        parts, lost = self._place(placement, chunks or [_Chunk(Priority.TELEMETRY, append, [])], merged)
        if placement.taken or lost or self._ring.slots.uncertain or state.next_id > self._ring.id_limit:
            self._begin(placement, append, lost, None if parts else merged)
        if parts:
            self._write(append, parts)
        self._commit(append, parts, lost, merged)
        return True

    def checkpoint(self) -> None:
        """Make durable what no record says yet. Raises OSError."""
        self._ring.save(self._state.checkpoint(self._state.next_id + ID_RESERVE))

    def _place(
        self, placement: Placement, chunks: list[_Chunk], positions: Mapping[str, str]
    ) -> tuple[list[_Part], dict[Priority, int]]:
        """The first part is the one that commits. Also, how many messages found no room."""
        parts: list[_Part] = []
        lost: dict[Priority, int] = {}
        for chunk in chunks:
            body = pack_body(chunk.messages, None if parts else self._state.tail(positions))
            place = placement.place(chunk.priority, HEADER_BYTES + len(body))
            if place is not None:
                parts.append(_Part(chunk, *place, body))
            elif chunk.messages:
                lost[chunk.priority] = lost.get(chunk.priority, 0) + len(chunk.messages)
                self._log.warning(
                    "the queue has no room for %d messages of priority %s, %d bytes: dropped",
                    len(chunk.messages),
                    chunk.priority.name,
                    len(body),
                )
        return parts, lost

    def _begin(
        self, placement: Placement, append: int, lost: Mapping[Priority, int], positions: dict[str, str] | None
    ) -> None:
        """Write the checkpoint that gives the append its segments; from then on they are in a new pass."""
        state = self._state
        for number in placement.taken:
            if not state.segments[number].generation:
                self._ring.segments.fill_with_zeros(number)
        after = state.copy()
        for number, priority in placement.taken.items():
            if state.segments[number].messages:
                after.forget(state.segments[number])
            after.generation += 1
            after.put(Segment(number, after.generation, priority, first_id=append, last_id=append - 1))
        checkpoint = after.checkpoint(state.next_id + ID_RESERVE, about_to_write=placement.taken)
        dropped_then = [after.dropped[priority] + lost.get(priority, 0) for priority in Priority]
        checkpoint = msgspec.structs.replace(checkpoint, dropped=dropped_then)
        if positions is not None:
            checkpoint = msgspec.structs.replace(checkpoint, committed=append, positions=positions)
        self._ring.save(checkpoint)
        for number in placement.taken:
            if dropped := state.segments[number].messages:
                self._log.warning(
                    "the queue is full: dropped the %d oldest messages of priority %s",
                    dropped,
                    state.segments[number].priority.name,
                )
        state.become(after)

    def _write(self, append: int, parts: list[_Part]) -> None:
        """The first part commits the others, so it is written when they are on the disk."""
        self._debris = [(part.number, part.offset) for part in parts]
        for part in parts[1:]:
            self._write_part(append, part, commits=False)
        for number in sorted({part.number for part in parts[1:]}):
            self._ring.segments.sync(number)
        self._write_part(append, parts[0], commits=True)
        self._ring.segments.sync(parts[0].number)
        self._debris = []

    def _write_part(self, append: int, part: _Part, *, commits: bool) -> None:
        chunk = part.chunk
        record = pack(
            part.body,
            priority=chunk.priority,
            commits=commits,
            generation=self._state.segments[part.number].generation,
            append=append,
            first_id=chunk.first_id,
            count=len(chunk.messages),
        )
        self._ring.segments.write(part.number, record, part.offset)

    def _commit(self, append: int, parts: list[_Part], lost: Mapping[Priority, int], positions: dict[str, str]) -> None:
        state = self._state
        state.committed = append
        state.positions = positions
        for priority, count in lost.items():
            state.dropped[priority] += count
        for part in parts:
            segment, count = state.segments[part.number], len(part.chunk.messages)
            length = HEADER_BYTES + len(part.body)
            segment.end = part.offset + length
            if count:
                segment.messages += count
                segment.bytes += length
                segment.last_id = part.chunk.first_id + count - 1
                self._reader.indexes.note(segment, part.offset, length, part.chunk.first_id, count)


def _chunks(messages: Sequence[tuple[Priority, bytes]], first_id: int, most_bytes: int) -> Iterator[_Chunk]:
    """By priority, the highest first, each in the order given; ids go on from one chunk to the next."""
    for priority in Priority:
        chunk: list[bytes] = []
        size = 0
        for payload in (payload for of, payload in messages if of == priority):
            if chunk and size + len(payload) + _LENGTH_BYTES > most_bytes:
                yield _Chunk(priority, first_id, chunk)
                first_id, chunk, size = first_id + len(chunk), [], 0
            chunk.append(payload)
            size += len(payload) + _LENGTH_BYTES
        if chunk:
            yield _Chunk(priority, first_id, chunk)
            first_id += len(chunk)


def _check_positions(positions: Mapping[str, str], segment_bytes: int) -> None:
    for sensor, position in positions.items():
        if not isinstance(position, str):
            raise QueueError(f"the position of sensor {sensor!r} must be a text, got {position!r}")
    most = min(MOST_POSITION_BYTES, segment_bytes // 4)
    size = sum(len(sensor.encode()) + len(position.encode()) for sensor, position in positions.items())
    if size > most:
        raise QueueError(f"the positions of all sensors take {size} bytes, at most {most} fit")
