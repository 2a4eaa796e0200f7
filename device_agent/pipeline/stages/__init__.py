"""The stages that a metric's chain is made of; `kinds` has the table of them.

A stage hands on what it lets through by calling `emit`, which is the next one's `push`. What is neither `good` nor
`estimated` is *unsure*: its last known value rather than a new one. Stages let it through, and learn nothing from it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol, TypeAlias, runtime_checkable

from contract.models import MetricType
from contract.telemetry import Quality, Value

__all__ = [
    "ALL_TYPES",
    "NEVER",
    "NUMBERS",
    "SURE",
    "Emit",
    "Inflow",
    "Outlets",
    "Stage",
    "StageSettings",
    "TimedStage",
    "milliseconds",
]

NEVER: Final = 2**63
"""Due at no time."""
SURE: Final[frozenset[Quality]] = frozenset({"good", "estimated"})
NUMBERS: Final[frozenset[MetricType]] = frozenset({"number"})
ALL_TYPES: Final[frozenset[MetricType]] = frozenset({"number", "boolean", "string"})

Emit: TypeAlias = Callable[[int, Value, Quality], None]
"""Takes what a stage lets through: boot time in ms, value, quality."""


class Inflow:
    """What has come into a chain, whether or not a stage held it back."""

    __slots__ = ("last_sure",)

    def __init__(self) -> None:
        self.last_sure: int | None = None
        """When the last sample came that was sure."""


@dataclass(frozen=True)
class Outlets:
    """What a stage may be connected to."""

    emit: Emit
    """What comes next."""
    emit_as: Callable[[str, int, Value], None]
    """Puts a value out as a metric of its own: the chain's with a suffix."""
    inflow: Inflow


class Stage(Protocol):
    """One step. `push` takes samples by rising time, of a type that the stage takes; numbers are finite."""

    def push(self, at: int, value: Value, quality: Quality) -> None: ...


@runtime_checkable
class TimedStage(Stage, Protocol):
    """A stage that also does something by itself."""

    @property
    def due(self) -> int:
        """When, unless a sample comes before or at that very moment; NEVER if there is nothing to do."""
        ...

    def fire(self) -> None:
        """Do what is due; afterwards `due` is later."""
        ...


class StageSettings(Protocol):
    """What a stage's table says."""

    @property
    def takes(self) -> frozenset[MetricType]:
        """The types of metrics for which it is of use."""
        ...

    def make(self, outlets: Outlets) -> Stage: ...


def milliseconds(seconds: float) -> int:
    """At least one."""
    return max(1, round(seconds * 1000))
