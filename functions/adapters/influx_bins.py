"""Bins counted by the server, where it can count right: it knows rows, not which of two versions of a point stands.

Bins with the mark of such a point (see `influx_marks`), and those in which a metric has values of two types, are made
of their points instead.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from functions.adapters.influx_answers import InfiniteAnswerError, Series, Statement
from functions.adapters.influx_pages import BIN_ROWS, Asking, Page, Position, bin_points, cut
from functions.adapters.influx_queries import bin_columns, bins, raw
from functions.adapters.influx_rows import standing, ts_of
from functions.domain.series import Aggregate, Binner, BinRow, Point, Row, SeriesQuery, bin_start

_RANGES = 20
"""That are read together."""


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
    counted, *behind = asking.query(bins(device, metrics, start, until, bin_ms, columns), *_first_behind(span, end))
    place = {(column.kind, column.function): at for at, column in enumerate(columns)}
    asked = [*dict.fromkeys(aggregates)]
    doubtful: list[int] = []
    rows: list[Row] = []
    for row in (row for series in counted for row in series.values):
        ts, marks = ts_of(row), row[1]
        found: list[Row] = []
        for at, metric in enumerate(metrics):
            said = row[2 + at * len(columns) :]
            numbers, booleans, texts = said[0] is not None, said[place["b", "count"]], said[place["s", "count"]]
            if (numbers or booleans or texts) and (marks or bool(numbers) + bool(booleans) + bool(texts) > 1):
                doubtful.append(ts)
                break
            if numbers:  # their columns come first, in the order of what was asked
                found.append(BinRow(ts, metric, dict(zip(asked, said, strict=False))))
            elif booleans or texts:
                kind = "b" if booleans else "s"
                known = {Aggregate.COUNT: booleans or texts, Aggregate.LAST: said[place.get((kind, "last"), 0)]}
                found.append(BinRow(ts, metric, {one: known.get(one) for one in asked}))
        else:
            rows += found
    if doubtful:
        rows += _made_of_points(asking, span, doubtful)
    rows.sort(key=lambda row: (row.ts, row.metric))
    return rows, _ts_of_first(behind)


def _recounted(asking: Asking, span: _Span, end: int) -> tuple[list[Row], int | None]:
    """As `_counted`, of a span that is one bin."""
    rows = _made_of_points(asking, span, [bin_start(span.start, span.bin_ms)])
    return rows, _ts_of_first(asking.query(*behind) if (behind := _first_behind(span, end)) else [])


def _first_behind(span: _Span, end: int) -> list[Statement]:
    """What asks for it, if there is anything behind the span."""
    return [raw(span.device, span.metrics, span.end, end, 1)] if span.end < end else []


def _ts_of_first(answers: Sequence[Sequence[Series[Any]]]) -> int | None:
    return next((ts_of(row) for answer in answers for series in answer for row in series.values), None)


def _made_of_points(asking: Asking, span: _Span, starts: Sequence[int]) -> list[Row]:
    """The bins that begin at `starts`, which ascend."""
    binner = Binner(span.bin_ms, span.aggregates)
    ranges = _ranges(span, starts)
    for first in range(0, len(ranges), _RANGES):
        some = ranges[first : first + _RANGES]
        limit = BIN_ROWS // len(some)
        answers = asking.query(*(raw(span.device, span.metrics, start, end, limit) for start, end in some))
        for (start, end), series in zip(some, answers, strict=True):
            rows = series[0].values if series else []
            if len(rows) < limit:
                bin_points(binner, standing(span.device, span.metrics, rows))
            else:
                for points in _stepwise(asking, span, start, end):
                    bin_points(binner, points)
    return [*binner.complete()]


def _ranges(span: _Span, starts: Sequence[int]) -> list[tuple[int, int]]:
    """Of the bins; those side by side are one range."""
    ranges: list[tuple[int, int]] = []
    for ts in starts:
        start, end = max(span.start, ts), min(span.end, ts + span.bin_ms)
        if ranges and ranges[-1][1] == start:
            start = ranges.pop()[0]
        ranges.append((start, end))
    return ranges


def _stepwise(asking: Asking, span: _Span, start: int, end: int) -> Iterator[list[Point]]:
    reached: int | None = start
    while reached is not None:
        points, reached = asking.points(span.device, span.metrics, reached, end, BIN_ROWS)
        yield points
