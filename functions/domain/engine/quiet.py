"""Which messages nothing comes of: those within what a model says and what no rule waits for, found at one look."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final, NamedTuple

from contract.evaluation import ANYTHING
from contract.expressions import Expression
from contract.validation import compiled
from functions.domain.engine.codec import Allowance

if TYPE_CHECKING:
    from functions.domain.engine.program import Program

MAX_SHAPES: Final = 64
_LARGEST: Final = 2.0**53

Check = Callable[[Mapping[str, float]], bool]
Limits = tuple[float, float, bool, bool]
"""The lowest and the highest value, and whether each may be met."""


class Derived(NamedTuple):
    metric: str
    expression: Expression
    limits: Limits


class Shape:
    """A set of metrics in the order in which a message has them.

    `check` says whether nothing comes of their values. `unmodeled` are those that the model does not know, `derived`
    what it derives from the others.
    """

    __slots__ = ("check", "derived", "metrics", "unmodeled")

    def __init__(
        self, metrics: tuple[str, ...], check: Check, unmodeled: frozenset[str], derived: tuple[Derived, ...]
    ) -> None:
        self.metrics = metrics
        self.check = check
        self.unmodeled = unmodeled
        self.derived = derived

    def with_derived(self, values: Mapping[str, float]) -> dict[str, float] | None:
        """With what is derived from them; None where something may come of that."""
        found = dict(values)
        for metric, expression, (low, high, from_low, to_high) in self.derived:
            value = expression(found)
            if value is None:
                continue
            if not (low < value < high or (from_low and value == low) or (to_high and value == high)):
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
        self._shapes: dict[tuple[str, ...], Shape | None] = {}

    def shape(self, metrics: tuple[str, ...]) -> Shape | None:
        """None for metrics of which every value must be looked at."""
        if metrics in self._shapes:
            return self._shapes[metrics]
        if len(self._shapes) >= MAX_SHAPES:
            self._shapes.clear()
        found = self._shapes[metrics] = self._shape(metrics)
        return found

    def _shape(self, metrics: tuple[str, ...]) -> Shape | None:
        model = self._model
        limits = [self._limits(metric) for metric in metrics]
        if not metrics or None in limits or not self._awaited <= set(metrics):
            return None
        unmodeled = frozenset(metric for metric in metrics if model is None or metric not in model.metrics)
        derived = self._derived(metrics)
        if derived is None:
            return None
        return Shape(metrics, _check([one for one in limits if one is not None]), unmodeled, derived)

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


def _check(limits: list[Limits]) -> Check:
    """One comparison for each metric: as code, which takes a third of the time that a loop does.

    There is nothing in it that anybody wrote: names are made here, and limits are constants that it is given.
    """
    names = [f"v{index}" for index in range(len(limits))]
    space: dict[str, float] = {}
    parts = []
    for name, (low, high, from_low, to_high) in zip(names, limits, strict=True):
        space[f"{name}_low"], space[f"{name}_high"] = low, high
        parts.append(f"{name}_low {'<=' if from_low else '<'} {name} {'<=' if to_high else '<'} {name}_high")
    defaults = ", ".join(f"{name}={name}" for name in space)
    text = (
        f"def check(values, {defaults}):\n    {', '.join(names)}, = values.values()\n    return {' and '.join(parts)}"
    )
    made: dict[str, Check] = {}
    exec(text, dict(space), made)  # noqa: S102 - see above
    return made["check"]
