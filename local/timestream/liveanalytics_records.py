"""WriteRecords' request: what each record says once the common attributes are laid under it."""

import re
from collections.abc import Callable, Mapping
from math import isfinite
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from local.timestream.liveanalytics_errors import invalid
from local.timestream.model import MAX_INT64, MIN_INT64, Row, Series, Timestamp, Value

MEASURE = "measure_name"
"""The tag of a series that is its measure's name."""

Name = Annotated[str, Meta(min_length=1)]
Text = Annotated[str, Meta(min_length=1, max_length=2048)]
Unit = Literal["MILLISECONDS", "SECONDS", "MICROSECONDS", "NANOSECONDS"]

_NS: Mapping[str, int] = {"SECONDS": 10**9, "MILLISECONDS": 10**6, "MICROSECONDS": 10**3, "NANOSECONDS": 1}
_MAX_DIMENSIONS = 128
_MAX_DIMENSION_NAME_BYTES = 60
_MAX_MEASURE_NAME_BYTES = 256
_MAX_MEASURES = 256
_MAX_DIMENSIONS_BYTES = 2048
_RESERVED = frozenset({"time", MEASURE, "measure_value", "ts_non_existent_col"})
_is_integer = re.compile(r"[+-]?[0-9]{1,19}").fullmatch
_is_double = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?").fullmatch
_is_moment = re.compile(r"[0-9]{1,19}").fullmatch


class Dimension(msgspec.Struct, rename="pascal", gc=False, frozen=True):
    name: Name
    value: Name
    dimension_value_type: Literal["VARCHAR"] = "VARCHAR"


class Measure(msgspec.Struct, rename="pascal", gc=False, frozen=True):
    name: Name
    value: Text
    type: Literal["DOUBLE", "BIGINT", "VARCHAR", "BOOLEAN", "TIMESTAMP", "MULTI"]


class Record(msgspec.Struct, rename="pascal", gc=False, frozen=True):
    dimensions: Annotated[list[Dimension], Meta(max_length=_MAX_DIMENSIONS)] | None = None
    measure_name: Name | None = None
    measure_value: Text | None = None
    measure_value_type: Literal["DOUBLE", "BIGINT", "VARCHAR", "BOOLEAN", "TIMESTAMP", "MULTI"] | None = None
    time: Annotated[str, Meta(min_length=1, max_length=256)] | None = None
    time_unit: Unit | None = None
    version: int | None = None
    measure_values: list[Measure] | None = None


class WriteRecords(msgspec.Struct, rename="pascal", frozen=True):
    database_name: str
    table_name: str
    records: Annotated[list[Record], Meta(min_length=1, max_length=100)]
    common_attributes: Record | None = None


class RejectedError(Exception):
    """Why a record of its own is not taken, while the others are."""


class Reader:
    """Rows of a request's records; what they have in common is looked at once."""

    def __init__(self, common: Record | None) -> None:
        self._common = common or Record()
        self._series: dict[tuple[tuple[Dimension, ...], str], Series] = {}
        self._names: set[str] = set()

    def row(self, record: Record) -> Row:
        """Raises RejectedError for this record, ServiceError for the request."""
        common = self._common
        name = record.measure_name if record.measure_name is not None else common.measure_name
        kind = record.measure_value_type or common.measure_value_type or "DOUBLE"
        unit = record.time_unit or common.time_unit or "MILLISECONDS"
        version = record.version if record.version is not None else common.version
        if version is None:
            version = 1
        if not 1 <= version <= MAX_INT64:
            raise invalid(f"Invalid record version {version}. The version must be 1 or greater.")
        if name is None:
            raise invalid("Measure name is required for a record.")
        time = _moment(record.time or common.time, unit)
        values = self._values(record, kind, unit)
        return Row(self._series_of(record, name), time, version, values)

    def _series_of(self, record: Record, measure: str) -> Series:
        both = (*(self._common.dimensions or ()), *(record.dimensions or ()))
        known = self._series.get((both, measure))
        if known is None:
            if len(measure.encode()) > _MAX_MEASURE_NAME_BYTES:
                raise RejectedError(f"The measure name exceeds the maximum length of {_MAX_MEASURE_NAME_BYTES} bytes.")
            known = tuple(sorted((*_checked_dimensions(both), (MEASURE, measure))))
            self._series[both, measure] = known
        return known

    def _values(self, record: Record, kind: str, unit: str) -> dict[str, Value]:
        if kind != "MULTI":
            value = record.measure_value if record.measure_value is not None else self._common.measure_value
            if value is None:
                raise invalid("Measure value is required for a record.")
            if kind == "TIMESTAMP":
                raise invalid("TIMESTAMP is an invalid measure value type.")
            return {f"measure_value::{kind.lower()}": _VALUES[kind](value, unit)}
        measures = record.measure_values if record.measure_values is not None else self._common.measure_values
        if not measures:
            raise invalid("Measure values are required for a record of type MULTI.")
        if len(measures) > _MAX_MEASURES:
            raise RejectedError(f"The record has more than {_MAX_MEASURES} measures.")
        values: dict[str, Value] = {}
        for measure in measures:
            if measure.name in values:
                raise invalid(f"Duplicate measure name {measure.name} in a record.")
            if measure.name not in self._names:
                self._names.add(_checked_name(measure.name))
            values[measure.name] = _VALUES[measure.type](measure.value, unit)
        return values


def _checked_name(name: str) -> str:
    if name.lower() in _RESERVED or len(name.encode()) > _MAX_MEASURE_NAME_BYTES:
        raise RejectedError(f"The measure name {name:.60} is reserved or too long.")
    return name


def _checked_dimensions(dimensions: tuple[Dimension, ...]) -> tuple[tuple[str, str], ...]:
    if not dimensions:
        raise invalid("At least one dimension is required for a record.")
    pairs = {each.name: each.value for each in dimensions}
    if len(pairs) < len(dimensions):
        raise invalid("Duplicate dimension names are not allowed in a record and its common attributes.")
    if len(pairs) > _MAX_DIMENSIONS:
        raise RejectedError(f"The record has more than {_MAX_DIMENSIONS} dimensions.")
    for name in pairs:
        if name.lower() in _RESERVED or name.lower().startswith("measure_value::"):
            raise invalid(f"The dimension name {name} is reserved.")
        if len(name.encode()) > _MAX_DIMENSION_NAME_BYTES:
            raise RejectedError(f"A dimension name exceeds the maximum length of {_MAX_DIMENSION_NAME_BYTES} bytes.")
    if sum(len(name.encode()) + len(value.encode()) for name, value in pairs.items()) > _MAX_DIMENSIONS_BYTES:
        raise RejectedError(f"The dimensions exceed the maximum size of {_MAX_DIMENSIONS_BYTES} bytes.")
    return tuple(pairs.items())


def _moment(text: str | None, unit: str) -> int:
    if text is None or not _is_moment(text) or (ns := int(text) * _NS[unit]) > MAX_INT64:
        raise invalid("Invalid time for record.")
    return ns


def _double(text: str, _unit: str) -> float:
    if not _is_double(text) or not isfinite(number := float(text)):
        raise RejectedError(f"The measure value {text:.60} is not a DOUBLE.")
    return number


def _bigint(text: str, _unit: str) -> int:
    if not _is_integer(text) or not MIN_INT64 <= int(text) <= MAX_INT64:
        raise RejectedError(f"The measure value {text:.60} is not a BIGINT.")
    return int(text)


def _boolean(text: str, _unit: str) -> bool:
    if text.lower() not in {"true", "false"}:
        raise RejectedError(f"The measure value {text:.60} is not a BOOLEAN.")
    return text.lower() == "true"


def _timestamp(text: str, unit: str) -> Timestamp:
    if not _is_moment(text) or int(text) * _NS[unit] > MAX_INT64:
        raise RejectedError(f"The measure value {text:.60} is not a TIMESTAMP.")
    return Timestamp(int(text) * _NS[unit])


def _multi(_text: str, _unit: str) -> Value:
    raise invalid("MULTI is an invalid type of a measure of a record of type MULTI.")


_VALUES: Mapping[str, Callable[[str, str], Value]] = {
    "DOUBLE": _double,
    "BIGINT": _bigint,
    "BOOLEAN": _boolean,
    "TIMESTAMP": _timestamp,
    "MULTI": _multi,
    "VARCHAR": lambda text, _unit: text,
}
