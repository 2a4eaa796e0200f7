"""Bins counted by the server, where it can count right: it knows rows, not which of two versions of a point stands.

The same request asks in which bins a point has two versions. Those bins, and those in which a metric has values of
two types, are made of their points instead.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from functions.adapters.influx_answers import InfiniteAnswerError, Series, Statement
from functions.adapters.influx_pages import BIN_ROWS, Asking, Page, Position, bin_points, cut
from functions.adapters.influx_queries import BinColumn, bin_columns, bins, raw, twins
from functions.adapters.influx_rows import standing, ts_of
from functions.adapters.influx_slots import MS
from functions.domain.series import Aggregate, Binner, BinRow, Point, Row, SeriesQuery, bin_start


def page_of_bins(asking: Asking, query: SeriesQuery, bin_ms: int, after: Position, start: int, end: int) -> Page:
    """The bins of a span that has as many as a page may have; an empty stretch behind it is skipped."""
    metrics = sorted(set(query.metrics))
    width = max(1, query.limit // len(metrics))
    while True:
        until = min(end, bin_start(start, bin_ms) + width * bin_ms)
        span = _Span(query.device, metrics, start, until, bin_ms, query.aggregates)
        try:
            rows, following = _counted(asking, span, end)
        except InfiniteAnswerError:
            # One such bin spoils the answer for all: less is asked for, until it is alone.
            if width > 1:
                width //= 2
                continue
            rows, following = _recounted(asking, span, end)
        reached = None if following is None else max(until, bin_start(following, bin_ms))
        return cut(rows, after, query.limit, reached)


class _Span(NamedTuple):
    device: str
    metrics: list[str]
    start: int
    end: int
    bin_ms: int
    aggregates: tuple[Aggregate, ...]


def _counted(asking: Asking, span: _Span, end: int) -> tuple[list[Row], int | None]:
    """The bins of a span in order, and the first ts behind it that has anything before `end`."""
    device, metrics, start, until, bin_ms, aggregates = span
    columns = bin_columns(aggregates)
    counts, doubled, *behind = asking.query(
        bins(device, metrics, start, until, bin_ms, columns),
        twins(device, metrics, start, until, bin_ms),
        *_first_behind(span, end),
    )
    doubtful = {row[0] // MS for series in doubled for row in series.values if row[1]}
    layout = _Layout(columns, aggregates)
    sizes: dict[int, int] = {}
    rows: list[Row] = []
    for row in (row for series in counts for row in series.values):
        ts, size = row[0] // MS, 0
        for at, metric in enumerate(metrics):
            said = row[1 + at * len(columns) :]
            numbers, booleans, texts = said[:3]
            if not booleans and not texts:
                if numbers:
                    rows.append(BinRow(ts, metric, layout.of_numbers(said)))
            elif bool(numbers) + bool(booleans) + bool(texts) > 1:
                doubtful.add(ts)
            else:
                rows.append(BinRow(ts, metric, layout.of_others(said)))
            size += (numbers or 0) + (booleans or 0) + (texts or 0)
        sizes[ts] = size
    if doubtful:
        # A bin that has come between one statement and the next has no size yet.
        recounted = _made_of_points(asking, span, {ts: sizes.get(ts, BIN_ROWS) for ts in doubtful})
        rows = [row for row in rows if row.ts not in doubtful] + recounted
    rows.sort(key=lambda row: (row.ts, row.metric))
    return rows, _ts_of_first(behind)


class _Layout:
    """Where in the columns of one metric is what was asked of it."""

    def __init__(self, columns: Sequence[BinColumn], aggregates: Iterable[Aggregate]) -> None:
        self._at = {(column.kind, column.function): place for place, column in enumerate(columns)}
        self._aggregates = [*aggregates]
        self._numbers = [(one, self._at["f", one]) for one in self._aggregates if one is not Aggregate.AVG]
        self._averaged = Aggregate.AVG in self._aggregates

    def of_numbers(self, said: tuple[Any, ...]) -> dict[Aggregate, Any]:
        values: dict[Aggregate, Any] = {one: said[place] for one, place in self._numbers}
        if self._averaged:
            values[Aggregate.AVG] = said[self._at["f", "sum"]] / said[self._at["f", "count"]]
        return values

    def of_others(self, said: tuple[Any, ...]) -> dict[Aggregate, Any]:
        """Of booleans or strings."""
        kind = "b" if said[self._at["b", "count"]] else "s"
        values: dict[Aggregate, Any] = dict.fromkeys(self._aggregates)
        for one in values.keys() & {Aggregate.COUNT, Aggregate.LAST}:
            values[one] = said[self._at[kind, one]]
        return values


def _recounted(asking: Asking, span: _Span, end: int) -> tuple[list[Row], int | None]:
    """As `_counted`, of a span that is one bin."""
    rows = _made_of_points(asking, span, {bin_start(span.start, span.bin_ms): BIN_ROWS})
    return rows, _ts_of_first(asking.query(*behind) if (behind := _first_behind(span, end)) else [])


def _first_behind(span: _Span, end: int) -> list[Statement]:
    """What asks for it, if there is anything behind the span."""
    return [raw(span.device, span.metrics, span.end, end, 1)] if span.end < end else []


def _ts_of_first(answers: Sequence[Sequence[Series[Any]]]) -> int | None:
    return next((ts_of(row) for answer in answers for series in answer for row in series.values), None)


def _made_of_points(asking: Asking, span: _Span, sizes: Mapping[int, int]) -> list[Row]:
    """The bins that begin at the keys of `sizes`, which says about how many rows each has."""
    binner = Binner(span.bin_ms, span.aggregates)
    for ranges in _bundles(span, sizes):
        answers = asking.query(*(raw(span.device, span.metrics, start, end, BIN_ROWS) for start, end in ranges))
        for (start, end), series in zip(ranges, answers, strict=True):
            rows = series[0].values if series else []
            if len(rows) < BIN_ROWS:
                bin_points(binner, [*standing(span.device, span.metrics, rows)])
            else:
                for points in _stepwise(asking, span, start, end):
                    bin_points(binner, points)
    return [*binner.complete()]


def _bundles(span: _Span, sizes: Mapping[int, int]) -> Iterator[list[tuple[int, int]]]:
    """Ranges that one request asks for together; bins side by side are one range."""
    ranges: list[tuple[int, int]] = []
    size = 0
    for ts in sorted(sizes):
        start, end = max(span.start, ts), min(span.end, ts + span.bin_ms)
        if ranges and size + sizes[ts] > BIN_ROWS:
            yield ranges
            ranges, size = [], 0
        size += sizes[ts]
        if ranges and ranges[-1][1] == start:
            start = ranges.pop()[0]
        ranges.append((start, end))
    yield ranges


def _stepwise(asking: Asking, span: _Span, start: int, end: int) -> Iterator[list[Point]]:
    reached: int | None = start
    while reached is not None:
        points, reached = asking.points(span.device, span.metrics, reached, end, BIN_ROWS)
        yield points
