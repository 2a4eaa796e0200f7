"""What the agent writes to a flash card: counted at its port to the disk, and on block devices, beside SQLite."""

import asyncio
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.agents import a_day, flash
from bench.agents.broker import Broker
from bench.agents.figures import Figure, at_most, beside
from bench.agents.processes import Fieldline, Load, Running
from bench.agents.sqlite_queue import SqliteQueue, flushed

GOAL_MB = 50.0
FLUSH_S = 10
MOUNTS = {"ext4 as Raspberry Pi OS mounts it": "", "ext4 with commit=600": ",commit=600"}
MADE_S = 20.0
"""So long an agent writes much, until each segment that it will need is filled: a first use is not a day's work."""
SETTLED_S = 25.0
ROWS = 100_000


def at_the_port(folder: Path, seconds: int) -> Iterator[Figure]:
    """The real recorder, clock and storage, with a clock that a program moves; less than a day is scaled."""
    day = asyncio.run(a_day.lived(folder, seconds))
    written = day.written.total() * a_day.DAY_S / seconds / 1e6
    yield at_most("flash writes in pages of the agent's files", written, "MB/day", GOAL_MB)


def on_cards(folder: Path, broker: Broker, seconds: int) -> Iterator[Figure]:
    """The whole agent, and SQLite with the same messages, each on a card of its own, in real time: the journal is."""
    if (reason := flash.unusable()) is not None:
        print(f"flash writes on a block device: not measured, {reason}", file=sys.stderr)
        return
    with ExitStack() as stack:
        pairs = [
            (
                stack.enter_context(_agent(folder / f"agent-{n}", options, broker, f"card-{n}")),
                stack.enter_context(_sqlite(folder / f"sqlite-{n}", options)),
            )
            for n, options in enumerate(MOUNTS.values())
        ]
        _wait([agent for agent, _ in pairs], [sqlite for _, sqlite in pairs], SETTLED_S)
        before = [(agent.card.written(), sqlite.card.written()) for agent, sqlite in pairs]
        _wait([agent for agent, _ in pairs], [sqlite for _, sqlite in pairs], seconds)
        after = [(agent.card.written(), sqlite.card.written()) for agent, sqlite in pairs]
    for mounted, then, now in zip(MOUNTS, before, after, strict=True):
        ours, theirs = ((end - start) * a_day.DAY_S / seconds / 1e6 for start, end in zip(then, now, strict=True))
        yield beside(f"flash writes on {mounted}", ours, "MB/day", "SQLite as the queue", theirs)


@dataclass
class _Agent:
    card: flash.Card
    running: Running


@dataclass
class _Sqlite:
    card: flash.Card
    queue: SqliteQueue
    flushes: int = 0

    def flush(self) -> None:
        messages = flushed(self.flushes)
        self.queue.append(messages, str(self.flushes))
        self.queue.acknowledge(len(messages))
        self.flushes += 1


@contextmanager
def _agent(folder: Path, options: str, broker: Broker, thing: str) -> Iterator[_Agent]:
    with flash.card(folder, options) as card:
        device = card.folder / "device"
        running = Fieldline(broker, device, Load(1_000, ROWS, flush_interval_s=0.1), thing=thing).start()
        time.sleep(MADE_S)
        running.stop()
        running = Fieldline(broker, device, Load(10, ROWS, flush_interval_s=FLUSH_S), thing=thing).start()
        try:
            yield _Agent(card, running)
        finally:
            running.stop()


@contextmanager
def _sqlite(folder: Path, options: str) -> Iterator[_Sqlite]:
    with flash.card(folder, options) as card:
        sqlite = _Sqlite(card, SqliteQueue(card.folder / "queue.db"))
        try:
            for _ in range(30):
                sqlite.flush()
            yield sqlite
        finally:
            sqlite.queue.close()


def _wait(agents: list[_Agent], queues: list[_Sqlite], seconds: float) -> None:
    """Agents write by themselves; SQLite gets a flush in the middle of each interval."""
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        time.sleep(min(left, FLUSH_S / 2))
        if left >= FLUSH_S:
            for queue in queues:
                queue.flush()
            time.sleep(FLUSH_S / 2)
    for agent in agents:
        if agent.running.ended:
            raise SystemExit(f"an agent has ended: {agent.running.said()}")
