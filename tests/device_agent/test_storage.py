"""The event loop's face of the disk: one thread, and nothing that a cancelled call leaves undone."""

import asyncio
import threading

import pytest

from device_agent.errors import QueueError
from device_agent.queue import Priority, RingQueue
from device_agent.queue.files import PosixFiles
from device_agent.storage import Storage
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
