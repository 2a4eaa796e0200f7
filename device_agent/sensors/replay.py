"""A sensor that plays a recording: the rows of a CSV file in their order, each at the time it is played."""

import csv
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO

import msgspec

from contract.models import DeviceModel
from contract.telemetry import Value
from device_agent.config.table import Table
from device_agent.errors import SensorError
from device_agent.sensors import Host, Reading
from device_agent.sensors.driver_table import LEAST_INTERVAL_S, MOST_INTERVAL_S

TRUTH: Mapping[str, bool] = {"true": True, "1": True, "on": True, "false": False, "0": False, "off": False}


@dataclass(frozen=True)
class Column:
    """A column of the file and the metric it becomes: value * scale + offset, rounded to `decimals` if given."""

    column: str
    metric: str
    scale: float = 1.0
    offset: float = 0.0
    decimals: int | None = None


@dataclass(frozen=True)
class ReplaySettings:
    """`kind = "replay"`."""

    name: str
    file: Path
    columns: tuple[Column, ...]
    interval_s: float
    loop: bool
    start_row: int

    @property
    def metrics(self) -> tuple[str, ...]:
        return tuple(column.metric for column in self.columns)

    def make(self, host: Host, position: str | None) -> "ReplaySensor":
        return ReplaySensor(self, host.model, position)


class Position(msgspec.Struct, frozen=True):
    """Where a recording stands: its file's name, and the next row (from 0, the header not counted)."""

    file: str
    row: int


class ReplaySensor:
    """Plays each row once, or over and over; a row that cannot be read is reported and passed over."""

    def __init__(self, settings: ReplaySettings, model: DeviceModel, position: str | None) -> None:
        self.interval_s = settings.interval_s
        self._settings = settings
        self._types = {key: metric.type for key, metric in model.metrics.items()}
        self._row = settings.start_row
        if position is not None:
            self._resume(position)
        self._open: IO[str] | None = None
        self._rows: Iterator[dict[str, str]] = iter(())

    async def read(self, now: int) -> Reading | None:
        row = self._next_row()
        if row is None:
            return None
        values: dict[str, Value] = {}
        for column in self._settings.columns:
            if (value := self._value(row, column)) is not None:
                values[column.metric] = value
        position = msgspec.json.encode(Position(self._settings.file.name, self._row)).decode()
        return Reading(now, values, position)

    def close(self) -> None:
        if self._open is not None:
            self._open.close()
            self._open = None

    def _resume(self, position: str) -> None:
        try:
            stored = msgspec.json.decode(position, type=Position)
        except msgspec.DecodeError as error:
            raise SensorError(f"{self._settings.name}: stored position {position!r} cannot be read") from error
        # Another recording starts at its own beginning.
        if stored.file == self._settings.file.name:
            self._row = stored.row

    def _next_row(self) -> dict[str, str] | None:
        if self._open is None:
            self._seek(self._row)
        row = self._advance()
        if row is None and self._settings.loop:
            self._row = 0
            self._seek(0)
            row = self._advance()
            if row is None:
                raise SensorError(f"{self._settings.file} has no rows")
        return row

    def _advance(self) -> dict[str, str] | None:
        try:
            row = next(self._rows, None)
        except csv.Error as error:
            self._row += 1
            raise SensorError(f"{self._settings.file.name}, row {self._row}: {error}") from error
        except OSError as error:
            raise SensorError(f"{self._settings.file} cannot be read: {error.strerror}") from error
        if row is not None:
            self._row += 1
        return row

    def _seek(self, row: int) -> None:
        self.close()
        try:
            # What is not UTF-8 makes its cell unreadable, not the rest of the recording.
            self._open = self._settings.file.open(newline="", encoding="utf-8", errors="replace")
        except OSError as error:
            raise SensorError(f"{self._settings.file} cannot be read: {error.strerror}") from error
        self._rows = islice(csv.DictReader(self._open), row, None)

    def _value(self, row: dict[str, str], column: Column) -> Value | None:
        """The cell as the model's type; None for an empty one."""
        cell = (row.get(column.column) or "").strip()
        if not cell:
            return None
        kind = self._types.get(column.metric, "number")
        if kind == "string":
            return cell
        if kind == "boolean":
            if (truth := TRUTH.get(cell.lower())) is None:
                raise self._bad_cell(column, "true or false", cell)
            return truth
        try:
            number = float(cell) * column.scale + column.offset
        except ValueError:
            number = math.nan
        if not math.isfinite(number):
            raise self._bad_cell(column, "a finite number", cell)
        return number if column.decimals is None else round(number, column.decimals)

    def _bad_cell(self, column: Column, expected: str, got: str) -> SensorError:
        where = f"{self._settings.file.name}, row {self._row}, column {column.column}"
        return SensorError(f"{where}: expected {expected}, got {got!r}")


def parse(table: Table, name: str, _model: DeviceModel, _claimed: tuple[str, ...]) -> ReplaySettings:
    """Read a `[[sensor]]` table of this kind; what is wrong is noted in the table."""
    file = table.path("file")
    columns = tuple(_column(column, options) for column, options in table.named_tables("columns", shorthand="metric"))
    if file.is_file():
        _check_header(table, file, columns)
    return ReplaySettings(
        name=name,
        file=file,
        columns=columns,
        interval_s=table.number("interval_s", minimum=LEAST_INTERVAL_S, maximum=MOST_INTERVAL_S),
        loop=table.boolean("loop", default=True),
        start_row=table.integer("start_row", minimum=0, maximum=2**53, default=0),
    )


def _column(column: str, options: Table) -> Column:
    parsed = Column(
        column=column,
        metric=options.metric("metric"),
        scale=options.number("scale", default=1.0),
        offset=options.number("offset", default=0.0),
        decimals=options.optional_integer("decimals", minimum=0, maximum=15),
    )
    options.finish()
    return parsed


def _check_header(table: Table, file: Path, columns: tuple[Column, ...]) -> None:
    try:
        with file.open(newline="", encoding="utf-8") as opened:
            header = next(csv.reader(opened), [])
    except (OSError, UnicodeDecodeError) as error:
        table.problem("file", "a readable CSV file in UTF-8", f"{file} ({error})")
        return
    for column in columns:
        if column.column not in header:
            table.problem(
                f"columns.{column.column}", f"one of {file.name}'s columns: {', '.join(header)}", "none of them"
            )
