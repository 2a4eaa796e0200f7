"""Rows of InfluxDB as the points that stand."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from contract.telemetry import QUALITIES, Value
from functions.adapters.influx_slots import MS, PLAIN_LAG_MS, lag_of
from functions.domain.series import Point, newest
from functions.errors import StoreError

Row = tuple[Any, ...]
"""Time in ns, then float, boolean, string and note of each metric; None for what is not there."""
_KINDS = "fbs"


def standing(device: str, metrics: Sequence[str], rows: Iterable[Row]) -> list[Point]:
    """Of each metric and instant the point that was received last, in order; rows in ascending order of time.

    `metrics` are those of the rows' columns, sorted. Raises StoreError for a row that this adapter did not write.
    """
    points: list[Point] = []
    instant, first, alone = -1, 0, True
    for row in rows:
        ts = row[0] // MS
        if ts == instant:
            alone = False
        else:
            if not alone:
                points[first:] = _newest(points[first:])
            instant, first, alone = ts, len(points), True
        _add(points, device, metrics, ts, row)
    if not alone:
        points[first:] = _newest(points[first:])
    return points


def ts_of(row: Row) -> int:
    ts: int = row[0] // MS
    return ts


def _newest(points: Iterable[Point]) -> list[Point]:
    return sorted(newest(points).values(), key=lambda point: point.metric)


def _add(points: list[Point], device: str, metrics: Sequence[str], ts: int, row: Row) -> None:
    """The versions that a row holds."""
    slot = row[0] - ts * MS
    plain = slot < PLAIN_LAG_MS
    received_at = ts + lag_of(slot) if plain else 0
    at = 1
    for metric in metrics:
        number, boolean, text, note = row[at : at + 4]
        at += 4
        # Two of these were written as received together: of a tie either may stand.
        value: Value | None = text if text is not None else number if number is not None else boolean
        if note is not None and not plain:
            said = _note(device, metric, note)
            value = (number, boolean, text)[_KINDS.index(said.kind)]
            if value is None:
                raise StoreError(f"telemetry of {device}: {metric} at {ts} has the note {note!r} and no such value")
            points.append(Point(device, metric, ts, value, said.quality, said.late, said.received_at))
        elif value is not None:
            if not plain:
                raise StoreError(f"telemetry of {device}: {metric} at {ts} has no note")
            points.append(Point(device, metric, ts, value, "good", late=False, received_at=received_at))


class _Note(NamedTuple):
    kind: str
    quality: Any
    late: bool
    received_at: int


def _note(device: str, metric: str, text: str) -> _Note:
    kind, quality, late, received_at = [*text.split(","), "", "", ""][:4]
    if kind not in (*_KINDS,) or quality not in QUALITIES or late not in {"", "late"} or not received_at.isdecimal():
        raise StoreError(f"telemetry of {device}: {metric} has the note {text!r}")
    return _Note(kind, quality, late == "late", int(received_at))
