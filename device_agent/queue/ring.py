"""The durable queue: what was appended is there after a power cut, in order, until it is acknowledged.

The calls block; the event loop uses them through `device_agent.storage`.
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

from device_agent.clock import Clock
from device_agent.errors import QueueError
from device_agent.queue.files import Files, Lock, PosixFiles
from device_agent.queue.messages import Priority, QueuedMessage, QueueStats
from device_agent.queue.opening import OpenRing, claim, open_ring
from device_agent.queue.reader import Reader
from device_agent.queue.writer import Writer

CHECKPOINT_S: Final = 300.0
"""Acknowledgements with no append meanwhile are made durable so often, at most."""


class RingQueue:
    """A directory of preallocated segments, `max_bytes` of disk, with three priorities.

    Where no segment is left, the oldest of the lowest priority makes way, and is counted. One thread at a time.
    """

    def __init__(
        self,
        path: Path,
        *,
        max_bytes: int,
        clock: Clock,
        log: logging.LoggerAdapter[logging.Logger],
        files: Files,
    ) -> None:
        """Open or make the queue; whatever is found there, all that is whole of it is kept.

        Raises:
            QueueError: the disk can be neither read nor written there, or another process has the queue.
        """
        self._path = path
        self._clock = clock
        self._log = log
        self._lock: Lock | None = claim(path, files, log)
        ring: OpenRing | None = None
        try:
            ring = open_ring(path, max_bytes=max_bytes, log=log, files=files)
            ring.mend()
        except BaseException as error:
            if ring is not None:
                ring.close()
            self._lock.close()
            if isinstance(error, OSError):
                raise QueueError(f"queue {path} cannot be opened: {error}") from error
            raise
        self._ring = ring
        self._state = ring.state
        self._reader = Reader(ring.state, ring.segments, log)
        self._writer = Writer(ring, self._reader, log)
        self._saved_at = clock.monotonic()
        self._unsaved = False
        """Whether something was acknowledged that a crash would forget."""
        self._changed = ring.found.behind
        """Whether there is something that the last checkpoint does not know."""

    def append(self, messages: Sequence[tuple[Priority, bytes]], positions: Mapping[str, str]) -> None:
        """Store the messages and the sensors' positions together, or neither; durable once this returns.

        Raises:
            QueueError: the disk refuses, or a position is no text; nothing of it will be seen.
        """
        self._must_be_open()
        try:
            if self._writer.append(messages, positions):
                self._changed = True
                self._saved()
        except OSError as error:
            raise QueueError(f"queue {self._path} cannot be written: {error}") from error

    def peek(self, priority: Priority, after: int, limit: int) -> list[QueuedMessage]:
        """The oldest unacknowledged messages with an id above `after`; they stay in the queue."""
        self._must_be_open()
        try:
            return self._reader.peek(priority, after, limit)
        except OSError as error:
            raise self._unreadable(error) from error

    def newest(self, priority: Priority, limit: int) -> list[QueuedMessage]:
        """The newest unacknowledged messages, the oldest of them first; they stay in the queue."""
        self._must_be_open()
        try:
            return self._reader.newest(priority, limit)
        except OSError as error:
            raise self._unreadable(error) from error

    def acknowledge(self, ids: Iterable[int]) -> None:
        """Forget messages; ids that are gone or unknown are ignored.

        Durable with the next append, or after some minutes: until then a crash brings them back.
        """
        self._must_be_open()
        try:
            if self._reader.acknowledge(ids):
                self._unsaved = self._changed = True
        except OSError as error:
            raise self._unreadable(error) from error
        if self._unsaved and self._clock.monotonic() - self._saved_at >= CHECKPOINT_S:
            self._save()

    def position(self, sensor: str) -> str | None:
        """The position last stored for a sensor."""
        self._must_be_open()
        return self._state.positions.get(sensor)

    def stats(self) -> QueueStats:
        self._must_be_open()
        try:
            return _stats(self._ring, self._reader)
        except OSError as error:
            raise self._unreadable(error) from error

    def close(self) -> None:
        """Make everything durable, if the disk lets it, and let others open the queue."""
        if self._lock is not None:
            if self._changed:
                self._save()
            self._ring.close()
            self._lock.close()
            self._lock = None

    def _save(self) -> None:
        try:
            self._writer.checkpoint()
        except OSError as error:
            # Harmless but for what is sent again after a crash; the next append says it louder.
            self._log.warning("queue %s: acknowledgements cannot be made durable: %s", self._path, error)
        else:
            self._changed = False
        self._saved()

    def _saved(self) -> None:
        self._saved_at = self._clock.monotonic()
        self._unsaved = False

    def _must_be_open(self) -> None:
        if self._lock is None:
            raise QueueError(f"queue {self._path} is not open")

    def _unreadable(self, error: OSError) -> QueueError:
        return QueueError(f"queue {self._path} cannot be read: {error}")


def read_stats(path: Path, files: Files | None = None) -> QueueStats:
    """The figures of a queue that an agent may have open: as of its last append. Raises QueueError."""
    files = files or PosixFiles()
    log = logging.LoggerAdapter(logging.getLogger("device_agent"), {})
    try:
        ring = open_ring(path, max_bytes=0, log=log, files=files, read_only=True)
        try:
            return _stats(ring, Reader(ring.state, ring.segments, log))
        finally:
            ring.close()
    except FileNotFoundError as error:
        raise QueueError(f"there is no queue at {path}") from error
    except OSError as error:
        raise QueueError(f"queue {path} cannot be read: {error}") from error


def _stats(ring: OpenRing, reader: Reader) -> QueueStats:
    oldest = {priority: reader.oldest_id(priority) for priority in Priority}
    return QueueStats({p: ring.state.stats(p, oldest[p]) for p in Priority}, ring.capacity)
