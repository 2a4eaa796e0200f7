"""Databases, tables, their columns and series: in memory, and in DuckDB what was taken there."""

import json
import threading
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from local.timestream.errors import ExistsError, MissingError
from local.timestream.model import Column, Kind, Policy, Series
from local.timestream.occupancy import Occupancy

if TYPE_CHECKING:
    import duckdb

_LAYOUT = """
CREATE TABLE IF NOT EXISTS fl_state(position BIGINT, next_table INTEGER);
CREATE TABLE IF NOT EXISTS fl_databases(name VARCHAR, properties VARCHAR);
CREATE TABLE IF NOT EXISTS fl_tables(id INTEGER, database VARCHAR, name VARCHAR, policy VARCHAR, properties VARCHAR);
CREATE TABLE IF NOT EXISTS fl_columns(table_id INTEGER, number INTEGER, name VARCHAR, kind VARCHAR);
CREATE TABLE IF NOT EXISTS fl_tags(table_id INTEGER, number INTEGER, name VARCHAR);
"""


class Table:
    """A table of one database. The mappings are replaced, never changed: whoever holds one can read it in peace.

    In DuckDB: `data`(sid, time, version, one for each of `columns`) and `dictionary`(sid, one for each of `tags`).
    """

    def __init__(
        self, table_id: int, database: str, name: str, policy: Policy, properties: Mapping[str, Any] | None = None
    ) -> None:
        self.id = table_id
        self.database = database
        self.name = name
        self.policy = policy
        self.properties: Mapping[str, Any] = dict(properties or {})
        self.columns: Mapping[str, Column] = {}
        self.tags: Mapping[str, Column] = {}
        self.series: dict[int, Series] = {}
        self.data = f"d{table_id}"
        self.dictionary = f"s{table_id}"
        self.lock = threading.RLock()
        self.dropped = False
        self.sids: dict[Series, int] = {}
        self.occupancy = Occupancy()
        self._by_tag: dict[tuple[str, str], list[int]] = {}
        self.next_sid = 0
        # How many columns and tags DuckDB has, and which series.
        self.stored_columns = 0
        self.stored_tags = 0
        self.stored_series: set[int] = set()
        # Which are not durable yet, by number.
        self.volatile_columns: set[int] = set()
        self.volatile_series: set[int] = set()

    def find(self, tags: Mapping[str, str]) -> list[int]:
        """The series with these values of these tags; of no tags, all."""
        if not tags:
            return list(self.series)
        lists = sorted((self._by_tag.get(pair, []) for pair in tags.items()), key=len)
        found = lists[0].copy()
        for other in lists[1:]:
            wanted = set(other)
            found = [sid for sid in found if sid in wanted]
        return found

    def add_series(self, sid: int, series: Series) -> None:
        for name, _ in series:
            if name not in self.tags:
                self.tags = {**self.tags, name: Column(name, Kind.VARCHAR, f"t{len(self.tags)}", len(self.tags))}
        self.series[sid] = series
        self.sids[series] = sid
        for pair in series:
            self._by_tag.setdefault(pair, []).append(sid)
        self.next_sid = max(self.next_sid, sid + 1)

    def add_column(self, name: str, kind: Kind) -> Column:
        column = Column(name, kind, f"c{len(self.columns)}", len(self.columns))
        self.columns = {**self.columns, name: column}
        return column


class Catalog:
    """Names to tables. Each change is in DuckDB when the call returns; the caller keeps changes apart."""

    def __init__(self, connection: "duckdb.DuckDBPyConnection") -> None:
        self._connection = connection
        connection.execute(_LAYOUT)
        if not connection.execute("SELECT 1 FROM fl_state").fetchone():
            connection.execute("INSERT INTO fl_state VALUES (0, 1)")
        self._databases: dict[str, dict[str, Any]] = {}
        self._tables: dict[str, dict[str, Table]] = {}
        self.by_id: dict[int, Table] = {}
        self._load()

    def _load(self) -> None:
        run = self._connection.execute
        for name, properties in run("SELECT name, properties FROM fl_databases").fetchall():
            self._databases[name] = json.loads(properties)
            self._tables[name] = {}
        for table_id, database, name, policy, properties in run("SELECT * FROM fl_tables ORDER BY id").fetchall():
            table = Table(table_id, database, name, Policy(policy), json.loads(properties))
            self._tables[database][name] = self.by_id[table_id] = table
        for table_id, _, name, kind in run("SELECT * FROM fl_columns ORDER BY table_id, number").fetchall():
            self.by_id[table_id].add_column(name, Kind(kind))
        for table_id, number, name in run("SELECT * FROM fl_tags ORDER BY table_id, number").fetchall():
            table = self.by_id[table_id]
            table.tags = {**table.tags, name: Column(name, Kind.VARCHAR, f"t{number}", number)}
        for table in self.by_id.values():
            names = sorted(table.tags)
            columns = "".join(f", {table.tags[name].sql}" for name in names)
            for sid, *values in run(f"SELECT sid{columns} FROM {table.dictionary} ORDER BY sid").fetchall():
                pairs = ((name, value) for name, value in zip(names, values, strict=True) if value is not None)
                table.add_series(sid, tuple(pairs))
            table.stored_columns, table.stored_tags = len(table.columns), len(table.tags)
            table.stored_series = set(table.series)
            spans = f"SELECT sid, min(time), max(time) FROM {table.data} GROUP BY sid"
            for sid, first, last in run(spans).fetchall():
                table.occupancy.cover(sid, first, last)

    def reconnected(self, connection: "duckdb.DuckDBPyConnection") -> None:
        self._connection = connection

    def position(self) -> int:
        row = self._connection.execute("SELECT position FROM fl_state").fetchone()
        return int(row[0]) if row else 0

    def databases(self) -> list[str]:
        return sorted(self._databases)

    def database_properties(self, name: str) -> Mapping[str, Any]:
        """Raises MissingError."""
        if name not in self._databases:
            raise MissingError(f"there is no database {name!r}")
        return self._databases[name]

    def tables(self, database: str) -> list[str]:
        """Raises MissingError."""
        self.database_properties(database)
        return sorted(self._tables[database])

    def table(self, database: str, name: str) -> Table:
        """Raises MissingError."""
        self.database_properties(database)
        table = self._tables[database].get(name)
        if table is None:
            raise MissingError(f"there is no table {name!r} in database {database!r}")
        return table

    def create_database(self, name: str, properties: Mapping[str, Any]) -> None:
        if name in self._databases:
            raise ExistsError(f"there is a database {name!r} already")
        self._connection.execute("INSERT INTO fl_databases VALUES (?, ?)", [name, json.dumps(properties)])
        self._databases[name] = dict(properties)
        self._tables[name] = {}

    def update_database(self, name: str, properties: Mapping[str, Any]) -> None:
        self.database_properties(name)
        self._connection.execute(
            "UPDATE fl_databases SET properties = ? WHERE name = ?", [json.dumps(properties), name]
        )
        self._databases[name] = dict(properties)

    def drop_database(self, name: str) -> None:
        """An empty one."""
        self._connection.execute("DELETE FROM fl_databases WHERE name = ?", [name])
        del self._databases[name], self._tables[name]

    def create_table(self, database: str, name: str, policy: Policy, properties: Mapping[str, Any]) -> Table:
        self.database_properties(database)
        if name in self._tables[database]:
            raise ExistsError(f"there is a table {name!r} in database {database!r} already")
        with in_transaction(self._connection) as run:
            row = run.execute("SELECT next_table FROM fl_state").fetchone()
            assert row is not None  # noqa: S101 - written when the file was made
            table = Table(row[0], database, name, policy, properties)
            run.execute("UPDATE fl_state SET next_table = next_table + 1")
            run.execute(f"CREATE TABLE {table.data}(sid INTEGER, time BIGINT, version BIGINT)")
            run.execute(f"CREATE TABLE {table.dictionary}(sid INTEGER)")
            run.execute(
                "INSERT INTO fl_tables VALUES (?, ?, ?, ?, ?)",
                [table.id, database, name, policy.value, json.dumps(properties)],
            )
        self._tables[database][name] = self.by_id[table.id] = table
        return table

    def update_table(self, table: Table, properties: Mapping[str, Any]) -> None:
        self._connection.execute("UPDATE fl_tables SET properties = ? WHERE id = ?", [json.dumps(properties), table.id])
        table.properties = dict(properties)

    def drop_table(self, database: str, name: str) -> Table:
        table = self.table(database, name)
        with in_transaction(self._connection) as run:
            run.execute(f"DROP TABLE {table.data}")
            run.execute(f"DROP TABLE {table.dictionary}")
            for kept, key in (("fl_tables", "id"), ("fl_columns", "table_id"), ("fl_tags", "table_id")):
                run.execute(f"DELETE FROM {kept} WHERE {key} = ?", [table.id])
        with table.lock:
            table.dropped = True
        del self._tables[database][name], self.by_id[table.id]
        return table


class in_transaction:  # noqa: N801 - reads as the statement it is
    """Commits when the block ends well, else rolls back."""

    def __init__(self, connection: "duckdb.DuckDBPyConnection") -> None:
        self._connection = connection

    def __enter__(self) -> "duckdb.DuckDBPyConnection":
        self._connection.begin()
        return self._connection

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self._connection.commit()
        else:
            self._connection.rollback()


def write_schema(
    run: "duckdb.DuckDBPyConnection", table: Table, columns: Iterable[Column], tags: Iterable[Column]
) -> None:
    """Make columns and tags that DuckDB lacks; inside a transaction."""
    for column in columns:
        run.execute(f"ALTER TABLE {table.data} ADD COLUMN {column.sql} {column.kind.sql}")
        run.execute(
            "INSERT INTO fl_columns VALUES (?, ?, ?, ?)", [table.id, column.number, column.name, column.kind.value]
        )
    for tag in tags:
        run.execute(f"ALTER TABLE {table.dictionary} ADD COLUMN {tag.sql} VARCHAR")
        run.execute("INSERT INTO fl_tags VALUES (?, ?, ?)", [table.id, tag.number, tag.name])
