import json

import pytest

from cli.backfill.journal import Journal, default_path
from cli.backfill.planning import Move
from cli.errors import CliError, InputError
from contract.backfill import Copied, DeviceDay, LakeObject, Listing, Position

MOVE = Move("lake", "new", 1, 2)
PAGE = Listing(objects=(LakeObject("raw/a", 5),), cursor="c", oldest=3)
SLICE = Copied(
    next=Position(1, 2, "c"),
    points=3,
    days=(DeviceDay("pump-1", "2025-11-24", 3, "00ff", 3, "00ff", refused={"expired": 1}),),
    faults={"malformed": 2},
)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "moves" / "a.jsonl"


def written(path):
    with Journal.opened(path) as journal:
        journal.begin(MOVE)
        journal.planned(PAGE)
        journal.planned(Listing())
        journal.copied(0, SLICE)
        journal.copied(1, Copied(points=9))
        journal.copied(0, Copied(points=4))
    return path.read_bytes()


def test_what_was_written_is_known_when_it_is_opened_again(path):
    written(path)
    with Journal.opened(path) as journal:
        assert (journal.move, journal.listings, journal.is_planned) == (MOVE, [PAGE, Listing()], True)
        assert journal.positions == {0: None, 1: None}
        assert [one.points for one in journal.slices()] == [3, 9, 4]
        assert next(journal.slices()) == SLICE
        assert not journal.finished
        journal.finish()
    with Journal.opened(path) as journal:
        assert journal.finished


def test_a_plan_is_whole_once_its_last_page_is_there(path):
    with Journal.opened(path) as journal:
        assert (journal.move, journal.is_planned) == (None, False)
        journal.begin(MOVE)
        assert not journal.is_planned
        journal.planned(PAGE)
        assert not journal.is_planned
        journal.planned(Listing())
        assert journal.is_planned


def test_whatever_a_crash_left_of_it_can_be_gone_on_with(path):
    whole = written(path)
    for size in range(len(whole) + 1):
        path.write_bytes(whole[:size])
        with Journal.opened(path) as journal:
            kept = whole[:size].count(b"\n")
            assert path.stat().st_size == len(b"".join(whole.splitlines(keepends=True)[:kept]))
            assert (journal.move is None) == (kept == 0)
            if kept:
                journal.copied(7, SLICE)
        with Journal.opened(path) as journal:
            assert journal.positions.get(7) == (SLICE.next if kept else None)


def test_beginning_forgets_what_was_there(path):
    written(path)
    other = Move("old", "new", 5, 6)
    with Journal.opened(path) as journal:
        journal.begin(other)
        assert (journal.move, journal.listings, journal.positions) == (other, [], {})
    with Journal.opened(path) as journal:
        assert (journal.move, journal.listings, journal.positions) == (other, [], {})


def test_a_journal_serves_one_command_at_a_time(path):
    with Journal.opened(path), pytest.raises(CliError, match="Another command is making this move"):
        Journal.opened(path)
    with Journal.opened(path) as journal:
        assert journal.move is None


@pytest.mark.parametrize(
    "content",
    [
        b"my notes",
        b"my notes\nmore\n",
        b'{"v":1}\n',
        b'{"v":2,"move":{}}\n',
        b'{"v":1,"move":{"source":"a","target":"b","since":0,"until":"x"}}\n',
        b'{"v":1,"move":{"source":"a","target":"b","since":0,"until":1}}\n[]\n',
        b'{"v":1,"move":{"source":"a","target":"b","since":0,"until":1}}\n{"copied":{"v":9},"piece":1}\n',
        b'{"v":1,"move":{"source":"a","target":"b","since":0,"until":1}}\nrubbish\n',
    ],
)
def test_a_file_that_is_no_journal_is_left_as_it_is(path, content):
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises(InputError, match="is no journal of a move"):
        Journal.opened(path)
    assert path.read_bytes() == content


def test_a_place_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(CliError, match="Cannot open the journal"):
        Journal.opened(tmp_path / "file" / "journal")
    with pytest.raises(CliError, match="Cannot open the journal"):
        Journal.opened(tmp_path)


def test_each_line_says_what_it_is(path):
    kinds = [sorted(json.loads(line)) for line in written(path).splitlines()]
    assert kinds == [
        ["move", "v"],
        ["listing"],
        ["listing"],
        ["copied", "piece"],
        ["copied", "piece"],
        ["copied", "piece"],
    ]


def test_different_moves_have_different_journals(monkeypatch, tmp_path):
    monkeypatch.setenv("FIELDLINE_STATE_DIR", str(tmp_path))
    one = default_path("function", None, None, "lake", "new", "30d", None)
    assert one == default_path("function", None, None, "lake", "new", "30d", None)
    assert one.parent == tmp_path / "moves"
    assert one != default_path("function", None, None, "lake", "new", "31d", None)
    assert one != default_path("function", "eu-west-1", None, "lake", "new", "30d", None)


def test_journals_lie_in_the_users_state_directory(monkeypatch, tmp_path):
    monkeypatch.delenv("FIELDLINE_STATE_DIR", raising=False)
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert default_path("a").parent == tmp_path / "fieldline" / "moves"
    monkeypatch.delenv("XDG_STATE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert default_path("a").parent == tmp_path / ".local" / "state" / "fieldline" / "moves"
