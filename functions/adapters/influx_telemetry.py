"""The telemetry store on InfluxDB: 1.x, and 2.x (as Timestream for InfluxDB runs it) through its InfluxQL mapping.

`influx_lines` and `influx_slots` say how points stand in it.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import msgspec

from functions.adapters.backoff import Backoff
from functions.adapters.influx_answers import Series
from functions.adapters.influx_auth import Authorization, BasicAuth, Token, TokenAuth
from functions.adapters.influx_bins import page_of_bins
from functions.adapters.influx_client import InfluxClient
from functions.adapters.influx_devices import page_of_devices
from functions.adapters.influx_http import Deadline
from functions.adapters.influx_lines import MEASUREMENT, carries
from functions.adapters.influx_pages import Asking, Page, Position, page_of_uncounted_bins, raw_page
from functions.adapters.influx_queries import delete, last_of_each_field, name
from functions.adapters.influx_slots import MS
from functions.adapters.influx_writes import Writing
from functions.domain.cursors import seal, unseal
from functions.domain.retention import Horizon
from functions.domain.series import (
    Capabilities,
    DevicesPage,
    Point,
    PointsPage,
    Rejected,
    SeriesPage,
    SeriesQuery,
    bin_start,
)
from functions.errors import CursorError, PartialWriteError, StoreError
from functions.ports.clock import Clock

EXPORT_VALUES = 20_000
"""A page of an export asks for so many rows that they have at most about this many values."""
_LEAST_ROWS = 100
_LAST_OF_METRIC = tuple(f"last_{kind}:" for kind in "fbs")
_BEFORE_METRIC = len(_LAST_OF_METRIC[0])
_DEVICES = ("telemetry",)
_COUNTED_BINS_MS = range(60_000, 100 * 366 * 86_400_000)
"""Shorter ones hold so few points that there is nothing to gain by having them counted; InfluxQL has no longer ones."""


class InfluxTelemetryStore:
    def __init__(
        self,
        url: str,
        database: str,
        *,
        write_token: Token | None = None,
        read_token: Token | None = None,
        auth: BasicAuth | None = None,
        organization: str = "fieldline",
        bucket: str | None = None,
        clock: Clock,
        retention_ms: int,
        budget_s: float = 20.0,
        backoff: Backoff | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`url` is `https://host:port`. With `auth` the server is a 1.x, with tokens a 2.x, of which organization and
        bucket are needed for deleting. Each call ends within about `budget_s`, whatever the server does.
        """
        self._client = InfluxClient(url, database, backoff or Backoff())
        self._writer: Authorization | None = auth or (TokenAuth(write_token) if write_token else None)
        self._reader: Authorization | None = auth or (TokenAuth(read_token) if read_token else None)
        self._speaks_v1 = auth is not None
        self._delete_path = "/api/v2/delete?" + urlencode({"org": organization, "bucket": bucket or database})
        self._clock = clock
        self._retention_ms = retention_ms
        self._budget_s = budget_s
        self._monotonic = monotonic

    def capabilities(self) -> Capabilities:
        return Capabilities(name="timestream-influxdb", deletes=True, breaks_ties=False)

    def write(self, points: Sequence[Point]) -> list[Rejected]:
        horizon = self._horizon()
        oldest, end = horizon.oldest, horizon.end
        refused = [point for point in points if not oldest <= point.ts < end]
        rejected = [refusal for refusal in map(horizon.refusal, refused) if refusal is not None]
        taken = [point for point in points if oldest <= point.ts < end] if refused else points
        deadline = self._deadline()
        asking = None
        if not all(point.fresh for point in taken):
            asking = self._asking("looking for versions of points", deadline)
        writing = Writing(self._client, self._may("write", self._writer), deadline, asking)
        writing.write(taken)
        rejected += writing.rejected
        if writing.problem is None:
            return rejected
        if not writing.stored:
            raise writing.problem
        lost = {(point.device, point.metric, point.ts) for point in writing.open}
        failed = frozenset(
            at
            for at, point in enumerate(points)
            if (point.device, point.metric, point.ts) in lost and oldest <= point.ts < end
        )
        message = f"{len(failed)} of {len(points)} points were not stored: {writing.problem}"
        raise PartialWriteError(message, failed, rejected) from writing.problem

    def recount(self, points: Sequence[Point]) -> None:
        horizon = self._horizon()
        kept = [point for point in points if horizon.oldest <= point.ts < horizon.end]
        if not kept:
            return
        deadline = self._deadline()
        asking = self._asking("looking for versions of points", deadline)
        writing = Writing(self._client, self._may("write", self._writer), deadline, asking)
        writing.mark(kept)
        if writing.problem is not None:
            raise writing.problem

    def series(self, query: SeriesQuery) -> SeriesPage:
        question = (query.device, query.metrics, query.start, query.end, query.bin_ms, query.aggregates)
        after = (-1, "")
        if query.cursor is not None:
            ts, metric = unseal(query.cursor, question, (int, str))
            after = (int(ts), str(metric))
            if not (bin_start(query.start, query.bin_ms) if query.bin_ms else query.start) <= after[0] < query.end:
                raise CursorError(query.cursor)
        start, end = self._horizon().clamp(max(query.start, after[0]), query.end)
        metrics = tuple(metric for metric in query.metrics if carries(metric))
        if start >= end or not metrics or not carries(query.device):
            return SeriesPage((), None)
        asking = self._asking(f"reading telemetry of {query.device}")
        page = _page(asking, msgspec.structs.replace(query, metrics=metrics), after, start, end)
        return SeriesPage(tuple(page.rows), None if page.more is None else seal(question, page.more))

    def export(self, device: str, start: int, end: int, cursor: str | None = None) -> PointsPage:
        question = ("export", device, start, end)
        first = start
        if cursor is not None:
            first = int(unseal(cursor, question, (int,))[0])
            if not start <= first < end:
                raise CursorError(cursor)
        first, end = self._horizon().clamp(first, end)
        if first >= end or not carries(device):
            return PointsPage((), None)
        asking = self._asking(f"exporting telemetry of {device}")
        (series,) = asking.query(last_of_each_field(device, first, end))
        metrics = sorted({metric for one in series for metric in _metrics(one)})
        if not metrics:
            return PointsPage((), None)
        limit = max(_LEAST_ROWS, EXPORT_VALUES // len(metrics))
        points, reached = asking.points(device, metrics, first, end, limit)
        return PointsPage(tuple(points), None if reached is None else seal(question, (reached,)))

    def devices(self, cursor: str | None = None) -> DevicesPage:
        after, offset = "", 0
        if cursor is not None:
            name_seen, offset_seen = unseal(cursor, _DEVICES, (str, int))
            after, offset = str(name_seen), max(0, int(offset_seen))
        horizon = self._horizon()
        asking = self._asking("looking for devices with telemetry")
        found, more = page_of_devices(asking, after, offset, horizon.oldest, horizon.end)
        return DevicesPage(tuple(found), None if more is None else seal(_DEVICES, more))

    def delete(self, device: str, start: int, end: int) -> None:
        start, end = max(start, 0), min(end, self._horizon().end)
        if start >= end or not carries(device):
            return
        doing = f"deleting telemetry of {device}"
        auth, deadline = self._may("delete", self._writer), self._deadline()
        if self._speaks_v1:
            self._client.query(doing, [delete(device, start, end)], auth, deadline)
            return
        # The last nanosecond before the end has no slot: whether the server counts it in or not is the same.
        document = {
            "start": _rfc3339(start * MS),
            "stop": _rfc3339(end * MS - 1),
            "predicate": f"_measurement={name(MEASUREMENT)} AND device={name(device)}",
        }
        self._client.call(doing, self._delete_path, document, auth, deadline)

    def _horizon(self) -> Horizon:
        return Horizon(self._clock.now_ms(), self._retention_ms)

    def _deadline(self) -> Deadline:
        return Deadline(self._budget_s, self._monotonic)

    def _asking(self, doing: str, deadline: Deadline | None = None) -> Asking:
        return Asking(self._client, self._may("read", self._reader), deadline or self._deadline(), doing)

    @staticmethod
    def _may(what: str, auth: Authorization | None) -> Authorization:
        if auth is None:
            raise StoreError(f"this function was given no token to {what} with")
        return auth


def _page(asking: Asking, query: SeriesQuery, after: Position, start: int, end: int) -> Page:
    if query.bin_ms is None:
        return raw_page(asking, query, after, start, end)
    page_of = page_of_bins if query.bin_ms in _COUNTED_BINS_MS else page_of_uncounted_bins
    return page_of(asking, query, query.bin_ms, after, start, end)


def _metrics(last: Series[list[Any]]) -> Iterator[str]:
    """Of the answer to `last_of_each_field`."""
    for row in last.values:
        for column, value in zip(last.columns, row, strict=True):
            if column.startswith(_LAST_OF_METRIC) and value is not None:
                yield column[_BEFORE_METRIC:]


def _rfc3339(ns: int) -> str:
    seconds, rest = divmod(ns, 1_000_000_000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest:09d}Z"
