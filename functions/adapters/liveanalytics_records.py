"""How a point is a record of Timestream for LiveAnalytics.

    dimension device      measure_name = metric      time in ms      Version = received_at
    f  DOUBLE   the number; 1 or 0 of a boolean; 0 of a text
    s  VARCHAR  `f` of a number, `b` of a boolean, else the text as JSON, which begins with a quote
    q  VARCHAR  quality, and `,late` when it is
    r  BIGINT   received_at, since no query can ask for the Version

The service keeps one record of a (dimensions, measure_name, time), of two the one with the higher Version. A record a
message, with a column a metric, would be a fifth of the records at five metrics. But two messages with other metrics of
the same millisecond would displace each other, a metric could never change its type, and a table has at most 1,024 such
columns. Names are short because each record is billed with them. Every record has every column: one that no record
brought yet cannot be asked for, and what an update leaves of columns that it does not bring is promised nowhere.
"""

from collections.abc import Sequence
from math import isfinite
from typing import TYPE_CHECKING, Any

import msgspec

from contract.telemetry import QUALITIES, Quality, Value
from functions.domain.series import Point

if TYPE_CHECKING:
    from mypy_boto3_timestream_write.type_defs import RecordTypeDef

MAX_RECORDS = 100
_MAX_METRIC_BYTES = 256
_MAX_DIMENSION_BYTES = 2048 - len("device")
_MAX_TEXT_BYTES = 2048
_NUMBER, _BOOLEAN, _QUOTE, _LATE = "f", "b", '"', ",late"
_encode = msgspec.json.Encoder().encode
_decode_text = msgspec.json.Decoder(str).decode


def unstorable(point: Point) -> str | None:
    """Why the service would refuse the point for ever, where that can be known beforehand."""
    try:
        for name, size, most in (
            ("device", len(point.device.encode()), _MAX_DIMENSION_BYTES),
            ("metric", len(point.metric.encode()), _MAX_METRIC_BYTES),
        ):
            if not 0 < size <= most:
                return f"expected a {name} of 1 to {most} bytes, got {size}"
        if isinstance(point.value, str) and (size := len(_encode(point.value))) > _MAX_TEXT_BYTES:
            return f"expected a value of at most {_MAX_TEXT_BYTES} bytes as JSON, got {size}"
    except UnicodeEncodeError as exc:
        return f"expected text that UTF-8 can carry, got {exc}"
    if type(point.value) is float and not isfinite(point.value):
        return f"expected a finite number, got {point.value}"
    return None


def requests(points: Sequence[Point]) -> list[list[Point]]:
    """Points as they go together into a request: neighbours in device and time, which have most in common."""
    ordered = sorted(points, key=lambda point: (point.device, point.ts, point.metric))
    return [ordered[at : at + MAX_RECORDS] for at in range(0, len(ordered), MAX_RECORDS)]


def records(points: Sequence[Point]) -> tuple["RecordTypeDef", list["RecordTypeDef"]]:
    """What all points of a request share, said once, and of each the rest."""
    each = [_attributes(point) for point in points]
    common = {name: value for name, value in each[0].items() if all(other[name] == value for other in each)}
    rest = [
        {**{name: value for name, value in one.items() if name not in common}, "MeasureValues": _measures(point)}
        for point, one in zip(points, each, strict=True)
    ]
    shared: Any = {**common, "MeasureValueType": "MULTI", "TimeUnit": "MILLISECONDS"}
    return shared, rest  # type: ignore[return-value]  # built name by name, which a TypedDict cannot follow


def _attributes(point: Point) -> dict[str, Any]:
    return {
        "Dimensions": [{"Name": "device", "Value": point.device}],
        "MeasureName": point.metric,
        "Time": str(point.ts),
        "Version": version(point),
    }


def version(point: Point) -> int:
    """The service begins at 1."""
    return max(1, point.received_at)


def _measures(point: Point) -> list[dict[str, str]]:
    number, text = _columns(point.value)
    return [
        {"Name": "f", "Value": number, "Type": "DOUBLE"},
        {"Name": "s", "Value": text, "Type": "VARCHAR"},
        {"Name": "q", "Value": point.quality + (_LATE if point.late else ""), "Type": "VARCHAR"},
        {"Name": "r", "Value": str(point.received_at), "Type": "BIGINT"},
    ]


def _columns(value: Value) -> tuple[str, str]:
    if isinstance(value, bool):
        return str(int(value)), _BOOLEAN
    if isinstance(value, str):
        return "0", _encode(value).decode()
    return repr(value), _NUMBER


def value_of(number: float, text: str) -> Value:
    """The value in columns f and s; ValueError for what `records` would not write."""
    if text == _NUMBER:
        return number
    if text == _BOOLEAN:
        return number == 1
    if text.startswith(_QUOTE):
        return _decode_text(text)
    raise ValueError(f"expected f, b or a JSON string in column s, got {text!r}")


def quality_of(column: str) -> tuple[Quality, bool]:
    """Quality and late, as column q has them; ValueError for what `records` would not write."""
    name, comma, late = column.partition(",")
    for quality in QUALITIES:
        if name == quality and comma + late in {"", _LATE}:
            return quality, bool(comma)
    raise ValueError(f"expected a quality, with ',late' or without, in column q, got {column!r}")
