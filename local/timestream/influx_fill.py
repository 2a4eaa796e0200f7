"""Rows of buckets, with what InfluxDB puts where a bucket has no value."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from local.timestream.influx_ast import Fill, Window
from local.timestream.influx_errors import StatementError, UnsupportedError
from local.timestream.influx_json import Cell
from local.timestream.influx_plan import Column
from local.timestream.model import Kind

_Item = TypeVar("_Item")
MAX_CELLS: Final = 5_000_000
"""Of one answer. InfluxDB has no such limit until its memory is full, unless it is given max-select-buckets."""


@dataclass(frozen=True, slots=True)
class Span:
    """Starts of buckets from `first`, or from each column's first value where None, to `last`."""

    first: int | None
    last: int
    step: int


def filled(
    found: Mapping[int, Sequence[Cell]],
    columns: Sequence[Column],
    fill: Fill,
    span: Span,
    rows: Window,
    *,
    descending: bool,
) -> list[list[Cell]]:
    """Rows in order, each with its bucket's start; `found` are the values of buckets that have any.

    LIMIT and OFFSET hold for each function by itself, before their rows come together.
    """
    if fill.kind == "linear":
        raise UnsupportedError("fill(linear)")
    starts = _starts(found, fill, span, len(columns))
    ordered = starts[::-1] if descending else starts
    beside = any(column.function is None for column in columns)
    lists = [
        windowed(_points(found, at, column, ordered, fill, span), rows) if column.function else []
        for at, column in enumerate(columns)
    ]
    defaults = [_default(fill, column) for column in columns]
    made: list[list[Cell]] = []
    by_column = [dict(points) for points in lists]
    for start in sorted({start for points in by_column for start in points}, reverse=descending):
        row: list[Cell] = [start]
        for at, points in enumerate(by_column):
            value = points.get(start, defaults[at])
            if beside and columns[at].function is None and start in found and found[start][at] is not None:
                value = found[start][at]
            row.append(value)
        made.append(row)
    return made


def _points(
    found: Mapping[int, Sequence[Cell]], at: int, column: Column, starts: Sequence[int], fill: Fill, span: Span
) -> list[tuple[int, Cell]]:
    """What a function gives for each bucket, from its first value on where the span has no beginning."""
    own = {start: values[at] for start, values in found.items() if values[at] is not None}
    if not own:
        return []
    if fill.kind == "none":
        return [(start, own[start]) for start in starts if start in own]
    begin = min(own) if span.first is None else span.first
    filling = _filling(fill, column)
    points: list[tuple[int, Cell]] = []
    before: Cell = None
    for start in starts:
        if start >= begin:
            value = own.get(start)
            if value is None:
                value = before if fill.kind == "previous" else filling
            before = value
            points.append((start, value))
    return points


def windowed(points: list[_Item], rows: Window) -> list[_Item]:
    return points[rows.offset : rows.offset + rows.limit] if rows.limit else points[rows.offset :]


def without_buckets(values: Sequence[Cell], columns: Sequence[Column], fill: Fill) -> list[Cell]:
    """Of a group as a whole."""
    return [_default(fill, column) if value is None else value for value, column in zip(values, columns, strict=True)]


def _starts(found: Mapping[int, object], fill: Fill, span: Span, width: int) -> Sequence[int]:
    if fill.kind == "none":
        return sorted(found)
    first = min(found) if span.first is None else span.first
    starts = range(first, span.last + 1, span.step)
    if len(starts) * width > MAX_CELLS:
        raise StatementError(f"max-select-buckets limit exceeded: ({len(starts)}/{MAX_CELLS // width})")
    return starts


def _filling(fill: Fill, column: Column) -> Cell:
    """Where a column has values in its group, but not in this bucket."""
    if fill.kind == "number":
        match column.kind:
            case Kind.VARCHAR:
                return ""
            case Kind.BOOLEAN:
                return False
    elif column.function == "count":
        return 0
    return _default(fill, column)


def _default(fill: Fill, column: Column) -> Cell:
    """Where a column has nothing in its group at all."""
    if fill.kind != "number" or (column.kind is None and not _is_beside(column)):
        return None
    match column.kind:
        case Kind.BIGINT:
            return int(fill.number)
        case Kind.DOUBLE:
            return float(fill.number)
    return fill.number


def _is_beside(column: Column) -> bool:
    """A field or tag of the point that a selector chose."""
    return column.function is None


def each_group(rows: Sequence[Sequence[Cell]]) -> Iterator[tuple[int, list[Sequence[Cell]]]]:
    """Rows that begin with their group's number, taken together; they come in its order."""
    start = 0
    while start < len(rows):
        group = rows[start][0]
        end = start
        while end < len(rows) and rows[end][0] == group:
            end += 1
        yield int(group or 0), [row[1:] for row in rows[start:end]]
        start = end
