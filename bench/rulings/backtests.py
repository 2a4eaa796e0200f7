"""What a rule would have found in 30 days of one device at a message a minute, through the service that runs backtests.

From memory, where nothing costs but the service and its engine; and from the `dynamodb` store, of which each message is
a chunk of its own, in a DynamoDB in memory: that adds what pages of chunks cost to read, without a network.
"""

import time
from bisect import bisect_left
from collections.abc import Sequence
from typing import Final

import msgspec

from bench.rulings.workload import FOR_MS, INTERVAL_MS, METRICS, MIDDLES, SPREADS, START_MS, one_device
from contract.rules import read_rule, to_document
from functions.adapters.dynamodb_telemetry import DynamoDBTelemetryStore
from functions.adapters.memory import ManualClock
from functions.adapters.memory_rules import MemoryBacktests
from functions.domain.access import By
from functions.domain.backtests import Backtest, Stage
from functions.domain.cursors import seal, unseal
from functions.domain.series import Point, RawRow, SeriesPage, SeriesQuery
from functions.ports.telemetry import SeriesReader
from functions.services.backtests import RunBacktest
from tests.simulation.dynamodb import Database
from tests.simulation.dynamodb_client import DynamoDBClient
from tests.simulation.tables import Table

DAY_MS: Final = 86_400_000
DAYS, WARM_UP_DAYS = 30, 1
THING: Final = "pump-0"
FROM_MEMORY: Final = "from memory"
ASKED: Final = ("temperature", "vibration")
RULE: Final = read_rule(
    {
        "rule": "worn",
        "scope": "*",
        "severity": "major",
        "when": {
            "all": [
                {"metric": metric, "above": MIDDLES[metric] + SPREADS[metric], "until": MIDDLES[metric]}
                for metric in ASKED
            ],
            "for_ms": FOR_MS,
        },
        "clear": {"metric": "temperature", "below": MIDDLES["temperature"] - SPREADS["temperature"]},
    }
)


class InMemory:
    """Rows of one device, in the order of their time."""

    def __init__(self, points: Sequence[Point]) -> None:
        self._rows = [RawRow(one.ts, one.metric, one.value, one.quality, one.late) for one in points]
        self._times = [row.ts for row in self._rows]

    def series(self, query: SeriesQuery) -> SeriesPage:
        at = bisect_left(self._times, query.start) if query.cursor is None else int(unseal(query.cursor, (), (int,))[0])
        end = bisect_left(self._times, query.end)
        rows: list[RawRow] = []
        while at < end and len(rows) < query.limit:
            if self._rows[at].metric in query.metrics:
                rows.append(self._rows[at])
            at += 1
        return SeriesPage(tuple(rows), seal((), (at,)) if at < end else None)


def measure(rounds: int, *, chunks: bool) -> dict[str, float]:
    """Seconds of processor time that a backtest takes, by where its data is; the best of so many."""
    points = _points()
    taken = {FROM_MEMORY: _best(InMemory(points), rounds)}
    if chunks:
        taken["from chunks of a message each"] = _best(_in_chunks(points), rounds)
    return taken


def _points() -> list[Point]:
    return [
        Point(THING, metric, at, value, "good", late=False, received_at=at + 50)
        for at, values in one_device((DAYS + WARM_UP_DAYS) * DAY_MS // INTERVAL_MS)
        for metric, value in sorted(values.items())
    ]


def _in_chunks(points: Sequence[Point]) -> SeriesReader:
    end = points[-1].ts
    client = DynamoDBClient(Database({"telemetry": Table()}, lambda: end))
    store = DynamoDBTelemetryStore(client, "telemetry", clock=ManualClock(end), retention_ms=90 * DAY_MS)  # type: ignore[arg-type] # of boto3's shape
    for at in range(0, len(points), len(METRICS)):
        store.write(points[at : at + len(METRICS)])
    return store


def _best(series: SeriesReader, rounds: int) -> float:
    end = START_MS + (DAYS + WARM_UP_DAYS) * DAY_MS
    taken = []
    for _ in range(rounds):
        jobs = MemoryBacktests()
        jobs.create(
            Backtest(
                id="job",
                thing=THING,
                rule=msgspec.json.encode(to_document(RULE)).decode(),
                begin=START_MS,
                start=START_MS + WARM_UP_DAYS * DAY_MS,
                end=end,
                metrics=ASKED,
                attributes={},
                by=By("user:bench", "bench"),
                created_at=end,
            )
        )
        started = time.process_time()
        stage = RunBacktest(jobs, series, ManualClock(end)).run("job")
        taken.append(time.process_time() - started)
        found = jobs.kept["job"].result
        if stage is not Stage.DONE or found is None or found.samples != DAYS * DAY_MS // INTERVAL_MS:
            raise SystemExit(f"a backtest ended {stage} with {found}")
        if not found.tested.raised:
            raise SystemExit("a backtest found no alarm, so it measured too little")
    return min(taken)
