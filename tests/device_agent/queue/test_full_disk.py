"""A full or failing disk: an error with nothing half done, and no help needed once it is well again."""

import errno
import json
import os
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest

from device_agent.errors import QueueError
from device_agent.queue import Priority
from tests import debian
from tests.device_agent.queue.disk import SimulatedDisk

URGENT, TELEMETRY, LOG = Priority
SLOTS = 2 * 64 * 1024


def noise(seed, size=1500):
    return Random(seed).randbytes(size)


def test_a_queue_on_a_full_disk_opens_refuses_and_works_once_there_is_room(bench, payloads):
    bench.disk.capacity = 0
    queue = bench.open()
    assert queue.stats().capacity == 0
    for _ in range(3):
        with pytest.raises(QueueError, match="No space left on device"):
            queue.append([(TELEMETRY, b"one")], {"s": "1"})
    assert queue.position("s") is None

    bench.disk.capacity = SLOTS + 8 * 4096
    queue.append([(TELEMETRY, b"one")], {"s": "1"})
    assert payloads(bench.crashed(queue)) == [b"one"]


def test_a_disk_with_room_for_the_checkpoint_alone_is_too_full(bench, payloads):
    bench.disk.capacity = SLOTS
    queue = bench.open()
    with pytest.raises(QueueError, match="no room for a segment"):
        queue.append([(TELEMETRY, b"one")], {"s": "1"})
    assert (queue.stats().dropped, queue.position("s")) == (0, None)

    bench.disk.capacity += 4096
    queue.append([(TELEMETRY, b"one")], {"s": "1"})
    assert payloads(queue) == [b"one"]


def test_a_disk_with_room_for_a_few_segments_gives_those_and_more_later(bench, payloads):
    bench.disk.capacity = SLOTS + 3 * 4096 + 100
    queue = bench.open()
    assert queue.stats().capacity == 3 * 4096
    for n in range(6):
        queue.append([(TELEMETRY, noise(n))], {})
    assert len(payloads(queue)) == 6

    bench.disk.capacity += 100 * 4096
    for n in range(6, 16):
        queue.append([(TELEMETRY, noise(n))], {})
    assert queue.stats().dropped == 0
    assert len(payloads(queue)) == 16
    assert queue.stats().capacity == 8 * 4096


def test_a_disk_that_fills_up_later_does_not_matter(bench, payloads):
    queue = bench.open()
    queue.append([(TELEMETRY, noise(0))], {})
    bench.disk.capacity = bench.disk.used
    for n in range(1, 60):
        queue.append([(TELEMETRY, noise(n)), (URGENT, noise(100 + n, 40))], {"s": str(n)})
        queue.acknowledge([message.id for message in queue.peek(URGENT, 0, 10)])

    queue = bench.crashed(queue)
    left = payloads(queue)
    assert left == [noise(n) for n in range(60)][-len(left) :]
    assert queue.stats()[TELEMETRY].dropped == 60 - len(left)
    assert queue.position("s") == "59"


class FailingOnce:
    """Raises at the n-th operation that changes the disk; a write may have come through by half."""

    def __init__(self, disk, at, number):
        self.disk, self.at, self.number, self.count = disk, at, number, 0

    def __call__(self, what, path):
        if what != "open":
            self.count += 1
            if self.count == self.at:
                raise OSError(self.number, os.strerror(self.number), str(path))


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO])
@pytest.mark.parametrize("crash", [False, True], ids=["goes on", "crashes"])
def test_an_append_that_fails_at_any_call_leaves_nothing_and_the_next_one_works(bench, payloads, number, crash):
    failed = 0
    for at in range(1, 40):
        bench.disk = SimulatedDisk()
        queue = bench.open()
        for n in range(0, 14, 2):
            queue.append([(TELEMETRY, noise(n)), (TELEMETRY, noise(n + 1))], {"s": str(n)})
        before, dropped = payloads(queue), queue.stats().dropped
        bench.disk.fail = FailingOnce(bench.disk, at, number)
        try:
            queue.append(
                [(URGENT, b"a"), *[(TELEMETRY, noise(100 + n, 1000)) for n in range(4)], (LOG, b"l")], {"s": "x"}
            )
        except QueueError:
            failed += 1
        else:
            assert payloads(queue, URGENT) == [b"a"]
            break
        finally:
            bench.disk.fail = None
        assert payloads(queue, URGENT) == payloads(queue, LOG) == []
        assert payloads(queue) == before[len(before) - len(payloads(queue)) :]
        assert len(before) - len(payloads(queue)) == queue.stats().dropped - dropped
        assert queue.position("s") == "12"
        queue.append([(URGENT, b"next")], {"s": "y"})
        if crash:
            queue = bench.crashed(queue)
        assert payloads(queue, URGENT) == [b"next"]
        assert payloads(queue) == before[len(before) - len(payloads(queue)) :]
        assert payloads(queue, LOG) == []
        assert queue.position("s") == "y"
    assert failed > 8


def test_what_a_failed_append_left_on_the_disk_is_not_taken_for_good_by_a_later_crash(bench, payloads):
    queue = bench.open()
    queue.append([(TELEMETRY, b"first")], {"s": "1"})

    def fail_the_last_sync(what, path):
        if what == "fdatasync" and path.name == "segment-000":
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    bench.disk.fail = fail_the_last_sync
    with pytest.raises(QueueError):
        queue.append([(TELEMETRY, b"half"), (URGENT, b"way")], {"s": "2"})
    with pytest.raises(QueueError):
        queue.append([(URGENT, b"also not")], {"s": "3"})
    bench.disk.fail = None
    queue.append([(LOG, b"later")], {"s": "4"})

    queue = bench.crashed(queue)
    assert payloads(queue) == [b"first"]
    assert payloads(queue, URGENT) == []
    assert payloads(queue, LOG) == [b"later"]


def test_a_checkpoint_that_may_or_may_not_be_written_is_settled_before_anything_else(bench, payloads):
    """Else the next append could go into a segment that the checkpoint on the disk has given away."""
    queue = bench.open(max_bytes=2 * 4096)
    for n in range(2):
        queue.append([(TELEMETRY, noise(n)), (LOG, b"%d" % n)], {})
    last = [0]

    def fail(what, path):
        if what == "fdatasync" and path.name == "checkpoint":
            last[0] += 1
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    bench.disk.fail = fail
    with pytest.raises(QueueError):
        queue.append([(TELEMETRY, noise(5)), (TELEMETRY, noise(6))], {})
    with pytest.raises(QueueError):
        queue.append([(LOG, b"2")], {})
    bench.disk.fail = None
    queue.append([(LOG, b"2")], {})
    assert payloads(queue, LOG) == [b"0", b"1", b"2"]

    queue = bench.crashed(queue, max_bytes=2 * 4096)
    assert payloads(queue, LOG) == [b"0", b"1", b"2"]
    assert payloads(queue) == [noise(0), noise(1)]


SCRIPT = Path(__file__).with_name("on_a_small_disk.py")


def mounted(options, prepare=""):
    """A shell line that mounts a small file system for itself alone, and runs the script in it."""
    return f'set -e; {prepare} mount {options} "$0"; exec "$1" "$2" "$0"'


@pytest.mark.parametrize(
    ("kind", "shell"),
    [
        ("tmpfs", mounted("-t tmpfs -o size=1m none")),
        ("ext4", mounted('-o loop "$0.img"', 'truncate -s 4M "$0.img"; mkfs.ext4 -q "$0.img";')),
    ],
)
def test_on_a_real_disk_that_is_really_full(tmp_path, kind, shell):
    small = tmp_path / "small"
    small.mkdir()
    user = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    command = ["unshare", *user, "--mount", "sh", "-c", shell, str(small), sys.executable, str(SCRIPT)]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if done.returncode == 32 or "unshare" in done.stderr or "permission denied" in done.stderr.lower():
        refusal = f"this machine lets nobody mount a {kind} here: {done.stderr.strip()}"
        if os.environ.get(debian.REQUIRED):
            pytest.fail(f"{refusal} ({debian.REQUIRED} is set)")
        pytest.skip(refusal)

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "opened full": {"capacity": 0, "refused": True},
        "after making room": {"telemetry": ["first"], "position": "1"},
        "full again": {"lost": 0, "urgent": "alarm", "position": "199", "state": 199, "newest": 199},
    }


def test_where_a_file_may_not_grow_the_queue_takes_what_it_gets(tmp_path):
    """RLIMIT_FSIZE, the other way in which a disk says no."""
    command = [sys.executable, str(SCRIPT), str(tmp_path), "limited"]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)

    assert json.loads(done.stdout) == {"capacity": 0, "refused": True, "after": ["first"]}
