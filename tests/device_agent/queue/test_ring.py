"""What the durable queue promises while its disk is well."""

import tracemalloc
from pathlib import Path
from random import Random
from tracemalloc import Filter

import pytest

import device_agent.queue
from device_agent.errors import QueueError
from device_agent.queue import Priority, PriorityStats, read_stats
from device_agent.queue.files import PosixFiles
from device_agent.queue.ring import CHECKPOINT_S, RingQueue

URGENT, TELEMETRY, LOG = Priority


def noise(seed, size=1500):
    """Bytes that no compression helps, so that segments fill as a test expects."""
    return Random(seed).randbytes(size)


def ids(messages):
    return [message.id for message in messages]


def test_messages_come_back_in_order_by_priority_and_stay_until_they_are_acknowledged(bench, payloads):
    queue = bench.open()
    queue.append([(TELEMETRY, b"one"), (URGENT, b"alarm"), (TELEMETRY, b"two")], {})
    queue.append([(TELEMETRY, b"three"), (LOG, b"line")], {})

    assert payloads(queue) == [b"one", b"two", b"three"]
    assert payloads(queue, URGENT) == [b"alarm"]
    assert payloads(queue, LOG) == [b"line"]
    first = queue.peek(TELEMETRY, 0, 2)
    assert [message.payload for message in queue.peek(TELEMETRY, first[-1].id, 2)] == [b"three"]

    queue.acknowledge([first[0].id])
    assert payloads(queue) == [b"two", b"three"]


def test_the_newest_are_given_with_the_oldest_of_them_first(bench):
    queue = bench.open()
    for n in range(6):
        queue.append([(TELEMETRY, b"%d" % (2 * n)), (TELEMETRY, b"%d" % (2 * n + 1))], {})
    queue.acknowledge(ids(queue.newest(TELEMETRY, 1)))

    assert [message.payload for message in queue.newest(TELEMETRY, 3)] == [b"8", b"9", b"10"]
    assert len(queue.newest(TELEMETRY, 100)) == 11
    assert queue.newest(TELEMETRY, 0) == []
    assert queue.newest(LOG, 5) == []


def test_ids_grow_over_all_priorities_and_restarts_and_are_never_used_twice(bench):
    queue = bench.open()
    seen = []
    for _ in range(5):
        queue.append([(priority, b"x") for priority in Priority], {})
        new = sorted(message.id for priority in Priority for message in queue.newest(priority, 1))
        assert len(set(new)) == 3
        assert min(new) > max(seen, default=0)
        seen += new
        queue.acknowledge(seen)
        queue.close()
        queue = bench.open()


def test_a_reopened_queue_has_the_messages_and_the_positions(bench, payloads):
    queue = bench.open()
    queue.append([(TELEMETRY, b"one")], {"replay": "7"})
    queue.append([(LOG, b"two")], {"gps": "1"})
    queue.close()

    queue = bench.open()

    assert payloads(queue) == [b"one"]
    assert (queue.position("replay"), queue.position("gps"), queue.position("other")) == ("7", "1", None)


def test_positions_alone_can_be_stored(bench):
    queue = bench.open()
    queue.append([], {"replay": "7"})
    queue = bench.crashed(queue)

    assert queue.position("replay") == "7"
    assert queue.stats().messages == 0


@pytest.mark.parametrize("bad", [{"replay": None}, {"replay": 7}, {"replay": "x" * 2000}])
def test_a_position_that_cannot_be_stored_is_an_error_and_nothing_is(bench, payloads, bad):
    queue = bench.open()
    queue.append([(TELEMETRY, b"one")], {"replay": "1"})

    with pytest.raises(QueueError, match="position"):
        queue.append([(TELEMETRY, b"two")], bad)

    assert payloads(queue) == [b"one"]
    assert queue.position("replay") == "1"


def test_appends_are_synced_before_they_return(bench, payloads):
    queue = bench.open()
    queue.append([(TELEMETRY, b"one"), (URGENT, b"two")], {"s": "1"})
    bench.disk = bench.disk.cut(lambda n: [])

    queue = bench.open()
    assert payloads(queue) == [b"one"]
    assert payloads(queue, URGENT) == [b"two"]


def test_acknowledging_twice_or_something_unknown_changes_nothing(bench, payloads):
    queue = bench.open()
    queue.append([(TELEMETRY, b"aaaa"), (TELEMETRY, b"bbbb")], {})
    first = queue.peek(TELEMETRY, 0, 1)[0].id

    queue.acknowledge([first, first, 4711, 0, -1])
    queue.acknowledge([first])

    assert payloads(queue) == [b"bbbb"]
    assert queue.stats().messages == 1


def test_acknowledgements_come_along_with_the_next_append_and_with_a_clean_stop(bench, payloads):
    queue = bench.open()
    queue.append([(TELEMETRY, b"%d" % n) for n in range(10)], {})
    queue.acknowledge(ids(queue.peek(TELEMETRY, 0, 3)) + ids(queue.newest(TELEMETRY, 2)))
    queue.append([(LOG, b"x")], {})
    queue = bench.crashed(queue)
    assert payloads(queue) == [b"3", b"4", b"5", b"6", b"7"]

    queue.acknowledge(ids(queue.peek(TELEMETRY, 0, 1)))
    queue.close()
    assert payloads(bench.open()) == [b"4", b"5", b"6", b"7"]


def test_acknowledgements_with_no_append_are_made_durable_after_a_while(bench, clock, payloads):
    queue = bench.open()
    queue.append([(TELEMETRY, b"%d" % n) for n in range(3)], {})
    written = bench.disk.written.total()
    queue.acknowledge(ids(queue.peek(TELEMETRY, 0, 1)))
    assert bench.disk.written.total() == written
    clock._elapsed += CHECKPOINT_S
    queue.acknowledge(ids(queue.peek(TELEMETRY, 0, 1)))
    assert bench.disk.written.total() == written + 4096

    assert payloads(bench.crashed(queue)) == [b"2"]


def test_a_full_queue_drops_the_oldest_of_the_lowest_priority_first_and_counts(bench, payloads, caplog):
    queue = bench.open()
    for n in range(4):
        queue.append([(LOG, noise(n)), (TELEMETRY, noise(100 + n)), (URGENT, noise(200 + n))], {})
    assert queue.stats().dropped == 0

    for n in range(4, 10):
        queue.append([(URGENT, noise(200 + n))], {})
    stats = queue.stats()
    assert stats[LOG].dropped == 2
    assert payloads(queue, LOG) == [noise(2), noise(3)]
    assert len(payloads(queue)) == 4

    for n in range(10, 100):
        queue.append([(URGENT, noise(200 + n))], {})
    stats = queue.stats()
    assert (stats[LOG].messages, stats[LOG].dropped) == (0, 4)
    assert (stats[TELEMETRY].messages, stats[TELEMETRY].dropped) == (0, 4)
    assert payloads(queue, URGENT) == [noise(200 + n) for n in range(100)][-stats[URGENT].messages :]
    assert stats[URGENT].dropped + stats[URGENT].messages == 100
    assert "the queue is full: dropped the 2 oldest messages of priority LOG" in caplog.text


def test_nothing_of_higher_priority_makes_way_the_new_message_does_and_the_positions_are_kept(bench, payloads):
    queue = bench.open()
    for n in range(100):
        queue.append([(URGENT, noise(n))], {})
    urgent = payloads(queue, URGENT)

    queue.append([(TELEMETRY, b"new")], {"s": "5"})
    assert payloads(queue, URGENT) == urgent
    queue = bench.crashed(queue)

    assert payloads(queue) == []
    assert queue.stats()[TELEMETRY].dropped == 1
    assert queue.position("s") == "5"


def test_of_an_append_with_no_room_for_the_lower_priority_the_higher_is_stored(bench, payloads):
    queue = bench.open()
    for n in range(15):
        queue.append([(URGENT, noise(n))], {})

    queue.append([(LOG, b"line"), (URGENT, b"alarm"), (TELEMETRY, b"value")], {"s": "5"})
    queue = bench.crashed(queue)

    assert payloads(queue, URGENT)[-1] == b"alarm"
    assert [queue.stats()[priority].dropped for priority in Priority] == [0, 1, 1]
    assert queue.position("s") == "5"


def test_what_was_dropped_is_still_counted_after_a_crash(bench):
    queue = bench.open()
    for n in range(40):
        queue.append([(TELEMETRY, noise(n))], {})
    dropped = queue.stats()[TELEMETRY].dropped
    assert dropped > 0

    assert bench.crashed(queue).stats()[TELEMETRY].dropped == dropped


def test_a_message_that_no_segment_can_hold_is_dropped_and_counted_and_does_not_stop_the_others(
    bench, payloads, caplog
):
    queue = bench.open()
    queue.append([(TELEMETRY, noise(1, 5000)), (TELEMETRY, b"small")], {"s": "1"})

    assert payloads(queue) == [b"small"]
    assert queue.stats()[TELEMETRY].dropped == 1
    assert "no room for 1 messages" in caplog.text


def test_the_largest_message_of_mqtt_fits_into_a_queue_of_2_mib(bench, payloads):
    queue = bench.open(max_bytes=2 * 2**20)
    largest = noise(1, 128 * 1024)
    queue.append([(TELEMETRY, largest), (URGENT, largest)], {})

    assert payloads(bench.crashed(queue, max_bytes=2 * 2**20)) == [largest]


def test_acknowledging_makes_room_so_that_nothing_is_dropped(bench):
    queue = bench.open()
    for n in range(100):
        queue.append([(TELEMETRY, noise(n)), (LOG, noise(1000 + n))], {})
        queue.acknowledge(ids(queue.peek(TELEMETRY, 0, 1)) + ids(queue.peek(LOG, 0, 1)))

    stats = queue.stats()
    assert (stats.messages, stats.bytes, stats.dropped) == (0, 0, 0)


def test_an_append_larger_than_a_segment_is_stored_whole(bench, payloads):
    queue = bench.open()
    wanted = [noise(n, 700) for n in range(20)]
    queue.append([(TELEMETRY, payload) for payload in wanted], {"s": "1"})

    assert payloads(bench.crashed(queue)) == wanted


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
