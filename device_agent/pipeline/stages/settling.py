"""Stages that wait: debounce, for what must stay before it is believed, and timeout, for what does not come."""

from dataclasses import dataclass
from typing import ClassVar

from contract.models import MetricType
from contract.telemetry import Quality, Value
from device_agent.config.table import Table
from device_agent.pipeline.stages import ALL_TYPES, NEVER, SURE, Inflow, Outlets, milliseconds

_DAY_S = 86_400.0


@dataclass(frozen=True)
class Debounce:
    """Holds a changed value back until it has stayed for `for_ms`; it comes out with the time at which it had.

    The first value, and what repeats the last one that came out, pass at once. An unsure value passes, and what was
    being waited for is forgotten.
    """

    for_ms: int
    takes: ClassVar[frozenset[MetricType]] = frozenset({"boolean", "string"})

    def make(self, outlets: Outlets) -> "_Debounce":
        return _Debounce(self.for_ms, outlets)


class _Debounce:
    def __init__(self, for_ms: int, outlets: Outlets) -> None:
        self._for = for_ms
        self._stable: Value | None = None
        self._waiting: Value | None = None
        self._quality: Quality = "good"
        self._emit = outlets.emit
        self.due = NEVER

    def push(self, at: int, value: Value, quality: Quality) -> None:
        if quality not in SURE:
            self.due, self._waiting = NEVER, None
        elif self._stable is None or value == self._stable:
            self._stable = value
            self.due, self._waiting = NEVER, None
        elif value == self._waiting:
            if at < self.due:
                return
            self._stable = value
            self.due, self._waiting = NEVER, None
        else:
            self._waiting, self._quality, self.due = value, quality, at + self._for
            return
        self._emit(at, value, quality)

    def fire(self) -> None:
        at, value = self.due, self._waiting
        self.due, self._waiting = NEVER, None
        if value is not None:
            self._stable = value
            self._emit(at, value, self._quality)


@dataclass(frozen=True)
class Timeout:
    """If no sure sample came into the chain for `after_ms`, the last value that came here passes once, as stale."""

    after_ms: int
    takes: ClassVar[frozenset[MetricType]] = ALL_TYPES

    def make(self, outlets: Outlets) -> "_Timeout":
        return _Timeout(self.after_ms, outlets)


class _Timeout:
    def __init__(self, after_ms: int, outlets: Outlets) -> None:
        self._after = after_ms
        self._last: Value | None = None
        self._told_at: int | None = None  # of which sample it was told that none followed
        self._inflow: Inflow = outlets.inflow
        self._emit = outlets.emit

    @property
    def due(self) -> int:
        last = self._inflow.last_sure
        return NEVER if last is None or last == self._told_at or self._last is None else last + self._after

    def push(self, at: int, value: Value, quality: Quality) -> None:
        self._last = value
        if quality not in SURE:
            self._told_at = self._inflow.last_sure
        self._emit(at, value, quality)

    def fire(self) -> None:
        at, value = self.due, self._last
        self._told_at = self._inflow.last_sure
        if value is not None:
            self._emit(at, value, "stale")


def parse_debounce(table: Table) -> Debounce:
    return Debounce(milliseconds(table.duration("for_s", minimum=0.001, maximum=_DAY_S)))


def parse_timeout(table: Table) -> Timeout:
    return Timeout(milliseconds(table.duration("after_s", minimum=0.001, maximum=31 * _DAY_S)))
