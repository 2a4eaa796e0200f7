"""Points as InfluxDB's line protocol.

All points are in one measurement with one tag, the device. A row's fields are named by type and metric, so that devices
can never disagree about the type of a field: `f:<metric>` float, `b:<metric>` boolean, `s:<metric>` string. A version
in a noted slot (see `influx_slots`) has a string `x:<metric>` beside its value: type, quality, `late` or nothing, and
`received_at`, joined by commas.
"""

from collections.abc import Iterable
from functools import lru_cache

from functions.adapters.influx_slots import MS, PLAIN_LAG_MS, noted_slot, plain_slot
from functions.domain.series import Point

MEASUREMENT = "telemetry"

# Line protocol has no escape for these in a name, nor for a backslash before what it does escape.
_UNNAMEABLE = frozenset("\\\n\r\0")


class UnencodableError(ValueError):
    """Line protocol cannot carry a name or text as it is."""


def encode(points: Iterable[Point]) -> tuple[bytes, int]:
    """Lines, and how many. Neighbours of one device and slot share a line.

    Raises UnencodableError for what line protocol cannot carry; what it can but must not, NaN, the server refuses.
    """
    lines: list[str] = []
    device, time, line = "", -1, ""
    for point in points:
        ts, received_at, metric, value = point.ts, point.received_at, point.metric, point.value
        lag = received_at - ts
        plain = 0 <= lag < PLAIN_LAG_MS and point.quality == "good" and not point.late
        at = ts * MS + (plain_slot(lag) if plain else noted_slot(received_at))
        kind = type(value)
        if kind is float:
            field = f"{_float_field(metric)}{value!r}"
        elif kind is bool:
            field = f"{_bool_field(metric)}{'t' if value else 'f'}"
        else:
            field = f"{_string_field(metric)}{_quoted(str(value))}"
        if not plain:
            field += f",{_note_field(metric)}{_note(point)}"
        if at == time and point.device == device:
            line += f",{field}"
        else:
            if line:
                lines.append(f"{line} {time}")
            device, time = point.device, at
            line = f"{_series(device)}{field}"
    if line:
        lines.append(f"{line} {time}")
    try:
        return "\n".join(lines).encode(), len(lines)
    except UnicodeEncodeError as exc:
        raise UnencodableError(f"expected text that UTF-8 can carry, got {exc.object[exc.start : exc.end]!r}") from exc


def carries(name: str) -> bool:
    """Whether there can be points of this name, a device's or a metric's."""
    return bool(name) and _UNNAMEABLE.isdisjoint(name)


def _name(text: str) -> str:
    if not carries(text):
        raise UnencodableError(f"expected a name without backslash, line break and NUL, got {text!r}")
    return text.replace(",", "\\,").replace("=", "\\=").replace(" ", "\\ ")


def _quoted(text: str) -> str:
    if "\\" in text or '"' in text:
        text = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'


def _note(point: Point) -> str:
    kind = {bool: "b", float: "f", str: "s"}[type(point.value)]
    return f'"{kind},{point.quality},{"late" if point.late else ""},{point.received_at}"'


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
