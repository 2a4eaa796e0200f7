"""Two alternating slots of one preallocated file: what was written last is there, whole, whatever happens meanwhile.

A write goes to the slot that is not the newest, so a cut in the middle of it leaves the newest untouched. The file has
its space from the beginning, so a full disk cannot refuse a write.
"""

import errno
import logging
import struct
import zlib
from pathlib import Path

from device_agent.queue.aside import move_aside
from device_agent.queue.files import File, Files

_MAGIC = b"FLsl"
_VERSION = 1
_HEADER = struct.Struct("<4sBxxxQI")
"""Magic, version, generation, length of the content; the CRC-32 of these and the content follows."""
_CRC = struct.Struct("<I")
OVERHEAD = _HEADER.size + _CRC.size


class Slots:
    """The content last written to a file of two slots; `slot_bytes` is the size of one."""

    def __init__(self, files: Files, path: Path, slot_bytes: int) -> None:
        self._files = files
        self._path = path
        self._slot_bytes = slot_bytes
        self._file: File | None = None
        self._generation = 0
        self.content: bytes | None = None
        """What was written last; None before there is anything whole."""
        self.damaged = 0
        """How many slots had something in them that is not whole. One is what a power cut leaves."""
        self.certain = False
        """Whether the content is surely the last that was ever written: the one before it is whole, too."""
        self.uncertain = False
        """A write failed, and what it wrote may be on the disk or not; the next write that succeeds settles it."""

    @property
    def capacity(self) -> int:
        """Bytes of content that fit."""
        return self._slot_bytes - OVERHEAD

    def open(self) -> None:
        """Find the newest content. An absent file is no error. Raises OSError."""
        try:
            self._file = self._files.open(self._path)
        except FileNotFoundError:
            return
        self._load(self._file)

    def read(self) -> None:
        """As `open`, of a file that somebody else may be writing to."""
        try:
            file = self._files.open_read_only(self._path)
        except FileNotFoundError:
            return
        try:
            self._load(file)
        finally:
            file.close()

    def reserve(self) -> None:
        """Make sure that the file is there with all its space; does nothing if it is. Raises OSError."""
        wanted = 2 * self._slot_bytes
        if self._file is None:
            file = self._files.open(self._path, create=True)
        elif self._file.size() < wanted:
            file = self._file
        else:
            return
        try:
            file.fallocate(wanted)
            # Written once, a page can be overwritten in place without a change to the file system's own records.
            for slot in range(2):
                if slot != self._generation % 2 or not self._generation:
                    file.pwrite(bytes(self._slot_bytes), slot * self._slot_bytes)
            file.fdatasync()
            self._files.sync_directory(self._path.parent)
        except BaseException:
            if self._file is None:
                file.close()
            raise
        self._file = file

    def write(self, content: bytes) -> None:
        """Replace the content; durable once this returns. On an error the old content stands. Raises OSError."""
        if len(content) > self.capacity:
            raise ValueError(f"{len(content)} bytes do not fit into a slot of {self.capacity}")
        self.reserve()
        assert self._file is not None  # noqa: S101 - `reserve` has seen to it
        generation = self._generation + 1
        header = _HEADER.pack(_MAGIC, _VERSION, generation, len(content))
        crc = _CRC.pack(zlib.crc32(content, zlib.crc32(header)))
        self.uncertain = True
        self._file.pwrite(header + crc + content, generation % 2 * self._slot_bytes)
        self._file.fdatasync()
        self.uncertain = False
        self._generation = generation
        self.content = content

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def _load(self, file: File) -> None:
        generations = []
        for slot in range(2):
            try:
                raw = file.pread(self._slot_bytes, slot * self._slot_bytes)
            except OSError as error:
                if error.errno != errno.EIO:
                    raise
                # A bad sector under one slot is what the other one is for.
                raw = b"\xff"
            found = _parse(raw)
            if found is None:
                self.damaged += any(raw)
                continue
            generations.append(found[0])
            if found[0] > self._generation:
                self._generation, self.content = found
        self.certain = len(generations) == 2 and abs(generations[0] - generations[1]) == 1  # noqa: PLR2004 - two slots


def open_slots(files: Files, path: Path, slot_bytes: int, log: logging.LoggerAdapter[logging.Logger]) -> Slots:
    """As `Slots.open`; what is no file makes way. Raises OSError."""
    slots = Slots(files, path, slot_bytes)
    try:
        slots.open()
    except IsADirectoryError:
        move_aside(files, path, log)
    return slots


def _parse(raw: bytes) -> tuple[int, bytes] | None:
    """The generation and the content of a slot, if it is whole."""
    if len(raw) < OVERHEAD:
        return None
    magic, version, generation, length = _HEADER.unpack_from(raw)
    content = raw[OVERHEAD : OVERHEAD + length]
    (crc,) = _CRC.unpack_from(raw, _HEADER.size)
    whole = (magic, version, len(content)) == (_MAGIC, _VERSION, length)
    if not whole or zlib.crc32(content, zlib.crc32(raw[: _HEADER.size])) != crc:
        return None
    return generation, content
