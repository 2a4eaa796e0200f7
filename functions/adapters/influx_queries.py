# ruff: noqa: S608  # InfluxQL takes parameters in 1.x only; every name and literal below is quoted by this module
"""InfluxQL for what the adapter asks. Names and values are data: each is quoted here. Ranges are `[start, end)` in ms.

https://docs.influxdata.com/influxdb/v1/query_language/spec/
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from functions.adapters.influx_answers import Statement
from functions.adapters.influx_lines import MEASUREMENT
from functions.adapters.influx_slots import MS
from functions.domain.series import Aggregate

_KINDS = "fbs"
_TABLE = f'"{MEASUREMENT}"'


def name(text: str) -> str:
    return '"' + _escaped(text).replace('"', '\\"') + '"'


def literal(text: str) -> str:
    return "'" + _escaped(text).replace("'", "\\'") + "'"


def _escaped(text: str) -> str:
    """All other characters mean themselves between quotes."""
    return text.replace("\\", "\\\\").replace("\n", "\\n")


def _in_range(start: int, end: int) -> str:
    return f"time >= {start * MS} AND time < {end * MS}"


def _of(device: str, start: int, end: int) -> str:
    return f"{_TABLE} WHERE {name('device')} = {literal(device)} AND {_in_range(start, end)}"


def raw(device: str, metrics: Sequence[str], start: int, end: int, limit: int) -> Statement:
    """The first rows, of each metric its float, boolean, string and note."""
    fields = ",".join(name(f"{kind}:{metric}") for metric in metrics for kind in "fbsx")
    return Statement(f"SELECT {fields} FROM {_of(device, start, end)} LIMIT {limit}", "fbss" * len(metrics))


class BinColumn(NamedTuple):
    """What a function says of the values of one type, and of which type that is."""

    kind: str
    function: str
    gives: str


def bin_columns(aggregates: Iterable[Aggregate]) -> list[BinColumn]:
    """What must be known of each metric; first the counts, always, since what else is right depends on them."""
    asked = frozenset(aggregates)
    functions = [str(one) for one in (Aggregate.SUM, Aggregate.MIN, Aggregate.MAX) if one in asked]
    if Aggregate.AVG in asked and Aggregate.SUM not in asked:
        functions.append("sum")
    last = [BinColumn(kind, "last", kind) for kind in _KINDS if Aggregate.LAST in asked]
    return [
        *(BinColumn(kind, "count", "i") for kind in _KINDS),
        *(BinColumn("f", function, "f") for function in functions),
        *last,
    ]


def bins(
    device: str, metrics: Sequence[str], start: int, end: int, bin_ms: int, columns: Sequence[BinColumn]
) -> Statement:
    """A row for each bin that has any, with the columns of each metric; two versions of a point count as two."""
    fields = ",".join(
        f"{column.function}({name(f'{column.kind}:{metric}')})" for metric in metrics for column in columns
    )
    text = f"SELECT {fields} FROM {_of(device, start, end)} GROUP BY time({bin_ms}ms) fill(none)"
    return Statement(text, "".join(column.gives for column in columns) * len(metrics))


def twins(device: str, metrics: Sequence[str], start: int, end: int, bin_ms: int) -> Statement:
    """A row for each bin in which any of these metrics has two versions of a point: rows within one millisecond."""
    intervals = ",".join(
        f"(SELECT elapsed({name(f'{kind}:{metric}')}, 1ns) AS e FROM {_of(device, start, end)})"
        for metric in metrics
        for kind in _KINDS
    )
    text = (
        f"SELECT count(e) FROM {intervals} WHERE e < {MS} AND {_in_range(start, end)}"
        f" GROUP BY time({bin_ms}ms) fill(none)"
    )
    return Statement(text, "i")


def last_of_each_field(device: str, start: int, end: int) -> Statement:
    """One row, with a column `last_<field>` for every field that any device has."""
    return Statement(f"SELECT last(*) FROM {_of(device, start, end)}")


def names(limit: int, offset: int) -> Statement:
    """Devices that the index knows, in order; it keeps those whose rows are gone."""
    return Statement(
        f"SHOW TAG VALUES FROM {_TABLE} WITH KEY = {name('device')} LIMIT {limit} OFFSET {offset}",
    )


def last_of_each_device(devices: Iterable[str], start: int, end: int) -> Statement:
    """A series for each that has rows."""
    these = " OR ".join(f"{name('device')} = {literal(device)}" for device in devices)
    return Statement(
        f"SELECT last(*) FROM {_TABLE} WHERE {_in_range(start, end)} AND ({these}) GROUP BY {name('device')}"
    )


def delete(device: str, start: int, end: int) -> Statement:
    return Statement(f"DELETE FROM {_of(device, start, end)}")
