"""Whatever becomes of its files, the queue opens, and loses no more than what the damage hit."""

import errno
import os
from random import Random

import pytest

from device_agent.errors import QueueError
from device_agent.queue import Priority
from device_agent.queue.records import HEADER_BYTES, MAGIC, scan
from tests.device_agent.queue.disk import SECTOR

URGENT, TELEMETRY, LOG = Priority


def noise(seed, size=300):
    return Random(seed).randbytes(size)


@pytest.fixture
def filled(bench):
    """A queue that ended well: records of two messages, in several segments, of two priorities."""
    queue = bench.open()
    for n in range(0, 24, 2):
        queue.append([(TELEMETRY, noise(n)), (TELEMETRY, noise(n + 1))], {"s": str(n)})
    queue.append([(LOG, b"line"), (URGENT, b"alarm")], {"s": "end"})
    queue.close()
    return bench


def records(bench, number):
    return list(scan(bench.disk.content(bench.segment(number))))


def damaged(bench, path, content):
    """The bench with one file changed."""
    bench.disk = bench.disk.snapshot()
    bench.disk.set_content(path, content)
    return bench


def test_any_byte_of_a_segment_flipped_loses_at_most_its_chunk_and_counts_it(bench, payloads):
    queue = bench.open()
    everything = [noise(n, 30) for n in range(12)]
    for n in range(0, 12, 2):
        queue.append([(TELEMETRY, everything[n]), (TELEMETRY, everything[n + 1])], {"s": str(n)})
    queue.append([(LOG, b"line"), (URGENT, b"alarm")], {"s": "end"})
    queue.close()
    whole = bench.disk
    path = bench.segment(0)
    content = whole.content(path)
    here = records(bench, 0)
    assert len(here) == 6
    hit = {at: n for n, found in enumerate(here) for at in range(found.offset, found.offset + found.header.length)}
    for at in range(here[-1].offset + here[-1].header.length + 10):
        bench.disk = whole
        flipped = bytearray(content)
        flipped[at] ^= 1 << at % 8
        queue = damaged(bench, path, bytes(flipped)).open()
        n = hit.get(at)
        assert payloads(queue) == (everything if n is None else everything[: 2 * n] + everything[2 * n + 2 :])
        assert payloads(queue, LOG) == [b"line"]
        assert payloads(queue, URGENT) == [b"alarm"]
        assert queue.position("s") == "end"
        if n is not None and at >= here[n].offset + HEADER_BYTES:
            assert queue.stats()[TELEMETRY].dropped == 2


def test_a_flipped_byte_in_the_newest_record_after_a_crash_loses_that_append_alone(bench, payloads):
    queue = bench.open()
    for n in range(5):
        queue.append([(TELEMETRY, noise(n))], {"s": str(n)})
    whole = bench.disk.killed()
    path = bench.segment(0)
    content = whole.content(path)
    *_, before, newest = scan(content)
    for at in range(newest.offset, newest.offset + newest.header.length):
        bench.disk = whole
        flipped = bytearray(content)
        flipped[at] ^= 0x10
        queue = damaged(bench, path, bytes(flipped)).open()
        assert payloads(queue) == [noise(n) for n in range(4)]
        assert queue.position("s") == "3"
        queue.append([(TELEMETRY, b"new")], {})
        assert payloads(queue)[-1] == b"new"
        assert queue.newest(TELEMETRY, 1)[0].id > newest.header.last_id
    assert before.whole


def test_any_byte_of_the_checkpoint_flipped_loses_nothing(filled, payloads):
    whole = filled.disk
    path = filled.path / "checkpoint"
    content = whole.content(path)
    slots = [at for at in range(len(content)) if content.startswith(b"FLsl", at)]
    assert len(slots) == 2
    for at in (slot + place for slot in slots for place in range(len(content[slot : slot + SECTOR].rstrip(b"\x00")))):
        filled.disk = whole
        flipped = bytearray(content)
        flipped[at] ^= 0x40
        queue = damaged(filled, path, bytes(flipped)).open()
        assert payloads(queue) == [noise(n) for n in range(24)]
        assert queue.position("s") == "end"


def test_the_checkpoint_before_the_newest_is_not_trusted_with_what_it_says_is_over(bench, payloads):
    """It may call a segment empty that has been used again since."""
    queue = bench.open()
    waiting = []
    for n in range(40):
        queue.append([(TELEMETRY, noise(n, 1500))], {"s": str(n)})
        waiting.append(noise(n, 1500))
        if n % 12 == 11:
            queue.acknowledge([message.id for message in queue.peek(TELEMETRY, 0, len(waiting) - 1)])
            del waiting[:-1]
        whole, content = bench.disk, bytearray(bench.disk.content(bench.path / "checkpoint"))
        slots = [at for at in (0, len(content) // 2) if content.startswith(b"FLsl", at)]
        newest = max(slots, key=lambda at: content[at + 8 : at + 16][::-1])
        for damage in (b"\xff", b"\x00"):
            content[newest : newest + SECTOR] = damage * SECTOR
            bench.disk = whole.killed()
            again = damaged(bench, bench.path / "checkpoint", bytes(content)).open()
            assert payloads(again)[-len(waiting) :] == waiting
            assert again.position("s") == str(n)
        bench.disk = whole


@pytest.mark.parametrize("acknowledged", [0, 10, 24])
def test_without_its_checkpoint_a_queue_finds_everything_in_its_segments(filled, payloads, acknowledged):
    queue = filled.open()
    queue.acknowledge([message.id for message in queue.peek(TELEMETRY, 0, acknowledged)])
    queue.append([(URGENT, b"second alarm")], {})
    queue.close()
    for content in (b"", b"\xff" * 200_000, bytes(131072), b"FLsl" * 20_000):
        queue = damaged(filled, filled.path / "checkpoint", content).open()
        assert payloads(queue) == [noise(n) for n in range(acknowledged, 24)]
        assert payloads(queue, URGENT) == [b"alarm", b"second alarm"]
        assert queue.position("s") == "end"


def test_ids_go_on_above_all_that_were_given_when_the_newest_records_are_damaged(bench):
    queue = bench.open()
    given = []
    for n in range(30):
        queue.append([(TELEMETRY, noise(n))], {})
        given += [message.id for message in queue.newest(TELEMETRY, 1)]
        queue.acknowledge(given)
    bench.disk = bench.disk.killed()
    for number in range(8):
        bench.disk.set_content(bench.segment(number), b"\xff" * 4096)

    queue = bench.open()
    queue.append([(TELEMETRY, b"new")], {})
    assert queue.newest(TELEMETRY, 1)[0].id > max(given)


def test_ids_given_after_a_crash_are_not_given_again_when_their_record_is_damaged(bench):
    queue = bench.open()
    queue.append([(TELEMETRY, b"one")], {})
    given = []
    for _ in range(3):
        queue = bench.crashed(queue)
        queue.append([(TELEMETRY, b"two")], {})
        given += [message.id for message in queue.newest(TELEMETRY, 1)]
        content = bytearray(bench.disk.content(bench.segment(0)))
        content[records(bench, 0)[-1].offset + 1] ^= 1
        bench.disk = bench.disk.killed()
        bench.disk.set_content(bench.segment(0), bytes(content))

    assert given == sorted(set(given))


def test_any_truncation_keeps_every_chunk_before_it(filled, payloads):
    whole = filled.disk
    everything = [noise(n) for n in range(24)]
    path = filled.segment(0)
    content = whole.content(path)
    here = records(filled, 0)
    for length in range(0, len(content), 7):
        filled.disk = whole
        queue = damaged(filled, path, content[:length]).open()
        kept = sum(found.offset + found.header.length <= length for found in here)
        assert payloads(queue) == everything[: 2 * kept] + everything[2 * len(here) :]
        assert filled.disk.open(path).size() == 4096
        queue.append([(TELEMETRY, b"new")], {})
        assert payloads(queue)[-1] == b"new"


@pytest.mark.parametrize(
    "content",
    [b"", b"x", b"rubbish" * 1000, bytes(4096), b"\xff" * 4096, MAGIC * 1024, bytes(100_000), MAGIC + b"\x01" * 4092],
    ids=lambda content: f"{content[:8]!r}×{len(content)}",
)
def test_rubbish_in_the_place_of_a_segment_costs_that_segment_alone(filled, payloads, content):
    lost = 2 * len(records(filled, 0))
    queue = damaged(filled, filled.segment(0), content).open()

    assert payloads(queue) == [noise(n) for n in range(lost, 24)]
    assert queue.stats().capacity == 8 * 4096
    for n in range(30):
        queue.append([(LOG, noise(n))], {})


def test_rubbish_everywhere_still_makes_a_queue(bench, payloads):
    for number in range(12):
        bench.disk.make_directory(bench.path)
        bench.disk.set_content(bench.segment(number), Random(number).randbytes(1000 * number))
    bench.disk.set_content(bench.path / "checkpoint", b"rubbish")
    queue = bench.open()
    for n in range(30):
        queue.append([(TELEMETRY, noise(n))], {})

    assert payloads(bench.crashed(queue))[-1] == noise(29)


def test_a_record_of_another_version_is_passed_over(filled, payloads):
    content = bytearray(filled.disk.content(filled.segment(0)))
    content[4] = 99
    queue = damaged(filled, filled.segment(0), bytes(content)).open()

    assert payloads(queue) == [noise(n) for n in range(2, 24)]


def test_damage_while_the_queue_is_open_is_counted_and_passed_over(bench, payloads, caplog):
    queue = bench.open()
    for n in range(20):
        queue.append([(TELEMETRY, noise(n)), (TELEMETRY, noise(100 + n))], {})
    queue.peek(TELEMETRY, 0, 1)
    path = bench.segment(0)
    content = bytearray(bench.disk.content(path))
    second = records(bench, 0)[1]
    content[second.offset + 100] ^= 1
    bench.disk._names[path].now = {n // SECTOR: bytes(content[n : n + SECTOR]) for n in range(0, len(content), SECTOR)}

    left = payloads(queue)
    assert left == [p for n in range(20) if n != 1 for p in (noise(n), noise(100 + n))]
    assert queue.stats()[TELEMETRY].dropped == 2
    assert queue.stats()[TELEMETRY].messages == 38
    queue.acknowledge([message.id for message in queue.peek(TELEMETRY, 0, 100)])
    assert (queue.stats().messages, queue.stats().bytes) == (0, 0)
    assert "lost" in caplog.text


def test_pages_that_the_disk_cannot_read_cost_what_is_on_them(bench, payloads):
    queue = bench.open(max_bytes=8 * 16384)
    for n in range(80):
        queue.append([(TELEMETRY, noise(n, 1000))], {})
    queue.close()
    first = records(bench, 0)
    bench.disk.make_unreadable(bench.segment(0), 1)
    bench.disk.make_unreadable(bench.path / "checkpoint", 0)

    hit = {n for n, found in enumerate(first) if found.offset < 8192 and found.offset + found.header.length > 4096}
    assert hit
    queue = bench.open(max_bytes=8 * 16384)
    assert payloads(queue) == [noise(n, 1000) for n in range(80) if n not in hit]


def test_a_disk_that_can_read_nothing_is_an_error_that_names_the_queue(filled):
    for number in range(8):
        filled.disk.make_unreadable(filled.segment(number), 0)

    with pytest.raises(QueueError, match=r"queue /device/queue cannot be opened: .*Input/output error"):
        filled.open()
    filled.disk = filled.disk.snapshot()
    for inode in filled.disk._names.values():
        if inode is not None:
            inode.unreadable.clear()
    filled.open()


def test_a_disk_that_reads_but_does_not_write_is_an_error_and_the_lock_is_free_again(filled):
    def read_only(what, path):
        if what != "listdir":
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))

    filled.disk.fail = read_only
    with pytest.raises(QueueError, match="Read-only file system"):
        filled.open()
    filled.disk.fail = None
    filled.open().close()
