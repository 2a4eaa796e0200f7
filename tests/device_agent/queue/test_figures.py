"""A queue's figures, who may read them, and how large it is."""

import tracemalloc
from pathlib import Path
from random import Random
from tracemalloc import Filter

import pytest

import device_agent.queue
from device_agent.errors import QueueError
from device_agent.queue import Priority, PriorityStats, read_stats
from device_agent.queue.files import PosixFiles
from device_agent.queue.ring import RingQueue

URGENT, TELEMETRY, LOG = Priority


def noise(seed, size=1500):
    """Bytes that no compression helps, so that segments fill as a test expects."""
    return Random(seed).randbytes(size)


def ids(messages):
    return [message.id for message in messages]


def test_the_figures_say_what_waits(bench):
    queue = bench.open()
    empty = PriorityStats(messages=0, bytes=0, dropped=0, oldest_id=None)
    assert queue.stats().priorities == dict.fromkeys(Priority, empty)
    assert queue.stats().capacity == 8 * 4096
    queue.append([(TELEMETRY, noise(1, 100)), (TELEMETRY, noise(2, 100))], {})
    first, second = queue.peek(TELEMETRY, 0, 2)

    stats = queue.stats()[TELEMETRY]
    assert (stats.messages, stats.oldest_id) == (2, first.id)
    assert 200 < stats.bytes < 350
    queue.acknowledge([first.id])
    assert queue.stats()[TELEMETRY].oldest_id == second.id
    assert queue.stats()[TELEMETRY].bytes == stats.bytes
    queue.acknowledge([second.id])
    assert queue.stats()[TELEMETRY] == empty


def test_two_agents_cannot_share_a_queue(bench):
    queue = bench.open()

    with pytest.raises(QueueError, match="in use by another agent"):
        bench.open()
    queue.close()
    bench.open().close()


def test_a_closed_queue_says_so(bench):
    queue = bench.open()
    queue.close()
    queue.close()

    for call in (
        lambda: queue.append([], {}),
        lambda: queue.peek(LOG, 0, 1),
        lambda: queue.acknowledge([1]),
        queue.stats,
    ):
        with pytest.raises(QueueError, match="is not open"):
            call()


def test_the_figures_of_an_open_queue_can_be_read_by_another_process(tmp_path, clock, log):
    queue = RingQueue(tmp_path / "queue", max_bytes=2**20, clock=clock, log=log, files=PosixFiles())
    queue.append([(TELEMETRY, b"one"), (LOG, b"two")], {})
    queue.append([(TELEMETRY, b"three")], {})
    queue.acknowledge(ids(queue.peek(TELEMETRY, 0, 1)))
    before = {entry: entry.stat().st_mtime_ns for entry in (tmp_path / "queue").iterdir()}

    assert read_stats(tmp_path / "queue")[TELEMETRY].messages == 2
    assert {entry: entry.stat().st_mtime_ns for entry in (tmp_path / "queue").iterdir()} == before
    queue.append([(TELEMETRY, b"four")], {})
    assert read_stats(tmp_path / "queue") == queue.stats()
    expected = queue.stats()
    queue.close()
    assert read_stats(tmp_path / "queue") == expected


def test_figures_of_a_queue_that_is_not_there_are_an_error_and_make_no_file(tmp_path):
    with pytest.raises(QueueError, match="there is no queue"):
        read_stats(tmp_path / "queue")
    (tmp_path / "file").write_text("")
    with pytest.raises(QueueError, match="cannot be read"):
        read_stats(tmp_path / "file")

    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize(
    ("made", "segments", "size"), [(64, 256, 2**18), (2, 8, 2**18), (1, 8, 2**17), (512, 256, 2**21)]
)
def test_the_disk_space_asked_for_is_what_is_reserved_in_equal_segments(bench, made, segments, size):
    queue = bench.open(max_bytes=made * 2**20)

    assert queue.stats().capacity == made * 2**20
    assert [bench.disk.open(bench.segment(n)).size() for n in range(segments)] == [size] * segments


def test_a_queue_can_be_made_larger(bench, payloads):
    queue = bench.open()
    queue.append([(TELEMETRY, b"one")], {})
    queue.close()

    queue = bench.open(max_bytes=20 * 4096)
    assert queue.stats().capacity == 20 * 4096
    assert payloads(queue) == [b"one"]


def test_a_queue_made_smaller_loses_only_the_oldest_of_the_lowest_that_no_longer_fits(bench, payloads):
    queue = bench.open()
    for n in range(2):
        queue.append([(LOG, noise(n)), (LOG, noise(10 + n)), (URGENT, noise(20 + n))], {})
        queue.append([(TELEMETRY, noise(30 + n)), (TELEMETRY, noise(40 + n))], {})
    everything = {priority: payloads(queue, priority) for priority in Priority}
    assert sum(segment.messages > 0 for segment in queue._state.segments.values()) == 5
    queue.close()

    queue = bench.open(max_bytes=4 * 4096)
    assert queue.stats().capacity == 4 * 4096
    assert payloads(queue, URGENT) == everything[URGENT]
    assert payloads(queue, TELEMETRY) == everything[TELEMETRY]
    assert payloads(queue, LOG) == everything[LOG][2:]
    assert queue.stats()[LOG].dropped == 2
    assert sum(name.startswith("segment-") for name in bench.disk.listdir(bench.path)) == 4
    queue.append([(URGENT, b"x")], {})


def test_a_full_queue_of_small_records_needs_no_more_memory_than_an_empty_one(bench):
    queue = bench.open(max_bytes=2**21)
    queue.append([(TELEMETRY, b"first")], {})
    tracemalloc.start()
    try:
        for _ in range(6_000):
            queue.append([(TELEMETRY, b"x")], {})
        assert queue.stats()[TELEMETRY].messages == 6_001
        snapshot = tracemalloc.take_snapshot()
    finally:
        tracemalloc.stop()
    package = str(Path(device_agent.queue.__file__).parent / "*")
    ours = snapshot.filter_traces([Filter(inclusive=True, filename_pattern=package)])
    assert 0 < sum(stat.size for stat in ours.statistics("filename")) < 400_000
