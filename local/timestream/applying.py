"""Takes rows from memory into a table of DuckDB, so that each series has one row a moment there."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from local.timestream.catalog import Table
from local.timestream.model import Column, Policy, Series, Value

if TYPE_CHECKING:
    import duckdb


class Stored(NamedTuple):
    """A row as the journal has it; values by the number of their column. `fresh`: DuckDB has none of its moment."""

    sid: int
    time: int
    version: int
    values: Mapping[int, Value]
    fresh: bool


def merged(rows: Iterable[Stored], policy: Policy) -> Iterable[Stored]:
    """One row a series and moment, the later ones upon the earlier ones."""
    kept: dict[tuple[int, int], Stored] = {}
    for row in rows:
        key = row[:2]
        before = kept.get(key)
        if before is not None:
            values = {**before.values, **row.values} if policy is Policy.MERGE else row.values
            row = Stored(row.sid, row.time, row.version, values, before.fresh)  # noqa: PLW2901 - the row that stands
        kept[key] = row
    return kept.values()


def apply(run: "duckdb.DuckDBPyConnection", table: Table, columns: Sequence[Column], rows: Iterable[Stored]) -> None:
    """Inside a transaction; `columns` are those that DuckDB has, and all that the rows need."""
    fresh: list[Stored] = []
    others: list[Stored] = []
    for row in merged(rows, table.policy):
        (fresh if row.fresh else others).append(row)
    if fresh:
        _append(run, table.data, columns, fresh)
    if others:
        _upsert(run, table, columns, others)


def add_series(
    run: "duckdb.DuckDBPyConnection", table: Table, tags: Sequence[Column], series: Mapping[int, Series]
) -> None:
    """Inside a transaction; `tags` are those that DuckDB has, and all that the series need."""
    with run.appender(table.dictionary, columns=["sid", *(tag.sql for tag in tags)]) as appender:
        for sid, pairs in series.items():
            values = dict(pairs)
            appender.append_row(sid, *(values.get(tag.name) for tag in tags))


def _append(run: "duckdb.DuckDBPyConnection", target: str, columns: Sequence[Column], rows: Sequence[Stored]) -> None:
    numbers = [column.number for column in columns]
    with run.appender(target, columns=["sid", "time", "version", *(column.sql for column in columns)]) as appender:
        appender.append_rows(
            [(row.sid, row.time, row.version, *map(row.values.get, numbers)) for row in rows],
        )


def _upsert(run: "duckdb.DuckDBPyConnection", table: Table, columns: Sequence[Column], rows: Sequence[Stored]) -> None:
    """The rows that are there are read, laid under the new ones and replaced."""
    first, last = min(row.time for row in rows), max(row.time for row in rows)
    names = ", ".join(["sid", "time", "version", *(column.sql for column in columns)])
    definitions = "".join(f", {column.sql} {column.kind.sql}" for column in columns)
    run.execute(f"CREATE OR REPLACE TEMP TABLE fl_incoming(sid INTEGER, time BIGINT, version BIGINT{definitions})")
    _append(run, "fl_incoming", columns, rows)
    same = f"d.sid = i.sid AND d.time = i.time AND d.time BETWEEN {first} AND {last}"
    if table.policy is Policy.MERGE:
        values = "".join(f", coalesce(i.{column.sql}, d.{column.sql})" for column in columns)
        run.execute(
            "CREATE OR REPLACE TEMP TABLE fl_outgoing AS "
            f"SELECT i.sid, i.time, i.version{values} FROM fl_incoming i LEFT JOIN {table.data} d ON {same}"
        )
    run.execute(f"DELETE FROM {table.data} d USING fl_incoming i WHERE {same}")
    source = "fl_outgoing" if table.policy is Policy.MERGE else "fl_incoming"
    run.execute(f"INSERT INTO {table.data}({names}) SELECT * FROM {source}")
    run.execute("DROP TABLE fl_incoming")
    run.execute("DROP TABLE IF EXISTS fl_outgoing")
