# ruff: noqa: S608  # InfluxQL takes parameters in 1.x only; every name and literal below is quoted by this module
"""InfluxQL for what the adapter asks. Names and values are data: each is quoted here. Ranges are `[start, end)` in ms.

https://docs.influxdata.com/influxdb/v1/query_language/spec/
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from functions.adapters.influx_answers import Statement
from functions.adapters.influx_lines import MARK, MEASUREMENT
from functions.adapters.influx_slots import MS
from functions.domain.series import Aggregate

_TABLE = f'"{MEASUREMENT}"'
_DEVICE = '"device"'
_FUNCTIONS = {Aggregate.AVG: "mean"}
"""Whose names are not the aggregates' own."""


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
    return f"{_TABLE} WHERE {_DEVICE} = {literal(device)} AND {_in_range(start, end)}"


def _any(devices: Iterable[str]) -> str:
    return " OR ".join(f"{_DEVICE} = {literal(device)}" for device in devices)


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
    """What must be known of each metric: what is asked of numbers, then what booleans and strings there are."""
    asked = dict.fromkeys(aggregates) or {Aggregate.COUNT: None}
    of_numbers = [BinColumn("f", _FUNCTIONS.get(one, one), "i" if one is Aggregate.COUNT else "f") for one in asked]
    counts = [BinColumn(kind, "count", "i") for kind in "bs"]
    return of_numbers + counts + [BinColumn(kind, "last", kind) for kind in "bs" if Aggregate.LAST in asked]


def bins(
    device: str, metrics: Sequence[str], start: int, end: int, bin_ms: int, columns: Sequence[BinColumn]
) -> Statement:
    """A row for each bin that has anything: how many marks, and the columns of each metric, of rows and not points."""
    fields = ",".join(
        f"{column.function}({name(f'{column.kind}:{metric}')})" for metric in metrics for column in columns
    )
    text = f"SELECT count({name(MARK)}),{fields} FROM {_of(device, start, end)} GROUP BY time({bin_ms}ms) fill(none)"
    return Statement(text, "i" + "".join(column.gives for column in columns) * len(metrics))


def neighbours(devices: Sequence[str], fields: Iterable[str], start: int, end: int) -> Statement:
    """A series for each device: when a field has a value less than a ms behind the one before, and how far behind."""
    within = f"{_in_range(start, end)} AND ({_any(devices)}) GROUP BY {_DEVICE}"
    intervals = ",".join(f"(SELECT elapsed({name(field)}, 1ns) AS e FROM {_TABLE} WHERE {within})" for field in fields)
    return Statement(f"SELECT e FROM {intervals} WHERE e < {MS} AND {_in_range(start, end)} GROUP BY {_DEVICE}", "i")


def last_of_each_field(device: str, start: int, end: int) -> Statement:
    """One row, with a column `last_<field>` for every field that any device has."""
    return Statement(f"SELECT last(*) FROM {_of(device, start, end)}")


def names(limit: int, offset: int) -> Statement:
    """Devices that the index knows, in order; it keeps those whose rows are gone."""
    return Statement(f"SHOW TAG VALUES FROM {_TABLE} WITH KEY = {_DEVICE} LIMIT {limit} OFFSET {offset}")


def last_of_each_device(devices: Iterable[str], start: int, end: int) -> Statement:
    """A series for each that has rows."""
    within = f"{_in_range(start, end)} AND ({_any(devices)}) GROUP BY {_DEVICE}"
    return Statement(f"SELECT last(*) FROM {_TABLE} WHERE {within}")


def delete(device: str, start: int, end: int) -> Statement:
    return Statement(f"DELETE FROM {_of(device, start, end)}")
