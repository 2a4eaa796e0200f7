"""Pages of points and rows of one device, from as few requests as can be: nearly always one."""

from bisect import bisect_left
from collections.abc import Sequence
from typing import Any, NamedTuple

from functions.adapters.influx_answers import Series, Statement
from functions.adapters.influx_auth import Authorization
from functions.adapters.influx_client import InfluxClient
from functions.adapters.influx_http import Deadline
from functions.adapters.influx_queries import raw
from functions.adapters.influx_rows import Row, standing, ts_of
from functions.domain.series import Binner, Point, RawRow, SeriesQuery, bin_start
from functions.domain.series import Row as Answer

Position = tuple[int, str]
"""`(ts, metric)` of the row that came last; `(ts, "")` is before all rows of `ts`."""

BIN_ROWS = 10_000
"""Rows that are asked for at once where bins are made of them."""
_SPARSE_ROWS = 250
"""A page of many metrics asks for at least as many rows, since not each row may have them all."""


class Asking(NamedTuple):
    """One use of the store: whatever it asks ends by the same deadline."""

    client: InfluxClient
    auth: Authorization
    deadline: Deadline
    doing: str

    def query(self, *statements: Statement) -> list[list[Series[Any]]]:
        """Raises StoreError."""
        return self.client.query(self.doing, statements, self.auth, self.deadline)

    def points(self, device: str, metrics: Sequence[str], start: int, end: int, limit: int) -> "Points":
        """What stands in the first `limit` rows of `[start, end)`; `metrics` are sorted. Raises StoreError."""
        limit += 1  # the one that tells whether there are more
        while True:
            (series,) = self.query(raw(device, metrics, start, end, limit))
            rows: list[Row] = series[0].values if series else []
            if len(rows) < limit:
                return Points(standing(device, metrics, rows), None)
            # More versions of the last instant may follow.
            last = ts_of(rows[-1])
            whole = rows[: bisect_left(rows, last, key=ts_of)]
            if whole:
                return Points(standing(device, metrics, whole), last)
            limit *= 4


class Points(NamedTuple):
    """In order of ts and metric: all before `reached`, or all there are."""

    points: list[Point]
    reached: int | None


class Page(NamedTuple):
    rows: list[Answer]
    more: Position | None


def cut(rows: list[Answer], after: Position, limit: int, reached: int | None) -> Page:
    """The first rows behind `after`, and from where to go on: behind the last of them, at `reached`, or nowhere."""
    rows = [row for row in rows if (row.ts, row.metric) > after]
    if len(rows) > limit:
        return Page(rows[:limit], (rows[limit - 1].ts, rows[limit - 1].metric))
    return Page(rows, None if reached is None else (reached, ""))


def raw_page(asking: Asking, query: SeriesQuery, after: Position, start: int, end: int) -> Page:
    metrics = sorted(set(query.metrics))
    limit = max(-(-query.limit // len(metrics)), min(query.limit, _SPARSE_ROWS))
    points, reached = asking.points(query.device, metrics, start, end, limit)
    rows: list[Answer] = [RawRow(one.ts, one.metric, one.value, one.quality, one.late) for one in points]
    return cut(rows, after, query.limit, reached)


def page_of_uncounted_bins(
    asking: Asking, query: SeriesQuery, bin_ms: int, after: Position, start: int, end: int
) -> Page:
    """Bins made of points: as many as one request gives, and one at least."""
    metrics = sorted(set(query.metrics))
    binner = Binner(bin_ms, query.aggregates)
    rows: list[Answer] = []
    reached: int | None = start
    while reached is not None and not rows:
        points, reached = asking.points(query.device, metrics, reached, end, BIN_ROWS)
        bin_points(binner, points)
        rows += binner.complete(reached)
    return cut(rows, after, query.limit, None if reached is None else bin_start(reached, bin_ms))


def bin_points(binner: Binner, points: Sequence[Point]) -> None:
    for point in points:
        binner.add(point.metric, [point.ts], [point.value])
