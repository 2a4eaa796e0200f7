"""The real file system, the one in memory and the simulated disk keep the same promises."""

import os
from pathlib import Path

import pytest

from device_agent.queue.files import PosixFiles
from device_agent.queue.memory_files import MemoryFiles
from tests.device_agent.queue.disk import SimulatedDisk


@pytest.fixture(params=[PosixFiles, lambda: MemoryFiles(10_000), SimulatedDisk], ids=["posix", "memory", "simulated"])
def files(request):
    return request.param()


@pytest.fixture
def directory(files, tmp_path):
    files.make_directory(tmp_path / "a" / "b")
    return tmp_path / "a" / "b"


def test_what_was_written_is_read_again_also_by_a_reader(files, directory):
    file = files.open(directory / "f", create=True)
    file.pwrite(b"hello", 3)
    file.fdatasync()

    assert file.pread(100, 0) == b"\x00\x00\x00hello"
    assert file.pread(2, 4) == b"el"
    assert file.pread(10, 100) == b""
    assert file.size() == 8
    assert files.open(directory / "f").pread(8, 0) == b"\x00\x00\x00hello"
    assert files.open_read_only(directory / "f").pread(8, 0) == b"\x00\x00\x00hello"
    file.close()
    file.close()


def test_a_write_across_sectors_changes_nothing_around_it(files, directory):
    file = files.open(directory / "f", create=True)
    file.pwrite(b"a" * 2000, 0)
    file.pwrite(b"b" * 700, 500)

    assert file.pread(2000, 0) == b"a" * 500 + b"b" * 700 + b"a" * 800


def test_reserving_space_extends_with_zeros_and_keeps_what_is_there(files, directory):
    file = files.open(directory / "f", create=True)
    file.pwrite(b"abc", 0)
    file.fallocate(5000)
    assert file.size() == 5000
    assert file.pread(5000, 0) == b"abc" + bytes(4997)

    file.fallocate(10)
    assert file.size() == 5000


def test_truncating_forgets_the_rest_for_good(files, directory):
    file = files.open(directory / "f", create=True)
    file.pwrite(b"abcdef" * 200, 0)
    file.truncate(2)
    assert file.size() == 2

    file.fallocate(1200)
    assert file.pread(1200, 0) == b"ab" + bytes(1198)


def test_an_absent_file_is_made_only_when_asked_for(files, directory):
    with pytest.raises(FileNotFoundError):
        files.open(directory / "f")
    with pytest.raises(FileNotFoundError):
        files.open_read_only(directory / "f")
    with pytest.raises(FileNotFoundError):
        files.open(directory / "absent" / "f", create=True)
    with pytest.raises(FileNotFoundError):
        files.listdir(directory / "absent")


def test_directories_are_listed_and_are_no_files(files, directory):
    files.open(directory / "f", create=True)
    files.make_directory(directory / "d")
    files.make_directory(directory / "d")

    assert sorted(files.listdir(directory)) == ["d", "f"]
    with pytest.raises(IsADirectoryError):
        files.open(directory / "d", create=True)
    with pytest.raises(FileExistsError):
        files.make_directory(directory / "f")
    with pytest.raises(NotADirectoryError):
        files.make_directory(directory / "f" / "below")
    with pytest.raises(NotADirectoryError):
        files.listdir(directory / "f")


def test_files_are_renamed_and_removed(files, directory):
    files.open(directory / "f", create=True).pwrite(b"x", 0)
    files.rename(directory / "f", directory / "g")
    assert files.listdir(directory) == ["g"]
    assert files.open(directory / "g").pread(1, 0) == b"x"

    files.remove(directory / "g")
    files.sync_directory(directory)
    assert files.listdir(directory) == []


def test_a_lock_is_held_once_until_it_is_closed(files, directory):
    held = files.lock(directory)
    with pytest.raises(BlockingIOError):
        files.lock(directory)

    held.close()
    files.lock(directory).close()
    assert files.listdir(directory) == []


def test_a_pipe_in_the_place_of_a_file_is_neither_waited_for_nor_taken_for_one(tmp_path):
    os.mkfifo(tmp_path / "pipe")

    with pytest.raises(IsADirectoryError):
        PosixFiles().open(tmp_path / "pipe")


def test_a_new_file_is_its_owners_alone(tmp_path):
    PosixFiles().open(tmp_path / "f", create=True).close()

    assert (tmp_path / "f").stat().st_mode & 0o777 == 0o600


def test_the_simulated_disk_forgets_what_was_not_synced_and_may_tear_it():
    disk = SimulatedDisk()
    path = Path("/q/f")
    disk.make_directory(path.parent)
    file = disk.open(path, create=True)
    file.fallocate(2048)
    file.fdatasync()
    disk.sync_directory(path.parent)
    file.pwrite(b"1" * 1024, 0)

    assert disk.cut(lambda n: []).content(path) == bytes(2048)
    assert disk.cut(range).content(path) == b"1" * 1024 + bytes(1024)
    assert disk.cut(lambda n: range(n)[1:]).content(path) == bytes(512) + b"1" * 512 + bytes(1024)
    file.fdatasync()
    assert disk.cut(lambda n: []).content(path) == b"1" * 1024 + bytes(1024)


def test_the_simulated_disk_forgets_a_name_whose_directory_was_not_synced():
    disk = SimulatedDisk()
    disk.make_directory(Path("/q"))
    disk.open(Path("/q/f"), create=True).fdatasync()

    assert Path("/q/f") not in disk.cut(lambda n: [])._names
    disk.sync_directory(Path("/q"))
    assert Path("/q/f") in disk.cut(lambda n: [])._names
