"""What a day of the queue costs a flash card: the ring of segments, and SQLite as it was used before.

    .venv/bin/python bench/queue_wear.py [--flushes 30] [--flush-s 10] [--commit-s 5]

Root only: each queue gets a block device of its own with ext4, and the bytes that reach it are counted, journal and
metadata too. Both store the same messages of 100 samples and acknowledge each after it was stored. They run at the same
time, in real time, because the file system's journal does: it is committed every `--commit-s` seconds.
"""

import argparse
import json
import logging
import multiprocessing
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.agents import flash
from device_agent.clock import SystemClock
from device_agent.queue import Priority, RingQueue
from device_agent.queue.files import PosixFiles

DAY_S = 86_400
SETTLED_S = 6.0
MAX_BYTES = 64 * 2**20


def envelope(seq: int, chance: Random) -> bytes:
    measurements = [
        {"ts": 1764000000000 + 10_000 * seq + 100 * n, "values": {"temperature": round(chance.uniform(20, 24), 2)}}
        for n in range(100)
    ]
    return json.dumps({"v": 1, "boot": "7f3a7f3a7f3a7f3a", "seq": seq, "m": measurements}).encode()


@contextmanager
def ring(folder: Path) -> Iterator[Callable[[int, bytes], None]]:
    log = logging.LoggerAdapter(logging.getLogger("bench"), {})
    queue = RingQueue(folder / "queue", max_bytes=MAX_BYTES, clock=SystemClock(), log=log, files=PosixFiles())

    def store(n: int, message: bytes) -> None:
        queue.append([(Priority.TELEMETRY, message)], {"sensor": str(n)})
        queue.acknowledge([waiting.id for waiting in queue.peek(Priority.TELEMETRY, 0, 10)])

    yield store
    queue.close()


@contextmanager
def sqlite(folder: Path) -> Iterator[Callable[[int, bytes], None]]:
    """WAL and synchronous=FULL; a transaction for the messages with the positions, one for what is acknowledged."""
    db = sqlite3.connect(folder / "queue.db", isolation_level=None)
    db.executescript(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
        "CREATE TABLE message (id INTEGER PRIMARY KEY AUTOINCREMENT, payload BLOB NOT NULL);"
        "CREATE TABLE cursor (sensor TEXT PRIMARY KEY, position TEXT NOT NULL) WITHOUT ROWID;"
    )

    def store(n: int, message: bytes) -> None:
        with db:
            db.execute("BEGIN IMMEDIATE")
            db.execute("INSERT INTO message (payload) VALUES (?)", (message,))
            db.execute("INSERT OR REPLACE INTO cursor VALUES ('sensor', ?)", (str(n),))
        with db:
            db.execute("BEGIN IMMEDIATE")
            db.execute("DELETE FROM message WHERE id IN (SELECT id FROM message ORDER BY id LIMIT 10)")

    yield store
    db.close()


QUEUES = {"ring of segments": ring, "SQLite": sqlite}


def measure(name: str, flushes: int, flush_s: float, commit_s: int) -> None:
    chance = Random(1)
    with tempfile.TemporaryDirectory() as folder, flash.card(Path(folder)) as card:
        subprocess.run(["mount", "-o", f"remount,noatime,commit={commit_s}", card.folder], check=True)  # noqa: S607
        with QUEUES[name](card.folder) as store:
            for n in range(5):
                store(n, envelope(n, chance))
            card.written()
            time.sleep(SETTLED_S)
            before = card.written()
            for n in range(5, 5 + flushes):
                store(n, envelope(n, chance))
                time.sleep(flush_s)
            each = (card.written() - before) / flushes
    a_day = each * DAY_S / flush_s / 1e6
    print(f"{name:>17}: {each / 1024:6.1f} KiB a flush, {a_day:6.1f} MB a day", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--flushes", type=int, default=30)
    parser.add_argument("--flush-s", type=float, default=10.0)
    parser.add_argument("--commit-s", type=int, default=5, help="the file system's commit interval; 5 is ext4's own")
    options = parser.parse_args()
    if (why := flash.unusable()) is not None:
        raise SystemExit(f"{Path(__file__).name}: {why}")
    print(f"a flush every {options.flush_s:g} s, the journal committed every {options.commit_s} s:", flush=True)
    runs = [
        multiprocessing.Process(target=measure, args=(name, options.flushes, options.flush_s, options.commit_s))
        for name in QUEUES
    ]
    for run in runs:
        run.start()
    for run in runs:
        run.join()
    if any(run.exitcode for run in runs):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
