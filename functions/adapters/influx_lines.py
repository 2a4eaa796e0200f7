"""Points as InfluxDB's line protocol.

All points are in one measurement with one tag, the device. A row's fields are named by type and metric, so that devices
can never disagree about the type of a field: `f:<metric>` float, `b:<metric>` boolean, `s:<metric>` string. A version
in a noted slot (see `influx_slots`) has a string `x:<metric>` beside its value: type, quality, `late` or nothing, and
`received_at`, joined by commas. A row of its own has the boolean `d` and nothing else: the mark of an instant at which
some metric has more than one version of a type.
"""

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache

import msgspec

from contract.telemetry import Value
from functions.adapters.influx_slots import MARK_SLOT, MS, PLAIN_LAG_MS, noted_slot, plain_slot
from functions.domain.series import Point

MEASUREMENT = "telemetry"
MARK = "d"

_KINDS = {bool: "b", float: "f", str: "s"}
_json = msgspec.json.Encoder()

# Line protocol has no escape for these in a name, nor for a backslash before what it does escape, and UTF-8 has no
# surrogates.
_unnameable = re.compile("[\\\\\n\r\0\ud800-\udfff]").search


class UnencodableError(ValueError):
    """Line protocol cannot carry a name or text as it is."""


def encode(points: Sequence[Point]) -> tuple[bytes, int]:
    """Lines, and how many. Neighbours of one device and slot share a line.

    Raises UnencodableError for what line protocol cannot carry; what it can but must not, NaN, the server refuses.
    """
    # All at once, since that is several times faster than one by one. As JSON does, each is written as short as can be.
    number = iter(_json.encode([one.value for one in points if type(one.value) is float])[1:-1].decode().split(","))
    lines: list[str] = []
    fields: list[str] = []
    version: tuple[object, ...] | None = None
    head = tail = ""
    plain = True
    for point in points:
        value, metric = point.value, point.metric
        key = (point.ts, point.received_at, point.device, point.quality, point.late)
        if key != version:
            if version is not None:
                lines.append(head + ",".join(fields) + tail)
            version, fields = key, []
            plain, at = time_of(point)
            head, tail = _series(point.device), f" {at}"
        if type(value) is float:
            fields.append(_float_field(metric) + next(number))
        elif value is True or value is False:
            fields.append(_bool_field(metric) + ("t" if value else "f"))
        else:
            fields.append(_string_field(metric) + _quoted(str(value)))
        if not plain:
            fields.append(_note_field(metric) + _note(point))
    if version is not None:
        lines.append(head + ",".join(fields) + tail)
    try:
        return "\n".join(lines).encode(), len(lines)
    except UnicodeEncodeError as exc:
        raise UnencodableError(f"expected text that UTF-8 can carry, got {exc.object[exc.start : exc.end]!r}") from exc


def encode_marks(instants: Iterable[tuple[str, int]]) -> bytes:
    """Of devices and ts."""
    return "\n".join(f"{_series(device)}{MARK}=t {ts * MS + MARK_SLOT}" for device, ts in instants).encode()


def kind_of(value: Value) -> str:
    """Of the field that holds it."""
    return _KINDS[type(value)]


def time_of(point: Point) -> tuple[bool, int]:
    """Whether the point's version has a plain slot, and that slot in ns since the epoch."""
    lag = point.received_at - point.ts
    plain = 0 <= lag < PLAIN_LAG_MS and point.quality == "good" and not point.late
    return plain, point.ts * MS + (plain_slot(lag) if plain else noted_slot(point.received_at))


def carries(name: str) -> bool:
    """Whether there can be points of this name, a device's or a metric's."""
    return bool(name) and not _unnameable(name)


def _name(text: str) -> str:
    if not carries(text):
        raise UnencodableError(f"expected a name of text without backslash, line break and NUL, got {text!r}")
    return text.replace(",", "\\,").replace("=", "\\=").replace(" ", "\\ ")


def _quoted(text: str) -> str:
    if "\\" in text or '"' in text:
        text = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'


def _note(point: Point) -> str:
    return f'"{kind_of(point.value)},{point.quality},{"late" if point.late else ""},{point.received_at}"'


# Names repeat in each batch: what they look like on the wire is worked out once.
@lru_cache(maxsize=50_000)
def _series(device: str) -> str:
    return f"{MEASUREMENT},device={_name(device)} "


@lru_cache(maxsize=5_000)
def _float_field(metric: str) -> str:
    return f"f:{_name(metric)}="


@lru_cache(maxsize=5_000)
def _bool_field(metric: str) -> str:
    return f"b:{_name(metric)}="


@lru_cache(maxsize=5_000)
def _string_field(metric: str) -> str:
    return f"s:{_name(metric)}="


@lru_cache(maxsize=5_000)
def _note_field(metric: str) -> str:
    return f"x:{_name(metric)}="
