"""The segments' files: `segment-000` and so on, all of one size, their space reserved from the beginning."""

import errno
import logging
import re
from collections import Counter, OrderedDict
from pathlib import Path
from typing import Final

from device_agent.queue.aside import move_aside
from device_agent.queue.files import NO_ROOM, File, Files
from device_agent.queue.records import PAGE

_NAME: Final = re.compile(r"segment-(\d{3,6})")
_OPEN_FILES: Final = 4
"""One for each priority that is written and one that is read: simulated agents share one process and its limit."""


class SegmentFiles:
    """Reads and writes by the segment's number. Everything raises OSError."""

    def __init__(
        self,
        files: Files,
        directory: Path,
        segment_bytes: int,
        log: logging.LoggerAdapter[logging.Logger],
        *,
        read_only: bool = False,
    ) -> None:
        self._files = files
        self._directory = directory
        self._log = log
        self._read_only = read_only
        self.segment_bytes = segment_bytes
        self._open: OrderedDict[int, File] = OrderedDict()

    def read(self, number: int) -> bytes:
        """The whole segment. What the disk cannot read of it is zeros, as long as it can read something."""
        return self.pread(number, self.segment_bytes, 0)

    def pread(self, number: int, length: int, offset: int) -> bytes:
        """As `read`, of a part."""
        file = self._opened(number)
        try:
            return file.pread(length, offset)
        except OSError as error:
            if error.errno != errno.EIO:
                raise
            return self._salvaged(file, error)[offset : offset + length]

    def write(self, number: int, data: bytes, offset: int) -> None:
        try:
            self._opened(number).pwrite(data, offset)
        except OSError:
            self._forget(number)
            raise

    def sync(self, number: int) -> None:
        try:
            self._opened(number).fdatasync()
        except OSError:
            # The kernel tells a descriptor of a failed write once and then takes the pages for clean.
            self._forget(number)
            raise

    def reserve(self, number: int) -> bool:
        """Make the file if it is absent, and give it its whole space; whether the disk had room."""
        path = self.path(number)
        existed = True
        try:
            file = self._opened(number)
        except FileNotFoundError:
            existed = False
            file = self._opened(number, create=True)
        if file.size() == self.segment_bytes:
            return True
        try:
            file.fallocate(self.segment_bytes)
            if file.size() > self.segment_bytes:
                file.truncate(self.segment_bytes)
        except OSError as error:
            self._forget(number)
            if not existed:
                self._files.remove(path)
            if error.errno in NO_ROOM:
                return False
            raise
        return True

    def fill_with_zeros(self, number: int) -> None:
        """Before its first use: from then on an overwrite in place changes nothing in the file system's own records."""
        self.write(number, bytes(self.segment_bytes), 0)
        self.sync(number)
        self._files.sync_directory(self._directory)

    def remove(self, number: int) -> None:
        self._forget(number)
        self._files.remove(self.path(number))

    def close(self) -> None:
        for number in list(self._open):
            self._forget(number)

    def path(self, number: int) -> Path:
        return self._directory / f"segment-{number:03}"

    def _opened(self, number: int, *, create: bool = False) -> File:
        file = self._open.get(number)
        if file is None:
            file = self._make_open(number, create=create)
            self._open[number] = file
            if len(self._open) > _OPEN_FILES:
                self._forget(next(iter(self._open)))
        self._open.move_to_end(number)
        return file

    def _make_open(self, number: int, *, create: bool) -> File:
        path = self.path(number)
        if self._read_only:
            return self._files.open_read_only(path)
        try:
            return self._files.open(path, create=create)
        except IsADirectoryError:
            move_aside(self._files, path, self._log)
            return self._files.open(path, create=create)

    def _forget(self, number: int) -> None:
        file = self._open.pop(number, None)
        if file is not None:
            file.close()

    def _salvaged(self, file: File, error: OSError) -> bytes:
        """The segment with zeros where the disk has lost it; the error, if it has lost all."""
        pieces = []
        lost = 0
        for offset in range(0, self.segment_bytes, PAGE):
            try:
                pieces.append(file.pread(PAGE, offset))
            except OSError:
                lost += 1
                pieces.append(bytes(PAGE))
        if lost == len(pieces):
            raise error
        self._log.error("%d of %d pages of a segment cannot be read: %s", lost, len(pieces), error)
        return b"".join(pieces)


def present(files: Files, directory: Path) -> list[int]:
    """The numbers of the segments that have a file, or something in its place."""
    names = map(_NAME.fullmatch, files.listdir(directory))
    return sorted(int(name[1]) for name in names if name)


def likely_segment_bytes(files: Files, directory: Path) -> int | None:
    """The size that the segments there were made with: the one that most of them have."""
    sizes: Counter[int] = Counter()
    for number in present(files, directory):
        try:
            file = files.open_read_only(directory / f"segment-{number:03}")
        except OSError:
            continue
        sizes[file.size()] += 1
        file.close()
    usable = [(often, size) for size, often in sizes.items() if size and size % PAGE == 0]
    return max(usable)[1] if usable else None
