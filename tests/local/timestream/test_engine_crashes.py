"""Whatever is written, asked, deleted and killed in whatever order: what was acknowledged is there, once."""

import errno
import shutil
import tempfile
import threading
from pathlib import Path

import duckdb
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from local.timestream import applying
from local.timestream.engine import Engine
from local.timestream.errors import StorageError, StorageFullError
from local.timestream.journal import DiskFile
from local.timestream.model import KindConflict, Policy, Row, VersionConflict
from tests.local.timestream.stored import stored

SERIES = [(("device", name),) for name in "ab"] + [(("device", "a"), ("site", "x"))]
VALUES = st.dictionaries(
    st.sampled_from("xyz"), st.sampled_from([1.0, 2.0, 3.0]) | st.sampled_from(["s", "t"]) | st.booleans(), min_size=1
)
ROWS = st.lists(
    st.builds(Row, st.sampled_from(SERIES), st.integers(0, 5), st.integers(1, 4), VALUES), min_size=1, max_size=4
)
KIND = {float: "DOUBLE", str: "VARCHAR", bool: "BOOLEAN"}


class Disk(DiskFile):
    """Writes half and fails while `full`."""

    full = False

    def write(self, data):
        if Disk.full:
            super().write(data[: len(data) // 2])
            raise OSError(errno.ENOSPC, "No space left on device")
        super().write(data)


class Model:
    """The promise in a few lines of Python."""

    def __init__(self, policy):
        self.policy = policy
        self.rows = {}
        self.kinds = {}

    def append(self, rows):
        conflicts = []
        for at, row in enumerate(rows):
            clash = next((n for n, v in row.values.items() if self.kinds.get(n, KIND[type(v)]) != KIND[type(v)]), None)
            if clash is not None:
                conflicts.append(KindConflict(at, clash, self.kinds[clash], KIND[type(row.values[clash])]))
                continue
            self.kinds |= {name: KIND[type(value)] for name, value in row.values.items()}
            key = (row.series, row.time)
            version, values = self.rows.get(key, (0, {}))
            if self.policy is Policy.MERGE:
                self.rows[key] = (row.version, {**values, **row.values})
            elif row.version > version:
                self.rows[key] = (row.version, dict(row.values))
            elif values != row.values:
                conflicts.append(VersionConflict(at, row.version, version))
        return conflicts


class Engines(RuleBasedStateMachine):
    @initialize(flush_rows=st.sampled_from([1, 5, 1000]))
    def open(self, flush_rows):
        self.root = tempfile.mkdtemp(prefix="engine-")
        self.lives = 0
        self.flush_rows = flush_rows
        Disk.full = False
        self.engine = self._opened()
        self.engine.create_database("db")
        self.models = {}
        for policy in Policy:
            self.engine.create_table("db", policy.value, policy)
            self.models[policy] = Model(policy)

    def _path(self):
        return Path(self.root) / str(self.lives)

    def _opened(self):
        return Engine(self._path(), open_file=Disk, background=False, flush_rows=self.flush_rows)

    def _table(self, policy):
        return self.engine.table("db", policy.value)

    @rule(policy=st.sampled_from(Policy), rows=ROWS)
    def append(self, policy, rows):
        conflicts = self.engine.append(self._table(policy), rows)
        expected = self.models[policy].append(rows)
        assert sorted(conflicts, key=lambda each: each.row) == sorted(expected, key=lambda each: each.row)

    @rule(policy=st.sampled_from(Policy), rows=ROWS)
    def fail_to_append(self, policy, rows):
        """The disk is full: nothing of it may be there, unless nothing had to be written."""
        model = self.models[policy]
        kinds = dict(model.kinds)
        # The kinds of columns stay as the failed write found them, so only rows that fit count here.
        rows = [row for row in rows if all(kinds.get(name) == KIND[type(v)] for name, v in row.values.items())]
        before = dict(model.rows)
        Disk.full = True
        try:
            self.engine.append(self._table(policy), rows)
        except StorageFullError:
            pass
        else:
            model.append(rows)
            assert model.rows == before
        finally:
            Disk.full = False

    @rule()
    def flush(self):
        self.engine.flush()

    @rule(
        policy=st.sampled_from(Policy),
        start=st.integers(0, 5),
        length=st.integers(0, 3),
        chosen=st.sampled_from(SERIES),
    )
    def delete(self, policy, start, length, chosen):
        table = self._table(policy)
        if chosen in table.sids:
            self.engine.delete(table, [table.sids[chosen]], start, start + length)
            for time in range(start, start + length):
                self.models[policy].rows.pop((chosen, time), None)

    @rule()
    def restart(self):
        self.engine.close()
        self.engine = self._opened()

    @rule(torn=st.binary(max_size=30))
    def kill(self, torn):
        """Its files as they are at this moment, perhaps with the beginning of an entry that nobody was told of."""
        old = self._path()
        self.lives += 1
        shutil.copytree(old, self._path())
        journals = sorted((self._path() / "journal").glob("*.journal"))
        if journals:
            with journals[-1].open("ab") as file:
                file.write(torn)
        self.engine.close()
        self.engine = self._opened()

    @rule(policy=st.sampled_from(Policy))
    def query(self, policy):
        found = stored(self.engine, self._table(policy))
        expected = self.models[policy].rows
        if policy is Policy.MERGE:
            found, expected = ({key: values for key, (_, values) in rows.items()} for rows in (found, expected))
        assert found == expected

    def teardown(self):
        if hasattr(self, "engine"):
            for policy in Policy:
                self.query(policy)
            self.engine.close()
            shutil.rmtree(self.root)


TestEngines = Engines.TestCase
TestEngines.settings = settings(max_examples=settings.default.max_examples // 8, stateful_step_count=12)


def test_a_version_refused_because_of_a_write_that_failed_fails_too(tmp_path, monkeypatch):
    """Else its writer would take the other's row for stored."""
    writing, fail = threading.Event(), threading.Event()

    class Slow(DiskFile):
        def write(self, data):
            if b"slow" in data:
                writing.set()
                assert fail.wait(10)
                raise OSError(errno.ENOSPC, "No space left on device")
            super().write(data)

    engine = Engine(tmp_path, open_file=Slow, background=False)
    engine.create_database("db")
    table = engine.create_table("db", "t", Policy.VERSIONED)
    outcomes = {}

    def append(version, text):
        try:
            outcomes[version] = engine.append(table, [Row(SERIES[0], 1, version, {"s": text})])
        except StorageFullError:
            outcomes[version] = "failed"

    first = threading.Thread(target=append, args=(5, "slow"))
    first.start()
    assert writing.wait(10)
    wait = engine._journal.wait

    def waiting(ticket):  # the second has seen the first one's row by now
        fail.set()
        wait(ticket)

    monkeypatch.setattr(engine._journal, "wait", waiting)
    second = threading.Thread(target=append, args=(3, "other"))
    second.start()
    for thread in (first, second):
        thread.join(10)
    assert outcomes == {5: "failed", 3: "failed"}
    assert engine.append(table, [Row(SERIES[0], 1, 3, {"s": "other"})]) == []
    assert stored(engine, table) == {(SERIES[0], 1): (3, {"s": "other"})}
    engine.close()


@pytest.mark.parametrize("policy", Policy)
def test_rows_wait_in_the_journal_while_duckdb_cannot_take_them(tmp_path, policy, monkeypatch):
    engine = Engine(tmp_path, background=False)
    engine.create_database("db")
    table = engine.create_table("db", "t", policy)

    def full(*_):
        raise duckdb.IOException("IO Error: could not write: No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(applying, "apply", full)
        assert engine.append(table, [Row(SERIES[0], 1, 1, {"x": 1.0})]) == []
        with pytest.raises(StorageError, match="No space left"):
            engine.query("SELECT 1")
    assert engine.query(f"SELECT time FROM {table.data}") == [(1,)]
    engine.close()


def killed(path, copy):
    """An engine on the files as a SIGKILL at this moment would leave them."""
    shutil.copytree(path, copy)
    return Engine(copy, background=False)


@pytest.mark.parametrize("policy", Policy)
def test_what_duckdb_has_is_not_taken_from_the_journal_again(tmp_path, policy):
    engine = Engine(tmp_path / "store", background=False)
    engine.create_database("db")
    table = engine.create_table("db", "t", policy)
    engine.append(table, [Row(SERIES[0], 1, 1, {"x": 1.0}), Row(SERIES[1], 1, 1, {"x": 1.0})])
    engine.delete(table, table.find({"device": "a"}), 0, 10)
    again = killed(tmp_path / "store", tmp_path / "copy")
    assert set(stored(again, again.table("db", "t"))) == {(SERIES[1], 1)}
    again.close()
    engine.close()


def test_a_series_and_a_column_that_a_failed_write_brought_are_known_after_the_next(tmp_path, monkeypatch):
    engine = Engine(tmp_path / "store", open_file=Disk, background=False)
    engine.create_database("db")
    table = engine.create_table("db", "t", Policy.MERGE)
    monkeypatch.setattr(Disk, "full", True)
    with pytest.raises(StorageFullError):
        engine.append(table, [Row(SERIES[2], 1, 0, {"x": 1.0, "y": "s"})])
    monkeypatch.setattr(Disk, "full", False)
    engine.append(table, [Row(SERIES[2], 2, 0, {"y": "t"})])
    again = killed(tmp_path / "store", tmp_path / "copy")
    assert stored(again, again.table("db", "t")) == {(SERIES[2], 2): (0, {"y": "t"})}
    again.close()
    engine.close()
