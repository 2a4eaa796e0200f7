"""What the durable queue promises while its disk is well."""

from random import Random

import pytest

from device_agent.errors import QueueError
from device_agent.queue import Priority
from device_agent.queue.ring import CHECKPOINT_S

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
