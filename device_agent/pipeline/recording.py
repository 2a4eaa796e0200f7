"""A recording to try pipeline and rules on: a CSV file with a column of times and one for each metric."""

import csv
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from math import isfinite
from pathlib import Path
from typing import Final

from contract.errors import IdentityError, shown
from contract.identity import parse_metric
from contract.telemetry import MAX_TEXT_CHARS, MAX_TIMESTAMP_MS, Value
from device_agent.errors import RecordingError
from device_agent.sensors import Reading

_TIMES: Final = ("time", "timestamp", "ts", "at", "time_s", "time_ms", "ts_ms", "at_ms")
_BOOLEANS: Final = {"true": True, "on": True, "false": False, "off": False}
_MOST_SECONDS: Final = 1e11  # the year 5138; as ms that is 1973, before which nobody recorded anything


@dataclass(frozen=True)
class Recording:
    """The readings of a file, in its order. What they have as boot time is the time of the file."""

    readings: tuple[Reading, ...]
    unit: str
    """How the file writes times: `iso`, `s` or `ms`."""
    skipped: tuple[int, ...] = ()
    """The lines whose time is not later than the one before: a sensor would not give them."""

    def shown(self, at: int) -> str:
        """A time as the file would write it."""
        if self.unit == "ms":
            return str(at)
        if self.unit == "s":
            return f"{at / 1000:.3f}".rstrip("0").rstrip(".")
        moment = datetime.fromtimestamp(at // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S")
        return f"{moment}.{at % 1000:03d}Z" if at % 1000 else f"{moment}Z"


def read(path: Path, names: Mapping[str, str] | None = None) -> Recording:
    """Read a file; `names` says which metric a column is, where it is not called like that.

    The times are in the column named `time`, `timestamp`, `ts` or `at`, or else the first: ISO 8601 (UTC unless it says
    otherwise), seconds, or ms if the numbers are too large for seconds or the name ends in `_ms`. Cells are numbers,
    `true`, `false`, `on`, `off` or texts; an empty one is no value.

    Raises:
        RecordingError: it is no such file; names the line and the column.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return _read(str(path), file, names or {})
    except OSError as error:
        raise RecordingError(f"{path}: {error.strerror}") from error
    except (csv.Error, UnicodeDecodeError) as error:
        raise RecordingError(f"{path}: it must be CSV in UTF-8, got {error}") from error


def _read(path: str, lines: Iterable[str], names: Mapping[str, str]) -> Recording:
    rows = csv.reader(lines)
    header = [cell.strip() for cell in next(rows, [])]
    if len(header) < 2:  # noqa: PLR2004 - a time and a metric
        raise RecordingError(f"{path}:1: it must be a header of a time and a metric or more, got {header}")
    time = next((header.index(name) for name in _TIMES if name in header), 0)
    columns = {index: names.get(name, name) for index, name in enumerate(header) if index != time}
    for metric in columns.values():
        try:
            parse_metric(metric)
        except IdentityError as error:
            raise RecordingError(f"{path}:1: a column must be {error.expected}, got {error.got}") from error
    unit, at_of = "", _milliseconds
    readings: list[Reading] = []
    skipped: list[int] = []
    for row in rows:
        where = f"{path}:{rows.line_num}"
        if not any(row):
            continue
        if not unit:
            unit = _unit(row[time] if time < len(row) else "", header[time])
            at_of = _iso if unit == "iso" else _seconds if unit == "s" else _milliseconds
        at = _time(row, time, at_of, where, unit)
        if readings and at <= readings[-1].at:
            skipped.append(rows.line_num)
            continue
        readings.append(Reading(at, dict(_values(row, columns, where))))
    return Recording(tuple(readings), unit or "ms", tuple(skipped))


def _unit(cell: str, name: str) -> str:
    try:
        number = float(cell)
    except ValueError:
        return "iso"
    return "ms" if name.endswith("_ms") or (number > _MOST_SECONDS and not name.endswith("_s")) else "s"


def _time(row: list[str], index: int, at_of: Callable[[str], int], where: str, unit: str) -> int:
    cell = row[index].strip() if index < len(row) else ""
    try:
        at = at_of(cell)
    except (ValueError, OverflowError) as error:
        raise RecordingError(f"{where}: a time must be like those before ({unit}), got {shown(cell)}") from error
    if not 0 <= at <= MAX_TIMESTAMP_MS:
        raise RecordingError(f"{where}: a time must be from 1970 to 9999, got {shown(cell)}")
    return at


def _iso(cell: str) -> int:
    moment = datetime.fromisoformat(cell)
    return round((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)


def _seconds(cell: str) -> int:
    return round(float(cell) * 1000)


def _milliseconds(cell: str) -> int:
    return round(float(cell))


def _values(row: list[str], columns: Mapping[int, str], where: str) -> Iterator[tuple[str, Value]]:
    if len(row) > len(columns) + 1:
        raise RecordingError(f"{where}: a row must have at most {len(columns) + 1} cells, got {len(row)}")
    for index, metric in columns.items():
        cell = row[index].strip() if index < len(row) else ""
        if cell:
            yield metric, _value(cell, where)


def _value(cell: str, where: str) -> Value:
    if (word := _BOOLEANS.get(cell.lower())) is not None:
        return word
    try:
        number = float(cell)
    except ValueError:
        if len(cell) > MAX_TEXT_CHARS:
            raise RecordingError(f"{where}: a text must have at most {MAX_TEXT_CHARS} characters") from None
        return cell
    if not isfinite(number):
        raise RecordingError(f"{where}: a number must be finite, got {cell}")
    return number
