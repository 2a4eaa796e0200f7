"""An append-only journal: what `wait` returned for is on the disk, whole, whatever happens next.

A segment file is `MAGIC` and entries: length, CRC-32 of number and payload, number, payload. Numbers ascend; one whose
entry failed leaves a gap. Writers that come together share one fsync.
"""

import errno
import logging
import os
import re
import struct
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Protocol
from zlib import crc32

from local.timestream.errors import JournalDamagedError, StorageError, StorageFullError

MAGIC = b"FLTSJ\x00\x00\x01"
SEGMENT_BYTES = 64 * 1024 * 1024
MAX_PAYLOAD = 256 * 1024 * 1024
_HEAD = struct.Struct("<IIQ")
_FARTHEST = 2**24  # more than that many entries in a row never failed
_HALF = struct.Struct("<I")
_NUMBER = struct.Struct("<Q")
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})

log = logging.getLogger(__name__)


class JournalFile(Protocol):
    """The end of a segment; tests put one in place that fails."""

    def write(self, data: bytes) -> None: ...
    def sync(self) -> None: ...
    def truncate(self, size: int) -> None: ...
    def close(self) -> None: ...


class DiskFile:
    def __init__(self, path: Path) -> None:
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)

    def write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[os.write(self._fd, view) :]

    def sync(self) -> None:
        os.fsync(self._fd)

    def truncate(self, size: int) -> None:
        os.ftruncate(self._fd, size)

    def close(self) -> None:
        os.close(self._fd)


class Ticket:
    """An entry on its way: `number` is its place, `settled` whether its fate is known."""

    __slots__ = ("error", "number", "payload", "settled")

    def __init__(self, number: int, payload: bytes) -> None:
        self.number = number
        self.payload = payload
        self.settled = False
        self.error: StorageError | None = None


Settled = Callable[[Sequence[Ticket], bool], None]


class Journal:
    """Open it, `replay` what is left, then write. `settled` hears of each batch, in order, before its writers do."""

    def __init__(
        self,
        directory: Path,
        applied: int,
        settled: Settled = lambda _tickets, _durable: None,
        open_file: Callable[[Path], JournalFile] = DiskFile,
        segment_bytes: int = SEGMENT_BYTES,
    ) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._directory = directory
        self._settled = settled
        self._open_file = open_file
        self._segment_bytes = segment_bytes
        self._applied = applied
        self._turn = threading.Condition()
        self._queue: list[Ticket] = []
        self._leading = False
        self._segments: list[tuple[Path, int]] = []  # with the number of their last entry
        self._last = applied
        self._file: JournalFile | None = None
        self._size = 0
        self._mend = False  # the file may hold bytes of entries that failed

    def replay(self) -> Iterator[tuple[int, bytes]]:
        """Entries after `applied`, in order; a torn end is cut off. Once, before the first entry is written.

        Raises JournalDamagedError where entries that are needed stand behind one that cannot be read.
        """
        paths = sorted(self._directory.glob("*.journal"))
        for path in paths:
            good = 0
            for end, number, payload in _entries(path):
                good = end
                self._last = max(self._last, number)
                if number > self._applied:
                    yield number, payload
            size = path.stat().st_size
            if good < size:
                if path != paths[-1] or good < len(MAGIC) <= size or _has_entry_behind(path, good, self._last):
                    raise JournalDamagedError(
                        f"{path}: expected an entry at byte {good}, found damage. Entries were acknowledged after it; "
                        "restore the file or, to go on without them, move it away."
                    )
                log.warning("cut %d bytes of an unfinished entry from the end of %s", size - good, path)
                _cut(path, good)
            self._segments.append((path, self._last))
            self._size = good
        if self._segments:
            self._file = self._open_file(self._segments[-1][0])
            if self._size < len(MAGIC):
                self._start_segment_file()

    def enqueue(self, payload: bytes) -> Ticket:
        """Its place is fixed by this call; it counts when `wait` returns."""
        with self._turn:
            self._last += 1
            ticket = Ticket(self._last, payload)
            self._queue.append(ticket)
            return ticket

    def wait(self, ticket: Ticket) -> None:
        """Until the entry is durable. Raises StorageError when it is not, and then it never will be."""
        with self._turn:
            while not ticket.settled and self._leading:
                self._turn.wait()
            if ticket.settled:
                if ticket.error is not None:
                    raise type(ticket.error)(str(ticket.error)) from ticket.error
                return
            self._leading = True
            batch, self._queue = self._queue, []
        error = self._commit(batch)
        if error is not None:
            raise error

    def _commit(self, batch: list[Ticket]) -> StorageError | None:
        error: StorageError | None = None
        try:
            self._write(batch)
        except OSError as exc:
            kind = StorageFullError if exc.errno in _FULL else StorageError
            error = kind(f"the journal could not be written: {exc.strerror or exc}")
            log.error("%s (%d entries failed)", error, len(batch))  # noqa: TRY400 - the sentence says it all
            self._settle(batch, error)
        except BaseException as exc:  # whatever it is, none may wait for ever
            self._settle(batch, StorageError(f"the journal could not be written: {exc!r}"))
            raise
        else:
            self._settle(batch, None)
        return error

    def _settle(self, batch: list[Ticket], error: StorageError | None) -> None:
        if error is not None:
            self._mend = True
        try:
            self._settled(batch, error is None)
        finally:
            with self._turn:
                for ticket in batch:
                    ticket.error, ticket.settled, ticket.payload = error, True, b""
                self._leading = False
                self._turn.notify_all()

    def _write(self, batch: list[Ticket]) -> None:
        if self._file is None or (self._size >= self._segment_bytes and not self._mend):
            self._begin_segment(batch[0].number)
        file = self._file
        assert file is not None  # noqa: S101 - begun just now
        if self._mend and self._size < len(MAGIC):
            self._start_segment_file()
        elif self._mend:
            file.truncate(self._size)
            file.sync()
        self._mend = False
        data = b"".join(
            part
            for ticket in batch
            for part in (
                _HEAD.pack(len(ticket.payload), _checksum(ticket.number, ticket.payload), ticket.number),
                ticket.payload,
            )
        )
        file.write(data)
        file.sync()
        self._size += len(data)
        path, _ = self._segments[-1]
        self._segments[-1] = (path, batch[-1].number)

    def _begin_segment(self, number: int) -> None:
        """All before it is synced, so damage in an older segment is never a torn end."""
        path = self._directory / f"{number:020d}.journal"
        file = self._open_file(path)
        if self._file is not None:
            self._file.close()
        self._file = file
        self._segments.append((path, number - 1))
        self._size = 0
        self._start_segment_file()

    def _start_segment_file(self) -> None:
        assert self._file is not None  # noqa: S101 - by its callers
        self._file.truncate(0)
        self._file.write(MAGIC)
        self._file.sync()
        _sync_directory(self._directory)
        self._size = len(MAGIC)

    def forget(self, applied: int) -> None:
        """Remove segments that hold nothing after `applied`, but for the one that is written."""
        with self._turn:
            if self._leading:
                return  # a later call finds them again
            gone = [path for path, last in self._segments[:-1] if last <= applied]
            self._segments = [each for each in self._segments if each[0] not in gone]
        for path in gone:
            path.unlink(missing_ok=True)

    def close(self, applied: int) -> None:
        """No write may be under way. Segments that hold nothing after `applied` are removed."""
        if self._file is not None:
            self._file.close()
            self._file = None
        for path, last in self._segments:
            if last <= applied:
                path.unlink(missing_ok=True)
        self._segments = []


def _checksum(number: int, payload: bytes | memoryview) -> int:
    return crc32(payload, crc32(_NUMBER.pack(number)))


def _entries(path: Path) -> Iterator[tuple[int, int, bytes]]:
    """Where each sound entry ends, its number and payload; ends before the first that is not sound."""
    with path.open("rb") as file:
        if file.read(len(MAGIC)) != MAGIC:
            return
        end, before = len(MAGIC), 0
        yield end, 0, b""
        while len(head := file.read(_HEAD.size)) == _HEAD.size:
            length, checksum, number = _HEAD.unpack(head)
            if length > MAX_PAYLOAD or number <= before:
                return
            payload = file.read(length)
            if len(payload) != length or _checksum(number, payload) != checksum:
                return
            end += _HEAD.size + length
            before = number
            yield end, number, payload


def _has_entry_behind(path: Path, start: int, last: int) -> bool:
    """Whether a sound entry with a number after `last` begins behind `start`: then no torn write ended the file."""
    with path.open("rb") as file:
        file.seek(start)
        data = memoryview(file.read())
    # The upper half of a number is nearly always the same four bytes: only where they stand can a head be.
    halves = {_HALF.pack(number >> 32) for number in (last + 1, last + _FARTHEST)}
    for match in re.finditer(b"(?=" + b"|".join(map(re.escape, halves)) + b")", data):
        at = match.start() - _HEAD.size + _HALF.size
        if at < 1:
            continue
        length, checksum, number = _HEAD.unpack_from(data, at)
        begin = at + _HEAD.size
        if last < number <= last + _FARTHEST and length <= len(data) - begin:
            payload = data[begin : begin + length]
            if _checksum(number, payload) == checksum:
                return True
    return False


def _cut(path: Path, size: int) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.ftruncate(fd, size)
        os.fsync(fd)
    finally:
        os.close(fd)


def _sync_directory(directory: Path) -> None:
    fd = os.open(directory, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
