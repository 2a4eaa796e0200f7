"""What the DynamoDB telemetry store costs to write and to ask, beside a table with one item a point.

    .venv/bin/python bench/chunks.py [--quick] [--json] [--endpoint URL | --port P]

A million points (quick: 50,000) of ten devices with five metrics a minute, written in batches as ingest does. The peer
writes and reads a sample of the same points in the same table service, one item a point, in the same run. Without an
endpoint the service is the laptop's local AWS, started for this alone (moto would search a whole table at each query).
"""

import argparse
import json
import random
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.stores.servers import LOCAL_AWS_PORT, dynamodb_client, local_aws, table
from functions.adapters.chunk import decode
from functions.adapters.clock import SystemClock
from functions.adapters.dynamodb_telemetry import DynamoDBTelemetryStore
from functions.domain.series import Aggregate, Point, Row, SeriesQuery

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS
DEVICES = 10
METRICS = {"current": 2, "humidity": 1, "pressure": 1, "temperature": 2, "vibration": 3}
"""With the decimals that a sensor gives."""
MESSAGES_A_BATCH = 10
"""Of each device, in one call of `write`: what a queue that is not empty hands over."""
ROUNDS = 5
DEVICE, METRIC = "device-0", "temperature"
PEER = "one item a point"

WRITE_GOAL = 0.5
READ_GOAL = 0.75
BYTES_GOAL = 0.25
"""Of what the peer takes for the same points."""


class Plan(NamedTuple):
    """`sample` points are also written and read by the peer."""

    points: int
    sample: int


FULL, QUICK = Plan(1_000_000, 40_000), Plan(50_000, 10_000)


class Figure(NamedTuple):
    name: str
    value: float
    unit: str
    against: str
    ratio: float
    goal: float

    def row(self) -> dict[str, Any]:
        return {
            **self._asdict(),
            "value": round(self.value, 2),
            "ratio": round(self.ratio, 3),
            "ok": self.ratio <= self.goal,
        }


class OneItemAPoint:
    """The peer: the schema that one writes first."""

    def __init__(self, client: Any, table: str) -> None:
        self._client = client
        self._table = table

    def write(self, points: list[Point]) -> None:
        for first in range(0, len(points), 25):
            left = [{"PutRequest": {"Item": self.item(point)}} for point in points[first : first + 25]]
            while left:
                left = self._client.batch_write_item(RequestItems={self._table: left})["UnprocessedItems"].get(
                    self._table
                )

    def item(self, point: Point) -> dict[str, Any]:
        return {
            "pk": {"S": f"{point.device}#{point.metric}"},
            "sk": {"S": f"{point.ts:013d}"},
            "value": {"N": repr(point.value)},
            "q": {"S": point.quality},
            "late": {"BOOL": point.late},
            "received_at": {"N": str(point.received_at)},
        }

    def read(self, device: str, metric: str, start: int, end: int) -> list[tuple[int, float]]:
        request = {
            "TableName": self._table,
            "KeyConditionExpression": "pk = :pk AND sk BETWEEN :start AND :end",
            "ExpressionAttributeValues": {
                ":pk": {"S": f"{device}#{metric}"},
                ":start": {"S": f"{start:013d}"},
                ":end": {"S": f"{end - 1:013d}"},
            },
        }
        rows: list[tuple[int, float]] = []
        while True:
            answer = self._client.query(**request)
            rows += [(int(item["sk"]["S"]), float(item["value"]["N"])) for item in answer["Items"]]
            if "LastEvaluatedKey" not in answer:
                return rows
            request["ExclusiveStartKey"] = answer["LastEvaluatedKey"]

    def averages(self, device: str, metric: str, start: int, end: int, bin_ms: int) -> list[float]:
        bins: dict[int, list[float]] = {}
        for ts, value in self.read(device, metric, start, end):
            bins.setdefault(ts - ts % bin_ms, []).append(value)
        return [sum(values) / len(values) for _, values in sorted(bins.items())]


def batches(count: int, end: int) -> Iterator[list[Point]]:
    """`count` points that end at `end`, in batches of some minutes of every device."""
    chance = random.Random(1)
    minutes = count // (DEVICES * len(METRICS))
    for first in range(0, minutes, MESSAGES_A_BATCH):
        batch: list[Point] = []
        for device in range(DEVICES):
            for minute in range(first, min(first + MESSAGES_A_BATCH, minutes)):
                ts = end - (minutes - minute) * MINUTE_MS + chance.randrange(200)
                for metric, digits in METRICS.items():
                    value = round(20 + chance.random() * 5, digits)
                    batch.append(Point(f"device-{device}", metric, ts, value, "good", late=False, received_at=ts + 400))
        yield batch


def timed(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def compared(one: Callable[[], object], other: Callable[[], object]) -> tuple[float, float, float]:
    """Seconds of each and the median of the rounds' ratios: what slows a round slows both sides of it."""
    pairs = [(timed(one), timed(other)) for _ in range(ROUNDS)]
    return min(a for a, _ in pairs), min(b for _, b in pairs), median(a / b for a, b in pairs)


def rows(store: DynamoDBTelemetryStore, start: int, end: int, bin_ms: int | None) -> list[Row]:
    found: list[Row] = []
    cursor = None
    while True:
        page = store.series(
            SeriesQuery(
                device=DEVICE,
                metrics=(METRIC,),
                start=start,
                end=end,
                bin_ms=bin_ms,
                aggregates=(Aggregate.AVG,),
                cursor=cursor,
            )
        )
        found += page.rows
        cursor = page.cursor
        if cursor is None:
            return found


def measure(client: Any, tables: tuple[str, str], plan: Plan, say: Callable[[str], None]) -> Iterator[Figure]:
    end = SystemClock().now_ms() // HOUR_MS * HOUR_MS
    store = DynamoDBTelemetryStore(client, tables[0], clock=SystemClock(), retention_ms=400 * DAY_MS)
    peer = OneItemAPoint(client, tables[1])
    say(f"writing {plan.points:,} points")
    yield _writing(store, peer, plan, end)
    say("asking")
    yield from _asking(store, peer, plan, end)
    yield _stored(client, tables[0], peer, next(batches(plan.points, end)))


def _writing(store: DynamoDBTelemetryStore, peer: OneItemAPoint, plan: Plan, end: int) -> Figure:
    spent = 0.0
    pairs: list[tuple[float, float]] = []
    for number, batch in enumerate(batches(plan.points, end)):
        seconds = timed(lambda batch=batch: store.write(batch))
        spent += seconds
        if number % (plan.points // plan.sample) == 0:
            # Side by side: the same points, a moment later.
            pairs.append((seconds / len(batch), timed(lambda batch=batch: peer.write(batch)) / len(batch)))
    theirs = median(other for _, other in pairs) * 1e6
    ratio = median(own / other for own, other in pairs)
    return Figure("write", spent / plan.points * 1e6, "µs/point", f"{PEER}: {theirs:.1f} µs", ratio, WRITE_GOAL)


def _asking(store: DynamoDBTelemetryStore, peer: OneItemAPoint, plan: Plan, end: int) -> Iterator[Figure]:
    minutes = plan.points // (DEVICES * len(METRICS))
    asked = min(minutes // 2, plan.sample // 10)
    start, bin_ms = end - asked * MINUTE_MS, 5 * MINUTE_MS
    every = (point for batch in batches(plan.points, end) for point in batch)
    peer.write([one for one in every if (one.device, one.metric) == (DEVICE, METRIC) and one.ts >= start])

    mine, other, ratio = compared(lambda: rows(store, start, end, None), lambda: peer.read(DEVICE, METRIC, start, end))
    if [(row.ts, row.value) for row in rows(store, start, end, None)] != peer.read(DEVICE, METRIC, start, end):
        raise SystemExit("store and peer do not answer alike: nothing here can be compared")
    yield Figure(f"raw, {asked:,} points", mine * 1e3, "ms", f"{PEER}: {other * 1e3:.1f} ms", ratio, READ_GOAL)

    mine, other, ratio = compared(
        lambda: rows(store, start, end, bin_ms), lambda: peer.averages(DEVICE, METRIC, start, end, bin_ms)
    )
    name = f"5-minute averages of {asked:,} points"
    yield Figure(name, mine * 1e3, "ms", f"{PEER}: {other * 1e3:.1f} ms", ratio, READ_GOAL)

    mine = min(timed(lambda: rows(store, end - minutes * MINUTE_MS, end, bin_ms)) for _ in range(ROUNDS))
    scaled = other / asked * minutes
    against = f"{PEER}, scaled from {asked:,}: {scaled * 1e3:.1f} ms"
    yield Figure(f"5-minute averages of {minutes:,} points", mine * 1e3, "ms", against, mine / scaled, READ_GOAL)


def _stored(client: Any, table: str, peer: OneItemAPoint, points: list[Point]) -> Figure:
    """Stored bytes a point, as DynamoDB counts and bills them, over one page of chunks."""
    items = client.scan(TableName=table, Limit=200)["Items"]
    held = sum(len(column.ts) for item in items for column in decode(item["chunk"]["B"]).values())
    chunks = sum(_size(item) for item in items) / held
    single = sum(_size(peer.item(point)) for point in points) / len(points)
    return Figure(
        "stored", chunks, "bytes/point", f"one item a point: {single:.1f} bytes/point", chunks / single, BYTES_GOAL
    )


def _size(item: dict[str, Any]) -> int:
    """DynamoDB's rule: names and texts by their bytes, numbers two digits a byte and one more."""
    return sum(
        len(name) + {"S": len, "B": len, "N": lambda text: len(text) // 2 + 1, "BOOL": lambda _: 1}[kind](value)
        for name, attribute in item.items()
        for kind, value in attribute.items()
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="50,000 points instead of a million")
    parser.add_argument("--json", action="store_true", help="print a JSON list instead of a table")
    parser.add_argument(
        "--endpoint", help="a DynamoDB to measure on, such as the `aws` of `fieldline local status --json`"
    )
    parser.add_argument(
        "--port", type=int, default=LOCAL_AWS_PORT, help="where to start a local AWS when no endpoint is given"
    )
    arguments = parser.parse_args()
    say = (lambda _: None) if arguments.json else (lambda text: print(f"… {text}", file=sys.stderr))
    with nullcontext(arguments.endpoint) if arguments.endpoint else local_aws(arguments.port, say) as endpoint:
        client = dynamodb_client(endpoint)
        with table(client, "chunks") as chunks, table(client, "points") as points:
            plan = QUICK if arguments.quick else FULL
            figures = [figure.row() for figure in measure(client, (chunks, points), plan, say)]
    if arguments.json:
        print(json.dumps(figures, ensure_ascii=False, indent=1))
        return
    for figure in figures:
        mark = "ok  " if figure["ok"] else "OVER"
        value = f"{figure['value']:9.2f} {figure['unit']:11}"
        print(f"{mark} {figure['ratio']:6.3f} ≤ {figure['goal']:g}  {value} {figure['name']}  ({figure['against']})")


if __name__ == "__main__":
    main()
