"""What a driver reads, as data: a driver's table of readings says key, unit, physical range and how to get at each."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from contract.errors import shown
from contract.models import MetricType
from contract.telemetry import MAX_TEXT_CHARS, Value

S = TypeVar("S")
"""What one measurement of a driver gives."""


@dataclass(frozen=True, kw_only=True)
class ReadingDescription(Generic[S]):
    """One reading of a driver's measurement."""

    key: str
    """The metric that it becomes unless the configuration says another."""
    unit: str | None
    """A UCUM code; None for booleans and texts."""
    read: Callable[[S], Value | None]
    """Takes the value out of a measurement. Called on the driver's thread; may raise anything."""
    minimum: float | None = None
    """The physical range, both ends included: what lies outside is a fault of the sensor and never published."""
    maximum: float | None = None
    type: MetricType = "number"
    decimals: int | None = None
    """How many say something; None: as many as there are."""
    optional: bool = False
    """Whether None means that there is nothing to say (a part that this device has not) and is no fault."""

    def value(self, sample: S) -> Value | None:
        """The value in a measurement, rounded; None only if `optional`.

        Raises:
            ValueError: there is none that can be published; says what was expected and what came.
        """
        value = self.read(sample)
        if value is None and self.optional:
            return None
        if self.type == "number":
            return self._number(value)
        if self.type == "boolean" and isinstance(value, bool):
            return value
        if self.type == "string" and isinstance(value, str) and len(value) <= MAX_TEXT_CHARS:
            return value
        raise ValueError(f"expected a {self.type}, got {shown(value)}")

    def _number(self, value: Value | None) -> float:
        if not isinstance(value, (int, float)) or isinstance(value, bool) or not math.isfinite(value):
            raise ValueError(f"expected a finite number, got {shown(value)}")
        if (self.minimum is not None and value < self.minimum) or (self.maximum is not None and value > self.maximum):
            raise ValueError(f"expected {self.range}, got {value:g}")
        return float(value) if self.decimals is None else round(float(value), self.decimals)

    @property
    def range(self) -> str:
        """The physical range in words."""
        lowest = "" if self.minimum is None else f" from {self.minimum:g}"
        highest = "" if self.maximum is None else f" up to {self.maximum:g}"
        return f"a number{lowest}{highest}{'' if self.unit is None else f' {self.unit}'}"
