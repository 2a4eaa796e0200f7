"""The queue that the ring of segments has replaced: SQLite with WAL and `synchronous=FULL`."""

import json
import sqlite3
from pathlib import Path
from random import Random


class SqliteQueue:
    """A transaction for the messages with the positions, and one for what is acknowledged."""

    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.executescript(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
            "CREATE TABLE message (id INTEGER PRIMARY KEY AUTOINCREMENT, payload BLOB NOT NULL);"
            "CREATE TABLE cursor (sensor TEXT PRIMARY KEY, position TEXT NOT NULL) WITHOUT ROWID;"
        )

    def append(self, messages: list[bytes], position: str) -> None:
        with self._db:
            self._db.execute("BEGIN IMMEDIATE")
            self._db.executemany("INSERT INTO message (payload) VALUES (?)", [(message,) for message in messages])
            self._db.execute("INSERT OR REPLACE INTO cursor VALUES ('sensor', ?)", (position,))

    def acknowledge(self, most: int) -> None:
        """The oldest messages, so many of them."""
        with self._db:
            self._db.execute("BEGIN IMMEDIATE")
            self._db.execute("DELETE FROM message WHERE id IN (SELECT id FROM message ORDER BY id LIMIT ?)", (most,))

    def close(self) -> None:
        self._db.close()


def flushed(n: int) -> list[bytes]:
    """What a flush of 100 samples brings: messages of 5 KB at most, as the recorder makes them."""
    chance = Random(n)
    start = 1_764_000_000_000 + 10_000 * n
    rows = [{"ts": start + 100 * k, "values": {"temperature": round(chance.uniform(20, 24), 2)}} for k in range(100)]
    parts = enumerate((rows[:80], rows[80:]))
    return [json.dumps({"v": 1, "boot": "7f3a7f3a7f3a7f3a", "seq": 2 * n + k, "m": m}).encode() for k, m in parts]
