"""Comparisons as closures: what is read of a metric, beside what threshold, and how often in a row."""

from collections.abc import Callable
from math import inf
from operator import eq, ge, gt, le, lt, ne
from typing import Any, Final

from contract._moments import NOWHERE, VERDICTS, Box, Moment, Node, Read, Slots, Verdict
from contract.conditions import Comparison, Operator, to_document
from contract.models import type_of
from contract.telemetry import Value

__all__ = ["RATE_SLICES", "compile_comparison"]

RATE_SLICES: Final = 32
"""A rate keeps one sample for each such part of its window, so that its state is bounded."""

_TESTS: Final[dict[Operator, Callable[[Any, Any], bool]]] = {
    "above": gt,
    "below": lt,
    "at_least": ge,
    "at_most": le,
    "equals": eq,
    "not_equals": ne,
}


def compile_comparison(condition: Comparison, slots: Slots) -> Node:
    metric, window = condition.metric, condition.rate_over_ms
    read = slots.latest(metric) if window is None else _rate(metric, window, slots)
    test, threshold, until = _TESTS[condition.operator], condition.threshold, condition.until
    kind = type_of(threshold)
    slot = slots.add(initial=False) if until is not None else None  # whether it held

    def judge_value(moment: Moment) -> Verdict:
        value = read(moment)
        if value is None or type_of(value) != kind:
            return None
        if slot is None:
            return test(value, threshold)
        holds = moment.slots[slot] = test(value, until if moment.slots[slot] else threshold)
        return holds

    judge, settled = _counted(judge_value, metric, condition.count, slots)
    shown = to_document(condition)
    shown.pop("for_ms", None)

    def explain(moment: Moment) -> dict[str, Any]:
        told = {**shown, "verdict": VERDICTS[judge(moment)]}
        if (sample := moment.samples.get(metric)) is not None:
            told |= {"value": sample[1], "age_ms": moment.at - sample[0]}
        if window is not None:
            told["rate"] = read(moment)
        return told

    def narrow(moment: Moment, box: Box) -> None:
        value = None if window is not None else read(moment)
        if value is None or type_of(value) != kind or not settled(moment):
            box.loud.add(metric)
        elif isinstance(value, str | bool):
            box.within(metric, *NOWHERE)
        else:
            held = slot is not None and moment.slots[slot]
            box.within(metric, *_same_side(value, until if held else threshold))

    return Node(judge, explain, narrow)


def _same_side(value: float, threshold: Any) -> tuple[float, float]:
    """Where numbers stand as the value does to the threshold; for one that meets it, nowhere else."""
    return (threshold, inf) if value > threshold else (-inf, threshold) if value < threshold else NOWHERE


def _rate(metric: str, window: int, slots: Slots) -> Read:
    """Per second, from the first sample in the window to the last, at least half a window apart."""
    if (shared := slots.shared.get(("rate", metric, window))) is not None:
        known: Read = shared
        return known
    slot = slots.add([], kept=True)
    width = max(1, window // RATE_SLICES)
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
        rate: float = (value - kept[0][1]) * 1000 / span
        return rate

    slots.updates.append(update)
    slots.shared["rate", metric, window] = read
    return read


def _counted(
    judge: Callable[[Moment], Verdict], metric: str, count: int, slots: Slots
) -> tuple[Callable[[Moment], Verdict], Callable[[Moment], bool]]:
    """The verdict, and whether another sample of the same verdict would leave the count as it is."""
    if count == 1:
        return judge, lambda _: True
    slot = slots.add(0)

    def judge_counted(moment: Moment) -> Verdict:
        holds, seen = judge(moment), moment.slots[slot]
        if holds is None:
            moment.slots[slot] = count if seen == count else 0
            return None
        if not holds:
            seen = 0
        elif metric in moment.seen:
            seen = min(seen + 1, count)
        moment.slots[slot] = seen
        return bool(seen == count)

    def settled(moment: Moment) -> bool:
        return moment.slots[slot] == count or judge(moment) is False

    return judge_counted, settled
