"""Stores parsed lines in a bucket, point by point as InfluxDB does: what is wrong with one drops that one."""

from dataclasses import dataclass
from typing import Final

from local.timestream.catalog import Table
from local.timestream.engine import Engine
from local.timestream.errors import ExistsError, MissingError
from local.timestream.influx_accounts import Bucket
from local.timestream.influx_lines import Line
from local.timestream.model import Kind, KindConflict, Policy, Row

TYPES: Final = {Kind.DOUBLE: "float", Kind.BIGINT: "integer", Kind.VARCHAR: "string", Kind.BOOLEAN: "boolean"}


@dataclass
class Dropped:
    """Why the first point in order was dropped, and how many were."""

    reason: str = ""
    count: int = 0
    _first: int = -1

    def add(self, place: int, reason: str) -> None:
        if not self.count or place < self._first:
            self.reason, self._first = reason, place
        self.count += 1

    def __str__(self) -> str:
        return f"partial write: {self.reason} dropped={self.count}"


def store(engine: Engine, bucket: Bucket, lines: list[Line], now: int) -> Dropped | None:
    """What was not stored; all else is on the disk. Raises EngineError."""
    refused = Dropped()
    beyond = Dropped()
    oldest = bucket.oldest(now)
    by_measurement: dict[str, tuple[list[int], list[Row]]] = {}
    for place, line in enumerate(lines):
        row = line.row
        if oldest is not None and row.time < oldest:
            beyond.add(place, "points beyond retention policy")
            continue
        if "time" in row.values or any(tag == "time" for tag, _ in row.series):
            kept = _without_time(line, place, refused)
            if kept is None:
                continue
            row = kept
        places, rows = by_measurement.setdefault(line.measurement, ([], []))
        places.append(place)
        rows.append(row)
    for measurement, (places, rows) in by_measurement.items():
        for conflict in engine.append(table_for(engine, bucket, measurement), rows):
            if isinstance(conflict, KindConflict):
                refused.add(
                    places[conflict.row],
                    f'field type conflict: input field "{conflict.column}" on measurement "{measurement}" is type '
                    f"{TYPES[conflict.got]}, already exists as type {TYPES[conflict.existing]}",
                )
    for dropped in (refused, beyond):
        if dropped.count:
            return dropped
    return None


def _without_time(line: Line, place: int, refused: Dropped) -> Row | None:
    """The row without its field `time`, which InfluxDB does not store; None where nothing is left to be stored."""
    row = line.row
    if any(tag == "time" for tag, _ in row.series):
        refused.add(place, f'invalid tag key: input tag "time" on measurement "{line.measurement}" is invalid')
        return None
    values = {name: value for name, value in row.values.items() if name != "time"}
    if not values:
        refused.add(place, f'invalid field name: input field "time" on measurement "{line.measurement}" is invalid')
        return None
    return row._replace(values=values)


def table_for(engine: Engine, bucket: Bucket, measurement: str) -> Table:
    try:
        return engine.table(bucket.database, measurement)
    except MissingError:
        pass
    try:
        return engine.create_table(bucket.database, measurement, Policy.MERGE)
    except ExistsError:
        return engine.table(bucket.database, measurement)
