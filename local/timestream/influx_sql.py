"""DuckDB's SQL for what a SELECT asks of its rows. Each query's columns begin with g, the number of their group."""

from collections.abc import Sequence
from dataclasses import dataclass

from local.timestream.influx_ast import Measurement, Select
from local.timestream.influx_errors import UnsupportedError
from local.timestream.influx_plan import Buckets, Column, Shape
from local.timestream.influx_scans import Rows
from local.timestream.influx_sources import Sql
from local.timestream.influx_times import TimeRange
from local.timestream.model import Kind


@dataclass(frozen=True, slots=True)
class Prepared:
    """A SELECT with everything known but its rows; `calls` counts its different functions."""

    select: Select
    shape: Shape
    columns: Sequence[Column]
    dimensions: Sequence[str]
    span: TimeRange
    rows: Rows | None
    calls: int

    @property
    def is_plain(self) -> bool:
        return not self.calls


def has_values(asked: Sequence[Column]) -> bool:
    """Tags alone, fields that are nowhere, and what stands beside a function of one, are no rows."""
    calls = [column for column in asked if column.function]
    return any(column.stored for column in calls or asked)


def is_elapsed(asked: Sequence[Column]) -> bool:
    functions = {column.function for column in asked}
    if "elapsed" in functions and len(functions) > 1:
        raise UnsupportedError("elapsed() beside other functions")
    return functions == {"elapsed"}


def has_beside(asked: Sequence[Column]) -> bool:
    """Fields or tags beside a selector."""
    return len({column.function is None for column in asked}) > 1


def plain_sql(prepared: Prepared, found: Rows) -> Sql:
    """g, r, z, time and the columns as c0, c1, …; limited, in no order."""
    select = prepared.select
    cells = [found.cell(column) for column in prepared.columns]
    there = " OR ".join(
        f"{cell} IS NOT NULL" for cell, column in zip(cells, prepared.columns, strict=True) if column.stored
    )
    text = "SELECT g, r, z, time" + "".join(f", {cell} AS c{at}" for at, cell in enumerate(cells))
    text += f" FROM ({found.sql.text}) WHERE {there}"
    limit, offset = select.rows.limit, select.rows.offset
    if offset and not limit and any(isinstance(source, Measurement) for source in select.sources):
        limit = 1  # as InfluxDB's storage does: it takes no limit for a limit of zero, after the first row
    if not limit and not offset:
        return Sql(text, found.sql.parameters)
    direction = " DESC" if select.descending else ""
    if len(found.groups) == 1:
        text += f" ORDER BY time{direction}, r{direction}, z{direction}"
        text += f" LIMIT {limit}" if limit else ""
        return Sql(text + f" OFFSET {offset}", found.sql.parameters)
    last = f" AND {offset + limit}" if limit else ""
    text += f" QUALIFY row_number() OVER (PARTITION BY g ORDER BY time{direction}, r{direction}, z{direction})"
    text += f" BETWEEN {offset + 1}{last}" if limit else f" > {offset}"
    return Sql(text, found.sql.parameters)


def elapsed_sql(found: Rows, column: Column, *, descending: bool) -> Sql:
    """g, r, z, time and v: the time since the row before, in whole units."""
    direction = " DESC" if descending else ""
    order = f"time{direction}, r{direction}, z{direction}"
    text = (
        f"SELECT g, r, z, time, (time - lag(time) OVER (PARTITION BY g ORDER BY {order})) // {column.unit} AS v "
        f"FROM ({found.sql.text}) WHERE {found.cell(column)} IS NOT NULL QUALIFY v IS NOT NULL"
    )
    return Sql(text, found.sql.parameters)


def _bucket(buckets: Buckets, span: TimeRange) -> str:
    if not buckets.size:
        return "0"
    offset = buckets.offset % buckets.size
    inner = f"(time - {offset}) % {buckets.size}" if offset else f"time % {buckets.size}"
    if span.least >= offset:
        return f"time - {inner}"
    return f"time - ({inner} + {buckets.size}) % {buckets.size}"


def bucket_start(time: int, buckets: Buckets) -> int:
    return time - (time - buckets.offset) % buckets.size


def _parts(column: Column, cell: str, *, alone: bool, moment: bool) -> list[str]:
    """SQL of aggregates, of which `_cell_sql` makes the column's value."""
    there = f"FILTER (WHERE {cell} IS NOT NULL)"
    function = column.function or ""
    if function == "count":
        return [f"count({cell})"]
    if function in {"sum", "mean"}:
        return [f"sum({cell})", f"count({cell})"]
    if moment or (function in {"first", "last"} and not alone):
        # Of several points that would do InfluxDB chooses the earliest, and of one moment the greatest value; but for
        # the first boolean, where it is the least.
        first = "min({'t': time" if column.kind is Kind.BOOLEAN else "max({'t': -time"
        best = {
            "first": f"{first}, 'v': {cell}}})",
            "last": f"max({{'t': time, 'v': {cell}}})",
            "min": f"min({{'v': {cell}, 't': time}})",
            "max": f"max({{'v': {cell}, 't': -time}})",
        }[function]
        return [f"{best} {there}"]
    if function in {"min", "max"}:
        return [f"{function}({cell})"]
    return [f"{'arg_min' if function == 'first' else 'arg_max'}({cell}, time) {there}"]


def aggregate_sql(prepared: Prepared, found: Rows, *, moment: bool) -> Sql:
    """g, the bucket's start or where `moment` the chosen point's time, and a cell a column."""
    known: dict[str, str] = {}
    cells: list[str] = []
    for column in prepared.columns:
        if not column.stored:
            cells.append("NULL")
            continue
        parts = _parts(column, found.cell(column), alone=found.alone, moment=moment)
        names = [known.setdefault(part, f"p{len(known)}") for part in parts]
        cells.append(_cell_sql(column, names, structured="{" in parts[0]))
    aggregates = "".join(f", {part} AS {name}" for part, name in known.items())
    time = "b"
    if moment:
        time = "-p0.t" if "-time" in next(iter(known)) else "p0.t"
    bucket = _bucket(prepared.shape.buckets, prepared.span)
    text = (
        f"SELECT g, {time} AS t, {', '.join(cells)} "
        f"FROM (SELECT g, {bucket} AS b{aggregates} FROM ({found.sql.text}) GROUP BY ALL) ORDER BY g"
    )
    return Sql(text, found.sql.parameters)


def _cell_sql(column: Column, names: Sequence[str], *, structured: bool) -> str:
    match column.function:
        case "count":
            return f"nullif({names[0]}, 0)"
        case "sum":
            return names[0]
        case "mean":
            return f"{{'s': {names[0]}, 'n': {names[1]}}}"
    return f"{names[0]}.v" if structured else names[0]


def selected_sql(prepared: Prepared, found: Rows) -> Sql:
    """The points that a selector chooses, whole: g, the bucket's start or without buckets their time, and the cells."""
    chosen = next(column for column in prepared.columns if column.function)
    cell = found.cell(chosen)
    best = {
        "first": f"time, {cell}{'' if chosen.kind is Kind.BOOLEAN else ' DESC'}",
        "last": f"time DESC, {cell} DESC",
        "min": f"{cell}, time",
        "max": f"{cell} DESC, time",
    }[chosen.function or ""]
    buckets = prepared.shape.buckets
    bucket = _bucket(buckets, prepared.span)
    cells = ", ".join(found.cell(column) for column in prepared.columns)
    text = (
        f"SELECT g, {bucket if buckets.size else 'time'} AS t, {cells} FROM ({found.sql.text}) "
        f"WHERE {cell} IS NOT NULL "
        f"QUALIFY row_number() OVER (PARTITION BY g, {bucket} ORDER BY {best}, r, z) = 1 ORDER BY g"
    )
    return Sql(text, found.sql.parameters)
