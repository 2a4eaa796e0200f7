"""What an actuator may not do, whoever asks. Pure; times are boot time in ms.

Reaching the safe state is never refused: every limit is about leaving it.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from contract.errors import shown
from contract.telemetry import Value


@dataclass(frozen=True)
class Permit:
    """A metric that must be within bounds, known no longer than `within_s` ago. `equals` is for booleans and texts."""

    metric: str
    minimum: float | None = None
    maximum: float | None = None
    equals: bool | str | None = None
    within_s: float = 60.0

    def refusal(self, seen: Mapping[str, tuple[int, Value]], now: int) -> str | None:
        """Why the metric, last seen at a time with a value, does not permit it."""
        if self.metric not in seen:
            return f"{self.metric} is not known"
        at, value = seen[self.metric]
        if now - at > self.within_s * 1000:
            return f"{self.metric} was last known {(now - at) / 1000:.0f} s ago, more than {self.within_s:g} s"
        return self._objection(value)

    def _objection(self, value: Value) -> str | None:
        if self.equals is not None:
            fits = type(value) is type(self.equals) and value == self.equals
            return None if fits else f"{self.metric} is {shown(value)}, not {shown(self.equals)}"
        if isinstance(value, (bool, str)):
            return f"{self.metric} is {shown(value)}, not a number"
        # So written that NaN is outside.
        if self.minimum is not None and not value >= self.minimum:
            return f"{self.metric} is {value:g}, below {self.minimum:g}"
        if self.maximum is not None and not value <= self.maximum:
            return f"{self.metric} is {value:g}, above {self.maximum:g}"
        return None


@dataclass(frozen=True)
class Limits:
    """`interlock` names the actuators that it is never on together with."""

    max_on_s: float | None = None
    min_cycle_s: float = 0.0
    interlock: frozenset[str] = frozenset()
    permits: tuple[Permit, ...] = ()


def min_cycle_refusal(limits: Limits, changed_at: int, now: int) -> str | None:
    """Whether a change between on and off away from the safe state comes too soon after the change before."""
    left = limits.min_cycle_s - (now - changed_at) / 1000
    if left <= 0:
        return None
    return f"it changed {(now - changed_at) / 1000:.1f} s ago and may again in {left:.1f} s"


def interlock_refusal(limits: Limits, on: Mapping[str, bool]) -> str | None:
    """Whether an actuator that it is interlocked with is, or may be, on."""
    together = sorted(name for name in limits.interlock if on[name])
    return f"interlocked with {' and '.join(together)}, which is on" if together else None


def permit_refusal(limits: Limits, seen: Mapping[str, tuple[int, Value]], now: int) -> str | None:
    """Why a metric does not permit that it is on."""
    return next((reason for permit in limits.permits if (reason := permit.refusal(seen, now))), None)
