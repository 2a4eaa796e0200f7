"""Stages that take the noise out of numbers: every sample gives one, computed from those before it too.

An unsure value passes as it is and enters no statistics. With `reset_after_s`, samples from before a longer gap are
forgotten. A sum beyond a float's range is no value.
"""

from bisect import bisect_left, insort
from collections import deque
from dataclasses import dataclass
from math import exp, isfinite
from typing import ClassVar

from contract.models import MetricType
from contract.telemetry import Quality, Value
from device_agent.config.table import Table
from device_agent.pipeline.stages import NEVER, NUMBERS, SURE, Emit, Outlets, milliseconds
from device_agent.pipeline.stages.running_mean import RunningMean

MOST_SAMPLES = 10_000
"""How many an average over a time keeps: what is older than that many is left out of it."""
_DAY_S = 86_400.0


@dataclass(frozen=True)
class Median:
    """Of the last `count` samples, of those there are; the lower of the two in the middle, so always one of them."""

    count: int
    reset_after_ms: int = NEVER
    takes: ClassVar[frozenset[MetricType]] = NUMBERS

    def make(self, outlets: Outlets) -> "_Median":
        return _Median(self, outlets.emit)


class _Median:
    def __init__(self, settings: Median, emit: Emit) -> None:
        self._reset_after = settings.reset_after_ms
        self._window: deque[float] = deque(maxlen=settings.count)
        self._sorted: list[float] = []
        self._last = 0
        self._emit = emit

    def push(self, at: int, value: Value, quality: Quality) -> None:
        if quality not in SURE:
            self._emit(at, value, quality)
            return
        window, ordered, number = self._window, self._sorted, float(value)
        if at - self._last > self._reset_after:
            window.clear()
            ordered.clear()
        self._last = at
        if len(window) == window.maxlen:
            del ordered[bisect_left(ordered, window[0])]
        window.append(number)
        insort(ordered, number)
        self._emit(at, ordered[(len(ordered) - 1) // 2], quality)


@dataclass(frozen=True)
class Average:
    """The mean of the last `count` samples, or of those of the last `over_ms`; of those there are."""

    count: int = MOST_SAMPLES
    over_ms: int = NEVER
    reset_after_ms: int = NEVER
    takes: ClassVar[frozenset[MetricType]] = NUMBERS

    def make(self, outlets: Outlets) -> "_Average":
        return _Average(self, outlets.emit)


class _Average:
    def __init__(self, settings: Average, emit: Emit) -> None:
        self._settings = settings
        self._mean = RunningMean()
        self._times: deque[int] = deque()
        self._emit = emit

    def push(self, at: int, value: Value, quality: Quality) -> None:
        if quality not in SURE:
            self._emit(at, value, quality)
            return
        settings, times, mean = self._settings, self._times, self._mean
        if times and at - times[-1] > settings.reset_after_ms:
            times.clear()
            mean.clear()
        while times and (len(times) >= settings.count or at - times[0] >= settings.over_ms):
            times.popleft()
            mean.drop_oldest()
        times.append(at)
        mean.add(float(value))
        result = mean.value()
        if isfinite(result):
            self._emit(at, result, quality)


@dataclass(frozen=True)
class Ema:
    """An exponential moving average whose weights fade with time, not with samples: irregular sampling is right.

    y += (1 − e^(−Δt/τ)) (x − y): a first-order low-pass with time constant τ, its input held from sample to sample.
    """

    time_constant_ms: int
    reset_after_ms: int = NEVER
    takes: ClassVar[frozenset[MetricType]] = NUMBERS

    def make(self, outlets: Outlets) -> "_Ema":
        return _Ema(self, outlets.emit)


class _Ema:
    def __init__(self, settings: Ema, emit: Emit) -> None:
        self._time_constant = settings.time_constant_ms
        self._reset_after = settings.reset_after_ms
        self._mean: float | None = None
        self._last = 0
        self._emit = emit

    def push(self, at: int, value: Value, quality: Quality) -> None:
        if quality not in SURE:
            self._emit(at, value, quality)
            return
        number, mean, elapsed = float(value), self._mean, at - self._last
        self._last = at
        if mean is not None and elapsed <= self._reset_after:
            kept = exp(-elapsed / self._time_constant)
            # Between the two whatever rounding does, and without a difference that could overflow.
            number = min(max(mean * kept + number * (1 - kept), min(mean, number)), max(mean, number))
        self._mean = number
        self._emit(at, number, quality)


def parse_median(table: Table) -> Median:
    return Median(table.integer("count", minimum=2, maximum=1001), _reset_after(table))


def parse_average(table: Table) -> Average:
    if ("count" in table) == ("over_s" in table):
        table.problem("count", "either count or over_s", "both" if "count" in table else "neither")
    count = table.optional_integer("count", minimum=2, maximum=MOST_SAMPLES)
    over = table.optional_duration("over_s", minimum=0.001, maximum=_DAY_S)
    return Average(
        MOST_SAMPLES if count is None else count, NEVER if over is None else milliseconds(over), _reset_after(table)
    )


def parse_ema(table: Table) -> Ema:
    time_constant = table.duration("time_constant_s", minimum=0.001, maximum=_DAY_S)
    return Ema(milliseconds(time_constant), _reset_after(table))


def _reset_after(table: Table) -> int:
    seconds = table.optional_duration("reset_after_s", minimum=0.001, maximum=366 * _DAY_S)
    return NEVER if seconds is None else milliseconds(seconds)
