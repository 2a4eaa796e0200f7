"""Reads what a target holds of some points, by device and UTC day and several at once."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from functions.domain.series import Point
from functions.ports.telemetry import TelemetryStore

DAY_MS = 86_400_000
READERS = 8

DayOfDevice = tuple[str, int]
"""The day is counted from the epoch."""
Span = tuple[int, int]
"""From when until when, which is not included."""

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


def by_device_day(points: Iterable[Point]) -> dict[DayOfDevice, list[Point]]:
    days: dict[DayOfDevice, list[Point]] = {}
    for point in points:
        days.setdefault((point.device, point.ts // DAY_MS), []).append(point)
    return days


def span(points: Iterable[Point]) -> Span:
    """From the first to the last of these points."""
    moments = [point.ts for point in points]
    return min(moments), max(moments) + 1


def stored(store: TelemetryStore, device: str, within: Span) -> Iterator[tuple[Point, ...]]:
    """Pages of all that the store holds of the device in this time."""
    cursor = None
    while True:
        page = store.export(device, *within, cursor)
        yield page.points
        cursor = page.cursor
        if cursor is None:
            return


def side_by_side(call: Callable[[_Item], _Result], items: Iterable[_Item]) -> list[_Result]:
    """`call` of each item, in order."""
    with ThreadPoolExecutor(READERS) as pool:
        return list(pool.map(call, items))
