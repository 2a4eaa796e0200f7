"""The stages that a metric's chain is made of; `kinds` has the table of them."""

from collections.abc import Callable
from typing import ClassVar, Final, Protocol, TypeAlias

from contract.models import MetricType
from contract.telemetry import Quality, Value

__all__ = ["NEVER", "Emit", "Stage", "StageSettings"]

NEVER: Final = 2**63
"""Due at no time."""

Emit: TypeAlias = Callable[[int, Value, Quality], None]
"""Takes what a stage lets through: boot time in ms, value, quality."""


class Stage(Protocol):
    """One step. It may hold values back, change them, and emit some of its own at a time that it names."""

    @property
    def due(self) -> int:
        """When it will emit by itself unless a sample comes first or at that very moment; NEVER if it will not."""
        ...

    def push(self, at: int, value: Value, quality: Quality) -> None:
        """Take a sample, later than the one before and of a type that the stage takes; a number is finite."""
        ...

    def fire(self) -> None:
        """Do what was due at `due`; afterwards that is later."""
        ...

    def heard(self, at: int) -> None:
        """A good sample has come into the chain, and has reached this stage or was held back on its way."""
        ...


class StageSettings(Protocol):
    """What a stage's table says."""

    takes: ClassVar[frozenset[MetricType]]

    def make(self, emit: Emit, emit_as: Callable[[str, int, Value], None]) -> Stage:
        """The stage, before what `emit` leads to; `emit_as` puts a value out under the metric's name and a suffix."""
        ...
