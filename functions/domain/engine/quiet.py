"""Which messages nothing comes of: those within what a model says and what no rule waits for, found at one look."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final, NamedTuple

from contract import validation
from contract.evaluation import ANYTHING
from contract.expressions import Expression
from contract.telemetry import Value
from contract.validation import compiled
from functions.domain.engine.codec import Allowance
from functions.domain.state import Latest

if TYPE_CHECKING:
    from functions.domain.engine.program import Program

MAX_SHAPES: Final = 64
_AT_ONCE: Final = 16
"""So many shapes are compiled when they are first seen, others when they are seen again: no device makes all messages
wait by sending each of its own in another order.
"""
_LARGEST: Final = 2.0**53

Check = Callable[[Mapping[str, Value]], bool]
Limits = tuple[float, float, bool, bool]
"""The lowest and the highest value, and whether each may be met."""


class Derived(NamedTuple):
    metric: str
    expression: Expression
    limits: Limits


class Shape:
    """A set of metrics in the order in which a message has them.

    `check` says whether nothing comes of the values of those that are numbers. The `others` must be as they were, and
    as the model says. `unmodeled` are those that the model does not know, `derived` what it derives from the others.
    """

    __slots__ = ("check", "derived", "others", "unmodeled")

    def __init__(
        self,
        check: Check,
        others: tuple[tuple[str, validation.Check | None], ...],
        unmodeled: frozenset[str],
        derived: tuple[Derived, ...],
    ) -> None:
        self.check = check
        self.others = others
        self.unmodeled = unmodeled
        self.derived = derived

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


class Quiet:
    """What devices with the same rules may send while those stand alike.

    After `patience` ms (0: for ever) without a sample something comes of that.
    """

    def __init__(self, program: "Program", allowance: Allowance) -> None:
        self._asking = program.asking
        self._model = program.model
        self._bounds = allowance.bounds
        self._awaited = allowance.silences.keys() - {ANYTHING}
        self.patience = min(allowance.silences.values(), default=0)
        self._derivations = () if program.model is None else compiled(program.model).derivations
        self.derives: bool = bool(self._derivations)
        """Whether the model derives metrics, from each instant of a message that has others."""
        self._shapes: dict[tuple[tuple[str, ...], tuple[str, ...]], Shape | None] = {}
        self._seen: set[tuple[tuple[str, ...], tuple[str, ...]]] = set()

    def shape(self, metrics: tuple[str, ...], others: tuple[str, ...] = ()) -> Shape | None:
        """`others` are those of the metrics that are no numbers. None where every value must be looked at."""
        key = metrics, others
        if key in self._shapes:
            return self._shapes[key]
        if len(self._shapes) >= _AT_ONCE and key not in self._seen:
            if len(self._seen) >= MAX_SHAPES:
                self._seen.clear()
            self._seen.add(key)
            return None
        if len(self._shapes) >= MAX_SHAPES:
            self._shapes.clear()
        found = self._shapes[key] = self._shape(metrics, others)
        return found

    def _shape(self, metrics: tuple[str, ...], others: tuple[str, ...]) -> Shape | None:
        known = {} if self._model is None else self._model.metrics
        limits = {metric: self._limits(metric) for metric in metrics if metric not in others}
        derived = self._derived(metrics)
        if (
            not metrics
            or derived is None
            or None in limits.values()
            or not self._awaited <= {*metrics, *(each.metric for each in derived)}
            or not all(self._may_stay(metric) for metric in others)
        ):
            return None
        unmodeled = frozenset(metric for metric in metrics if metric not in known)
        check = _check({metric: one for metric, one in limits.items() if one is not None}, metrics)
        checks = {} if self._model is None else compiled(self._model).checks
        return Shape(check, tuple((metric, checks.get(metric)) for metric in others), unmodeled, derived)

    def _may_stay(self, metric: str) -> bool:
        """Whether nothing comes of a value that is no number if it is the same as before."""
        known = None if self._model is None else self._model.metrics.get(metric)
        right = known is None or (known.type != "number" and known.derived is None)
        return right and (metric not in self._asking or metric in self._bounds)

    def _derived(self, metrics: tuple[str, ...]) -> tuple[Derived, ...] | None:
        found, there = [], set(metrics)
        for each in self._derivations:
            if not there.issuperset(each.expression.inputs):
                continue
            limits = self._limits(each.metric, derived=True)
            if limits is None:
                return None
            found.append(Derived(each.metric, each.expression, limits))
            there.add(each.metric)
        return tuple(found)

    def _limits(self, metric: str, *, derived: bool = False) -> Limits | None:
        """None where every value must be looked at."""
        low, high, from_low, to_high = -_LARGEST, _LARGEST, False, False
        known = None if self._model is None else self._model.metrics.get(metric)
        if known is not None:
            if known.type != "number" or (known.derived is not None) is not derived:
                return None
            if known.minimum is not None and known.minimum > low:
                low, from_low = known.minimum, True
            if known.maximum is not None and known.maximum < high:
                high, to_high = known.maximum, True
        if metric in self._asking:
            within = self._bounds.get(metric)
            if within is None:
                return None
            if within[0] >= low:
                low, from_low = within[0], False
            if within[1] <= high:
                high, to_high = within[1], False
        return low, high, from_low, to_high


def _check(limits: Mapping[str, Limits], metrics: tuple[str, ...]) -> Check:
    """One comparison for each metric: as code, which takes a third of the time that a loop does.

    There is nothing in it that anybody wrote: names are made here, and limits are constants that it is given.
    """
    space: dict[str, float] = {}
    parts = ["True"]
    for index, metric in enumerate(metrics):
        if metric in limits:
            low, high, from_low, to_high = limits[metric]
            space[f"low{index}"], space[f"high{index}"] = low, high
            parts.append(f"low{index} {'<=' if from_low else '<'} v{index} {'<=' if to_high else '<'} high{index}")
    taken = ", ".join(f"v{index}" for index in range(len(metrics)))
    given = ", ".join(["values", *(f"{name}={name}" for name in space)])
    text = f"def check({given}):\n    {taken}, = values.values()\n    return {' and '.join(parts[1:] or parts)}"
    made: dict[str, Check] = {}
    exec(text, dict(space), made)  # noqa: S102 - see above
    return made["check"]
