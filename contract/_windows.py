"""What is computed of a metric's samples in a window up to now: a rate or an aggregate. Slices bound what is kept."""

from collections.abc import Callable, Iterable
from itertools import accumulate, repeat
from operator import add, sub, truediv
from typing import Any, Final, NamedTuple

from contract._moments import Moment, Read, Slots
from contract.conditions import Aggregate
from contract.models import type_of
from contract.telemetry import Value

__all__ = ["SLICES", "Ahead", "Outlook", "Result", "aggregate", "rate"]

SLICES: Final = 32
"""A rate keeps one sample for each such part of its window, an aggregate one sum, and so on."""


class Result(NamedTuple):
    """A value, which what is not known may still make larger (`bound` 1) or smaller (-1)."""

    value: float | None
    bound: int = 0


Ahead = tuple[int, float | None, int]
"""What a result will be from an instant on if nothing comes: the instant, value and bound."""
Outlook = Callable[[Moment], tuple[Result, Iterable[Ahead]]]


def rate(metric: str, window: int, slots: Slots) -> Read:
    """Per second, from the first sample in the window to the last, at least half a window apart."""
    if (shared := slots.shared.get(("rate", metric, window))) is not None:
        known: Read = shared
        return known
    slot = slots.add([], kept=True)
    width = max(1, window // SLICES)
    latest = slots.latest(metric)

    def update(moment: Moment) -> None:
        if metric not in moment.seen:
            return
        at, value = moment.samples[metric]
        if value is None or type_of(value) != "number":
            return
        kept = [pair for pair in moment.slots[slot] if pair[0] >= at - window]
        if not kept or kept[-1][0] // width != at // width:
            kept.append([at, value])
        moment.slots[slot] = kept

    def read(moment: Moment) -> Value | None:
        value, kept = latest(moment), moment.slots[slot]
        if not isinstance(value, float | int) or isinstance(value, bool) or not kept:
            return None
        at = moment.samples[metric][0]
        span = at - kept[0][0]
        if 2 * span < window or moment.at >= at + window:
            return None
        moment.wake(at + window)
        per_second: float = (value - kept[0][1]) * 1000 / span
        return per_second

    slots.updates.append(update)
    slots.shared["rate", metric, window] = read
    return read


def aggregate(metric: str, kind: Aggregate, window: int, slots: Slots) -> Outlook:
    """Over the slices of time that begin in the last `window`, and what becomes of it as they leave that.

    Before a whole window has passed since the beginning, what came before it is missing: then a count, maximum or range
    is at least what came, a minimum at most that, and an average or sum is not known.
    """
    if (shared := slots.shared.get((kind, metric, window))) is not None:
        known: Outlook = shared
        return known
    aggregated = _Aggregated(metric, kind, window, slots)
    slots.updates.append(aggregated.update)
    slots.shared[kind, metric, window] = aggregated.outlook
    return aggregated.outlook


class _Aggregated:
    def __init__(self, metric: str, kind: Aggregate, window: int, slots: Slots) -> None:
        self._metric, self._window, self._width = metric, window, -(-window // SLICES)
        self._columns, self._result = _KEPT[kind], _RESULTS.get(kind)
        self._bound, self._if_empty, self._any_type = _BOUNDS.get(kind, 0), _IF_EMPTY.get(kind), kind == "count"
        self._latest = slots.latest(metric)
        self._pieces = slots.add([], kept=True)  # [slice, and what `_KEPT` says of its samples]
        self._begun = slots.add(None, kept=True)

    def update(self, moment: Moment) -> None:
        if moment.slots[self._begun] is None:
            moment.slots[self._begun] = moment.at
        if self._metric not in moment.seen:
            return
        at, value = moment.samples[self._metric]
        if value is None or not (self._any_type or type_of(value) == "number"):
            return
        kept, number = self._within(moment, at), at // self._width
        sample = [value if of_value else 1 for of_value, _ in self._columns]
        if kept and kept[-1][0] == number:
            sample = [
                merge(one, other) for (_, merge), one, other in zip(self._columns, kept.pop()[1:], sample, strict=True)
            ]
        kept.append([number, *sample])
        moment.slots[self._pieces] = kept

    def outlook(self, moment: Moment) -> tuple[Result, Iterable[Ahead]]:
        if not self._any_type:
            value = self._latest(moment)
            if value is None or type_of(value) != "number":
                return Result(None), ()
        pieces = self._within(moment, moment.at)
        # What is left once none, the first, the first two… have left the window.
        left: list[float | None] = [*self._left(pieces), self._if_empty]
        leaves = [moment.at, *[piece[0] * self._width + self._window for piece in pieces]]
        whole = moment.slots[self._begun] + self._window
        if whole <= moment.at:
            return Result(left[0]), zip(leaves[1:], left[1:], repeat(0))
        bound = self._bound
        ahead = [
            (at, value if bound or at >= whole else None, 0 if at >= whole else bound)
            for at, value in zip(leaves, left, strict=True)
        ]
        # Up to then `left` is right, but not for certain.
        ahead.append((whole, [value for at, value in zip(leaves, left, strict=True) if at <= whole][-1], 0))
        ahead.sort(key=lambda each: each[0])
        return Result(*ahead[0][1:]), ahead[1:]

    def _left(self, pieces: list[list[Any]]) -> list[Any]:
        """The result over all pieces, over all but the first, …, over the last."""
        if not pieces:
            return []
        _, *columns = zip(*reversed(pieces), strict=True)
        totals = [accumulate(column, merge) for column, (_, merge) in zip(columns, self._columns, strict=True)]
        results = list(totals[0] if self._result is None else map(self._result, *totals))
        results.reverse()
        return results

    def _within(self, moment: Moment, at: int) -> list[list[Any]]:
        first = (at - self._window) // self._width  # the last slice that begins at that instant or before it
        return [piece for piece in moment.slots[self._pieces] if piece[0] > first]


_Column = tuple[bool, Callable[[Any, Any], Any]]
_SUM: Final[_Column] = (True, add)
_NUMBER: Final[_Column] = (False, add)
_LEAST: Final[_Column] = (True, min)
_MOST: Final[_Column] = (True, max)
_KEPT: Final[dict[Aggregate, tuple[_Column, ...]]] = {
    "avg": (_SUM, _NUMBER),
    "sum": (_SUM,),
    "count": (_NUMBER,),
    "min": (_LEAST,),
    "max": (_MOST,),
    "range": (_MOST, _LEAST),
}
"""What is kept of the samples of a slice: of their values, or of a 1 for each, and how two of them become one."""
_RESULTS: Final[dict[Aggregate, Callable[[Any, Any], Any]]] = {"avg": truediv, "range": sub}
_BOUNDS: Final[dict[Aggregate, int]] = {"count": 1, "max": 1, "range": 1, "min": -1}
_IF_EMPTY: Final[dict[Aggregate, float]] = {"count": 0, "sum": 0}
