"""The points of a fleet as ingest hands them over, and the three questions of a chart."""

import random
from collections.abc import Iterator
from typing import NamedTuple

from functions.domain.series import Aggregate, Point, SeriesQuery

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS
FLEET = 10_000
METRICS = {"current": 2, "humidity": 1, "pressure": 1, "temperature": 2, "vibration": 3}
"""With the decimals that a sensor gives."""
MESSAGES_A_BATCH = 1000
"""What the queue hands over at most."""
OLD_DEVICES = ("device-00017", "device-04242", "device-09876")
"""These have 31 days of one metric; the questions are about them."""
METRIC = "temperature"
HISTORY_DAYS = 31


class Question(NamedTuple):
    name: str
    span_ms: int
    bin_ms: int | None
    limit_ms: float | None
    """What a person may have to wait at most."""

    def asked(self, device: str, end: int, cursor: str | None = None) -> SeriesQuery:
        return SeriesQuery(
            device=device,
            metrics=(METRIC,),
            start=end - self.span_ms,
            end=end,
            bin_ms=self.bin_ms,
            aggregates=(Aggregate.AVG, Aggregate.MIN, Aggregate.MAX),
            cursor=cursor,
        )


QUESTIONS = (
    Question("24 h in 5-minute bins", DAY_MS, 5 * MINUTE_MS, 50.0),
    Question("raw, 1 h", HOUR_MS, None, None),
    Question("31 days hourly", HISTORY_DAYS * DAY_MS, HOUR_MS, 200.0),
)


def fleet(points: int, end: int) -> Iterator[list[Point]]:
    """`points` points up to `end`: each device sends a message with every metric each minute."""
    chance = random.Random(1)
    minutes = max(1, points // (FLEET * len(METRICS)))
    for minute in range(minutes, 0, -1):
        for first in range(0, FLEET, MESSAGES_A_BATCH):
            batch: list[Point] = []
            for device in range(first, first + MESSAGES_A_BATCH):
                ts = end - minute * MINUTE_MS + device % MINUTE_MS
                received_at = ts + chance.randrange(200, 3000)
                for metric, digits in METRICS.items():
                    value = round(20 + chance.random() * 5, digits)
                    batch.append(
                        Point(
                            f"device-{device:05}",
                            metric,
                            ts,
                            value,
                            "good",
                            late=False,
                            received_at=received_at,
                            fresh=True,
                        )
                    )
            yield batch


def histories(end: int) -> Iterator[list[Point]]:
    """31 days of the old devices, a point a minute each, in batches."""
    chance = random.Random(2)
    batch: list[Point] = []
    for minute in range(HISTORY_DAYS * 24 * 60, 0, -1):
        for device in OLD_DEVICES:
            # Half a minute off, so that no point is one of the fleet's.
            ts = end - minute * MINUTE_MS + MINUTE_MS // 2
            value = round(20 + chance.random() * 5, 2)
            batch.append(Point(device, METRIC, ts, value, "good", late=False, received_at=ts + 400, fresh=True))
        if len(batch) >= MESSAGES_A_BATCH * len(METRICS):
            yield batch
            batch = []
    yield batch
