"""Opening a queue's directory, whatever is in it."""

import logging
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from device_agent.errors import QueueError
from device_agent.queue.aside import move_aside
from device_agent.queue.files import NO_ROOM, Files, Lock
from device_agent.queue.messages import Priority
from device_agent.queue.records import HEADER_BYTES, PAGE
from device_agent.queue.recovery import ID_RESERVE, Recovered, Recovery
from device_agent.queue.segment_files import SegmentFiles, likely_segment_bytes, present
from device_agent.queue.slots import Slots, open_slots
from device_agent.queue.state import Checkpoint, RingState, Segment

SLOT_BYTES: Final = 64 * 1024
_CHECKPOINT: Final = "checkpoint"
_LARGE_SEGMENT: Final = 256 * 1024
"""Room for the largest message, 128 KB that no compression helps."""
_LEAST_SEGMENTS: Final = 2
_FIRST_SEGMENTS: Final = 8
_MOST_FIRST_SEGMENTS: Final = 256


def claim(path: Path, files: Files, log: logging.LoggerAdapter[logging.Logger]) -> Lock:
    """Make the queue's directory and take its lock. Raises QueueError."""
    try:
        try:
            files.make_directory(path)
        except FileExistsError:
            move_aside(files, path, log)
            files.make_directory(path)
        return files.lock(path)
    except BlockingIOError as error:
        raise QueueError(f"queue {path} is in use by another agent") from error
    except OSError as error:
        raise QueueError(f"queue {path} cannot be opened: {error}") from error


@dataclass
class OpenRing:
    """A queue's directory, read."""

    segments: SegmentFiles
    slots: Slots
    found: Recovered
    wanted: int
    """How many segments it is to have."""
    log: logging.LoggerAdapter[logging.Logger]
    id_limit: int = field(default=0, init=False)
    """No id from here on may be given before a checkpoint says so."""

    @property
    def state(self) -> RingState:
        return self.found.state

    @property
    def capacity(self) -> int:
        return self.state.segment_bytes * sum(segment.writable for segment in self.state.segments.values())

    def mend(self) -> None:
        """Make the disk what the state says, and get the space that is to be had. Raises OSError."""
        if self.found.last_written is not None:
            self.segments.sync(self.found.last_written)
        self.erase(self.found.uncommitted)
        self._shrink()
        for segment in self.state.segments.values():
            segment.writable = self.segments.reserve(segment.number)
        try:
            # Before the segments, which may take all there is.
            self.slots.reserve()
            while self.grow():
                pass
        except OSError as error:
            if error.errno not in NO_ROOM:
                raise
        if len(self.state.segments) < self.wanted:
            self.log.warning(
                "the disk has room for %d of %d segments of the queue; more are made when it has",
                len(self.state.segments),
                self.wanted,
            )

    def erase(self, headers: list[tuple[int, int]]) -> None:
        """Make records unreadable, by segment and offset; the list is empty when this returns. Raises OSError."""
        for number, offset in headers:
            self.segments.write(number, bytes(HEADER_BYTES), offset)
        for number in sorted({number for number, _ in headers}):
            self.segments.sync(number)
        headers.clear()

    def grow(self) -> bool:
        """Add a segment that is still missing or short, if the disk has room for it. Raises OSError."""
        state = self.state
        for segment in state.segments.values():
            if not segment.writable and self.segments.reserve(segment.number):
                segment.writable = True
                return True
        if len(state.segments) >= self.wanted:
            return False
        number = next(n for n in range(self.wanted) if n not in state.segments)
        if not self.segments.reserve(number):
            return False
        state.put(Segment(number))
        return True

    def save(self, checkpoint: Checkpoint) -> None:
        """Raises OSError, and then either this or the checkpoint before it stands."""
        self.slots.write(checkpoint.encode())
        self.id_limit = checkpoint.id_limit

    def close(self) -> None:
        self.segments.close()
        self.slots.close()

    def _shrink(self) -> None:
        """Let go of what is more than wanted: empty ones, then the oldest of the lowest priority."""
        state = self.state
        excess = len(state.segments) - self.wanted
        if excess <= 0:
            return
        empty = sorted((s for s in state.segments.values() if not s.messages), key=lambda s: s.generation)
        full = [segment for priority in reversed(Priority) for segment in state.of(priority) if segment.messages]
        leaving = (empty + full)[:excess]
        for segment in leaving:
            if segment.messages:
                self.log.warning("the queue was made smaller: %d messages are dropped", segment.messages)
                state.forget(segment)
            state.remove(segment.number)
        self.save(state.checkpoint(state.next_id + ID_RESERVE))
        for segment in leaving:
            self.segments.remove(segment.number)


def open_ring(
    path: Path,
    *,
    max_bytes: int,
    log: logging.LoggerAdapter[logging.Logger],
    files: Files,
    read_only: bool = False,
) -> OpenRing:
    """Read a queue's directory, without changing anything that is of use. Raises OSError."""
    if read_only:
        slots = Slots(files, path / _CHECKPOINT, SLOT_BYTES)
        slots.read()
    else:
        slots = open_slots(files, path / _CHECKPOINT, SLOT_BYTES, log)
    try:
        checkpoint = _checkpoint(slots, log)
        segment_bytes = _segment_bytes(checkpoint, likely_segment_bytes(files, path), max_bytes)
        segments = SegmentFiles(files, path, segment_bytes, log, read_only=read_only)
        try:
            recovery = Recovery(segment_bytes, lambda number: _content(segments, number), log)
            found = recovery.recover(present(files, path), checkpoint, certain=slots.certain)
        except BaseException:
            segments.close()
            raise
    except BaseException:
        slots.close()
        raise
    return OpenRing(segments, slots, found, max(_LEAST_SEGMENTS, max_bytes // segment_bytes), log)


def _checkpoint(slots: Slots, log: logging.LoggerAdapter[logging.Logger]) -> Checkpoint | None:
    if slots.content is None:
        if slots.damaged:
            log.error("the queue's checkpoint cannot be read; what it said is taken from the segments")
        return None
    try:
        return Checkpoint.decode(slots.content)
    except ValueError as error:
        log.warning("the queue's checkpoint cannot be read (%s); what it said is taken from the segments", error)
        return None


def _segment_bytes(checkpoint: Checkpoint | None, likely: int | None, max_bytes: int) -> int:
    """The size of a segment is settled when a queue is made; a change of `max_bytes` changes how many there are."""
    known = likely if checkpoint is None else checkpoint.segment_bytes
    if known:
        return known
    size = min(max(max_bytes // _MOST_FIRST_SEGMENTS, _LARGE_SEGMENT), max_bytes // _FIRST_SEGMENTS)
    return max(PAGE, size - size % PAGE)


def _content(segments: SegmentFiles, number: int) -> bytes:
    try:
        return segments.read(number)
    except FileNotFoundError:
        return b""
