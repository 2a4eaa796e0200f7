"""What a queue does about things that are in the place of its files."""

import os

import pytest

from device_agent.errors import QueueError
from device_agent.queue import Priority, RingQueue
from device_agent.queue.files import PosixFiles

TELEMETRY = Priority.TELEMETRY


def test_directories_and_pipes_in_the_place_of_its_files_are_moved_aside(tmp_path, clock, log, payloads):
    path = tmp_path / "queue"
    path.mkdir()
    for name in ("segment-000", "checkpoint"):
        (path / name).mkdir()
    os.mkfifo(path / "segment-001")

    queue = RingQueue(path, max_bytes=2**15, clock=clock, log=log, files=PosixFiles())
    queue.append([(TELEMETRY, b"one")], {})
    queue.close()
    queue = RingQueue(path, max_bytes=2**15, clock=clock, log=log, files=PosixFiles())
    assert payloads(queue) == [b"one"]
    assert queue.stats().capacity == 2**15
    queue.close()
    assert sorted(entry.name for entry in path.glob("*.unusable-*")) == [
        "checkpoint.unusable-1",
        "segment-000.unusable-1",
        "segment-001.unusable-1",
    ]


def test_a_file_in_the_place_of_the_queue_is_moved_aside_and_kept(tmp_path, clock, log):
    (tmp_path / "queue.db").write_bytes(b"what an older agent left")

    RingQueue(tmp_path / "queue.db", max_bytes=2**15, clock=clock, log=log, files=PosixFiles()).close()

    assert (tmp_path / "queue.db.unusable-1").read_bytes() == b"what an older agent left"
    assert (tmp_path / "queue.db" / "segment-007").stat().st_size == 4096


def test_a_place_that_cannot_be_written_is_an_error_that_names_it(tmp_path, clock, log):
    (tmp_path / "file").write_text("")

    with pytest.raises(QueueError, match=f"{tmp_path}/file/queue cannot be opened"):
        RingQueue(tmp_path / "file" / "queue", max_bytes=2**15, clock=clock, log=log, files=PosixFiles())
    assert (tmp_path / "file").read_text() == ""
