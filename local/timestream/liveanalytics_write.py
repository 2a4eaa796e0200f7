"""WriteRecords: which records the table takes, which it refuses and why."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import msgspec

from local.timestream import aws_shapes
from local.timestream.catalog import Table
from local.timestream.engine import Engine
from local.timestream.liveanalytics_errors import ServiceError, invalid
from local.timestream.liveanalytics_records import Reader, RejectedError, WriteRecords
from local.timestream.liveanalytics_tables import Answer, Retention, Tables
from local.timestream.model import Conflict, KindConflict, Row

AHEAD_NS = 15 * 60 * 10**9
_MAX_COLUMNS = 1024
_decode = msgspec.json.Decoder(WriteRecords).decode


class Writer:
    def __init__(self, engine: Engine, tables: Tables, clock_ns: Callable[[], int] = time.time_ns) -> None:
        self._engine = engine
        self._tables = tables
        self._clock_ns = clock_ns

    def write(self, body: bytes) -> Answer:
        """Raises ServiceError; RejectedRecordsException leaves the records that it does not name written."""
        request = _read(body)
        table = self._tables.find(request.database_name, request.table_name)
        window = _Window(Retention(table.properties), self._clock_ns())
        reader = Reader(request.common_attributes)
        rejected: dict[int, dict[str, Any]] = {}
        rows: list[Row] = []
        places: list[int] = []
        names = _Names(table)
        for index, record in enumerate(request.records):
            try:
                row = reader.row(record)
                window.require(row.time)
                names.require(row)
            except RejectedError as exc:
                rejected[index] = {"RecordIndex": index, "Reason": str(exc)}
            else:
                rows.append(row)
                places.append(index)
        conflicts = self._engine.append(table, rows) if rows else []
        for conflict in conflicts:
            index = places[conflict.row]
            if not isinstance(conflict, KindConflict) and window.is_magnetic(rows[conflict.row].time):
                # The magnetic store reports these later, to the bucket for rejected data, and not to the writer.
                continue
            rejected[index] = {"RecordIndex": index, **_reason(conflict)}
        if rejected:
            raise ServiceError(
                "RejectedRecordsException",
                "One or more records have been rejected. See RejectedRecords for details.",
                {"RejectedRecords": [rejected[index] for index in sorted(rejected)]},
            )
        magnetic = sum(window.is_magnetic(row.time) for row in rows)
        total = len(rows)
        return {"RecordsIngested": {"Total": total, "MemoryStore": total - magnetic, "MagneticStore": magnetic}}


class _Window:
    """The moments that a table takes now."""

    def __init__(self, retention: Retention, now_ns: int) -> None:
        self._memory = now_ns - retention.memory_ns
        self._oldest = retention.oldest(now_ns) if retention.magnetic_writes else self._memory
        self._end = now_ns + AHEAD_NS
        self._named = "data ingestion window" if retention.magnetic_writes else "memory store"

    def require(self, time_ns: int) -> None:
        if not self._oldest <= time_ns < self._end:
            span = f"[{_iso(self._oldest)}, {_iso(self._end)})"
            raise RejectedError(f"The record timestamp is outside the time range {span} of the {self._named}.")

    def is_magnetic(self, time_ns: int) -> bool:
        return time_ns < self._memory


class _Names:
    """The columns that a table has or is about to get: each a dimension or a measure, and so many at most."""

    def __init__(self, table: Table) -> None:
        self._known = table.sids
        self._dimensions = set(table.tags)
        self._measures = set(table.columns)

    def require(self, row: Row) -> None:
        if row.series in self._known and row.values.keys() <= self._measures:
            return
        dimensions = {name for name, _ in row.series}
        for name in (
            *(dimensions & (self._measures | row.values.keys())),
            *(row.values.keys() & self._dimensions),
        ):
            raise RejectedError(f"The name {name} is that of a dimension and of a measure in this table.")
        measures = self._measures | row.values.keys()
        if len(measures) > max(_MAX_COLUMNS, len(self._measures)):
            raise RejectedError(f"The table has {_MAX_COLUMNS} measures, which is the maximum.")
        self._dimensions |= dimensions
        self._measures = measures


def _read(body: bytes) -> WriteRecords:
    try:
        return _decode(body)
    except msgspec.ValidationError as exc:
        aws_shapes.require_valid("WriteRecords", msgspec.json.decode(body))
        raise invalid(str(exc)) from exc
    except (msgspec.DecodeError, UnicodeDecodeError) as exc:
        raise ServiceError("SerializationException", "The request is not valid JSON.") from exc


def _reason(conflict: Conflict) -> dict[str, Any]:
    if isinstance(conflict, KindConflict):
        return {
            "Reason": f"The measure {conflict.column} has the type {conflict.existing} in this table, "
            f"the record has {conflict.got}."
        }
    if conflict.version == conflict.existing:
        reason = (
            "A record already exists with the same time, dimensions, measure name, and record version. "
            "A higher record version must be specified in order to update the measure value. "
            "Specifying record version is supported by the latest SDKs."
        )
    else:
        reason = (
            f"The record version {conflict.version} is lower than the existing version {conflict.existing}. "
            "A higher version is required to update the measure value."
        )
    return {"Reason": reason, "ExistingVersion": conflict.existing}


def _iso(ns: int) -> str:
    return datetime.fromtimestamp(ns // 10**9, UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{ns // 10**6 % 1000:03d}Z"
