"""What messages that are alike have in common, and how it is found at one look that nothing comes of their values."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property, lru_cache
from typing import Annotated, Any, NamedTuple, TypeAlias

import msgspec
from msgspec import Meta

from contract import validation
from contract.expressions import Expression
from contract.glance import Glance
from contract.telemetry import Value
from functions.domain.state import Latest

Values: TypeAlias = dict[str, Value] | msgspec.Struct
"""By metric: as messages of any shape are read, or as those of one alone are."""
Read: TypeAlias = Callable[[bytes], Glance[Any]]
Check: TypeAlias = Callable[[Mapping[str, Value]], bool]


class Limits(NamedTuple):
    """Between which numbers nothing comes of one, and whether it may be as low or as high as they are."""

    low: float
    high: float
    from_low: bool
    to_high: bool


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
        self.check = _check(metrics, limits)
        self.others = others
        self.unmodeled = unmodeled
        self.derived = derived
        self.seen = 0
        self._limits = limits

    @cached_property
    def read(self) -> Read:
        """Reads messages of which each reading has these numbers, within their limits; raises where one has not."""
        names = {f"v{index}": metric for index, metric in enumerate(self.metrics)}
        fields = [(name, Annotated[float, _meta(self._limits[metric])]) for name, metric in names.items()]
        values: Any = msgspec.defstruct("Values", fields, frozen=True, gc=False, rename=names)
        return msgspec.json.Decoder(Glance[values]).decode

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

    Of those the model does not know `unmodeled`. Such messages can be read with `read`, if there is one.
    """

    __slots__ = ("points", "read", "shapes", "unmodeled")

    def __init__(self, shapes: Sequence[Shape], read: Read | None = None) -> None:
        self.shapes = shapes
        self.points = sum([len(one.metrics) + len(one.derived) for one in shapes])
        self.unmodeled = sum([len(one.unmodeled) for one in shapes])
        self.read = read


def items_of(values: Values) -> Iterable[tuple[str, Value]]:
    if isinstance(values, dict):
        return values.items()
    return zip(values.__struct_encode_fields__, msgspec.structs.astuple(values))  # noqa: B905 - twice as fast


def _meta(limits: Limits) -> Meta:
    low, high, from_low, to_high = limits
    if from_low:
        return Meta(ge=low, le=high) if to_high else Meta(ge=low, lt=high)
    return Meta(gt=low, le=high) if to_high else Meta(gt=low, lt=high)


def _check(metrics: tuple[str, ...], limits: Mapping[str, Limits]) -> Check:
    """One comparison for each number: as code, which takes a third of the time that a loop does."""
    known = [limits.get(metric) for metric in metrics]
    bounds = [bound for one in known if one is not None for bound in (one.low, one.high)]
    return _maker(tuple(None if one is None else (one.from_low, one.to_high) for one in known))(*bounds)


@lru_cache(maxsize=500)
def _maker(met: tuple[tuple[bool, bool] | None, ...]) -> Callable[..., Check]:
    """Makes checks out of limits, of which it is told here whether each may be met; None: not a number.

    There is nothing in the code that anybody wrote: names are made here, and limits are what it is called with.
    """
    names, parts = list[str](), list[str]()
    for index, each in enumerate(met):
        if each is not None:
            names += [f"low{index}", f"high{index}"]
            parts.append(f"low{index} {'<=' if each[0] else '<'} v{index} {'<=' if each[1] else '<'} high{index}")
    taken = "".join(f"v{index}, " for index in range(len(met)))
    text = (
        f"def make({', '.join(names)}):\n    def check(values):\n        {taken}= values.values()\n"
        f"        return {' and '.join(parts) or True}\n    return check"
    )
    space: dict[str, Callable[..., Check]] = {}
    exec(text, space)  # noqa: S102 - see above
    return space["make"]
