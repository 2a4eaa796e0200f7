"""Points of telemetry, the questions asked of them and how bins are made. Times are ms since the Unix epoch."""

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from enum import StrEnum
from math import fsum, isfinite
from typing import Any, TypeAlias

import msgspec

from contract.telemetry import QUALITIES, Quality, Value

MAX_LIMIT = 1000
MAX_METRICS = 20
MAX_BINS = 10_000


class Aggregate(StrEnum):
    AVG = "avg"
    MIN = "min"
    MAX = "max"
    SUM = "sum"
    COUNT = "count"
    LAST = "last"


class Point(msgspec.Struct, frozen=True, gc=False):
    """One value of one metric of one device. `(device, metric, ts)` identifies it.

    `fresh` is what the writer knows, no part of the point: its `ts` is after all that were known of the metric, so that
    a store need not look for another version of it. Without it a store assumes nothing.
    """

    device: str
    metric: str
    ts: int
    value: Value
    quality: Quality
    late: bool
    received_at: int
    fresh: bool = False


class Rejected(msgspec.Struct, frozen=True, gc=False):
    """A point that a store will never take, and the slug that says why."""

    point: Point
    reason: str
    detail: str


class SeriesQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Points of some metrics of a device in `[start, end)`: as they are, or in bins of `bin_ms`.

    `cursor` is what the page before gave. Bins begin at multiples of `bin_ms` since the epoch, also before `start`, and
    only points inside `[start, end)` count in them.
    """

    device: str
    metrics: tuple[str, ...]
    start: int
    end: int
    bin_ms: int | None = None
    aggregates: tuple[Aggregate, ...] = (Aggregate.AVG,)
    cursor: str | None = None
    limit: int = MAX_LIMIT


class RawRow(msgspec.Struct, frozen=True, gc=False):
    ts: int
    metric: str
    value: Value
    quality: Quality
    late: bool


class BinRow(msgspec.Struct, frozen=True):
    """`ts` is where the bin begins. Of booleans and strings only count and last are known, the rest is None."""

    ts: int
    metric: str
    values: Mapping[Aggregate, Value | int | None]


Row: TypeAlias = RawRow | BinRow


class SeriesPage(msgspec.Struct, frozen=True):
    """Rows ordered by `(ts, metric)`. A page may hold fewer rows than asked for, even none, before the last one."""

    rows: tuple[Row, ...]
    cursor: str | None


class PointsPage(msgspec.Struct, frozen=True):
    """Points as they stand, in no order; a page may be empty before the last one, which has no cursor."""

    points: tuple[Point, ...]
    cursor: str | None


class DevicesPage(msgspec.Struct, frozen=True):
    """Names of devices, in no order; one may come again on a later page."""

    devices: tuple[str, ...]
    cursor: str | None


class Capabilities(msgspec.Struct, frozen=True, kw_only=True):
    """What not every store can do.

    `breaks_ties`: of two values for one identity that were received in the same millisecond, the greater stands in
    whatever order they were written; without it either of the two may stand.
    """

    name: str
    deletes: bool
    breaks_ties: bool


_QUALITY_RANK = {quality: rank for rank, quality in enumerate(QUALITIES)}
TYPE_RANK: dict[type, int] = {bool: 0, float: 1, str: 2}
"""Which of two values of different types counts as greater."""


def precedence(point: Point) -> tuple[Any, ...]:
    """Of two points with the same identity the greater one stands: the last received, whatever came first."""
    value = point.value
    return (point.received_at, TYPE_RANK[type(value)], value, point.late, _QUALITY_RANK[point.quality])


def newest(points: Iterable[Point]) -> dict[tuple[str, str, int], Point]:
    """The point that stands for each identity."""
    kept: dict[tuple[str, str, int], Point] = {}
    for point in points:
        key = (point.device, point.metric, point.ts)
        other = kept.get(key)
        if other is None or precedence(point) > precedence(other):
            kept[key] = point
    return kept


def bin_start(ts: int, bin_ms: int) -> int:
    return ts - ts % bin_ms


class Summary:
    """The aggregates of one metric in one bin; `add` what lies in it in any order, a point only once."""

    __slots__ = ("_count", "_last", "_last_ts", "_maximum", "_minimum", "_numbers", "_sums")

    def __init__(self) -> None:
        self._count = 0
        self._numbers = 0
        self._sums: list[float] = []
        self._minimum = float("inf")
        self._maximum = float("-inf")
        self._last_ts = -1
        self._last: Value | None = None

    def add(self, timestamps: list[int], values: list[Value]) -> None:
        """Points in ascending order of time."""
        if not timestamps:
            return
        self._count += len(values)
        if timestamps[-1] > self._last_ts:
            self._last_ts, self._last = timestamps[-1], values[-1]
        numbers = [value for value in values if type(value) is float]
        if numbers:
            self._numbers += len(numbers)
            self._minimum = min(self._minimum, *numbers)
            self._maximum = max(self._maximum, *numbers)
            self._sums.append(_total(numbers))

    def values(self, aggregates: Iterable[Aggregate]) -> dict[Aggregate, Value | int | None]:
        """Sum and avg are None where the sum is beyond what a float holds."""
        total = _total(self._sums) if self._numbers else None
        if total is not None and not isfinite(total):
            total = None
        known: dict[Aggregate, Value | int | None] = {
            Aggregate.COUNT: self._count,
            Aggregate.LAST: self._last,
            Aggregate.SUM: total,
            Aggregate.AVG: None if total is None else total / self._numbers,
            Aggregate.MIN: self._minimum if self._numbers else None,
            Aggregate.MAX: self._maximum if self._numbers else None,
        }
        return {aggregate: known[aggregate] for aggregate in aggregates}


def _total(numbers: list[float]) -> float:
    try:
        return fsum(numbers)
    except (OverflowError, ValueError):  # beyond a float, or infinities of both signs from earlier overflows
        return float("nan")


class Binner:
    """Sorts points of many metrics into bins and hands out those that are complete."""

    def __init__(self, bin_ms: int, aggregates: tuple[Aggregate, ...]) -> None:
        self._bin_ms = bin_ms
        self._aggregates = aggregates
        self._open: dict[tuple[int, str], Summary] = {}

    def add(self, metric: str, timestamps: list[int], values: list[Value]) -> None:
        """Points in ascending order of time; each point once over all calls."""
        first = 0
        count = len(timestamps)
        while first < count:
            start = bin_start(timestamps[first], self._bin_ms)
            behind = bisect_left(timestamps, start + self._bin_ms, first)
            summary = self._open.get((start, metric))
            if summary is None:
                summary = self._open[start, metric] = Summary()
            summary.add(timestamps[first:behind], values[first:behind])
            first = behind

    def complete(self, until: int | None = None) -> list[BinRow]:
        """Rows of the bins that end at or before `until`, or of all, in order; they are forgotten here."""
        done = sorted(key for key in self._open if until is None or key[0] + self._bin_ms <= until)
        return [BinRow(ts, metric, self._open.pop((ts, metric)).values(self._aggregates)) for ts, metric in done]
