"""A file system in memory, for an agent whose disk refuses: everything in it ends with the process."""

import errno
import os
from pathlib import Path

from device_agent.queue.files import File, Lock


class MemoryFiles:
    """Files of at most `max_bytes` together; what would be more is refused with ENOSPC. One thread at a time."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._entries: dict[Path, bytearray | None] = {}
        """None is a directory."""
        self._locked: set[Path] = set()

    def make_directory(self, path: Path) -> None:
        for each in [*reversed(path.parents), path]:
            if self._entries.setdefault(each, None) is not None:
                raise _refusal(errno.EEXIST if each == path else errno.ENOTDIR, path)

    def open(self, path: Path, *, create: bool = False) -> File:
        if create and path not in self._entries and path.parent in self._entries:
            self.listdir(path.parent)
            self._entries[path] = bytearray()
        return self.open_read_only(path)

    def open_read_only(self, path: Path) -> File:
        content = self._found(path)
        if content is None:
            raise _refusal(errno.EISDIR, path)
        return _MemoryFile(self, path, content)

    def listdir(self, path: Path) -> list[str]:
        if self._found(path) is not None:
            raise _refusal(errno.ENOTDIR, path)
        return [each.name for each in self._entries if each.parent == path != each]

    def rename(self, source: Path, target: Path) -> None:
        self._found(source)
        for each in [path for path in self._entries if path == source or source in path.parents]:
            self._entries[target / each.relative_to(source)] = self._entries.pop(each)

    def remove(self, path: Path) -> None:
        self.open_read_only(path)
        del self._entries[path]

    def sync_directory(self, path: Path) -> None:
        self.listdir(path)

    def lock(self, path: Path) -> Lock:
        self.listdir(path)
        if path in self._locked:
            raise _refusal(errno.EAGAIN, path)
        self._locked.add(path)
        return _MemoryLock(self._locked, path)

    def claim(self, size: int, path: Path) -> None:
        """Raises OSError where `size` more bytes are too many."""
        if size + sum(len(content) for content in self._entries.values() if content is not None) > self._max_bytes:
            raise _refusal(errno.ENOSPC, path)

    def _found(self, path: Path) -> bytearray | None:
        try:
            return self._entries[path]
        except KeyError:
            raise _refusal(errno.ENOENT, path) from None


class _MemoryFile:
    def __init__(self, files: MemoryFiles, path: Path, content: bytearray) -> None:
        self._files = files
        self._path = path
        self._content = content

    def pread(self, length: int, offset: int) -> bytes:
        return bytes(self._content[offset : offset + length])

    def pwrite(self, data: bytes, offset: int) -> None:
        self.fallocate(offset + len(data))
        self._content[offset : offset + len(data)] = data

    def fdatasync(self) -> None:
        """There is nothing to wait for."""

    def fallocate(self, length: int) -> None:
        missing = length - len(self._content)
        if missing > 0:
            self._files.claim(missing, self._path)
            self._content.extend(bytes(missing))

    def truncate(self, length: int) -> None:
        self.fallocate(length)
        del self._content[length:]

    def size(self) -> int:
        return len(self._content)

    def close(self) -> None:
        """It holds nothing that would have to be given back."""


class _MemoryLock:
    def __init__(self, locked: set[Path], path: Path) -> None:
        self._locked = locked
        self._path = path

    def close(self) -> None:
        self._locked.discard(self._path)


def _refusal(number: int, path: Path) -> OSError:
    return OSError(number, os.strerror(number), str(path))
