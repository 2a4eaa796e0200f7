"""A page of a series from the chunks that hold it, read hour by hour until the page is full or has cost enough."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from functions.adapters.chunk import Chunk, CorruptChunkError, decode, flag_meaning
from functions.adapters.chunk_merge import Series, merge
from functions.adapters.dynamodb_chunks import DAY_MS, HOUR_MS, StoredHour
from functions.domain.series import Binner, RawRow, Row, SeriesQuery, bin_start
from functions.errors import StoreError

MAX_PAGE_DAYS = 62
MAX_PAGE_BYTES = 16 * 1024 * 1024
"""A page ends after looking at this much, however few rows that gave: a long range is read in bounded steps."""


class Position(NamedTuple):
    """Rows up to and with this one have been given. `(ts, "")` is before all rows of `ts`."""

    ts: int
    metric: str


def read_page(
    query: SeriesQuery,
    after: Position,
    start: int,
    end: int,
    hours: Callable[[str, int, int], Iterator[StoredHour]],
) -> tuple[list[Row], Position | None]:
    """Rows of `[start, end)` behind `after`, and from where to go on, None at the end."""
    if start >= end:
        return [], None
    collect = _Raw() if query.bin_ms is None else _Binned(query)
    until = min(end, max(start - start % DAY_MS + MAX_PAGE_DAYS * DAY_MS, collect.least_end(start)))
    wanted = frozenset(query.metrics)
    size = 0
    rows: list[Row] = []
    for hour in hours(query.device, start, until):
        size += hour.size
        behind = hour.start + HOUR_MS
        collect.add(merge((_decoded(query.device, data, wanted) for _, data in hour.chunks), start, until))
        rows += [row for row in collect.rows(behind) if (row.ts, row.metric) > after]
        if len(rows) > query.limit:
            break
        if size > MAX_PAGE_BYTES and collect.least_end(start) <= behind < until:
            until = behind
            break
    else:
        rows += [row for row in collect.rows(None if until >= end else until) if (row.ts, row.metric) > after]
    if len(rows) > query.limit:
        last = rows[query.limit - 1]
        return rows[: query.limit], Position(last.ts, last.metric)
    return rows, None if until >= end else Position(collect.resume(until), "")


class _Raw:
    """Each point is a row, known once its hour is."""

    def __init__(self) -> None:
        self._rows: list[Row] = []

    def add(self, hour: dict[str, Series]) -> None:
        self._rows = [
            RawRow(ts, metric, value, *flag_meaning(flag))
            for metric, series in hour.items()
            for ts, value, flag in zip(series.ts, series.values, series.flags, strict=True)
        ]

    def rows(self, _: int | None) -> list[Row]:
        rows = sorted(self._rows, key=lambda row: (row.ts, row.metric))
        self._rows = []
        return rows

    def least_end(self, start: int) -> int:
        return start

    def resume(self, until: int) -> int:
        return until


class _Binned:
    """A bin is a row, known once everything before its end is."""

    def __init__(self, query: SeriesQuery) -> None:
        self._bin_ms = query.bin_ms or 1
        self._binner = Binner(self._bin_ms, query.aggregates)

    def add(self, hour: dict[str, Series]) -> None:
        for metric, series in hour.items():
            self._binner.add(metric, series.ts, series.values)

    def rows(self, until: int | None) -> list[Row]:
        """Rows of the bins that end at or before `until`, of all when there is no more to come."""
        return [*self._binner.complete(until)]

    def least_end(self, start: int) -> int:
        """A page completes at least one bin, or the next would begin where it did."""
        return bin_start(start, self._bin_ms) + self._bin_ms

    def resume(self, until: int) -> int:
        return bin_start(until, self._bin_ms)


def _decoded(device: str, data: bytes, metrics: frozenset[str]) -> Chunk:
    try:
        return decode(data, metrics)
    except CorruptChunkError as exc:
        raise StoreError(f"a chunk of {device}: {exc}") from exc
