"""The durable queue: what was appended is there after a power cut, in order, until it is acknowledged.

SQLite in WAL mode with synchronous=FULL: `append` returns only after its transaction is on the disk. The calls
block; the event loop uses them through `queue_thread`.
"""

import logging
import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from device_agent import queue_file
from device_agent.clock import Clock
from device_agent.errors import QueueError

T = TypeVar("T")


@dataclass(frozen=True)
class QueuedMessage:
    """One message that waits; ids grow in the order of appending and are never used twice."""

    id: int
    payload: bytes


@dataclass(frozen=True)
class QueueStats:
    """What waits, and what was dropped since the queue was made."""

    messages: int
    bytes: int
    dropped: int
    oldest_queued_at: int | None


class DurableQueue:
    """First in, first out, at most `max_bytes` of payload: beyond that the oldest are dropped and counted.

    A database that cannot be read is moved aside and replaced by an empty one, at any time: the queue always opens.
    """

    def __init__(self, path: Path, *, max_bytes: int, clock: Clock, log: logging.LoggerAdapter[logging.Logger]) -> None:
        """Open or create the queue.

        Raises:
            QueueError: the path cannot be written, or another process has the queue open.
        """
        self._path = path
        self._max_bytes = max_bytes
        self._clock = clock
        self._log = log
        self._lock = queue_file.lock(path)
        self._last_id = 0
        try:
            self._db = self._opened()
            self._last_id = _last_id(self._db)
            self._bytes = _stats(self._db).bytes
        except BaseException:
            self._lock.close()
            raise

    def append(self, payloads: Sequence[bytes], cursors: Mapping[str, str]) -> None:
        """Store the messages and the sensors' positions together, or neither; durable once this returns."""
        self._recovering(lambda: self._append(payloads, cursors))

    def peek(self, after: int, limit: int) -> list[QueuedMessage]:
        """The oldest messages with an id above `after`; they stay in the queue."""
        return self._recovering(
            lambda: [
                QueuedMessage(identifier, payload)
                for identifier, payload in self._db.execute(
                    "SELECT id, payload FROM message WHERE id > ? ORDER BY id LIMIT ?", (after, limit)
                )
            ]
        )

    def delete(self, ids: Iterable[int]) -> None:
        """Forget messages that the broker has acknowledged; ids that are gone already are ignored."""
        wanted = tuple(ids)
        self._recovering(lambda: self._delete(wanted))

    def cursor(self, sensor: str) -> str | None:
        """The position last stored for a sensor."""
        row = self._recovering(
            lambda: self._db.execute("SELECT position FROM cursor WHERE sensor = ?", (sensor,)).fetchone()
        )
        return None if row is None else str(row[0])

    def stats(self) -> QueueStats:
        return self._recovering(lambda: _stats(self._db))

    def close(self) -> None:
        self._db.close()
        self._lock.close()

    def _append(self, payloads: Sequence[bytes], cursors: Mapping[str, str]) -> None:
        added = sum(map(len, payloads))
        now = self._clock.wall_ms()
        with self._db:
            self._db.execute("BEGIN IMMEDIATE")
            self._db.executemany(
                "INSERT INTO message (queued_at, payload) VALUES (?, ?)", [(now, payload) for payload in payloads]
            )
            last_id = self._db.execute("SELECT last_insert_rowid()").fetchone()[0]
            self._db.executemany("INSERT OR REPLACE INTO cursor VALUES (?, ?)", list(cursors.items()))
            dropped, freed = self._drop_oldest(self._bytes + added - self._max_bytes)
        self._last_id = max(self._last_id, last_id)
        self._bytes += added - freed
        if dropped:
            self._log.warning(
                "the queue is full (%d bytes): dropped the %d oldest messages, %d bytes",
                self._max_bytes,
                dropped,
                freed,
            )

    def _drop_oldest(self, excess: int) -> tuple[int, int]:
        """Inside a transaction: make room for `excess` bytes; how many messages and bytes went."""
        dropped = freed = last = 0
        for identifier, size in self._db.execute("SELECT id, length(payload) FROM message ORDER BY id"):
            if freed >= excess:
                break
            dropped, freed, last = dropped + 1, freed + size, identifier
        if dropped:
            self._db.execute("DELETE FROM message WHERE id <= ?", (last,))
            self._db.execute("UPDATE counter SET value = value + ? WHERE name = 'dropped'", (dropped,))
        return dropped, freed

    def _delete(self, ids: Sequence[int]) -> None:
        freed = 0
        with self._db:
            self._db.execute("BEGIN IMMEDIATE")
            for identifier in ids:
                row = self._db.execute("DELETE FROM message WHERE id = ? RETURNING length(payload)", (identifier,))
                freed += sum(size for (size,) in row.fetchall())
        self._bytes -= freed

    def _recovering(self, operation: Callable[[], T]) -> T:
        """Run an operation; if the database turns out to be unreadable, run it on an empty one instead."""
        try:
            try:
                return operation()
            except sqlite3.DatabaseError as error:
                if not queue_file.is_unreadable(error):
                    raise
                self._db.close()
                self._db = self._replaced(str(error))
                self._bytes = 0
                return operation()
        except (sqlite3.DatabaseError, queue_file.UnreadableError) as error:
            raise QueueError(f"queue {self._path}: {error}") from error

    def _opened(self) -> sqlite3.Connection:
        try:
            try:
                return queue_file.connect(self._path)
            except queue_file.UnreadableError as error:
                return self._replaced(str(error))
        except (sqlite3.DatabaseError, queue_file.UnreadableError) as error:
            raise QueueError(f"queue {self._path} cannot be opened: {error}") from error

    def _replaced(self, why: str) -> sqlite3.Connection:
        """An empty database in place of the unreadable one, whose ids go on where the old one's ended."""
        aside = queue_file.move_aside(self._path, self._clock.wall_ms())
        self._log.error(
            "the queue %s cannot be read (%s): moved to %s, its messages were not sent; going on with an empty queue",
            self._path,
            why,
            aside,
        )
        db = queue_file.connect(self._path)
        # An acknowledgement of a message that was in the old file must not delete one of the new file.
        db.execute("INSERT INTO sqlite_sequence (name, seq) VALUES ('message', ?)", (self._last_id,))
        return db


def read_stats(path: Path) -> QueueStats:
    """The figures of a queue that an agent may have open. Raises QueueError."""
    if not path.exists():
        raise QueueError(f"there is no queue at {path}")
    try:
        db = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
        try:
            return _stats(db)
        finally:
            db.close()
    except sqlite3.DatabaseError as error:
        raise QueueError(f"queue {path}: {error}") from error


def _last_id(db: sqlite3.Connection) -> int:
    """The highest id that was ever given, also when its message is gone."""
    row = db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'message'").fetchone()
    return 0 if row is None else int(row[0])


def _stats(db: sqlite3.Connection) -> QueueStats:
    messages, size, oldest = db.execute(
        "SELECT count(*), coalesce(sum(length(payload)), 0), min(queued_at) FROM message"
    ).fetchone()
    dropped = db.execute("SELECT value FROM counter WHERE name = 'dropped'").fetchone()[0]
    return QueueStats(messages, size, dropped, oldest)
