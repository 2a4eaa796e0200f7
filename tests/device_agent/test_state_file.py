"""Named sections of JSON: durable once written, whole or as before, on a full disk too."""

import errno
import logging
import os
from pathlib import Path

import pytest

from device_agent.errors import QueueError
from device_agent.queue.files import PosixFiles
from device_agent.queue.slots import OVERHEAD
from device_agent.state_file import SLOT_BYTES, StateFile
from tests.device_agent.queue.disk import SimulatedDisk

PATH = Path("/device/state")


@pytest.fixture
def disk():
    return SimulatedDisk()


@pytest.fixture
def open_state(log):
    def open_(disk, path=PATH, slot_bytes=4096):
        return StateFile(path, files=disk, log=log, slot_bytes=slot_bytes)

    return open_


def test_a_section_is_read_as_it_was_written_also_after_a_power_cut(disk, open_state):
    state = open_state(disk)
    assert state.read("clock") is None
    state.write("clock", {"wall": 1764000000000, "texts": ["ä", None, True, 1.5]})
    state.write("commands", [])

    state = open_state(disk.cut(lambda n: []))

    assert state.read("clock") == {"wall": 1764000000000, "texts": ["ä", None, True, 1.5]}
    assert state.read("commands") == []
    assert state.read("other") is None


def test_what_is_read_is_a_copy(disk, open_state):
    state = open_state(disk)
    state.write("a", {"list": [1]})
    state.read("a")["list"].append(2)

    assert state.read("a") == {"list": [1]}


def test_a_value_that_does_not_fit_is_an_error_that_says_how_much_does_and_changes_nothing(disk, open_state):
    state = open_state(disk)
    state.write("a", 1)
    with pytest.raises(
        QueueError, match=rf"with the new 'b' it would have 50\d\d bytes, at most {4096 - OVERHEAD} fit"
    ):
        state.write("b", "x" * 5000)
    with pytest.raises(TypeError):
        state.write("a", object())

    assert (state.read("a"), state.read("b")) == (1, None)
    state.write("b", "x" * 4000)
    assert open_state(disk.cut(lambda n: [])).read("b") == "x" * 4000


@pytest.mark.parametrize("newest", [0, 1])
def test_damage_to_the_newest_slot_anywhere_leaves_the_content_before_it(disk, open_state, newest):
    state = open_state(disk)
    for n in range(2 + newest):
        state.write("n", n)
    content = disk.content(PATH)
    slot = 4096 * ((2 + newest) % 2)
    for at in range(slot, slot + OVERHEAD + 7):
        damaged = disk.snapshot()
        flipped = bytearray(content)
        flipped[at] ^= 4
        damaged.set_content(PATH, bytes(flipped))
        assert open_state(damaged).read("n") == newest
        flipped[4096 - slot + 30] ^= 1
        assert open_state(damaged).read("n") == newest


@pytest.mark.parametrize("content", [b"", b"rubbish" * 3000, bytes(8192), b"\xff" * 20000])
def test_rubbish_is_a_state_that_holds_nothing_yet(disk, open_state, content):
    disk.make_directory(PATH.parent)
    disk.set_content(PATH, content)
    state = open_state(disk)
    assert state.read("a") is None
    state.write("a", 1)
    state.write("a", 2)

    assert open_state(disk.cut(lambda n: [])).read("a") == 2


def test_a_state_that_cannot_be_read_at_all_is_logged(disk, open_state, caplog):
    disk.make_directory(PATH.parent)
    disk.set_content(PATH, b"rubbish" * 3000)
    open_state(disk)

    assert "state file /device/state: nothing in it can be read" in caplog.text


def test_a_file_that_was_cut_short_gets_its_space_again(disk, open_state):
    state = open_state(disk)
    state.write("a", 1)
    state.write("a", 2)
    disk.set_content(PATH, disk.content(PATH)[:5000])

    state = open_state(disk)
    assert state.read("a") == 2
    assert disk.open(PATH).size() == 8192
    state.write("a", 3)
    assert open_state(disk.cut(lambda n: [])).read("a") == 3


def test_a_disk_that_is_full_afterwards_does_not_matter(disk, open_state):
    state = open_state(disk)
    disk.capacity = disk.used
    for n in range(5):
        state.write("n", n)

    assert open_state(disk.killed()).read("n") == 4


def test_on_a_disk_that_is_full_from_the_start_it_opens_refuses_and_works_once_there_is_room(disk, open_state):
    disk.capacity = 100
    state = open_state(disk)
    assert state.read("a") is None
    with pytest.raises(QueueError, match=r"'a' cannot be written: .*No space left"):
        state.write("a", 1)
    assert state.read("a") is None

    disk.capacity = 10_000
    state.write("a", 1)
    assert open_state(disk.cut(lambda n: [])).read("a") == 1


@pytest.mark.parametrize("what", ["pwrite", "fdatasync"])
def test_a_write_that_fails_changes_nothing_and_the_next_one_works(disk, open_state, what):
    state = open_state(disk)
    state.write("a", 1)

    def fail(operation, path):
        if operation == what:
            raise OSError(errno.EIO, os.strerror(errno.EIO), str(path))

    disk.fail = fail
    with pytest.raises(QueueError, match="Input/output error"):
        state.write("a", 2)
    assert state.read("a") == 1
    disk.fail = None
    state.write("a", 3)
    assert open_state(disk.cut(lambda n: [])).read("a") == 3


def test_a_write_costs_one_page(disk, open_state):
    state = open_state(disk, slot_bytes=SLOT_BYTES)
    state.write("clock", {"wall": 1764000000000})
    before = disk.written.total()
    for n in range(10):
        state.write("clock", {"wall": 1764000000000 + n})

    assert disk.written.total() - before == 10 * 4096


def test_on_a_real_disk_a_directory_in_its_place_is_moved_aside(tmp_path, open_state, caplog):
    (tmp_path / "state").mkdir()
    state = open_state(PosixFiles(), tmp_path / "state")
    state.write("a", 1)
    state.close()

    assert open_state(PosixFiles(), tmp_path / "state").read("a") == 1
    assert (tmp_path / "state.unusable-1").is_dir()
    assert [record.levelno for record in caplog.records] == [logging.ERROR]


def test_a_place_that_cannot_be_written_is_an_error_that_names_it(tmp_path, open_state):
    (tmp_path / "file").write_text("")

    with pytest.raises(QueueError, match=f"state file {tmp_path}/file/state cannot be opened"):
        open_state(PosixFiles(), tmp_path / "file" / "state")
