"""What the durable queue promises, on real files."""

import sqlite3

import pytest

from device_agent.errors import QueueError
from device_agent.queue import DurableQueue, read_stats


@pytest.fixture
def open_queue(tmp_path, clock, log):
    opened = []

    def open_(max_bytes=1_000_000, path=tmp_path / "queue.db"):
        queue = DurableQueue(path, max_bytes=max_bytes, clock=clock, log=log)
        opened.append(queue)
        return queue

    yield open_
    for queue in opened:
        queue.close()


def payloads(queue):
    return [message.payload for message in queue.peek(0, 100)]


def test_messages_come_back_in_order_and_stay_until_they_are_deleted(open_queue):
    queue = open_queue()
    queue.append([b"one", b"two"], {})
    queue.append([b"three"], {})

    first = queue.peek(0, 2)
    assert [message.payload for message in first] == [b"one", b"two"]
    assert [message.payload for message in queue.peek(first[-1].id, 2)] == [b"three"]

    queue.delete([first[0].id])
    assert payloads(queue) == [b"two", b"three"]


def test_a_reopened_queue_has_the_messages_and_the_positions(open_queue):
    queue = open_queue()
    queue.append([b"one"], {"replay": "7"})
    queue.close()

    queue = open_queue()

    assert payloads(queue) == [b"one"]
    assert queue.cursor("replay") == "7"
    assert queue.cursor("other") is None
    assert queue.stats().bytes == 3


def test_messages_and_positions_are_stored_together_or_not_at_all(open_queue):
    queue = open_queue()
    queue.append([b"one"], {"replay": "1"})

    with pytest.raises(QueueError):
        queue.append([b"two"], {"replay": None})

    assert payloads(queue) == [b"one"]
    assert queue.cursor("replay") == "1"
    assert queue.stats().bytes == 3


def test_appends_reach_the_disk_before_they_return(open_queue):
    queue = open_queue()

    assert queue._db.execute("PRAGMA synchronous").fetchone() == (2,)
    assert queue._db.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_a_full_queue_drops_the_oldest_and_counts_them(open_queue, caplog):
    queue = open_queue(max_bytes=10)
    queue.append([b"aaaa", b"bbbb"], {})

    queue.append([b"cccc"], {})

    assert payloads(queue) == [b"bbbb", b"cccc"]
    assert queue.stats().dropped == 1
    assert queue.stats().bytes == 8
    assert "dropped the 1 oldest messages" in caplog.text


def test_what_was_dropped_is_still_counted_after_a_restart(open_queue):
    queue = open_queue(max_bytes=4)
    queue.append([b"aaaa"], {})
    queue.append([b"bbbb"], {})
    queue.close()

    assert open_queue(max_bytes=4).stats().dropped == 1


def test_deleting_makes_room_again(open_queue):
    queue = open_queue(max_bytes=8)
    queue.append([b"aaaa", b"bbbb"], {})
    queue.delete([message.id for message in queue.peek(0, 10)])
    queue.append([b"cccc", b"dddd"], {})

    assert payloads(queue) == [b"cccc", b"dddd"]
    assert queue.stats().dropped == 0


def test_deleting_twice_or_something_unknown_changes_nothing(open_queue):
    queue = open_queue()
    queue.append([b"aaaa", b"bbbb"], {})
    first = queue.peek(0, 1)[0].id

    queue.delete([first, first, 4711])

    assert payloads(queue) == [b"bbbb"]
    assert queue.stats().bytes == 4


def test_the_oldest_message_tells_how_far_behind_the_device_is(open_queue, clock):
    queue = open_queue()
    assert queue.stats().oldest_queued_at is None
    then = clock.wall_ms()
    queue.append([b"one"], {})
    clock.set_wall_ms(then + 60_000)
    queue.append([b"two"], {})

    assert queue.stats().oldest_queued_at == then


@pytest.mark.parametrize("rubbish", [b"this is not a database" * 100, b"\x00" * 8192])
def test_a_file_that_is_no_database_is_moved_aside(tmp_path, open_queue, caplog, rubbish):
    (tmp_path / "queue.db").write_bytes(rubbish)

    queue = open_queue()

    queue.append([b"one"], {})
    assert payloads(queue) == [b"one"]
    [aside] = tmp_path.glob("queue.db.unreadable-*")
    assert aside.read_bytes() == rubbish
    assert "going on with an empty queue" in caplog.text


@pytest.mark.parametrize("where", [0.2, 0.5, 0.8])
def test_a_damaged_database_never_stops_the_queue_from_opening(tmp_path, open_queue, where):
    queue = open_queue()
    queue.append([bytes([n]) * 3000 for n in range(100)], {})
    queue.close()
    path = tmp_path / "queue.db"
    content = bytearray(path.read_bytes())
    start = int(len(content) * where)
    content[start : start + 8192] = b"\xff" * 8192
    path.write_bytes(content)

    queue = open_queue()

    queue.append([b"new"], {})
    assert payloads(queue)[-1] == b"new" or queue.stats().messages == 101


@pytest.mark.parametrize("reopened", [False, True])
def test_damage_found_while_running_is_survived_and_old_acknowledgements_delete_nothing_new(
    tmp_path, open_queue, caplog, reopened
):
    queue = open_queue()
    queue.append([b"old" * 1000] * 50, {"replay": "50"})
    if reopened:
        queue.close()
        queue = open_queue()
    old_ids = [message.id for message in queue.peek(0, 100)]
    queue._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    queue._db.execute("PRAGMA shrink_memory")
    path = tmp_path / "queue.db"
    path.write_bytes(b"\xff" * path.stat().st_size)

    queue.append([b"new"], {"replay": "51"})
    assert [message.payload for message in queue.peek(old_ids[-1], 10)] == [b"new"]
    queue.delete(old_ids)

    assert payloads(queue) == [b"new"]
    assert queue.cursor("replay") == "51"
    assert queue.stats().bytes == 3
    assert "going on with an empty queue" in caplog.text


def test_a_queue_of_a_newer_agent_is_moved_aside_not_misread(tmp_path, open_queue, caplog):
    queue = open_queue()
    queue._db.execute("PRAGMA user_version = 2")
    queue.close()

    assert payloads(open_queue()) == []
    assert "its format is 2, this agent reads 1" in caplog.text


def test_two_agents_cannot_share_a_queue(open_queue):
    open_queue()

    with pytest.raises(QueueError, match="in use by another agent"):
        open_queue()


def test_a_place_that_cannot_be_written_is_an_error_that_names_it(tmp_path, open_queue):
    (tmp_path / "file").write_text("")

    with pytest.raises(QueueError, match="cannot be opened"):
        open_queue(path=tmp_path / "file" / "queue.db")


def test_a_full_disk_is_an_error_and_the_queue_works_again_when_there_is_room(open_queue):
    queue = open_queue()
    queue.append([b"one"], {"replay": "1"})
    pages = queue._db.execute("PRAGMA page_count").fetchone()[0]
    queue._db.execute(f"PRAGMA max_page_count = {pages}")

    with pytest.raises(QueueError, match="full"):
        queue.append([b"x" * 100_000], {"replay": "2"})

    assert queue.cursor("replay") == "1"
    queue._db.execute("PRAGMA max_page_count = 100000")
    queue.append([b"two"], {"replay": "2"})
    assert payloads(queue) == [b"one", b"two"]


def test_the_figures_of_an_open_queue_can_be_read(tmp_path, open_queue):
    queue = open_queue()
    queue.append([b"one", b"two"], {})

    assert read_stats(tmp_path / "queue.db") == queue.stats()


def test_figures_of_a_queue_that_is_not_there_are_an_error_and_make_no_file(tmp_path):
    with pytest.raises(QueueError, match="there is no queue"):
        read_stats(tmp_path / "queue.db")

    assert list(tmp_path.iterdir()) == []


def test_the_connection_is_closed_when_the_file_has_to_make_way(tmp_path, open_queue):
    (tmp_path / "queue.db").write_bytes(b"rubbish" * 1000)
    open_queue().close()

    with sqlite3.connect(tmp_path / "queue.db") as db:
        assert db.execute("SELECT count(*) FROM message").fetchone() == (0,)
    db.close()
