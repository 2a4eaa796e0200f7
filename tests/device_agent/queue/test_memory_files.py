"""The file system in memory takes no more than it may, and holds a queue as a disk does."""

import errno

import pytest

from device_agent.queue import Priority, RingQueue
from device_agent.queue.memory_files import MemoryFiles


@pytest.fixture
def files(tmp_path):
    files = MemoryFiles(1000)
    files.make_directory(tmp_path)
    return files


def test_all_files_together_are_bounded_and_a_refused_write_changes_nothing(files, tmp_path):
    one, two = (files.open(tmp_path / name, create=True) for name in "ab")
    one.fallocate(600)
    two.pwrite(b"x" * 400, 0)
    for refused in (lambda: two.pwrite(b"yy", 399), lambda: one.fallocate(601), lambda: one.truncate(601)):
        with pytest.raises(OSError, match="No space left") as raised:
            refused()
        assert raised.value.errno == errno.ENOSPC
    assert (one.pread(1000, 0), two.pread(1000, 0)) == (bytes(600), b"x" * 400)


def test_what_is_removed_or_cut_off_makes_room(files, tmp_path):
    one, two = (files.open(tmp_path / name, create=True) for name in "ab")
    one.fallocate(1000)
    one.truncate(400)
    two.fallocate(600)
    files.remove(tmp_path / "a")
    two.fallocate(1000)


def test_a_directory_takes_what_is_in_it_to_its_new_name(files, tmp_path):
    files.make_directory(tmp_path / "d" / "e")
    files.open(tmp_path / "d" / "e" / "f", create=True).pwrite(b"x", 0)
    files.rename(tmp_path / "d", tmp_path / "g")

    assert files.listdir(tmp_path) == ["g"]
    assert files.open(tmp_path / "g" / "e" / "f").pread(9, 0) == b"x"
    with pytest.raises(FileNotFoundError):
        files.rename(tmp_path / "d", tmp_path / "h")


def test_a_queue_in_it_is_found_again_after_it_was_closed(tmp_path, clock, log, payloads):
    files = MemoryFiles(2**20)
    for n in range(3):
        queue = RingQueue(tmp_path / "queue", max_bytes=2**19, clock=clock, log=log, files=files)
        assert payloads(queue) == [b"%d" % before for before in range(n)]
        queue.append([(Priority.TELEMETRY, b"%d" % n)], {})
        queue.close()
