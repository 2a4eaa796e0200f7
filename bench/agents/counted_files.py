"""The agent's port to the disk, with a count of what goes through it."""

from collections import Counter
from pathlib import Path

from device_agent.queue.files import PosixFile, PosixFiles

PAGE = 4096


class CountedFiles(PosixFiles):
    """Real files. `written` has the bytes by file name, in whole pages: a page counts once from one sync to the next.

    Nothing is synced in truth: that would change no count, and wear the disk of whoever counts.
    """

    def __init__(self) -> None:
        self.written: Counter[str] = Counter()

    def open(self, path: Path, *, create: bool = False) -> "CountedFile":
        return CountedFile(super().open(path, create=create).fileno(), path.name, self.written)


class CountedFile(PosixFile):
    """Adds to `written` what each sync would write."""

    def __init__(self, descriptor: int, name: str, written: Counter[str]) -> None:
        super().__init__(descriptor)
        self._name = name
        self._written = written
        self._dirty: set[int] = set()

    def pwrite(self, data: bytes, offset: int) -> None:
        super().pwrite(data, offset)
        self._dirty.update(range(offset // PAGE, -(-(offset + len(data)) // PAGE)))

    def fdatasync(self) -> None:
        self._written[self._name] += PAGE * len(self._dirty)
        self._dirty.clear()

    def close(self) -> None:
        self.fdatasync()
        super().close()
