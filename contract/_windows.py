"""What is computed of a metric's samples in a window up to now: a rate or an aggregate. Slices bound what is kept."""

from collections.abc import Callable
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


class Ahead(NamedTuple):
    """What a result will be from an instant on if nothing comes."""

    at: int
    result: Result


Outlook = Callable[[Moment], tuple[Result, list[Ahead]]]


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
        self._of_sample, self._merge, self._result = _FOLDS[kind]
        self._bound, self._if_empty, self._any_type = _BOUNDS.get(kind, 0), _IF_EMPTY.get(kind), kind == "count"
        self._latest = slots.latest(metric)
        self._pieces = slots.add([], kept=True)  # [slice, and what `_FOLDS` keeps of its samples]
        self._begun = slots.add(None, kept=True)

    def update(self, moment: Moment) -> None:
        if moment.slots[self._begun] is None:
            moment.slots[self._begun] = moment.at
        if self._metric not in moment.seen:
            return
        at, value = moment.samples[self._metric]
        if value is None or not (self._any_type or type_of(value) == "number"):
            return
        kept, number, sample = self._within(moment, at), at // self._width, self._of_sample(value)
        if kept and kept[-1][0] == number:
            kept[-1] = [number, *self._merge(kept[-1][1:], sample)]
        else:
            kept.append([number, *sample])
        moment.slots[self._pieces] = kept

    def outlook(self, moment: Moment) -> tuple[Result, list[Ahead]]:
        if not self._any_type:
            value = self._latest(moment)
            if value is None or type_of(value) != "number":
                return Result(None), []
        pieces = self._within(moment, moment.at)
        # What is left once none, the first, the first two… have left the window.
        left: list[float | None] = [self._if_empty]
        so_far: list[Any] | None = None
        for piece in reversed(pieces):
            so_far = piece[1:] if so_far is None else self._merge(piece[1:], so_far)
            left.append(self._result(so_far))
        left.reverse()
        leaves = [moment.at, *(piece[0] * self._width + self._window for piece in pieces)]
        whole = moment.slots[self._begun] + self._window
        ahead = [Ahead(at, self._at(value, whole=at >= whole)) for at, value in zip(leaves, left, strict=True)]
        if whole > moment.at:
            value = [value for at, value in zip(leaves, left, strict=True) if at <= whole][-1]
            ahead.append(Ahead(whole, self._at(value, whole=True)))
            ahead.sort(key=lambda each: each.at)
        return ahead[0].result, ahead[1:]

    def _within(self, moment: Moment, at: int) -> list[list[Any]]:
        return [piece for piece in moment.slots[self._pieces] if piece[0] * self._width > at - self._window]

    def _at(self, value: float | None, *, whole: bool) -> Result:
        if whole:
            return Result(value)
        return Result(value, self._bound) if self._bound else Result(None)


_Fold = tuple[Callable[[Any], list[Any]], Callable[[list[Any], list[Any]], list[Any]], Callable[[list[Any]], float]]


def _added(one: list[Any], other: list[Any]) -> list[Any]:
    return [a + b for a, b in zip(one, other, strict=True)]


_FOLDS: Final[dict[Aggregate, _Fold]] = {
    "avg": (lambda value: [1, value], _added, lambda kept: kept[1] / kept[0]),
    "sum": (lambda value: [value], _added, lambda kept: kept[0]),
    "count": (lambda _: [1], _added, lambda kept: kept[0]),
    "min": (lambda value: [value], lambda one, other: [min(one[0], other[0])], lambda kept: kept[0]),
    "max": (lambda value: [value], lambda one, other: [max(one[0], other[0])], lambda kept: kept[0]),
    "range": (
        lambda value: [value, value],
        lambda one, other: [min(one[0], other[0]), max(one[1], other[1])],
        lambda kept: kept[1] - kept[0],
    ),
}
_BOUNDS: Final[dict[Aggregate, int]] = {"count": 1, "max": 1, "range": 1, "min": -1}
_IF_EMPTY: Final[dict[Aggregate, float]] = {"count": 0, "sum": 0}
