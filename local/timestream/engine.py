"""The store under both protocols: one directory, DuckDB behind a journal. Every method may be called from any thread.

    engine = Engine(directory)
    engine.create_database("telemetry", {"retention_s": 3600})        # properties: any JSON object, kept
    table = engine.create_table("telemetry", "cpu", Policy.MERGE, {})
    conflicts = engine.append(table, [Row((("host", "a"),), time_ns, 0, {"load": 0.5, "up": True})])
    column, host = table.columns["load"], table.tags["host"]
    sids = table.find({"host": "a"})                                   # or table.series[sid] → its tags
    rows = engine.query(f"SELECT time, {column.sql} FROM {table.data} WHERE sid = ? AND time >= ?", [sids[0], since])
    rows = engine.query(f"SELECT {host.sql}, count(*) FROM {table.data} JOIN {table.dictionary} USING (sid) GROUP BY 1")
    engine.delete(table, sids, start_ns, end_ns)                       # [start, end); sids None: all series

**A table** is wide and keyed by series. `table.data`(sid INTEGER, time BIGINT ns, version BIGINT, `column.sql` …)
holds one row for each series and time and needs no dedupe; what a row lacks is NULL. `table.dictionary`(sid,
`tag.sql` …) holds the tags. Names of columns and tags are free and case counts; SQL has only `column.sql` and
`tag.sql`, which need no quotes. A column has the kind of its first value: float DOUBLE, int BIGINT, bool BOOLEAN, str
VARCHAR, `Timestamp` TIMESTAMP (in DuckDB a BIGINT of ns).

**append** returns when all rows that it does not name are on the disk, and refuses single rows: `KindConflict` and
`VersionConflict` say which. It is all or nothing towards a failing disk: StorageError (StorageFullError) means that no
row counts. Rows of one call follow each other as given; under MERGE a later one wins column by column, under VERSIONED
a higher version wins. A row without values is a mistake of the caller. Cheapest are rows that ascend in time within
their series.

**query** sees every row whose append has returned. The SQL is DuckDB's and trusted: a front compiles it. An answer has
`MAX_VALUES` values at most.
"""

import contextlib
import logging
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import duckdb

from local.timestream import applying
from local.timestream.catalog import Catalog, Table, in_transaction, write_schema
from local.timestream.connections import Cancel, Connections
from local.timestream.errors import (
    EngineError,
    InterruptedQueryError,
    MissingError,
    OverloadedError,
    QueryError,
    StorageError,
    TooLargeError,
)
from local.timestream.intake import Entry, Intake, Key, Values, decode
from local.timestream.journal import DiskFile, Journal, JournalFile, Ticket
from local.timestream.model import Conflict, Policy, Row, Series
from local.timestream.pending import Pending

FLUSH_ROWS = 20_000
FLUSH_S = 0.25
MAX_PENDING_ROWS = 1_000_000
MAX_VALUES = 10_000_000  # of one answer: some 800 MB in Python

log = logging.getLogger(__name__)


class Engine:
    def __init__(
        self,
        directory: Path,
        *,
        open_file: Callable[[Path], JournalFile] = DiskFile,
        background: bool = True,
        flush_rows: int = FLUSH_ROWS,
        max_values: int = MAX_VALUES,
    ) -> None:
        """Opens or makes the store. Raises DirectoryInUseError, JournalDamagedError.

        `background`: a thread takes rows from the journal before a query has to.
        """
        directory.mkdir(parents=True, exist_ok=True)
        self._flush_rows = flush_rows
        self._max_values = max_values
        self._connections = Connections(directory / "telemetry.duckdb")
        self._catalog = Catalog(self._connections.writer)
        self._applied = self._catalog.position()
        self._flushing = threading.RLock()
        self._pending = Pending(flush_rows)
        self._closed = False
        self._journal = Journal(directory / "journal", self._applied, self._pending.settled, open_file)
        try:
            self._replay()
        except BaseException:
            self._connections.close()
            raise
        self._background = threading.Thread(target=self._flush_now_and_then, name="flush", daemon=True)
        if background:
            self._background.start()

    def _replay(self) -> None:
        count = 0
        for number, payload in self._journal.replay():
            entry = decode(payload, self._catalog.by_id)
            if entry is None:
                continue
            entry.ticket = Ticket(number, b"")
            count += len(entry.rows)
            self._pending.replayed(entry)
            if self._pending.rows >= self._flush_rows:
                self.flush()
        if count:
            log.info("took %d rows from the journal that DuckDB did not have", count)
        self.flush()

    # Catalog: every change is durable when its call returns.

    def databases(self) -> list[str]:
        return self._catalog.databases()

    def database_properties(self, name: str) -> Mapping[str, Any]:
        """Raises MissingError."""
        return self._catalog.database_properties(name)

    def create_database(self, name: str, properties: Mapping[str, Any] | None = None) -> None:
        """Raises ExistsError."""
        with self._changing():
            self._catalog.create_database(name, properties or {})

    def update_database(self, name: str, properties: Mapping[str, Any]) -> None:
        """Raises MissingError."""
        with self._changing():
            self._catalog.update_database(name, properties)

    def drop_database(self, name: str) -> None:
        """With all its tables. Raises MissingError."""
        with self._changing():
            for table in self._catalog.tables(name):
                self.drop_table(name, table)
            self._catalog.drop_database(name)

    def tables(self, database: str) -> list[str]:
        """Raises MissingError."""
        return self._catalog.tables(database)

    def table(self, database: str, name: str) -> Table:
        """Raises MissingError."""
        return self._catalog.table(database, name)

    def create_table(
        self, database: str, name: str, policy: Policy, properties: Mapping[str, Any] | None = None
    ) -> Table:
        """Raises MissingError for the database, ExistsError for the table."""
        with self._changing():
            return self._catalog.create_table(database, name, policy, properties or {})

    def update_table(self, table: Table, properties: Mapping[str, Any]) -> None:
        with self._changing():
            self._catalog.update_table(table, properties)

    def drop_table(self, database: str, name: str) -> None:
        """Raises MissingError."""
        with self._changing():
            table = self._catalog.drop_table(database, name)
            self._pending.forget(table)

    # Rows

    def append(self, table: Table, rows: Sequence[Row]) -> list[Conflict]:
        """Raises MissingError when the table was dropped, StorageError, OverloadedError."""
        if self._pending.rows > MAX_PENDING_ROWS:
            raise OverloadedError(f"{self._pending.rows} rows wait to be taken into DuckDB")
        with table.lock:
            if table.dropped:
                raise MissingError(f"there is no table {table.name!r} in database {table.database!r}")
            intake = Intake(table, self._pending.recent(table), self._stored)
            intake.take(rows)
            entry = intake.entry
            if entry.rows:
                self._pending.enqueue(entry, self._journal)
        for other in intake.relied_on:
            assert other.ticket is not None  # noqa: S101 - enqueued under the lock that let us see it
            self._journal.wait(other.ticket)
        if entry.ticket is not None:
            self._journal.wait(entry.ticket)
        return intake.conflicts

    def query(
        self, sql: str, parameters: Sequence[object] | Mapping[str, object] = (), *, cancel: Cancel | None = None
    ) -> list[tuple[Any, ...]]:
        """Raises QueryError, InterruptedQueryError, and StorageError when rows cannot be taken into DuckDB."""
        self.flush()
        with self._connections.reader() as reader:
            try:
                with (cancel or Cancel()).watching(reader):
                    return self._bounded(reader.execute(sql, parameters or None))
            except duckdb.InterruptException as exc:
                raise InterruptedQueryError("the query was cancelled") from exc
            except duckdb.Error as exc:
                raise QueryError(str(exc)) from exc

    def _bounded(self, answer: duckdb.DuckDBPyConnection) -> list[tuple[Any, ...]]:
        columns = len(answer.description or ())
        most = self._max_values // max(columns, 1)
        rows = answer.fetchmany(most + 1)
        if len(rows) > most:
            raise TooLargeError(f"the answer has more than {most} rows of {columns} columns: ask for less at once")
        return rows

    def delete(self, table: Table, sids: Sequence[int] | None, start: int, end: int) -> None:
        """Forget rows of these series, or of all, in `[start, end)`. Durable when it returns. Raises MissingError."""
        if sids is not None and not sids:
            return
        with self._changing():
            if table.dropped:
                raise MissingError(f"there is no table {table.name!r} in database {table.database!r}")
            self.flush()
            chosen = "" if sids is None else " AND sid IN (SELECT unnest(?::INTEGER[]))"
            parameters: list[object] = [start, end] if sids is None else [start, end, list(sids)]
            self._connections.writer.execute(
                f"DELETE FROM {table.data} WHERE time >= ? AND time < ?{chosen}",
                parameters,
            )

    def flush(self) -> None:
        """Take what is durable into DuckDB. Raises StorageError when DuckDB cannot: the rows wait for a next time."""
        with self._flushing:
            entries = self._pending.durable()
            stale = [table for table in list(self._catalog.by_id.values()) if _lacks_schema(table)]
            if not entries and not stale:
                return
            try:
                for table in stale:
                    self._write_schema(table)
                if entries:
                    self._take(entries)
            except duckdb.Error as exc:
                self._mend(exc)
                raise StorageError(f"rows could not be taken into DuckDB: {exc}") from exc

    def close(self) -> None:
        """Everything is in DuckDB afterwards, or still in the journal when DuckDB cannot take it."""
        with self._pending.changed:
            if self._closed:
                return
            self._closed = True
            self._pending.changed.notify_all()
        if self._background.is_alive():
            self._background.join()
        with self._flushing:
            try:
                self.flush()
                self._connections.writer.execute("CHECKPOINT")
            except (EngineError, duckdb.Error) as exc:
                log.warning("closing without DuckDB having all rows; the journal keeps them: %s", exc)
            self._journal.close(self._applied)
            self._connections.close()

    # Within

    @contextlib.contextmanager
    def _changing(self) -> Iterator[None]:
        with self._flushing:
            try:
                yield
            except duckdb.Error as exc:
                self._mend(exc)
                raise StorageError(f"DuckDB could not make the change: {exc}") from exc

    def _mend(self, exc: duckdb.Error) -> None:
        if self._connections.mend(exc):
            self._catalog.reconnected(self._connections.writer)

    def _write_schema(self, table: Table) -> None:
        columns, tags = list(table.columns.values()), list(table.tags.values())
        with in_transaction(self._connections.writer) as run:
            write_schema(run, table, columns[table.stored_columns :], tags[table.stored_tags :])
        table.stored_columns, table.stored_tags = len(columns), len(tags)

    def _take(self, entries: Sequence[Entry]) -> None:
        by_table: dict[int, list[Entry]] = {}
        for entry in entries:
            if not entry.table.dropped:
                by_table.setdefault(entry.table.id, []).append(entry)
        assert entries[-1].ticket is not None  # noqa: S101 - each came through the journal
        position = entries[-1].ticket.number
        added: list[tuple[Table, dict[int, Series]]] = []
        with in_transaction(self._connections.writer) as run:
            for group in by_table.values():
                table = group[0].table
                series = {
                    sid: tags for entry in group for sid, tags in entry.series.items() if sid not in table.stored_series
                }
                if series:
                    applying.add_series(run, table, list(table.tags.values())[: table.stored_tags], series)
                    added.append((table, series))
                columns = list(table.columns.values())[: table.stored_columns]
                applying.apply(run, table, columns, (row for entry in group for row in entry.rows))
            run.execute("UPDATE fl_state SET position = ?", [position])
        for table, series in added:
            table.stored_series.update(series)
        self._applied = position
        self._pending.taken(entries)
        self._journal.forget(position)

    def _stored(self, table: Table, keys: Sequence[Key]) -> dict[Key, tuple[int, Values]]:
        """The rows that DuckDB has of these moments. Under the table's lock, so none of them is on its way there."""
        columns = list(table.columns.values())[: table.stored_columns]
        names = "".join(f", {column.sql}" for column in columns)
        first, last = min(key[1] for key in keys), max(key[1] for key in keys)
        sql = (
            f"SELECT sid, time, version{names} FROM {table.data} "
            "JOIN (SELECT unnest(?::INTEGER[]) AS sid, unnest(?::BIGINT[]) AS time) USING (sid, time) "
            f"WHERE time BETWEEN {first} AND {last}"
        )
        with self._connections.reader() as reader:
            try:
                rows = reader.execute(sql, [[key[0] for key in keys], [key[1] for key in keys]]).fetchall()
            except duckdb.Error as exc:
                raise StorageError(f"existing rows could not be read: {exc}") from exc
        numbers = [column.number for column in columns]
        return {
            (sid, time): (
                version,
                {number: value for number, value in zip(numbers, values, strict=True) if value is not None},
            )
            for sid, time, version, *values in rows
        }

    def _flush_now_and_then(self) -> None:
        changed, pending = self._pending.changed, self._pending
        while True:
            with changed:
                changed.wait_for(lambda: self._closed or pending.rows >= self._flush_rows, FLUSH_S)
                if self._closed:
                    return
            try:
                self.flush()
            except StorageError as exc:
                log.warning("%s; trying again", exc)
                with changed:
                    changed.wait_for(lambda: self._closed, 1.0)


def _lacks_schema(table: Table) -> bool:
    return table.stored_columns < len(table.columns) or table.stored_tags < len(table.tags)


__all__ = ["Cancel", "Engine"]
