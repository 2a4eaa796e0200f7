"""The questions to Timestream for LiveAnalytics as SQL. Input enters as escaped literals only, never as a name.

`bin` counts multiples of its interval in nanoseconds since the epoch, so any width of whole milliseconds is aligned as
ours are. Bounds are literal where `ago` would be shorter: retention goes by the clock of the store, not the service's.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from functions.domain.series import Aggregate

UNITS = (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1))
"""Of an interval literal, in ms."""

_NUMBER = "CASE WHEN s = 'f' THEN f END"
_POINT_COLUMNS = ("to_milliseconds(time) AS ts", "measure_name", "f", "s", "q", "r")
_BIN_COLUMNS: Mapping[Aggregate, tuple[str, ...]] = {
    Aggregate.COUNT: ("count(*)",),
    Aggregate.LAST: ("max_by(f, time)", "max_by(s, time)"),
    **{one: (f"{one}({_NUMBER})",) for one in (Aggregate.AVG, Aggregate.SUM, Aggregate.MIN, Aggregate.MAX)},
}


class Span(NamedTuple):
    """Points of a device in `[start, end)` ms; `after` is the `(ts, metric)` of the row or bin that came last."""

    device: str
    start: int
    end: int
    after: tuple[int, str] | None = None


def table_name(database: str, table: str) -> str:
    return f"{_name(database)}.{_name(table)}"


def points(table: str, span: Span, metrics: Sequence[str] | None, limit: int) -> str:
    """Rows of ts, measure_name, f, s, q, r by time and metric; of all metrics when `metrics` is None."""
    where = _where(span, metrics)
    if span.after is not None:
        ts, metric = span.after
        where.append(f"(time > {_moment(ts)} OR measure_name > {_literal(metric)})")
    return _select(_POINT_COLUMNS, table, where, f"ORDER BY time, measure_name LIMIT {limit}")


def bins(
    table: str, span: Span, metrics: Sequence[str], bin_ms: int, aggregates: Sequence[Aggregate], limit: int
) -> str:
    """Rows of ts, measure_name and the aggregates, of which LAST is f and s, by time and metric."""
    where = _where(span, metrics)
    if span.after is not None:
        ts, metric = span.after
        where.append(f"(time >= {_moment(ts + bin_ms)} OR measure_name > {_literal(metric)})")
    columns = [f"to_milliseconds(bin(time, {_interval(bin_ms)})) AS ts", "measure_name"]
    for aggregate in aggregates:
        columns += _BIN_COLUMNS[aggregate]
    return _select(columns, table, where, f"GROUP BY 1, 2 ORDER BY 1, 2 LIMIT {limit}")


def devices(table: str, start: int, after: str, limit: int) -> str:
    where = [f"time >= {_moment(start)}", f"device > {_literal(after)}"]
    return _select(("DISTINCT device",), table, where, f"ORDER BY device LIMIT {limit}")


def _select(columns: Sequence[str], table: str, where: Sequence[str], rest: str) -> str:
    return " ".join(("SELECT", ", ".join(columns), "FROM", table, "WHERE", " AND ".join(where), rest))


def _where(span: Span, metrics: Sequence[str] | None) -> list[str]:
    where = [f"device = {_literal(span.device)}", f"time >= {_moment(span.start)}", f"time < {_moment(span.end)}"]
    if metrics is not None:
        where.append(f"measure_name IN ({', '.join(_literal(metric) for metric in metrics)})")
    return where


def _name(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _moment(ms: int) -> str:
    return f"from_milliseconds({ms})"


def _interval(ms: int) -> str:
    unit, size = next((unit, size) for unit, size in UNITS if ms % size == 0)
    return f"{ms // size}{unit}"
