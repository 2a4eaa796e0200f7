"""Every telemetry store side by side with a real InfluxDB server: writing, and the three questions of a chart.

    .venv/bin/python bench/store.py [--quick] [--json] [--points N …] [--stores NAME …]

A million and ten million points (quick: 100,000) of 10,000 devices with five metrics a minute, in batches as ingest
writes them; three of the devices have 31 days of one metric besides. The real server is Debian's InfluxDB 1.6; the
others are the laptop's: Timestream's look-alike in both its protocols, and the local AWS for DynamoDB, which keeps its
items in memory and is measured on a million points. A bare client (urllib3, gzip, no more than the same lines) says
what the adapter costs on the real server.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.stores.bare import BareInflux
from bench.stores.servers import SERVERS, Served
from bench.stores.workload import HOUR_MS, OLD_DEVICES, QUESTIONS, Question, fleet, histories
from functions.adapters.clock import SystemClock
from functions.domain.series import Row
from functions.ports.telemetry import TelemetryStore

REAL = "real InfluxDB"
SIZES, QUICK_SIZES = (1_000_000, 10_000_000), (100_000,)
IN_MEMORY_LIMIT = 1_000_000
"""DynamoDB's items live in the memory of the local AWS."""
ROUNDS = 15
BARE_EVERY = 10
"""One batch in ten is also written by the bare client, right before or after."""
OVERHEAD_GOAL = 1.3


class Figure(NamedTuple):
    name: str
    value: float
    unit: str
    against: str
    ratio: float
    goal: float | None = None

    def row(self) -> dict[str, Any]:
        ok = self.goal is None or self.ratio <= self.goal
        return {**self._asdict(), "value": round(self.value, 2), "ratio": round(self.ratio, 3), "ok": ok}


class Measured(NamedTuple):
    """Of one store and size: points a second, and of each question the milliseconds of the middle round."""

    rate: float
    asked: dict[str, float]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="100,000 points only")
    parser.add_argument("--json", action="store_true", help="print a JSON list instead of a table")
    parser.add_argument("--points", type=int, nargs="+", help="other numbers of points")
    parser.add_argument("--stores", nargs="+", choices=list(SERVERS), default=list(SERVERS), help="only some stores")
    arguments = parser.parse_args()
    say = (lambda _: None) if arguments.json else (lambda text: print(f"… {text}", file=sys.stderr, flush=True))
    sizes = arguments.points or (QUICK_SIZES if arguments.quick else SIZES)
    rows = []
    for figure in (figure for size in sizes for figure in compared(size, arguments.stores, say)):
        rows.append(figure.row())
        if not arguments.json:  # as they come: all of them take half an hour
            print(line(figure.row()), flush=True)
    if arguments.json:
        print(json.dumps(rows, ensure_ascii=False, indent=1))


def line(row: dict[str, Any]) -> str:
    mark = "    " if row["goal"] is None else "ok  " if row["ok"] else "OVER"
    goal = "" if row["goal"] is None else f" ≤ {row['goal']:g}"
    value = f"{row['value']:12,.2f} {row['unit']:9}"
    return f"{mark} {row['ratio']:8.3f}{goal:6}  {value} {row['name']}  ({row['against']})"


def compared(points: int, stores: list[str], say: Callable[[str], None]) -> Iterator[Figure]:
    """The real server first, since all others are held against it."""
    real: Measured | None = None
    for name in sorted(stores, key=lambda store: store != REAL):
        if name == "dynamodb" and points > IN_MEMORY_LIMIT:
            say(f"dynamodb: not with {points:,} points, its items would fill the memory of the local AWS")
            continue
        with SERVERS[name](say) as served:
            say(f"{name}: writing {points:,} points")
            end = SystemClock().now_ms() // HOUR_MS * HOUR_MS
            bare = served.bare
            rate, overheads = written(served.store, bare, points, end)
            say(f"{name}: {rate:,.0f} points/s; asking")
            measured = Measured(rate, {question.name: asked(served.store, question, end) for question in QUESTIONS})
            if name == REAL:
                real = measured
            yield from figures(f"{points:,} points, {name}", measured, real)
            if bare is not None:
                yield from overhead(f"{points:,} points, {name}", served, bare, overheads, end)


def figures(name: str, measured: Measured, real: Measured | None) -> Iterator[Figure]:
    theirs = real or measured
    yield Figure(
        f"{name}: write", measured.rate, "points/s", f"{REAL}: {theirs.rate:,.0f}", measured.rate / theirs.rate
    )
    for question in QUESTIONS:
        value, other = measured.asked[question.name], theirs.asked[question.name]
        yield Figure(f"{name}: {question.name}", value, "ms", f"{REAL}: {other:.1f} ms", value / other)
        if question.limit_ms is not None:
            against = f"limit of {question.limit_ms:.0f} ms"
            yield Figure(f"{name}: {question.name}", value, "ms", against, value / question.limit_ms, 1.0)


def overhead(name: str, served: Served, bare: BareInflux, writes: list[float], end: int) -> Iterator[Figure]:
    yield Figure(f"{name}: adapter, write", median(writes), "×", "bare client", median(writes), OVERHEAD_GOAL)
    for question in QUESTIONS:
        ratio = median(_turns(served.store, bare, question, end))
        yield Figure(f"{name}: adapter, {question.name}", ratio, "×", "bare client", ratio, OVERHEAD_GOAL)


def _turns(store: TelemetryStore, bare: BareInflux, question: Question, end: int) -> Iterator[float]:
    for turn in range(ROUNDS):
        device = OLD_DEVICES[turn % len(OLD_DEVICES)]
        own = timed(lambda device=device: every_row(store, question, device, end))
        yield own / timed(lambda device=device: bare.ask(question, device, end))


def written(store: TelemetryStore, bare: BareInflux | None, points: int, end: int) -> tuple[float, list[float]]:
    """Points a second of the store, and for some batches its time as a multiple of the bare client's."""
    spent, count = 0.0, 0
    ratios: list[float] = []
    for batches in (histories(end), fleet(points, end)):
        for number, batch in enumerate(batches):
            theirs = None
            if bare is not None and number % BARE_EVERY == 0:
                theirs = timed(lambda batch=batch: bare.write(batch))
            own = timed(lambda batch=batch: store.write(batch))
            spent += own
            count += len(batch)
            if theirs is not None:
                ratios.append(own / theirs)
    return count / spent, ratios


def asked(store: TelemetryStore, question: Question, end: int) -> float:
    """Milliseconds, each round about another device; the first answer is checked before any is timed."""
    expected = question.span_ms // (question.bin_ms or HOUR_MS // 60)
    found = len(every_row(store, question, OLD_DEVICES[0], end))
    if not expected <= found <= 2 * expected + 1:
        raise SystemExit(f"{question.name}: expected about {expected} rows, got {found}: nothing here can be compared")
    turns = (OLD_DEVICES[turn % len(OLD_DEVICES)] for turn in range(ROUNDS))
    return median(timed(lambda device=device: every_row(store, question, device, end)) for device in turns) * 1e3


def every_row(store: TelemetryStore, question: Question, device: str, end: int) -> list[Row]:
    page = store.series(question.asked(device, end))
    rows = [*page.rows]
    while page.cursor is not None:
        page = store.series(question.asked(device, end, page.cursor))
        rows += page.rows
    return rows


def timed(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
