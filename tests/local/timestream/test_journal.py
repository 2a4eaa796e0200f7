import errno
import logging
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.timestream.errors import JournalDamagedError, StorageError, StorageFullError
from local.timestream.journal import MAGIC, DiskFile, Journal

PAYLOADS = st.lists(st.binary(max_size=40), min_size=1, max_size=8)


def written(directory, payloads, **options):
    """A journal with these entries, and how long its file was after each."""
    journal = Journal(directory, 0, **options)
    assert list(journal.replay()) == []
    sizes = []
    for payload in payloads:
        journal.wait(journal.enqueue(payload))
        sizes.append(sum(path.stat().st_size for path in directory.glob("*.journal")))
    return journal, sizes


def replayed(directory, applied=0):
    journal = Journal(directory, applied)
    entries = list(journal.replay())
    return journal, entries


@given(PAYLOADS, st.data())
def test_cut_at_any_byte_it_keeps_every_entry_that_was_whole_by_then(tmp_path_factory, payloads, data):
    directory = tmp_path_factory.mktemp("journal")
    _, sizes = written(directory, payloads)
    (path,) = directory.glob("*.journal")
    cut = data.draw(st.integers(0, sizes[-1]))
    path.write_bytes(path.read_bytes()[:cut])

    journal, entries = replayed(directory)
    whole = [payload for payload, size in zip(payloads, sizes, strict=True) if size <= cut]
    assert [payload for _, payload in entries] == whole

    journal.wait(journal.enqueue(b"after"))
    _, entries = replayed(directory)
    assert [payload for _, payload in entries] == [*whole, b"after"]


@given(PAYLOADS, st.binary(min_size=1, max_size=60))
def test_whatever_stands_behind_the_last_whole_entry_is_cut_off(tmp_path_factory, payloads, rubbish):
    directory = tmp_path_factory.mktemp("journal")
    written(directory, payloads)
    (path,) = directory.glob("*.journal")
    sound = path.read_bytes()
    path.write_bytes(sound + rubbish)
    _, entries = replayed(directory)
    assert [payload for _, payload in entries] == payloads
    assert path.read_bytes() == sound


def with_changed_bit(directory, first, end, data):
    """Changes a bit of the only segment in `[first, end)`; gives what the file holds then."""
    (path,) = directory.glob("*.journal")
    content = bytearray(path.read_bytes())
    content[data.draw(st.integers(first, end - 1))] ^= 1 << data.draw(st.integers(0, 7))
    path.write_bytes(content)
    return path, bytes(content)


@given(PAYLOADS, st.data())
def test_a_last_entry_with_a_changed_bit_is_not_taken_for_whole(tmp_path_factory, payloads, data):
    directory = tmp_path_factory.mktemp("journal")
    _, sizes = written(directory, payloads)
    with_changed_bit(directory, [len(MAGIC), *sizes][-2], sizes[-1], data)
    _, entries = replayed(directory)
    assert [payload for _, payload in entries] == payloads[:-1]


@given(st.lists(st.binary(max_size=40), min_size=2, max_size=8), st.data())
def test_a_changed_bit_before_acknowledged_entries_is_said_and_cuts_nothing(tmp_path_factory, payloads, data):
    directory = tmp_path_factory.mktemp("journal")
    _, sizes = written(directory, payloads)
    number = data.draw(st.integers(0, len(payloads) - 2))
    path, content = with_changed_bit(directory, [len(MAGIC), *sizes][number], sizes[number], data)
    with pytest.raises(JournalDamagedError, match=path.name):
        replayed(directory)
    assert path.read_bytes() == content


def test_damage_in_the_middle_counts_where_writes_failed_before_too(tmp_path, monkeypatch):
    """Their numbers are missing between the damaged entry and the sound one."""
    journal, sizes = written(tmp_path, [b"one", b"two"], open_file=Failing)
    monkeypatch.setattr(Failing, "how", "full")
    for _ in range(3):
        with pytest.raises(StorageFullError):
            journal.wait(journal.enqueue(b"failed"))
    monkeypatch.setattr(Failing, "how", None)
    journal.wait(journal.enqueue(b"six"))
    (path,) = tmp_path.glob("*.journal")
    content = path.read_bytes()
    path.write_bytes(content[: sizes[0]] + b"\xff" * (sizes[1] - sizes[0]) + content[sizes[1] :])
    with pytest.raises(JournalDamagedError):
        replayed(tmp_path)


def test_damage_among_entries_that_were_all_applied_is_cut_off(tmp_path):
    """Nothing is lost with them."""
    _, sizes = written(tmp_path, [b"one", b"two", b"three"])
    (path,) = tmp_path.glob("*.journal")
    content = bytearray(path.read_bytes())
    content[sizes[0]] ^= 1
    path.write_bytes(content)
    journal, entries = replayed(tmp_path, applied=3)
    assert entries == []
    journal.wait(journal.enqueue(b"four"))
    assert replayed(tmp_path, applied=3)[1] == [(4, b"four")]


def test_a_cut_is_noted_in_the_log(tmp_path, caplog):
    written(tmp_path, [b"one", b"two"])
    (path,) = tmp_path.glob("*.journal")
    path.write_bytes(path.read_bytes()[:-1])
    with caplog.at_level(logging.WARNING):
        replayed(tmp_path)
    assert "cut 18 bytes of an unfinished entry from the end of" in caplog.text


def test_only_entries_that_were_not_applied_come_again(tmp_path):
    written(tmp_path, [b"one", b"two", b"three"])
    _, entries = replayed(tmp_path, applied=2)
    assert entries == [(3, b"three")]


def test_segments_that_are_applied_go(tmp_path):
    journal, _ = written(tmp_path, [b"x" * 50] * 10, segment_bytes=100)
    assert len(list(tmp_path.glob("*.journal"))) > 3
    journal.forget(9)
    _, entries = replayed(tmp_path, applied=9)
    assert entries == [(10, b"x" * 50)]
    journal.close(10)
    assert list(tmp_path.glob("*.journal")) == []


def test_damage_before_acknowledged_entries_is_no_torn_end(tmp_path):
    written(tmp_path, [b"x" * 50] * 10, segment_bytes=100)
    first = min(tmp_path.glob("*.journal"))
    first.write_bytes(first.read_bytes()[:-1])
    with pytest.raises(JournalDamagedError, match=first.name):
        replayed(tmp_path)


def test_a_file_that_is_no_journal_is_left_alone(tmp_path):
    path = tmp_path / "00000000000000000001.journal"
    path.write_bytes(b"something else entirely")
    with pytest.raises(JournalDamagedError):
        replayed(tmp_path)
    assert path.read_bytes() == b"something else entirely"


class Failing(DiskFile):
    """A file on a disk that is full, or broken, while `how` says so."""

    how = None

    def write(self, data):
        if self.how == "full":
            super().write(data[: len(data) // 2])
            raise OSError(errno.ENOSPC, "No space left on device")
        super().write(data)

    def sync(self):
        if self.how == "unsynced":
            raise OSError(errno.EIO, "Input/output error")
        super().sync()


@pytest.mark.parametrize(("how", "error"), [("full", StorageFullError), ("unsynced", StorageError)])
def test_a_write_that_fails_leaves_a_usable_journal_without_it(tmp_path, monkeypatch, how, error):
    journal, _ = written(tmp_path, [b"before"], open_file=Failing)
    monkeypatch.setattr(Failing, "how", how)
    for _ in range(2):
        with pytest.raises(error):
            journal.wait(journal.enqueue(b"failed"))
    monkeypatch.setattr(Failing, "how", None)
    journal.wait(journal.enqueue(b"after"))
    _, entries = replayed(tmp_path)
    assert [payload for _, payload in entries] == [b"before", b"after"]


@pytest.mark.parametrize("how", ["full", "unsynced"])
def test_a_journal_whose_first_write_fails_is_usable_too(tmp_path, monkeypatch, how):
    monkeypatch.setattr(Failing, "how", how)
    journal = Journal(tmp_path, 0, open_file=Failing)
    assert list(journal.replay()) == []
    with pytest.raises(StorageError):
        journal.wait(journal.enqueue(b"failed"))
    monkeypatch.setattr(Failing, "how", None)
    journal.wait(journal.enqueue(b"after"))
    _, entries = replayed(tmp_path)
    assert [payload for _, payload in entries] == [b"after"]


def test_writers_that_come_together_share_one_sync(tmp_path):
    syncs = []
    first_is_syncing, go_on = threading.Event(), threading.Event()

    class Slow(DiskFile):
        def sync(self):
            syncs.append(None)
            if len(syncs) == 2:  # the first was the header's
                first_is_syncing.set()
                assert go_on.wait(10)
            super().sync()

    journal = Journal(tmp_path, 0, open_file=Slow)
    assert list(journal.replay()) == []
    tickets = [journal.enqueue(b"first")]
    leader = threading.Thread(target=journal.wait, args=(tickets[0],))
    leader.start()
    assert first_is_syncing.wait(10)
    tickets += [journal.enqueue(b"later") for _ in range(5)]
    others = [threading.Thread(target=journal.wait, args=(ticket,)) for ticket in tickets[1:]]
    for other in others:
        other.start()
    go_on.set()
    for thread in (leader, *others):
        thread.join(10)
    assert all(ticket.settled and ticket.error is None for ticket in tickets)
    assert len(syncs) == 3


def test_a_write_that_fails_as_nobody_expects_leaves_no_writer_waiting(tmp_path):
    is_writing, go_on = threading.Event(), threading.Event()

    class OutOfMemory(DiskFile):
        entries = 0

        def write(self, data):
            if data != MAGIC:
                self.entries += 1
            if self.entries != 1:
                super().write(data)
                return
            super().write(data[:5])
            is_writing.set()
            assert go_on.wait(10)
            raise MemoryError

    heard = []
    journal = Journal(tmp_path, 0, lambda tickets, durable: heard.append((len(tickets), durable)), OutOfMemory)
    assert list(journal.replay()) == []
    tickets = [journal.enqueue(b"one"), journal.enqueue(b"two")]
    raised = {}

    def wait(ticket):
        try:
            journal.wait(ticket)
        except (MemoryError, StorageError) as exc:
            raised[ticket.number] = type(exc)

    leader, follower = (threading.Thread(target=wait, args=(ticket,), daemon=True) for ticket in tickets)
    leader.start()
    assert is_writing.wait(10)
    follower.start()
    go_on.set()
    for thread in (leader, follower):
        thread.join(10)
        assert not thread.is_alive()
    assert raised == {1: MemoryError, 2: StorageError}
    journal.wait(journal.enqueue(b"after"))
    assert heard == [(2, False), (1, True)]
    assert replayed(tmp_path)[1] == [(3, b"after")]


def test_settled_hears_of_entries_in_their_order_and_of_failures(tmp_path, monkeypatch):
    heard = []
    journal = Journal(
        tmp_path,
        0,
        settled=lambda tickets, durable: heard.append(([t.number for t in tickets], durable)),
        open_file=Failing,
    )
    assert list(journal.replay()) == []
    first, second = journal.enqueue(b"one"), journal.enqueue(b"two")
    journal.wait(second)
    journal.wait(first)
    monkeypatch.setattr(Failing, "how", "full")
    third = journal.enqueue(b"three")
    with pytest.raises(StorageFullError):
        journal.wait(third)
    with pytest.raises(StorageFullError):
        journal.wait(third)
    assert heard == [([1, 2], True), ([3], False)]
