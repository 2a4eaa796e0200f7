"""Rows of InfluxDB as the points that stand."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Any, NamedTuple

from contract.telemetry import QUALITIES, Value
from functions.adapters.influx_slots import MS, PLAIN_LAG_MS, lag_of
from functions.domain.series import Point, newest
from functions.errors import StoreError

Row = tuple[Any, ...]
"""Time in ns, then float, boolean, string and note of each metric; None for what is not there."""
_KINDS = "fbs"


def standing(device: str, metrics: Sequence[str], rows: Iterable[Row]) -> Iterator[Point]:
    """Of each metric and instant the point that was received last, in order; rows in ascending order of time.

    `metrics` are those of the rows' columns, sorted. Raises StoreError for a row that this adapter did not write.
    """
    for ts, together in groupby(rows, key=ts_of):
        points = [point for row in together for point in _points(device, metrics, ts, row)]
        if len(points) > 1:
            points = sorted(newest(points).values(), key=_metric)
        yield from points


def ts_of(row: Row) -> int:
    ts: int = row[0] // MS
    return ts


def _metric(point: Point) -> str:
    return point.metric


def _points(device: str, metrics: Sequence[str], ts: int, row: Row) -> Iterator[Point]:
    slot = row[0] - ts * MS
    plain = slot < PLAIN_LAG_MS
    at = 1
    for metric in metrics:
        number, boolean, text, note = row[at : at + 4]
        at += 4
        if plain:
            received_at = ts + lag_of(slot)
            # Two of these were written as received together: of a tie either may stand.
            value: Value | None = text if text is not None else number if number is not None else boolean
            if value is not None:
                yield Point(device, metric, ts, value, "good", late=False, received_at=received_at)
        elif note is not None:
            said = _note(device, metric, note)
            value = (number, boolean, text)[_KINDS.index(said.kind)]
            if value is None:
                raise StoreError(f"telemetry of {device}: {metric} at {ts} has the note {note!r} and no such value")
            yield Point(device, metric, ts, value, said.quality, said.late, said.received_at)
        elif number is not None or boolean is not None or text is not None:
            raise StoreError(f"telemetry of {device}: {metric} at {ts} has no note")


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
