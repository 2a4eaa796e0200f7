"""Rows of buckets, with what InfluxDB puts where a bucket has no value."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from local.timestream.influx_ast import Fill
from local.timestream.influx_errors import StatementError, UnsupportedError
from local.timestream.influx_json import Cell
from local.timestream.influx_plan import Column
from local.timestream.model import Kind

MAX_CELLS: Final = 5_000_000
"""Of one answer. InfluxDB has no such limit until its memory is full, unless it is given max-select-buckets."""


@dataclass(frozen=True, slots=True)
class Span:
    """Starts of buckets from `first`, or from each column's first value where None, to `last`."""

    first: int | None
    last: int
    step: int


def filled(
    found: Mapping[int, Sequence[Cell]], columns: Sequence[Column], fill: Fill, span: Span, *, descending: bool
) -> list[list[Cell]]:
    """Rows in order, each with its bucket's start; `found` are the values of buckets that have any."""
    if fill.kind == "linear":
        raise UnsupportedError("fill(linear)")
    defaults = [_default(fill, column) for column in columns]
    if fill.kind == "none":
        return [[start, *found[start]] for start in sorted(found, reverse=descending)]
    starts = _starts(found, span, len(columns))
    begins = [
        span.first
        if span.first is not None
        else min(start for start in found if found[start][at] is not None)
        if any(values[at] is not None for values in found.values())
        else None
        for at in range(len(columns))
    ]
    present = [any(values[at] is not None for values in found.values()) for at in range(len(columns))]
    rows: list[list[Cell]] = []
    before: list[Cell] = [None] * len(columns)
    empty = [None] * len(columns)
    for start in reversed(starts) if descending else starts:
        row: list[Cell] = [start]
        values = found.get(start, empty)
        for at, column in enumerate(columns):
            value = values[at]
            if value is None:
                begin = begins[at]
                if not present[at] or begin is None or start < begin:
                    value = defaults[at]
                else:
                    value = before[at] if fill.kind == "previous" else _filling(fill, column)
            before[at] = value
            row.append(value)
        rows.append(row)
    return rows


def without_buckets(values: Sequence[Cell], columns: Sequence[Column], fill: Fill) -> list[Cell]:
    """Of a group as a whole."""
    return [_default(fill, column) if value is None else value for value, column in zip(values, columns, strict=True)]


def _starts(found: Mapping[int, object], span: Span, width: int) -> range:
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
