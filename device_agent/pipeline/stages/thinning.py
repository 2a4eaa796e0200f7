"""Stages that let fewer samples through: delta, throttle, and the heartbeat that keeps them from falling silent.

Quality counts as part of the value: when it changes, the sample passes.
"""

from dataclasses import dataclass
from typing import ClassVar

from contract.models import MetricType
from contract.telemetry import Quality, Value
from device_agent.config.table import Table
from device_agent.pipeline.stages import ALL_TYPES, SURE, Emit, Outlets, milliseconds

_LONGEST_S = 31 * 86_400.0


@dataclass(frozen=True)
class Delta:
    """Lets a number through that is `absolute` or more, or `percent` of its amount or more, from the last that passed.

    Without either, and for booleans and texts: what differs from the last that passed.
    """

    absolute: float | None = None
    percent: float | None = None
    takes: ClassVar[frozenset[MetricType]] = ALL_TYPES

    def make(self, outlets: Outlets) -> "_Delta":
        return _Delta(self, outlets.emit)


class _Delta:
    def __init__(self, settings: Delta, emit: Emit) -> None:
        self._absolute = settings.absolute
        self._share = None if settings.percent is None else settings.percent / 100
        self._any_change = settings.absolute is None and settings.percent is None
        self._last: Value | None = None
        self._last_quality: Quality = "good"
        self._emit = emit

    def push(self, at: int, value: Value, quality: Quality) -> None:
        if quality != self._last_quality or self._differs(value):
            self._last, self._last_quality = value, quality
            self._emit(at, value, quality)

    def _differs(self, value: Value) -> bool:
        last = self._last
        if last is None:
            return True
        if self._any_change or isinstance(value, bool | str) or isinstance(last, bool | str):
            return value != last
        change = abs(value - last)
        if self._absolute is not None and change >= self._absolute:
            return True
        # From 0, any change is more than any share of it.
        return self._share is not None and change > 0 and change >= self._share * abs(last)


@dataclass(frozen=True)
class Throttle:
    """Lets one sample through, and then none until `every_ms` later."""

    every_ms: int
    takes: ClassVar[frozenset[MetricType]] = ALL_TYPES

    def make(self, outlets: Outlets) -> "_Throttle":
        return _Throttle(self.every_ms, outlets.emit)


class _Throttle:
    def __init__(self, every_ms: int, emit: Emit) -> None:
        self._every = every_ms
        self._last: int | None = None
        self._last_quality: Quality = "good"
        self._emit = emit

    def push(self, at: int, value: Value, quality: Quality) -> None:
        if self._last is None or at - self._last >= self._every or quality != self._last_quality:
            self._last, self._last_quality = at, quality
            self._emit(at, value, quality)


@dataclass(frozen=True)
class Heartbeat:
    """Repeats the last value if none passed for `every_ms`, when the sensor gives a sample that was held back.

    So a repeated value is always one that the sensor has just confirmed: a dead sensor has no heartbeat.
    """

    every_ms: int
    takes: ClassVar[frozenset[MetricType]] = ALL_TYPES

    def make(self, outlets: Outlets) -> "HeartbeatStage":
        return HeartbeatStage(self.every_ms, outlets.emit)


class HeartbeatStage:
    """Its chain calls `confirm` after each sure sample that came into it."""

    def __init__(self, every_ms: int, emit: Emit) -> None:
        self._every = every_ms
        self._last: tuple[int, Value, Quality] | None = None
        self._emit = emit

    def push(self, at: int, value: Value, quality: Quality) -> None:
        self._last = (at, value, quality)
        self._emit(at, value, quality)

    def confirm(self, at: int) -> None:
        """The sensor gave a sample at that time, which may have been held back before it came here."""
        last = self._last
        if last is not None and last[2] in SURE and at - last[0] >= self._every:
            self.push(at, last[1], last[2])


def parse_delta(table: Table) -> Delta:
    return Delta(
        table.optional_number("absolute", minimum=1e-12),
        table.optional_number("percent", minimum=1e-6, maximum=1e6),
    )


def parse_throttle(table: Table) -> Throttle:
    return Throttle(milliseconds(table.duration("every_s", minimum=0.001, maximum=_LONGEST_S)))


def parse_heartbeat(table: Table) -> Heartbeat:
    return Heartbeat(milliseconds(table.duration("every_s", minimum=0.001, maximum=_LONGEST_S)))
