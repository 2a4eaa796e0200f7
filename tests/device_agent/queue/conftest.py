"""A queue on a simulated disk, opened as often as a test wants."""

from pathlib import Path

import pytest

from device_agent.queue import Priority, RingQueue
from tests.device_agent.queue.disk import SimulatedDisk


class Bench:
    """`path` is the queue's directory; without `disk` it is on the simulated one."""

    def __init__(self, clock, log):
        self.clock, self.log = clock, log
        self.disk = SimulatedDisk()
        self.path = Path("/device/queue")

    def open(self, max_bytes=8 * 4096):
        return RingQueue(self.path, max_bytes=max_bytes, clock=self.clock, log=self.log, files=self.disk)

    def crashed(self, queue, **options):
        """The queue as it is found after this one's process was killed."""
        del queue
        self.disk = self.disk.killed()
        return self.open(**options)

    def segment(self, number):
        return self.path / f"segment-{number:03}"


@pytest.fixture
def bench(clock, log):
    return Bench(clock, log)


@pytest.fixture
def payloads():
    """What waits of a priority, oldest first."""

    def read(queue, priority=Priority.TELEMETRY):
        return [message.payload for message in queue.peek(priority, 0, 100_000)]

    return read
