"""The port to the disk, and the real one.

Everything that the queue and the state file do to a disk goes through here, so that the tests can cut the power, fill
the disk and count what is written. All of it raises OSError; whoever uses it says what that means.
"""

import errno
import fcntl
import os
import stat
from pathlib import Path
from typing import Final, Protocol

NO_ROOM: Final = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
"""How a disk says that it has no space left, or none for this user or file."""

REFUSALS: Final = NO_ROOM | {
    errno.EROFS,
    errno.EIO,
    errno.ENODEV,
    errno.ENXIO,
    errno.ENOMEDIUM,
    errno.EUCLEAN,
    errno.EBADMSG,
    errno.ETIMEDOUT,
}
"""How a disk says that it is full, failing, damaged, gone, or was made read-only because of that. The kernel's file
systems say EUCLEAN and EBADMSG of damage. What a wrong path gives is not among them: EACCES, EPERM, ENOTDIR."""


class File(Protocol):
    """An open file. Offsets and lengths are in bytes."""

    def pread(self, length: int, offset: int) -> bytes:
        """What is there, shorter only where the file ends."""
        ...

    def pwrite(self, data: bytes, offset: int) -> None:
        """All of it, or an error; on the disk only once `fdatasync` has returned."""
        ...

    def fdatasync(self) -> None:
        """Contents and size are on the disk when this returns."""
        ...

    def fallocate(self, length: int) -> None:
        """Reserve the disk's space for the first `length` bytes; a shorter file grows to it with zeros."""
        ...

    def truncate(self, length: int) -> None: ...

    def size(self) -> int: ...

    def close(self) -> None: ...


class Lock(Protocol):
    """Held until it is closed or its process ends, however that happens."""

    def close(self) -> None: ...


class Files(Protocol):
    """A file system."""

    def make_directory(self, path: Path) -> None:
        """With its parents; one that is there stays as it is."""
        ...

    def open(self, path: Path, *, create: bool = False) -> File:
        """For reading and writing. With `create`, an absent file is made, and stays after a power cut only once
        `sync_directory` has returned. Raises IsADirectoryError for whatever is no regular file.
        """
        ...

    def open_read_only(self, path: Path) -> File: ...

    def listdir(self, path: Path) -> list[str]: ...

    def rename(self, source: Path, target: Path) -> None: ...

    def remove(self, path: Path) -> None: ...

    def sync_directory(self, path: Path) -> None:
        """Files made, renamed and removed in this directory are so on the disk when this returns."""
        ...

    def lock(self, path: Path) -> Lock:
        """Claim a directory. Raises BlockingIOError where somebody holds it."""
        ...


class PosixFile:
    """A file descriptor."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def pread(self, length: int, offset: int) -> bytes:
        parts = []
        while length > 0 and (part := os.pread(self._descriptor, length, offset)):
            parts.append(part)
            offset, length = offset + len(part), length - len(part)
        return b"".join(parts)

    def pwrite(self, data: bytes, offset: int) -> None:
        rest = memoryview(data)
        while rest:
            written = os.pwrite(self._descriptor, rest, offset)
            offset, rest = offset + written, rest[written:]

    def fdatasync(self) -> None:
        os.fdatasync(self._descriptor)

    def fallocate(self, length: int) -> None:
        os.posix_fallocate(self._descriptor, 0, length)

    def truncate(self, length: int) -> None:
        os.ftruncate(self._descriptor, length)

    def size(self) -> int:
        return os.fstat(self._descriptor).st_size

    def fileno(self) -> int:
        return self._descriptor

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


class PosixFiles:
    """The machine's file system."""

    def make_directory(self, path: Path) -> None:
        path.mkdir(parents=True, exist_ok=True)

    def open(self, path: Path, *, create: bool = False) -> PosixFile:
        flags = os.O_RDWR | os.O_CLOEXEC | (os.O_CREAT if create else 0)
        descriptor = os.open(path, flags, 0o600)
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise IsADirectoryError(errno.EISDIR, "is no regular file", str(path))
        return PosixFile(descriptor)

    def open_read_only(self, path: Path) -> PosixFile:
        # Without O_NONBLOCK, a pipe in the place of a file would be waited for.
        return PosixFile(os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK))

    def listdir(self, path: Path) -> list[str]:
        return [entry.name for entry in path.iterdir()]

    def rename(self, source: Path, target: Path) -> None:
        source.rename(target)

    def remove(self, path: Path) -> None:
        path.unlink()

    def sync_directory(self, path: Path) -> None:
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def lock(self, path: Path) -> PosixFile:
        # The directory itself: a lock file is one more thing that a full disk could refuse.
        held = PosixFile(os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC))
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BaseException:
            held.close()
            raise
        return held
