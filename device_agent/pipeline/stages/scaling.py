"""Stages that change a value by itself: calibration and bounds. They remember nothing, so gaps mean nothing to them.

An unsure value is changed like a sure one: it is the same quantity. A result beyond a float's range is no value.
"""

from bisect import bisect_right
from dataclasses import dataclass
from itertools import pairwise
from math import isfinite
from typing import ClassVar

from contract.errors import shown
from contract.models import MetricType
from contract.telemetry import Quality, Value
from device_agent.config.table import Table
from device_agent.pipeline.stages import NUMBERS, Emit, Outlets

_MOST_POINTS = 1_000


@dataclass(frozen=True)
class Calibrate:
    """value × gain + offset, or on the straight line between the two nearest of `points`, prolonged beyond the ends."""

    gain: float = 1.0
    offset: float = 0.0
    points: tuple[tuple[float, float], ...] = ()
    takes: ClassVar[frozenset[MetricType]] = NUMBERS

    def make(self, outlets: Outlets) -> "_Linear | _Interpolated":
        if self.points:
            return _Interpolated(self.points, outlets.emit)
        return _Linear(self.gain, self.offset, outlets.emit)


class _Linear:
    def __init__(self, gain: float, offset: float, emit: Emit) -> None:
        self._gain = gain
        self._offset = offset
        self._emit = emit

    def push(self, at: int, value: Value, quality: Quality) -> None:
        result = float(value) * self._gain + self._offset
        if isfinite(result):
            self._emit(at, result, quality)


class _Interpolated:
    def __init__(self, points: tuple[tuple[float, float], ...], emit: Emit) -> None:
        self._points = points
        self._inner = [raw for raw, _ in points[1:-1]]  # between which two points a value lies
        self._emit = emit

    def push(self, at: int, value: Value, quality: Quality) -> None:
        raw = float(value)
        index = bisect_right(self._inner, raw)
        (x0, y0), (x1, y1) = self._points[index], self._points[index + 1]
        share = (raw - x0) / (x1 - x0)
        result = y0 * (1 - share) + y1 * share
        if isfinite(result):
            self._emit(at, result, quality)


@dataclass(frozen=True)
class Clamp:
    """Keeps a value within bounds: moved to the nearest, or with `drop` left out."""

    minimum: float = float("-inf")
    maximum: float = float("inf")
    drop: bool = False
    takes: ClassVar[frozenset[MetricType]] = NUMBERS

    def make(self, outlets: Outlets) -> "_Clamp":
        return _Clamp(self, outlets.emit)


class _Clamp:
    def __init__(self, settings: Clamp, emit: Emit) -> None:
        self._minimum = settings.minimum
        self._maximum = settings.maximum
        self._drop = settings.drop
        self._emit = emit

    def push(self, at: int, value: Value, quality: Quality) -> None:
        number = float(value)
        if self._minimum <= number <= self._maximum:
            self._emit(at, number, quality)
        elif not self._drop:
            self._emit(at, self._minimum if number < self._minimum else self._maximum, quality)


def parse_calibrate(table: Table) -> Calibrate:
    if "points" not in table:
        if "gain" not in table and "offset" not in table:
            table.problem("gain", "a gain, an offset or points", "none of them")
        return Calibrate(table.number("gain", default=1.0), table.number("offset", default=0.0))
    for key in ("gain", "offset"):
        if key in table:
            table.problem(key, "left out beside points", shown(table.value(key)))
    points = table.points("points")
    raws = [raw for raw, _ in points]
    if not 2 <= len(points) <= _MOST_POINTS:  # noqa: PLR2004 - a line has two ends
        table.problem("points", f"2 to {_MOST_POINTS} pairs of raw and true value", f"{len(points)}")
    elif any(not (low < high and isfinite(high - low)) for low, high in pairwise(raws)):
        table.problem("points", "pairs by rising raw value", "others")
    return Calibrate(points=points)


def parse_clamp(table: Table) -> Clamp:
    low, high = table.optional_number("minimum"), table.optional_number("maximum")
    if "minimum" not in table and "maximum" not in table:
        table.problem("minimum", "a minimum, a maximum or both", "neither")
    minimum, maximum = float("-inf") if low is None else low, float("inf") if high is None else high
    if minimum > maximum:
        table.problem("minimum", f"at most the maximum {maximum:g}", shown(minimum))
    return Clamp(minimum, maximum, drop=table.choice("outside", ("move", "drop"), "move") == "drop")
