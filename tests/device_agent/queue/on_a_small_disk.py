"""Run by test_full_disk.py in a process of its own: a queue on a small, really full file system, given by path."""

import json
import logging
import os
import resource
import sys
from contextlib import suppress
from pathlib import Path
from random import Random

from device_agent.clock import ManualClock
from device_agent.errors import QueueError
from device_agent.queue import Priority, RingQueue
from device_agent.queue.files import PosixFiles
from device_agent.state_file import StateFile

LOG = logging.LoggerAdapter(logging.getLogger("small"), {})


def fill(ballast):
    """Take every last block of the disk."""
    with ballast.open("ab", buffering=0) as file, suppress(OSError):
        while True:
            file.write(b"x" * 4096)


def open_queue(directory):
    return RingQueue(directory / "queue", max_bytes=2**17, clock=ManualClock(), log=LOG, files=PosixFiles())


def is_refused(queue):
    try:
        queue.append([(Priority.TELEMETRY, b"never")], {})
    except QueueError:
        return True
    return False


def texts(queue, priority):
    return [message.payload.decode() for message in queue.peek(priority, 0, 1000)]


def on_a_full_disk(directory):
    ballast = directory / "ballast"
    (directory / "queue").mkdir()
    fill(ballast)
    queue = open_queue(directory)
    report = {"opened full": {"capacity": queue.stats().capacity, "refused": is_refused(queue)}}

    os.truncate(ballast, ballast.stat().st_size - 500_000)
    queue.append([(Priority.TELEMETRY, b"first")], {"s": "1"})
    queue.close()
    queue = open_queue(directory)
    report["after making room"] = {"telemetry": texts(queue, Priority.TELEMETRY), "position": queue.position("s")}

    state = StateFile(directory / "state", files=PosixFiles(), log=LOG, slot_bytes=16384)
    fill(ballast)
    for n in range(200):
        # Incompressible, and more than the queue holds: the ring turns over several times.
        queue.append([(Priority.TELEMETRY, b"%d" % n + Random(n).randbytes(2000))], {"s": str(n)})
        state.write("n", n)
    queue.append([(Priority.URGENT, b"alarm")], {})
    queue.close()
    queue = open_queue(directory)
    waiting = queue.peek(Priority.TELEMETRY, 0, 1000)
    stats = queue.stats()
    report["full again"] = {
        "lost": 201 - len(waiting) - stats.dropped,
        "urgent": texts(queue, Priority.URGENT)[0],
        "position": queue.position("s"),
        "state": StateFile(directory / "state", files=PosixFiles(), log=LOG, slot_bytes=16384).read("n"),
        "newest": int(waiting[-1].payload[:3]),
    }
    return report


def where_files_may_not_grow(directory):
    resource.setrlimit(resource.RLIMIT_FSIZE, (8192, resource.RLIM_INFINITY))
    queue = open_queue(directory)
    report = {"capacity": queue.stats().capacity, "refused": is_refused(queue)}
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    queue.append([(Priority.TELEMETRY, b"first")], {})
    return {**report, "after": texts(queue, Priority.TELEMETRY)}


if __name__ == "__main__":
    scenario = where_files_may_not_grow if sys.argv[2:] == ["limited"] else on_a_full_disk
    sys.stdout.write(json.dumps(scenario(Path(sys.argv[1]))))
