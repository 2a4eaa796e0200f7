"""What messages that are alike have in common, and how it is found at one look that nothing comes of their values."""

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import NamedTuple, TypeAlias

import msgspec

from contract import validation
from contract.expressions import Expression
from contract.telemetry import Value
from functions.domain.engine.generated import Limits, Read, Renew, check_of, reader_of, renewer_of
from functions.domain.state import Latest

Values: TypeAlias = dict[str, Value] | msgspec.Struct
"""By metric: as messages of any shape are read, or as those of one alone are."""


class Derived(NamedTuple):
    metric: str
    expression: Expression
    limits: Limits


class Shape:
    """The metrics of a reading, in their order.

    `check` says whether those that are numbers are within their limits. The `others` must be as they were, and as the
    model says. `unmodeled` are those that the model does not know, `derived` what it derives from the others. `seen`
    counts messages of readings of this shape alone.
    """

    def __init__(
        self,
        metrics: tuple[str, ...],
        limits: Mapping[str, Limits],
        others: tuple[tuple[str, validation.Check | None], ...],
        unmodeled: frozenset[str],
        derived: tuple[Derived, ...],
    ) -> None:
        self.metrics = metrics
        self.check = check_of(metrics, limits)
        self.others = others
        self.unmodeled = unmodeled
        self.derived = derived
        self.seen = 0
        self._limits = limits

    def reader(self, readings: int) -> Read:
        return reader_of(self._limits, readings)

    @cached_property
    def renew(self) -> Renew:
        return renewer_of(self.metrics, self.unmodeled)

    def stays(self, values: Mapping[str, Value], latest: Mapping[str, Latest]) -> bool:
        """Whether what is no number is as it was before."""
        for metric, check in self.others:
            value, known = values[metric], latest.get(metric)
            if known is None or type(known.value) is not type(value) or known.value != value:
                return False
            if check is not None and check(value) is not None:
                return False
        return True

    def with_derived(self, values: Mapping[str, Value]) -> dict[str, Value] | None:
        """With what is derived from them; None where something may come of that."""
        found = dict(values)
        for metric, expression, (low, high, from_low, to_high) in self.derived:
            value = expression(found)
            if value is None or not (low < value < high or (from_low and value == low) or (to_high and value == high)):
                return None
            found[metric] = value
        return found


class Kind:
    """What is the same of messages that are alike: the shape of each reading, and how many values there are in all.

    Of those the model does not know `unmodeled`.
    """

    def __init__(self, shapes: Sequence[Shape]) -> None:
        self.shapes = shapes
        self.points = sum([len(one.metrics) + len(one.derived) for one in shapes])
        self.unmodeled = sum([len(one.unmodeled) for one in shapes])


class Usual(Kind):
    """Messages whose readings have one shape, and nothing that they need not have.

    `read` is for as many; what it passes over is to be proved as `contract.glance` does. `renew` is for the last of
    their readings.
    """

    def __init__(self, shape: Shape, readings: int) -> None:
        super().__init__([shape] * readings)
        self.read = shape.reader(readings)
        self.renew = shape.renew


def items_of(values: Values) -> Iterable[tuple[str, Value]]:
    if isinstance(values, dict):
        return values.items()
    return zip(values.__struct_encode_fields__, msgspec.structs.astuple(values))  # noqa: B905 - twice as fast
