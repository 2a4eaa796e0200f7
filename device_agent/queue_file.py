"""The queue's file: its schema, its lock, and what makes it unreadable."""

import fcntl
import os
import sqlite3
from pathlib import Path
from typing import IO

from device_agent.errors import QueueError

SCHEMA_VERSION = 1
SCHEMA = """
BEGIN;
CREATE TABLE message (
    id INTEGER PRIMARY KEY AUTOINCREMENT, queued_at INTEGER NOT NULL, payload BLOB NOT NULL
);
CREATE TABLE cursor (sensor TEXT PRIMARY KEY, position TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE counter (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
INSERT INTO counter VALUES ('dropped', 0);
PRAGMA user_version = 1;
COMMIT;
"""
_UNREADABLE = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


class UnreadableError(Exception):
    """The file is no queue that this version can read."""


def is_unreadable(error: sqlite3.Error) -> bool:
    """Whether the fault is in the file, not in the disk, the call or a lock."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in _UNREADABLE


def lock(path: Path) -> IO[bytes]:
    """Claim a queue until the returned file is closed; the kernel lets go with the process, however that ends.

    Raises:
        QueueError: the directory cannot be written, or another process has the queue.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        held = path.with_name(f"{path.name}.lock").open("ab")
    except OSError as error:
        raise QueueError(f"queue {path} cannot be opened: {error}") from error
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        held.close()
        raise QueueError(f"queue {path} is in use by another agent") from error
    return held


def connect(path: Path) -> sqlite3.Connection:
    """Open or create the database, checked from end to end.

    Raises:
        UnreadableError: the file has to make way.
        sqlite3.Error: anything else.
    """
    # One thread at a time uses the connection (`queue_thread`), but not always the one that made it.
    db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    try:
        fault = _prepare(db, path)
    except sqlite3.DatabaseError as error:
        if not is_unreadable(error):
            db.close()
            raise
        fault = str(error)
    if fault is not None:
        db.close()
        raise UnreadableError(fault)
    return db


def move_aside(path: Path, now_ms: int) -> Path:
    """Rename the database with all that belongs to it; where it is now. Raises QueueError."""
    aside = path.with_name(f"{path.name}.unreadable-{now_ms}")
    try:
        for suffix in ("", "-wal", "-shm"):
            source = path.with_name(path.name + suffix)
            if source.exists():
                source.replace(aside.with_name(aside.name + suffix))
    except OSError as error:
        raise QueueError(f"queue {path} cannot be read, nor moved aside: {error}") from error
    return aside


def _prepare(db: sqlite3.Connection, path: Path) -> str | None:
    """Set the connection up; what is wrong with the file, if anything is."""
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = FULL")
    version = db.execute("PRAGMA user_version").fetchone()[0]
    if version == 0 and not db.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]:
        db.executescript(SCHEMA)
        _sync_directory(path.parent)
    elif version != SCHEMA_VERSION:
        return f"its format is {version}, this agent reads {SCHEMA_VERSION}"
    found = db.execute("PRAGMA quick_check(1)").fetchone()[0]
    return None if found == "ok" else str(found)


def _sync_directory(directory: Path) -> None:
    """Without this a power cut may forget that the file was ever created."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
