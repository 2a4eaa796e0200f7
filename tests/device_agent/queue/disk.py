"""A disk in memory whose power can be cut, whose space can end, and that counts what is written to it.

What was written is certain only once it was synced: until then a cut may keep it, lose it, tear it at the borders of
its sectors, or keep a later write and lose an earlier one. Names are certain once their directory was synced.
"""

import errno
import os
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

SECTOR = 512
PAGE = 4096


@dataclass
class Inode:
    """Contents by sector; an absent sector is zeros."""

    durable: dict[int, bytes] = field(default_factory=dict)
    durable_size: int = 0
    now: dict[int, bytes] = field(default_factory=dict)
    size: int = 0
    pending: list[tuple[int, bytes]] = field(default_factory=list)
    unreadable: set[int] = field(default_factory=set)

    def clone(self):
        return Inode(
            dict(self.durable), self.durable_size, dict(self.now), self.size, list(self.pending), set(self.unreadable)
        )

    def content(self):
        sectors = -(-self.size // SECTOR)
        return b"".join(self.now.get(n, bytes(SECTOR)) for n in range(sectors))[: self.size]

    def cut(self, keep):
        """What a cut leaves; `keep(sectors)` says how many-eth of the unsynced sectors stay."""
        durable = dict(self.durable)
        size = self.durable_size
        for place in keep(len(self.pending)):
            sector, data = self.pending[place]
            durable[sector] = data
            size = max(size, min(self.size, (sector + 1) * SECTOR))
        if keep(1):
            size = max(size, self.size)
        return Inode(durable, size, dict(durable), size, unreadable=set(self.unreadable))


@dataclass
class SimulatedLock:
    held: set
    path: Path

    def close(self):
        self.held.discard(self.path)


class SimulatedFile:
    def __init__(self, disk, path, inode, *, writable=True):
        self._disk, self._path, self._inode, self._writable = disk, path, inode, writable

    def pread(self, length, offset):
        if any(first * PAGE < offset + length and offset < (first + 1) * PAGE for first in self._inode.unreadable):
            raise OSError(errno.EIO, os.strerror(errno.EIO), str(self._path))
        return self._inode.content()[offset : offset + length]

    def pwrite(self, data, offset):
        assert self._writable
        data = self._disk.before("pwrite", self._path, data)
        if offset + len(data) > self._inode.size:
            self._disk.claim(offset + len(data) - self._inode.size)
        self._disk.count(self._path, offset, len(data))
        end = offset + len(data)
        for sector in range(offset // SECTOR, -(-end // SECTOR)):
            old = bytearray(self._inode.now.get(sector, bytes(SECTOR)))
            first, last = max(offset, sector * SECTOR), min(end, (sector + 1) * SECTOR)
            old[first - sector * SECTOR : last - sector * SECTOR] = data[first - offset : last - offset]
            self._inode.now[sector] = bytes(old)
            self._inode.pending.append((sector, bytes(old)))
        self._inode.size = max(self._inode.size, end)
        self._disk.after("pwrite")

    def fdatasync(self):
        self._disk.before("fdatasync", self._path)
        self._inode.durable = dict(self._inode.now)
        self._inode.durable_size = self._inode.size
        self._inode.pending = []
        self._disk.after("fdatasync")

    def fallocate(self, length):
        self._disk.before("fallocate", self._path)
        if length > self._inode.size:
            self._disk.claim(length - self._inode.size)
            self._inode.size = length
        self._disk.after("fallocate")

    def truncate(self, length):
        self._disk.before("truncate", self._path)
        self._inode.now = {n: data for n, data in self._inode.now.items() if n * SECTOR < length}
        if length % SECTOR and length // SECTOR in self._inode.now:
            kept = self._inode.now[length // SECTOR][: length % SECTOR]
            self._inode.now[length // SECTOR] = kept.ljust(SECTOR, b"\x00")
        self._disk.claim(length - self._inode.size)
        self._inode.size = length
        self._disk.after("truncate")

    def size(self):
        return self._inode.size

    def close(self):
        pass


class SimulatedDisk:
    """Implements `device_agent.queue.files.Files`."""

    def __init__(self, capacity=None):
        self.capacity = capacity
        self.used = 0
        self.on_event = None
        """Called after everything that changes what a cut could leave."""
        self.fail = None
        """Called with the operation and the path before it; what it raises, the operation raises."""
        self.written = Counter()
        """Pages of 4 KiB that were written, by file name: a page counts once until it is synced."""
        self._dirty = set()
        self._names = {}
        self._durable_names = {}
        self._pending_names = []
        self._locks = set()

    def make_directory(self, path):
        if isinstance(self._names.get(path), Inode):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))
        for directory in [*reversed(path.parents), path]:
            if isinstance(self._names.get(directory), Inode):
                raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(path))
            if directory not in self._names:
                self._name("make", directory, None)

    def open(self, path, *, create=False):
        self.before("open", path)
        if path not in self._names:
            if not create:
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
            if self._names.get(path.parent, Inode) is not None:
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
            self._name("make", path, Inode())
        return SimulatedFile(self, path, self._file(path))

    def open_read_only(self, path):
        if path not in self._names:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
        return SimulatedFile(self, path, self._file(path), writable=False)

    def listdir(self, path):
        if path not in self._names:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
        if self._names[path] is not None:
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(path))
        return [name.name for name in self._names if name.parent == path and name != path]

    def rename(self, source, target):
        self.before("rename", source)
        self._name("make", target, self._names[source])
        self._name("remove", source, None)
        self.after("rename")

    def remove(self, path):
        self.before("remove", path)
        self.used -= self._file(path).size
        self._name("remove", path, None)
        self.after("remove")

    def sync_directory(self, path):
        self.before("sync_directory", path)
        left = []
        for what, name, inode in self._pending_names:
            if name.parent != path and path not in name.parents and name not in path.parents and name != path:
                left.append((what, name, inode))
            else:
                self._apply(self._durable_names, what, name, inode)
        self._pending_names = left
        self.after("sync_directory")

    def lock(self, path):
        self.listdir(path)
        if path in self._locks:
            raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN), str(path))
        self._locks.add(path)
        return SimulatedLock(self._locks, path)

    # What tests do to it.

    def snapshot(self):
        """The disk as it is now, to be cut later."""
        copy = SimulatedDisk()
        clones = {}

        def cloned(inode):
            return None if inode is None else clones.setdefault(id(inode), inode.clone())

        copy._names = {name: cloned(inode) for name, inode in self._names.items()}
        copy._durable_names = {name: cloned(inode) for name, inode in self._durable_names.items()}
        copy._pending_names = [(what, name, cloned(inode)) for what, name, inode in self._pending_names]
        return copy

    def cut(self, keep):
        """The disk that is found after a power cut. `keep(n)` gives those of n unsynced things, by place, that stay."""
        names = dict(self._durable_names)
        stays = keep(len(self._pending_names))
        # A file system's journal is in order: a name that stays takes those before it with it.
        for what, name, inode in self._pending_names[: max(stays, default=-1) + 1]:
            self._apply(names, what, name, inode)
        after = SimulatedDisk()
        after._names = {name: None if inode is None else inode.cut(keep) for name, inode in names.items()}
        after._durable_names = dict(after._names)
        after.used = sum(inode.size for inode in after._names.values() if inode is not None)
        return after

    def killed(self):
        """The disk as another process finds it when this one was killed: nothing is lost, nothing more is certain."""
        after = self.snapshot()
        after.used = self.used
        after.capacity = self.capacity
        return after

    def content(self, path):
        return self._names[path].content()

    def set_content(self, path, content):
        """As somebody else would who changed the file, durably."""
        inode = Inode()
        inode.now = {
            n // SECTOR: content[n : n + SECTOR].ljust(SECTOR, b"\x00") for n in range(0, len(content), SECTOR)
        }
        inode.durable, inode.size, inode.durable_size = dict(inode.now), len(content), len(content)
        self._names[path] = self._durable_names[path] = inode
        self._pending_names = [pending for pending in self._pending_names if pending[1] != path]

    def make_unreadable(self, path, page):
        self._names[path].unreadable.add(page)

    # What the files of it call.

    def before(self, what, path, data=b""):
        if self.fail is not None:
            self.fail(what, path)
        return data

    def after(self, what):
        if what in {"fdatasync", "sync_directory"}:
            self._dirty.clear()
        if self.on_event is not None:
            self.on_event()

    def claim(self, size):
        if size > 0 and self.capacity is not None and self.used + size > self.capacity:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self.used += size

    def count(self, path, offset, length):
        pages = {(path, page) for page in range(offset // PAGE, -(-(offset + length) // PAGE))}
        self.written[path.name] += PAGE * len(pages - self._dirty)
        self._dirty |= pages

    def _file(self, path):
        inode = self._names[path]
        if inode is None:
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        return inode

    def _name(self, what, name, inode):
        self._apply(self._names, what, name, inode)
        self._pending_names.append((what, name, inode))

    @staticmethod
    def _apply(names, what, name, inode):
        if what == "make":
            names[name] = inode
        else:
            del names[name]
