import subprocess
import sys
import threading

import pytest

from local.timestream.connections import Cancel
from local.timestream.engine import Engine
from local.timestream.errors import (
    DirectoryInUseError,
    ExistsError,
    InterruptedQueryError,
    MissingError,
    QueryError,
    TooLargeError,
)
from local.timestream.model import Kind, KindConflict, Policy, Row, Timestamp, VersionConflict
from tests.local.timestream.stored import stored

A, B = (("device", "a"),), (("device", "b"), ("site", "x"))


@pytest.fixture
def engine(tmp_path):
    engine = Engine(tmp_path / "store", background=False)
    engine.create_database("db")
    yield engine
    engine.close()


@pytest.fixture
def merging(engine):
    return engine.create_table("db", "merging", Policy.MERGE)


@pytest.fixture
def versioned(engine):
    return engine.create_table("db", "versioned", Policy.VERSIONED)


def test_a_query_sees_what_was_appended(engine, merging):
    assert engine.append(merging, [Row(A, 5, 0, {"x": 1.5, "ok": True}), Row(B, 5, 0, {"n": 3, "s": "é\0😀"})]) == []
    assert stored(engine, merging) == {(A, 5): (0, {"x": 1.5, "ok": True}), (B, 5): (0, {"n": 3, "s": "é\0😀"})}
    tag = merging.tags["site"].sql
    sql = f"SELECT time FROM {merging.data} JOIN {merging.dictionary} USING (sid) WHERE {tag} = 'x'"
    assert engine.query(sql) == [(5,)]


@pytest.mark.parametrize("between", ["nothing", "flush"])
def test_under_merge_later_values_replace_earlier_ones_column_by_column(engine, merging, between):
    engine.append(merging, [Row(A, 5, 0, {"x": 1.0, "y": 1.0})])
    if between == "flush":
        engine.flush()
    engine.append(merging, [Row(A, 5, 0, {"x": 2.0}), Row(A, 5, 0, {"z": True})])
    assert stored(engine, merging) == {(A, 5): (0, {"x": 2.0, "y": 1.0, "z": True})}


@pytest.mark.parametrize("between", ["nothing", "flush"])
def test_under_versions_only_a_higher_one_replaces_a_row_and_all_of_it(engine, versioned, between):
    engine.append(versioned, [Row(A, 5, 3, {"x": 1.0, "y": 1.0})])
    if between == "flush":
        engine.flush()
    conflicts = engine.append(
        versioned,
        [
            Row(A, 5, 3, {"x": 1.0, "y": 1.0}),  # the same again
            Row(A, 5, 3, {"x": 2.0}),
            Row(A, 5, 2, {"x": 2.0}),
            Row(A, 6, 1, {"x": 9.0}),
        ],
    )
    assert conflicts == [VersionConflict(1, 3, 3), VersionConflict(2, 2, 3)]
    assert engine.append(versioned, [Row(A, 5, 4, {"x": 4.0})]) == []
    assert stored(engine, versioned) == {(A, 5): (4, {"x": 4.0}), (A, 6): (1, {"x": 9.0})}


def test_versions_are_compared_inside_of_one_append_too(engine, versioned):
    rows = [Row(A, 5, 2, {"x": 2.0}), Row(A, 5, 1, {"x": 1.0}), Row(A, 5, 3, {"x": 3.0})]
    assert engine.append(versioned, rows) == [VersionConflict(1, 1, 2)]
    assert stored(engine, versioned) == {(A, 5): (3, {"x": 3.0})}


def test_a_column_keeps_the_kind_of_its_first_value(engine, merging):
    rows = [Row(A, 1, 0, {"x": 1.0}), Row(A, 2, 0, {"y": 1, "x": "text"}), Row(A, 3, 0, {"x": 3.0})]
    assert engine.append(merging, rows) == [KindConflict(1, "x", Kind.DOUBLE, Kind.VARCHAR)]
    assert list(merging.columns) == ["x"]
    assert set(stored(engine, merging)) == {(A, 1), (A, 3)}


def test_every_kind_comes_back_as_it_was(engine, merging):
    values = {"d": -0.0, "tiny": 5e-324, "i": -(2**63), "b": False, "s": "", "t": Timestamp(2**63 - 1)}
    engine.append(merging, [Row(A, 0, 0, values)])
    (read,) = stored(engine, merging).values()
    assert read == (0, values)
    assert str(read[1]["d"]) == "-0.0"
    assert merging.columns["t"].kind is Kind.TIMESTAMP


def test_names_of_columns_and_tags_are_free(engine, merging):
    names = ["sid", "SID", 'a"b', "select", "c0", "time", "é; DROP TABLE d1"]
    series = tuple(sorted((name, name) for name in names))
    engine.append(merging, [Row(series, 1, 0, {name: float(number) for number, name in enumerate(names)})])
    assert stored(engine, merging) == {(series, 1): (0, {name: float(n) for n, name in enumerate(names)})}


def test_series_are_found_by_their_tags(engine, merging):
    engine.append(merging, [Row(A, 1, 0, {"x": 1.0}), Row(B, 1, 0, {"x": 1.0})])
    assert [merging.series[sid] for sid in merging.find({"device": "b"})] == [B]
    assert [merging.series[sid] for sid in merging.find({"device": "b", "site": "x"})] == [B]
    assert merging.find({"device": "b", "site": "y"}) == []
    assert len(merging.find({})) == 2


def test_deleting_takes_a_span_of_chosen_series(engine, merging):
    rows = [Row(series, time, 0, {"x": 1.0}) for series in (A, B) for time in range(4)]
    engine.append(merging, rows)
    engine.delete(merging, merging.find({"device": "a"}), 1, 3)
    engine.delete(merging, [], 0, 10)
    assert set(stored(engine, merging)) == {(A, 0), (A, 3), (B, 0), (B, 1), (B, 2), (B, 3)}
    engine.append(merging, [Row(A, 1, 0, {"y": 2.0})])
    assert stored(engine, merging)[A, 1] == (0, {"y": 2.0})
    engine.delete(merging, None, 0, 3)
    assert set(stored(engine, merging)) == {(A, 3), (B, 3)}


def test_a_deleted_row_no_longer_holds_its_version(engine, versioned):
    engine.append(versioned, [Row(A, 5, 9, {"x": 1.0})])
    engine.delete(versioned, None, 0, 10)
    assert engine.append(versioned, [Row(A, 5, 1, {"x": 2.0})]) == []
    assert stored(engine, versioned) == {(A, 5): (1, {"x": 2.0})}


def test_the_catalog_is_kept(tmp_path):
    engine = Engine(tmp_path, background=False)
    engine.create_database("db", {"days": 3})
    table = engine.create_table("db", "one", Policy.MERGE, {"a": [1]})
    engine.create_table("db", "gone", Policy.MERGE)
    engine.append(table, [Row(B, 7, 0, {"x": 1.0})])
    engine.update_table(table, {"a": [2]})
    engine.update_database("db", {"days": 4})
    engine.drop_table("db", "gone")
    engine.close()

    engine = Engine(tmp_path, background=False)
    assert engine.databases() == ["db"]
    assert engine.tables("db") == ["one"]
    assert engine.database_properties("db") == {"days": 4}
    table = engine.table("db", "one")
    assert (table.policy, table.properties, list(table.series.values())) == (Policy.MERGE, {"a": [2]}, [B])
    assert stored(engine, table) == {(B, 7): (0, {"x": 1.0})}
    engine.drop_database("db")
    assert engine.databases() == []
    engine.close()


def test_names_are_taken_once_and_missed_when_gone(engine, merging):
    with pytest.raises(ExistsError, match="'db'"):
        engine.create_database("db")
    with pytest.raises(ExistsError, match="'merging'"):
        engine.create_table("db", "merging", Policy.MERGE)
    engine.drop_table("db", "merging")
    for use in (
        lambda: engine.table("db", "merging"),
        lambda: engine.append(merging, [Row(A, 1, 0, {"x": 1.0})]),
        lambda: engine.delete(merging, None, 0, 1),
        lambda: engine.tables("nowhere"),
        lambda: engine.create_table("nowhere", "t", Policy.MERGE),
    ):
        with pytest.raises(MissingError):
            use()


def test_a_table_made_again_does_not_have_the_rows_of_the_old_one(tmp_path):
    engine = Engine(tmp_path, background=False)
    engine.create_database("db")
    for _ in range(2):
        table = engine.create_table("db", "t", Policy.VERSIONED)
        assert engine.append(table, [Row(A, 5, 1, {"x": 1.0})]) == []
        assert len(stored(engine, table)) == 1
        engine.append(table, [Row(A, 6, 1, {"x": 1.0})])  # on its way to DuckDB when the table goes
        engine.drop_table("db", "t")
    engine.close()
    Engine(tmp_path, background=False).close()


def test_two_processes_cannot_have_one_directory(tmp_path, engine):
    code = "import sys; from pathlib import Path; from local.timestream.engine import Engine; Engine(Path(sys.argv[1]))"
    ended = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "store")], capture_output=True, text=True, check=False
    )
    assert DirectoryInUseError.__name__ in ended.stderr


def test_sql_reaches_nothing_but_the_tables(engine):
    with pytest.raises(QueryError, match="disabled by configuration"):
        engine.query("SELECT * FROM read_text('/etc/hostname')")
    with pytest.raises(QueryError):
        engine.query("SET enable_external_access = true")


def test_a_query_can_be_cancelled(engine):
    cancel = Cancel()
    threading.Timer(0.05, cancel.set).start()
    with pytest.raises(InterruptedQueryError):
        engine.query("SELECT count(*) FROM range(100000000000)", cancel=cancel)
    with pytest.raises(InterruptedQueryError):
        engine.query("SELECT 1", cancel=cancel)
    assert engine.query("SELECT 1") == [(1,)]


def test_an_answer_beyond_the_bound_is_refused_whatever_its_shape(tmp_path):
    engine = Engine(tmp_path / "store", background=False, max_values=12)
    assert len(engine.query("SELECT * FROM range(12)")) == 12
    assert len(engine.query("SELECT range, range, range FROM range(4)")) == 4
    with pytest.raises(TooLargeError, match="more than 12 rows of 1 columns"):
        engine.query("SELECT * FROM range(100000000)")
    with pytest.raises(TooLargeError, match="more than 4 rows of 3 columns"):
        engine.query("SELECT range, range, range FROM range(5)")
    assert engine.query("SELECT 1") == [(1,)]
    engine.close()


def test_many_writers_and_readers_at_once(tmp_path):
    engine = Engine(tmp_path, flush_rows=50)
    engine.create_database("db")
    table = engine.create_table("db", "t", Policy.VERSIONED)
    wrong = []

    def write(number):
        series = (("device", str(number)),)
        for at in range(20):
            if engine.append(table, [Row(series, time, at + 1, {f"c{at % 7}": 1.0}) for time in (at, at // 2)]):
                wrong.append((number, at))
            (count,) = engine.query(f"SELECT count(*) FROM {table.data} WHERE sid = ?", [table.sids[series]])[0]
            if count != at + 1:
                wrong.append((number, at, count))

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert len(stored(engine, table)) == 4 * 20
    engine.close()
