"""The event loop's face of the disk: one thread, and nothing that a cancelled call leaves undone."""

import asyncio
import errno
import os
import threading

import pytest

from device_agent.errors import QueueError
from device_agent.queue import Priority, RingQueue
from device_agent.queue.files import PosixFiles
from device_agent.storage import MEMORY_BYTES, Storage
from tests.device_agent.queue.disk import SimulatedDisk

TELEMETRY = Priority.TELEMETRY


class SlowFiles(PosixFiles):
    """Directory calls note their thread; once `gate` is cleared, whatever opens a file waits for it."""

    def __init__(self):
        self.threads = set()
        self.gate = threading.Event()
        self.gate.set()
        self.reached = threading.Event()

    def open(self, path, *, create=False):
        self.threads.add(threading.current_thread().name)
        self.reached.set()
        assert self.gate.wait(10)
        return super().open(path, create=create)


@pytest.fixture
def files():
    return SlowFiles()


@pytest.fixture
def make(tmp_path, clock, log, files):
    def make_():
        return Storage(tmp_path / "queue", tmp_path / "state", max_bytes=2**16, clock=clock, log=log, files=files)

    return make_


async def test_everything_happens_on_one_thread_that_is_not_the_loops(make, files):
    storage = make()
    await storage.open()
    await asyncio.gather(*(storage.append([(TELEMETRY, b"%d" % n)], {"s": str(n)}) for n in range(20)))
    await storage.write_state("a", 1)

    assert [message.payload for message in await storage.peek(TELEMETRY, 0, 100)] == [b"%d" % n for n in range(20)]
    assert files.threads == {"storage_0"}
    await storage.close()


async def test_an_append_that_is_cancelled_on_the_thread_is_done_and_announced_all_the_same(make, files, eventually):
    storage = make()
    await storage.open()
    files.reached.clear()
    files.gate.clear()
    appending = asyncio.ensure_future(storage.append([(TELEMETRY, b"one")], {"s": "1"}))
    await eventually(files.reached.is_set)
    appending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await appending
    assert not storage.changed.is_set()
    files.gate.set()

    assert await storage.position("s") == "1"
    await eventually(storage.changed.is_set)
    await storage.close()


async def test_closing_waits_for_the_calls_under_way_and_ends_the_thread(make, files, eventually):
    storage = make()
    await storage.open()
    files.reached.clear()
    files.gate.clear()
    appending = asyncio.ensure_future(storage.append([(TELEMETRY, b"one")], {}))
    await eventually(files.reached.is_set)
    closing = asyncio.ensure_future(storage.close())
    await asyncio.sleep(0)
    assert not closing.done()
    files.gate.set()
    await closing
    await appending
    await eventually(lambda: "storage_0" not in {thread.name for thread in threading.enumerate()})

    storage = make()
    await storage.open()
    assert (await storage.stats()).messages == 1
    await storage.close()


async def test_what_is_closed_or_was_never_opened_says_so_and_can_be_opened_again(make):
    storage = make()
    await storage.close()
    with pytest.raises(QueueError, match="not open"):
        await storage.stats()
    await storage.open()
    await storage.append([(TELEMETRY, b"one")])
    await storage.close()
    await storage.close()
    with pytest.raises(QueueError, match="not open"):
        await storage.append([])
    with pytest.raises(QueueError, match="not open"):
        await storage.read_state("a")
    await storage.open()
    assert (await storage.stats()).messages == 1
    await storage.close()


async def test_an_open_that_fails_leaves_nothing_behind_and_may_be_tried_again(make, tmp_path, clock, log, eventually):
    holder = RingQueue(tmp_path / "queue", max_bytes=2**16, clock=clock, log=log, files=PosixFiles())
    storage = make()
    with pytest.raises(QueueError, match="in use by another agent"):
        await storage.open()
    await eventually(lambda: "storage_0" not in {thread.name for thread in threading.enumerate()})
    holder.close()

    await storage.open()
    await storage.close()


async def test_on_a_nearly_full_disk_the_state_has_its_space_before_the_queue_takes_the_rest(tmp_path, clock, log):
    disk = SimulatedDisk(capacity=3 * 2**18)
    storage = Storage(tmp_path / "queue", tmp_path / "state", max_bytes=2**24, clock=clock, log=log, files=disk)
    await storage.open()
    await storage.append([(TELEMETRY, b"one")])
    assert (await storage.stats()).capacity == 2**18
    await storage.write_state("a", 1)

    assert await storage.read_state("a") == 1
    await storage.close()


def contents(disk):
    return {path: inode and inode.content() for path, inode in disk._names.items()}


def refusing(number, *operations):
    def fail(what, path):
        if not operations or what in operations:
            raise OSError(number, os.strerror(number), str(path))

    return fail


@pytest.fixture
async def disk(tmp_path, clock, log):
    """One with a message, a position and a state of an earlier start."""
    disk = SimulatedDisk()
    storage = on(disk, tmp_path, clock, log)
    await storage.open()
    await storage.append([(TELEMETRY, b"old")], {"s": "1"})
    await storage.write_state("a", 1)
    await storage.close()
    return disk


def on(disk, tmp_path, clock, log):
    return Storage(tmp_path / "queue", tmp_path / "state", max_bytes=2**26, clock=clock, log=log, files=disk)


@pytest.mark.parametrize("number", [errno.EROFS, errno.EIO, errno.ENOSPC])
async def test_a_disk_that_refuses_is_left_alone_and_everything_is_in_memory(
    disk, tmp_path, clock, log, caplog, number
):
    before = contents(disk)
    disk.fail = refusing(number)
    storage = on(disk, tmp_path, clock, log)
    await storage.open(or_in_memory=True)

    assert storage.degraded is not None
    assert os.strerror(number) in storage.degraded
    assert storage.degraded in caplog.text
    await storage.append([(TELEMETRY, b"new")], {"s": "2"})
    assert [message.payload for message in await storage.peek(TELEMETRY, 0, 9)] == [b"new"]
    assert await storage.read_state("a") == 1
    await storage.write_state("a", 2)
    assert (await storage.read_state("a"), await storage.position("s")) == (2, "2")
    await storage.close()
    assert contents(disk) == before

    disk.fail = None
    await storage.open(or_in_memory=True)
    assert storage.degraded is None
    assert [message.payload for message in await storage.peek(TELEMETRY, 0, 9)] == [b"old"]
    assert (await storage.read_state("a"), await storage.position("s")) == (1, "1")
    await storage.close()


async def test_in_memory_the_oldest_makes_way_too_and_the_state_has_its_space(disk, tmp_path, clock, log):
    disk.fail = refusing(errno.EROFS)
    storage = on(disk, tmp_path, clock, log)
    await storage.open(or_in_memory=True)
    for _ in range(50):
        await storage.append([(TELEMETRY, os.urandom(100_000))])
    await storage.write_state("a", "x" * 100_000)

    stats = await storage.stats()
    assert stats.dropped > 0
    assert 2 * 2**20 < stats.capacity < MEMORY_BYTES
    await storage.close()


async def test_without_a_state_on_the_disk_it_goes_on_without(tmp_path, clock, log):
    disk = SimulatedDisk()
    disk.fail = refusing(errno.EROFS)
    storage = on(disk, tmp_path, clock, log)
    await storage.open(or_in_memory=True)
    assert await storage.read_state("a") is None
    await storage.write_state("a", 1)
    assert await storage.read_state("a") == 1
    await storage.close()


async def test_memory_is_only_for_those_who_ask_for_it_and_not_for_a_wrong_path(disk, tmp_path, clock, log):
    storage = on(disk, tmp_path, clock, log)
    disk.fail = refusing(errno.EROFS)
    with pytest.raises(QueueError, match="Read-only file system"):
        await storage.open()
    for number in (errno.EACCES, errno.EPERM, errno.ENOTDIR):
        disk.fail = refusing(number)
        with pytest.raises(QueueError, match=os.strerror(number)):
            await storage.open(or_in_memory=True)
    assert storage.degraded is None


async def test_on_a_disk_that_refuses_too_there_are_no_two_agents_of_one_queue(disk, tmp_path, clock, log):
    disk.fail = refusing(errno.EROFS)
    first, second = on(disk, tmp_path, clock, log), on(disk, tmp_path, clock, log)
    await first.open(or_in_memory=True)
    with pytest.raises(QueueError, match="in use by another agent"):
        await second.open(or_in_memory=True)
    assert second.degraded is None

    await first.close()
    await second.open(or_in_memory=True)
    await second.close()
