"""Which messages nothing comes of: those within what a model says and what no rule waits for, found at one look."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import msgspec

from contract.evaluation import ANYTHING
from contract.glance import ENVELOPE_MEMBERS, MAX_BYTES, READING_MEMBERS, Glance, Reading, glance
from contract.validation import compiled
from functions.domain.engine.codec import Allowance
from functions.domain.engine.generated import Limits
from functions.domain.engine.lag import step_ms
from functions.domain.engine.shapes import Derived, Kind, Shape, Usual
from functions.domain.state import Latest

if TYPE_CHECKING:
    from functions.domain.engine.program import Program
    from functions.domain.ingest import Incoming

MAX_SHAPES: Final = 64
_AT_ONCE: Final = 16
"""So many shapes are compiled when they are first seen, others when they are seen again: no device makes all messages
wait by sending each of its own in another order.
"""
MAX_KINDS: Final = 64
MAX_READINGS: Final = 64
"""Of a message for which there may be a reader of its own."""
OFTEN: Final = 100
"""So many messages of a kind are seen before it has a reader of its own, which takes a while to make."""
_UNSURE: Final = frozenset({"stale", "bad"})
_UNREADABLE: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_LARGEST: Final = 2.0**53


class Quiet:
    """What devices with the same rules may send while those stand alike.

    After `patience` ms (0: for ever) without a sample something comes of that.
    """

    def __init__(self, program: "Program", allowance: Allowance) -> None:
        self._asking = program.asking
        self.model = program.model
        self.lateness_ms = program.lateness_ms
        self.step_ms = step_ms(program.hold_ms)
        self._bounds = allowance.bounds
        self._awaited = allowance.silences.keys() - {ANYTHING}
        self.patience = min(allowance.silences.values(), default=0)
        self._derivations = () if program.model is None else compiled(program.model).derivations
        self._usual: dict[int, Usual] = {}
        """Kinds of messages that come often, by the number of colons in one."""
        self._shapes: dict[tuple[tuple[str, ...], tuple[str, ...]], Shape | None] = {}
        self._seen: set[tuple[tuple[str, ...], tuple[str, ...]]] = set()

    def look(
        self, messages: "Iterable[Incoming]", latest: Mapping[str, Latest]
    ) -> tuple[list[Glance[Any]], list[Kind]]:
        """The first messages, with what is derived of them, as long as nothing comes of their values."""
        found: list[Glance[Any]] = []
        kinds: list[Kind] = []
        colons, kind = 0, None
        for message in messages:
            data = message.data
            if (counted := data.count(b":")) != colons:
                colons, kind = counted, self._usual.get(counted)
            if kind is not None:
                try:
                    # There are as many colons as so many readings have members: then there is no other member.
                    seen = kind.read(data)
                    if len(data) <= MAX_BYTES:
                        found.append(seen)
                        kinds.append(kind)
                        continue
                except _UNREADABLE:
                    pass
            looked = self._look(data, latest)
            if looked is None:
                break
            found.append(looked[0])
            kinds.append(looked[1])
        return found, kinds

    def _look(self, data: bytes, latest: Mapping[str, Latest]) -> tuple[Glance[Any], Kind] | None:
        found = glance(data)
        if found is None or not found.m:
            return None
        shapes: list[Shape] = []
        plain = not self._derivations and len(found.m) <= MAX_READINGS
        for reading in found.m:
            values = reading.values
            others = tuple([metric for metric, value in values.items() if type(value) is not float])
            shape = self._shape_of(tuple(values), others)
            if shape is None or not shape.check(values) or not shape.stays(values, latest) or reading.q in _UNSURE:
                return None
            shapes.append(shape)
            plain = plain and not others and not reading.q and shape is shapes[0]
        if plain:
            self._notice(shapes, latest)
        if self._derivations:
            return self._with_derived(found, shapes)
        return found, Kind(shapes)

    def _notice(self, shapes: Sequence[Shape], latest: Mapping[str, Latest]) -> None:
        """Of a message in which there are just these numbers, every time the same."""
        first = shapes[0]
        first.seen += 1
        if first.seen >= OFTEN and latest.keys() >= set(first.metrics):  # which proves their names
            first.seen = 0
            if len(self._usual) >= MAX_KINDS:
                self._usual.clear()
            colons = ENVELOPE_MEMBERS + len(shapes) * (READING_MEMBERS + len(first.metrics))
            self._usual[colons] = Usual(first, len(shapes))

    @staticmethod
    def _with_derived(found: Glance[Any], shapes: Sequence[Shape]) -> tuple[Glance[Any], Kind] | None:
        """Only of one reading: what is derived of an instant may need another one of the same."""
        if len(shapes) > 1:
            return None
        (reading,), (shape,) = found.m, shapes
        values = shape.with_derived(reading.values)
        if values is None:
            return None
        return Glance(1, found.boot, found.seq, found.sent, (Reading(reading.ts, values, reading.q),)), Kind(shapes)

    def _shape_of(self, metrics: tuple[str, ...], others: tuple[str, ...]) -> Shape | None:
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
        known = {} if self.model is None else self.model.metrics
        numbers = [metric for metric in metrics if metric not in others]
        limits = {metric: within for metric in numbers if (within := self._limits(metric)) is not None}
        derived = self._derived(metrics)
        if (
            not metrics
            or derived is None
            or len(limits) < len(numbers)
            or not self._awaited <= {*metrics, *(each.metric for each in derived)}
            or not all(self._may_stay(metric) for metric in others)
        ):
            return None
        unmodeled = frozenset(metric for metric in metrics if metric not in known)
        checks = {} if self.model is None else compiled(self.model).checks
        return Shape(metrics, limits, tuple((metric, checks.get(metric)) for metric in others), unmodeled, derived)

    def _may_stay(self, metric: str) -> bool:
        """Whether nothing comes of a value that is no number if it is the same as before."""
        known = None if self.model is None else self.model.metrics.get(metric)
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
        known = None if self.model is None else self.model.metrics.get(metric)
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
        return Limits(low, high, from_low, to_high)
