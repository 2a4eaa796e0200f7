"""What bench/agent.py counts with, and what it says of it. The measuring itself takes minutes and is no test."""

import json
import re
from pathlib import Path

import pytest

from bench import agent
from bench.agents import a_day
from bench.agents.arrivals import Arrivals
from bench.agents.counted_files import PAGE, CountedFiles
from bench.agents.figures import Figure, at_least, at_most, beside, line, none_of
from bench.agents.sqlite_queue import SqliteQueue, flushed

ROOT = Path(__file__).parents[2]


@pytest.fixture
def counted(tmp_path):
    files = CountedFiles()
    file = files.open(tmp_path / "segment", create=True)
    yield files.written, file
    file.close()


def arrived(*messages):
    """Of (when, rows): each row recorded at its own number."""
    arrivals = Arrivals()
    for at, rows in messages:
        arrivals.take(at, {row: row for row in rows})
    return arrivals


@pytest.mark.parametrize(
    "figure",
    [
        at_most("memory", 36.8765, "MiB", 40.0),
        at_least("drained", 3_910.0, "samples/s", 2_000.0),
        beside("memory", 36.8, "MiB", "peer", 70.9, 0.65),
        none_of("lost", 0, "rows", "peer", 0),
        Figure("processor", 2.4, "% of a core"),
    ],
    ids=lambda figure: figure.name,
)
def test_a_figure_is_a_row_that_a_program_can_read_and_a_line_that_a_person_can(figure):
    row = json.loads(json.dumps(figure.row()))
    assert list(row) == ["name", "value", "unit", "against", "ratio", "goal", "ok"]
    assert row["ok"] is True
    assert line(figure).startswith(f"{figure.name}: ")
    assert "MISSED" not in line(figure)


def test_a_figure_without_a_goal_is_ok_whatever_it_is():
    assert beside("flash writes", 900.0, "MB/day", "SQLite", 1.0).ok
    assert Figure("processor", 99.0, "% of a core").row()["goal"] is None


@pytest.mark.parametrize(
    "missed",
    [
        at_most("memory", 40.1, "MiB", 40.0),
        at_least("drained", 1_999.0, "samples/s", 2_000.0),
        beside("memory", 66.0, "MiB", "peer", 100.0, 0.65),
        none_of("lost", 1, "rows", "peer", 1_000),
    ],
    ids=lambda figure: figure.name,
)
def test_a_goal_that_is_missed_is_told(missed):
    assert not missed.ok
    assert "MISSED" in line(missed)


def test_the_peers_figure_stands_beside_ours_with_the_ratio():
    row = beside("memory", 36.0, "MiB", "thingsboard-gateway", 72.0, 0.65).row()
    assert (row["against"], row["ratio"]) == ("thingsboard-gateway: 72.0 MiB", 0.5)
    assert none_of("rows lost", 0, "rows", "thingsboard-gateway", 17).row()["against"] == "thingsboard-gateway: 17 rows"


def test_the_rate_is_that_between_the_first_arrival_and_the_last_one():
    """Ten samples a second that are flushed each second, in two messages of which the second follows at once."""
    arrivals = arrived(
        (100.0, range(7)),
        (100.1, range(7, 10)),
        (101.0, range(10, 17)),
        (101.15, range(17, 20)),
        (102.0, range(20, 27)),
        (102.15, range(27, 30)),
    )
    assert arrivals.samples == 30
    assert arrivals.rate == pytest.approx(10.0)


def test_the_rate_of_a_stream_without_a_pause_is_right_too():
    arrivals = arrived(*[(50.0 + 0.02 * n, range(100 * n, 100 * n + 100)) for n in range(1_000)])
    assert arrivals.rate == pytest.approx(5_000, rel=0.01)


def test_there_is_no_rate_before_there_are_two_arrivals():
    assert arrived().rate == 0
    assert arrived((1.0, [1, 2])).rate == 0


def test_a_row_that_came_again_under_its_time_is_not_stored_twice_and_under_another_is():
    arrivals = arrived((1.0, [1, 2]), (2.0, [2, 3]))
    assert (len(arrivals.times), arrivals.doubled) == (3, 0)
    arrivals.take(3.0, {3: 4_000})
    assert (len(arrivals.times), arrivals.doubled) == (3, 1)


def test_a_page_counts_once_from_one_sync_to_the_next(counted):
    written, file = counted
    file.pwrite(b"x", 0)
    file.pwrite(b"y", PAGE - 1)
    file.fdatasync()
    assert written == {"segment": PAGE}
    file.pwrite(b"z", 10)
    file.fdatasync()
    file.fdatasync()
    assert written == {"segment": 2 * PAGE}


def test_what_crosses_a_border_writes_both_pages_and_what_is_never_synced_counts_at_the_close(counted):
    written, file = counted
    file.pwrite(b"xy", PAGE - 1)
    assert not written
    file.close()
    assert written == {"segment": 2 * PAGE}


def test_what_is_counted_is_really_in_the_file(counted, tmp_path):
    _, file = counted
    file.pwrite(b"kept", 3)
    assert file.pread(4, 3) == b"kept"
    assert (tmp_path / "segment").read_bytes() == b"\0\0\0kept"


async def test_ten_minutes_of_the_agent_write_a_page_for_each_flush_what_is_made_at_first_and_the_time(tmp_path):
    seconds = 600
    day = await a_day.lived(tmp_path, seconds)

    flushes = seconds / a_day.FLUSH_S
    assert day.messages == 2 * flushes
    segments = sum(pages for name, pages in day.written.items() if name.startswith("segment-"))
    zeros = 2**18
    assert segments == PAGE * flushes + zeros
    # Filled with zeros at first; and the time when it is first known, every 300 s, and at the end.
    assert day.written["state.json"] == 2 * 128 * 1024 + PAGE * (1 + 2 + 1)
    assert day.written.total() - segments - day.written["state.json"] == day.written["checkpoint"] < 2**18


def test_the_peer_of_the_queue_gets_a_hundred_samples_a_flush_and_forgets_what_was_acknowledged(tmp_path):
    messages = flushed(3)
    assert sum(len(json.loads(message)["m"]) for message in messages) == 100
    assert all(len(message) <= 5_000 for message in messages)
    queue = SqliteQueue(tmp_path / "queue.db")
    queue.append(messages, "3")
    queue.append(messages, "4")
    queue.acknowledge(3)
    assert queue._db.execute("SELECT id FROM message").fetchall() == [(4,)]
    queue.close()


def test_the_backlog_that_is_measured_is_really_read_and_acknowledged(tmp_path):
    assert agent._read_and_acknowledged(tmp_path / "queue", 200) > 0


def test_each_command_in_the_documents_asks_for_parts_that_there_are():
    documents = (ROOT / "docs").rglob("*.md")
    commands = [command for path in documents for command in re.findall(r"bench/agent\.py[^`]*", path.read_text())]
    asked = [part for command in commands if "--parts" in command for part in command.split("--parts")[1].split()]
    assert asked
    assert set(asked) <= set(agent.PARTS)
