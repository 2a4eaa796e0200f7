"""DuckDB's file, opened for one process: a connection for changes, others for reading beside it."""

import contextlib
import logging
import threading
from collections.abc import Iterator
from pathlib import Path

import duckdb

from local.timestream.errors import DirectoryInUseError, InterruptedQueryError

MEMORY_LIMIT = "2GB"

log = logging.getLogger(__name__)


class Cancel:
    """Ends a query from another thread: give it to `query`, then `set` it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._connection: duckdb.DuckDBPyConnection | None = None
        self._is_set = False

    def set(self) -> None:
        with self._lock:
            self._is_set = True
            if self._connection is not None:
                self._connection.interrupt()

    @contextlib.contextmanager
    def watching(self, connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
        with self._lock:
            if self._is_set:
                raise InterruptedQueryError("the query was cancelled before it began")
            self._connection = connection
        try:
            yield
        finally:
            with self._lock:
                self._connection = None


class Connections:
    """`writer` is for one thread at a time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._readers: list[duckdb.DuckDBPyConnection] = []
        self.writer = self._connect()

    def _connect(self) -> duckdb.DuckDBPyConnection:
        try:
            connection = duckdb.connect(str(self._path))
        except duckdb.IOException as exc:
            if "lock" in str(exc):
                raise DirectoryInUseError(f"{self._path.parent} is in use by another process") from exc
            raise
        connection.execute(f"SET memory_limit = '{MEMORY_LIMIT}'")
        # What a front compiles can reach nothing but the tables, whatever a client makes of it.
        connection.execute("SET enable_external_access = false")
        connection.execute("SET lock_configuration = true")
        return connection

    @contextlib.contextmanager
    def reader(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A connection of one's own; after an error it is not used again."""
        with self._lock:
            reader = self._readers.pop() if self._readers else None
        if reader is None:
            reader = self.writer.cursor()
        try:
            yield reader
        except BaseException:
            reader.close()
            raise
        with self._lock:
            self._readers.append(reader)

    def mend(self, exc: duckdb.Error) -> bool:
        """Whether `writer` is another one now: after a fatal error DuckDB answers nothing until it is opened again."""
        if not isinstance(exc, duckdb.FatalException | duckdb.InternalException) and "invalidated" not in str(exc):
            return False
        log.error("DuckDB gave up and is opened again: %s", exc)
        self.close()
        self.writer = self._connect()
        return True

    def close(self) -> None:
        with self._lock:
            readers, self._readers = self._readers, []
        for reader in readers:
            reader.close()
        self.writer.close()
