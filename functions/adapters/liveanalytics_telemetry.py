"""The telemetry store on Timestream for LiveAnalytics, for accounts that have it.

The service promises that a query sees a write after a short time, not at once. It cannot delete points.
"""

from collections.abc import Sequence
from math import isfinite
from typing import TYPE_CHECKING, Any

from functions.adapters import liveanalytics_sql as sql
from functions.adapters.backoff import Backoff
from functions.adapters.liveanalytics_calls import Deadline
from functions.adapters.liveanalytics_query import QueryRunner, Scalar
from functions.adapters.liveanalytics_records import quality_of, unstorable, value_of
from functions.adapters.liveanalytics_write import RecordWriter
from functions.domain.cursors import seal, unseal
from functions.domain.retention import Horizon
from functions.domain.series import (
    Aggregate,
    BinRow,
    Capabilities,
    DevicesPage,
    Point,
    PointsPage,
    RawRow,
    Rejected,
    Row,
    SeriesPage,
    SeriesQuery,
    bin_start,
    newest,
)
from functions.errors import CursorError, PartialWriteError, StoreError, UnsupportedError
from functions.ports.clock import Clock

if TYPE_CHECKING:
    from mypy_boto3_timestream_query import TimestreamQueryClient
    from mypy_boto3_timestream_write import TimestreamWriteClient

    from contract.telemetry import Value

EXPORT_POINTS = 5000
DEVICES = 10_000
"""Names on a page of devices: few pages, since the service reads the whole table for each."""


class LiveAnalyticsTelemetryStore:
    """A function has the clients that it needs. One use of the store ends within about `budget_s`."""

    def __init__(
        self,
        write_client: "TimestreamWriteClient | None",
        query_client: "TimestreamQueryClient | None",
        database: str,
        table: str,
        *,
        clock: Clock,
        retention_ms: int,
        budget_s: float = 20.0,
        backoff: Backoff | None = None,
    ) -> None:
        self._backoff = backoff or Backoff()
        self._writer = RecordWriter(write_client, database, table) if write_client else None
        self._runner = QueryRunner(query_client) if query_client else None
        self._table = sql.table_name(database, table)
        self._clock = clock
        self._retention_ms = retention_ms
        self._budget_s = budget_s

    def capabilities(self) -> Capabilities:
        return Capabilities(name="timestream-liveanalytics", deletes=False, breaks_ties=False)

    def write(self, points: Sequence[Point]) -> list[Rejected]:
        if self._writer is None:
            raise StoreError("writing telemetry: this function has no client to write with")
        horizon = self._horizon()
        rejected: list[Rejected] = []
        taken: list[Point] = []
        for point in points:
            refusal = horizon.refusal(point)
            if refusal is None and (why := unstorable(point)) is not None:
                refusal = Rejected(point, "unstorable", why)
            if refusal is None:
                taken.append(point)
            else:
                rejected.append(refusal)
        outcome = self._writer.write([*newest(taken).values()], horizon.now, self._deadline())
        rejected += outcome.rejected
        if not outcome.failed:
            return rejected
        failed = frozenset(
            at for at, point in enumerate(points) if (point.device, point.metric, point.ts) in outcome.failed
        )
        reason = next(iter(outcome.failed.values()))
        raise PartialWriteError(f"{len(failed)} of {len(points)} points were not stored: {reason}", failed, rejected)

    def recount(self, points: Sequence[Point]) -> None:
        """Nothing to do: what is written again lands on what is there."""

    def series(self, query: SeriesQuery) -> SeriesPage:
        question = (query.device, query.metrics, query.start, query.end, query.bin_ms, query.aggregates)
        first = bin_start(query.start, query.bin_ms) if query.bin_ms else query.start
        after = _position(query.cursor, question, first, query.end)
        start, end = self._horizon().clamp(max(query.start, after[0] if after else 0), query.end)
        if start >= end:
            return SeriesPage((), None)
        span = sql.Span(query.device, start, end, after)
        rows: list[Row]
        if query.bin_ms is None:
            text = sql.points(self._table, span, query.metrics, query.limit + 1)
            rows = [_raw(columns) for columns in self._rows(text, query.device)]
        else:
            text = sql.bins(self._table, span, query.metrics, query.bin_ms, query.aggregates, query.limit + 1)
            rows = [_bin(columns, query.aggregates) for columns in self._rows(text, query.device)]
        page = rows[: query.limit]
        more = len(rows) > query.limit
        return SeriesPage(tuple(page), seal(question, (page[-1].ts, page[-1].metric)) if more else None)

    def export(self, device: str, start: int, end: int, cursor: str | None = None) -> PointsPage:
        question = ("export", device, start, end)
        after = _position(cursor, question, start, end)
        start, end = self._horizon().clamp(max(start, after[0] if after else 0), end)
        if start >= end:
            return PointsPage((), None)
        text = sql.points(self._table, sql.Span(device, start, end, after), None, EXPORT_POINTS + 1)
        points = [_point(device, columns) for columns in self._rows(text, device)]
        page = points[:EXPORT_POINTS]
        more = len(points) > EXPORT_POINTS
        return PointsPage(tuple(page), seal(question, (page[-1].ts, page[-1].metric)) if more else None)

    def devices(self, cursor: str | None = None) -> DevicesPage:
        after = "" if cursor is None else str(unseal(cursor, ("telemetry",), (str,))[0])
        text = sql.devices(self._table, self._horizon().oldest, after, DEVICES + 1)
        names = [str(columns[0]) for columns in self._rows(text, "every device")]
        page = names[:DEVICES]
        return DevicesPage(tuple(page), seal(("telemetry",), (page[-1],)) if len(names) > DEVICES else None)

    def delete(self, device: str, start: int, end: int) -> None:
        raise UnsupportedError(
            f"deleting telemetry of {device} in [{start}, {end}): Timestream for LiveAnalytics cannot delete points"
        )

    def _rows(self, text: str, whose: str) -> list[list[Any]]:
        doing = f"reading telemetry of {whose}"
        if self._runner is None:
            raise StoreError(f"{doing}: this function has no client to ask with")
        rows: list[list[Scalar]] = self._runner.rows(text, doing, self._deadline())
        return rows

    def _deadline(self) -> Deadline:
        return Deadline(self._budget_s, self._backoff)

    def _horizon(self) -> Horizon:
        return Horizon(self._clock.now_ms(), self._retention_ms)


def _position(cursor: str | None, question: Sequence[object], first: int, end: int) -> tuple[int, str] | None:
    if cursor is None:
        return None
    ts, metric = unseal(cursor, question, (int, str))
    if not first <= int(ts) < end:
        raise CursorError(cursor)
    return int(ts), str(metric)


def _raw(columns: list[Any]) -> RawRow:
    ts, metric, number, text, quality, _ = columns
    try:
        return RawRow(ts, metric, value_of(number, text), *quality_of(quality))
    except (ValueError, AttributeError) as exc:  # a table that is new may for a short time answer NULL
        raise StoreError(f"a point of {metric} at {ts}: {exc}") from exc


def _point(device: str, columns: list[Any]) -> Point:
    row = _raw(columns)
    return Point(device, row.metric, row.ts, row.value, row.quality, row.late, columns[-1])


def _bin(columns: list[Any], aggregates: tuple[Aggregate, ...]) -> BinRow:
    ts, metric, *rest = columns
    left = iter(rest)
    values: dict[Aggregate, Value | int | None] = {}
    for aggregate in aggregates:
        value = next(left)
        if aggregate == Aggregate.LAST:
            try:
                value = value_of(value, next(left))
            except (ValueError, AttributeError) as exc:
                raise StoreError(f"a bin of {metric} at {ts}: {exc}") from exc
        elif value is not None and not isfinite(value):
            value = None  # the sum is beyond a float
        values[aggregate] = value
    return BinRow(ts, metric, values)
