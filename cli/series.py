"""Telemetry rows as the API gives them, laid out for a table, CSV or plot."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cli.csv_output import Cell
from cli.durations import format_instant
from cli.text import printable, shown
from cli.units import with_unit

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Layout:
    """Raw rows hold a value, its quality and lateness; binned rows hold one column for each aggregate."""

    metrics: tuple[str, ...]
    aggregates: tuple[str, ...]  # empty for raw rows
    units: Mapping[str, str | None]

    def table_columns(self) -> list[str]:
        if len(self.metrics) > 1:
            return ["Time (UTC)", "Metric", *(self.aggregates or ("Value", "Quality"))]
        unit = self.units.get(self.metrics[0])
        values = self.aggregates or ("value",)
        named = [with_unit(name, unit if name != "count" else None) for name in values]
        return ["Time (UTC)", *named, *([] if self.aggregates else ["Quality"])]

    def numeric_columns(self) -> list[str]:
        return [name for name in self.table_columns() if name not in {"Time (UTC)", "Metric", "Quality"}]

    def table_rows(self, rows: Iterable[Row]) -> Iterator[list[str]]:
        for row in rows:
            cells = [_time(row)]
            if len(self.metrics) > 1:
                metric = str(row.get("metric"))
                cells.append(printable(with_unit(metric, self.units.get(metric))))
            if self.aggregates:
                cells += [shown(row.get(name)) for name in self.aggregates]
            else:
                late = ", late" if row.get("late") else ""
                cells += [shown(row.get("value")), shown(row.get("q")) + late]
            yield cells

    def csv_header(self) -> list[Cell]:
        return ["time", "ts", "metric", *(self.aggregates or ("value", "q", "late"))]

    def csv_rows(self, rows: Iterable[Row]) -> Iterator[list[Cell]]:
        keys = self.aggregates or ("value", "q", "late")
        for row in rows:
            yield [_time(row), row.get("ts"), row.get("metric"), *(_cell(row.get(key)) for key in keys)]

    def plotted(self, rows: Sequence[Row]) -> Iterator[tuple[str, list[tuple[int, float]]]]:
        """For each metric its title and its numbers in time order; a boolean is 0 or 1, text is left out."""
        key = next((name for name in ("avg", "last", *self.aggregates) if name in self.aggregates), "value")
        for metric in self.metrics:
            points = [
                (row["ts"], float(row[key]))
                for row in rows
                if row.get("metric") == metric
                and isinstance(row.get("ts"), int)
                and isinstance(row.get(key), bool | int | float)
            ]
            label = metric if key == "value" else f"{key} of {metric}"
            yield printable(with_unit(label, self.units.get(metric))), sorted(points)


def _time(row: Row) -> str:
    ts = row.get("ts")
    return format_instant(ts) if isinstance(ts, int) else shown(ts)


def _cell(value: Any) -> Cell:
    return value if value is None or isinstance(value, str | int | float) else str(value)
