"""Comparisons as closures: what is read of a metric, beside what threshold, and how often in a row."""

from collections.abc import Callable
from math import inf
from operator import eq, ge, gt, le, lt, ne
from typing import Any, Final

from contract._moments import NOWHERE, VERDICTS, Box, Moment, Node, Read, Slots, Verdict
from contract._windows import Outlook, aggregate, rate
from contract.conditions import Changes, Comparison, Operand, Operator, is_reserved, to_document
from contract.models import type_of
from contract.telemetry import Value

__all__ = ["compile_changes", "compile_comparison"]

_TESTS: Final[dict[Operator, Callable[[Any, Any], bool]]] = {
    "above": gt,
    "below": lt,
    "at_least": ge,
    "at_most": le,
    "equals": eq,
    "not_equals": ne,
}


def compile_comparison(condition: Comparison, slots: Slots) -> Node:
    metric, threshold = condition.metric, condition.threshold
    limit = _operand(threshold, slots) if isinstance(threshold, Operand) else _literal(threshold)
    judge_value: _Judge
    held: _Judge
    read: Read
    computed: tuple[str, Read] | None = None
    if condition.aggregate is not None and condition.over_ms is not None:
        outlook = aggregate(metric, condition.aggregate, condition.over_ms, slots)
        judge_value, held = _judge_aggregate(condition, outlook, limit, slots), _never
        computed, read = ("result", lambda moment: outlook(moment)[0].value), _nothing
    elif condition.rate_over_ms is not None:
        per_second = rate(metric, condition.rate_over_ms, slots)
        judge_value, held = _judge_value(condition, per_second, limit, slots)
        computed, read = ("rate", per_second), _nothing
    else:
        read = slots.latest(metric)
        judge_value, held = _judge_value(condition, read, limit, slots)
    judge, settled = _counted(judge_value, condition, slots)
    samples = {metric, threshold.sample} if isinstance(threshold, Operand) else {metric}
    shown = to_document(condition)
    shown.pop("for_ms", None)

    def explain(moment: Moment) -> dict[str, Any]:
        told = {**shown, "verdict": VERDICTS[judge(moment)]}
        if (sample := moment.samples.get(metric)) is not None:
            told |= {"value": sample[1], "age_ms": moment.at - sample[0]}
        if isinstance(threshold, Operand):
            told["threshold"] = limit(moment)
        return told if computed is None else {**told, computed[0]: computed[1](moment)}

    def narrow(moment: Moment, box: Box) -> None:
        value, beside = read(moment), limit(moment)
        if value is None or beside is None or judge_value(moment) is None or not settled(moment):
            box.loud.update(samples)
        elif isinstance(threshold, Operand):
            _narrow_both(metric, value, threshold, beside, box)
        else:
            box.within(metric, *_same_side(value, condition.until if held(moment) else beside))

    return Node(judge, explain, narrow)


def compile_changes(condition: Changes, slots: Slots) -> Node:
    metric, shown = condition.metric, to_document(condition)
    shown.pop("for_ms", None)
    latest = slots.latest(metric)
    last_two = slots.add([None, None], kept=True)
    slot = slots.add(None)  # whether the last sample was such a change

    def update(moment: Moment) -> None:
        if metric in moment.seen:
            moment.slots[last_two] = [moment.slots[last_two][1], moment.samples[metric][1]]

    def judge(moment: Moment) -> Verdict:
        if metric in moment.seen:
            before, after = moment.slots[last_two]
            moment.slots[slot] = None if before is None else _is_change(condition, before, after)
        if latest(moment) is None:
            return None
        verdict: Verdict = moment.slots[slot]
        return verdict

    def explain(moment: Moment) -> dict[str, Any]:
        told = {**shown, "verdict": VERDICTS[judge(moment)]}
        if (sample := moment.samples.get(metric)) is not None:
            told |= {"value": sample[1], "age_ms": moment.at - sample[0], "value_before": moment.slots[last_two][0]}
        return told

    def narrow(moment: Moment, box: Box) -> None:
        if judge(moment) is False:
            box.within(metric, *NOWHERE)
        else:
            box.loud.add(metric)

    slots.updates.append(update)
    return Node(judge, explain, narrow)


def _is_change(condition: Changes, before: Value, after: Value) -> bool:
    as_asked = all(
        asked is None or _same(asked, came) for asked, came in ((condition.before, before), (condition.after, after))
    )
    return as_asked and not _same(before, after)


def _same(one: Value | None, other: Value | None) -> bool:
    return one == other and one is not None and other is not None and type_of(one) == type_of(other)


def _literal(threshold: Value) -> Read:
    return lambda _: threshold


def _operand(operand: Operand, slots: Slots) -> Read:
    latest, plus = slots.latest(operand.sample), operand.plus
    if not plus:
        return latest

    def read(moment: Moment) -> Value | None:
        value = latest(moment)
        return None if value is None or isinstance(value, bool | str) else value + plus

    return read


_Judge = Callable[[Moment], Verdict]


def _judge_value(condition: Comparison, read: Read, limit: Read, slots: Slots) -> tuple[_Judge, _Judge]:
    """The verdict on a value, and whether it held the last time (which only hysteresis asks)."""
    test, until, threshold = _TESTS[condition.operator], condition.until, condition.threshold
    if until is not None:
        slot = slots.add(initial=False)

        def judge_with_hysteresis(moment: Moment) -> Verdict:
            value = read(moment)
            if value is None or isinstance(value, bool | str):
                return None
            holds = moment.slots[slot] = test(value, until if moment.slots[slot] else threshold)
            return holds

        return judge_with_hysteresis, lambda moment: bool(moment.slots[slot])

    if isinstance(threshold, Operand):
        numbers_only = test not in (eq, ne)

        def judge_beside(moment: Moment) -> Verdict:
            value, beside = read(moment), limit(moment)
            if value is None or beside is None or type_of(value) != type_of(beside):
                return None
            return None if numbers_only and type_of(value) != "number" else test(value, beside)

        return judge_beside, _never
    kind = type_of(threshold)

    def judge(moment: Moment) -> Verdict:
        value = read(moment)
        return None if value is None or type_of(value) != kind else test(value, threshold)

    return judge, _never


def _judge_aggregate(condition: Comparison, outlook: Outlook, limit: Read, slots: Slots) -> _Judge:
    """It wakes only when slices that leave the window would change the verdict."""
    test, until, threshold = _TESTS[condition.operator], condition.until, condition.threshold
    slot = slots.add(initial=False) if until is not None else None

    def judge(moment: Moment) -> Verdict:
        held = slot is not None and bool(moment.slots[slot])
        beside: Any = until if held else limit(moment)
        if beside is None or isinstance(beside, bool | str):
            return None
        result, ahead = outlook(moment)
        verdict = _of_result(test, *result, beside)
        if slot is not None and verdict is not None:
            moment.slots[slot] = verdict
            beside = until if verdict and until is not None else threshold
        for at, value, bound in ahead:
            # Mostly the value is certain, and this runs for each slice.
            then = _of_result(test, value, bound, beside) if bound or value is None else test(value, beside)
            if then is not verdict:
                moment.wake(at)
                break
        return verdict

    return judge


def _of_result(test: Callable[[Any, Any], bool], value: float | None, bound: int, beside: Any) -> Verdict:
    """The verdict, if it is the same for all that the value may still be."""
    if value is None:
        return None
    verdict = test(value, beside)
    if bound and (verdict is not test(bound * inf, beside) or (test in (eq, ne) and (value - beside) * bound <= 0)):
        return None
    return verdict


def _never(_: Moment) -> Verdict:
    return False


def _nothing(_: Moment) -> None:
    return None


def _same_side(value: Any, beside: Any) -> tuple[float, float]:
    """Where numbers stand as the value does to another; for one that meets it, and for what is none, nowhere else."""
    if isinstance(value, bool | str) or value == beside:
        return NOWHERE
    return (beside, inf) if value > beside else (-inf, beside)


def _narrow_both(metric: str, value: Any, operand: Operand, beside: Any, box: Box) -> None:
    """Both may move towards each other, but so that neither needs to know of the other's moves.

    An attribute hardly moves: it stays where it is, so that the metric may move up to it.
    """
    up_to = [beside, value]
    if (
        isinstance(value, float | int)
        and not isinstance(value, bool)
        and not any(map(is_reserved, (metric, operand.sample)))
    ):
        # Not to the same point: what is between makes up for rounding.
        up_to = [beside + (value - beside) / 2, beside + (value - beside) / 4]
    for sample, stands, end, plus in ((metric, value, up_to[0], 0.0), (operand.sample, beside, up_to[1], operand.plus)):
        if is_reserved(sample):
            box.loud.add(sample)
        else:
            low, high = _same_side(stands, end)
            box.within(sample, low - plus, high - plus)


def _counted(
    judge: Callable[[Moment], Verdict], condition: Comparison, slots: Slots
) -> tuple[Callable[[Moment], Verdict], Callable[[Moment], bool]]:
    """The verdict, and whether another sample of the same verdict would leave the count as it is."""
    metric, count, of = condition.metric, condition.count, condition.of
    if of is not None:
        return _counted_of(judge, metric, count, of, slots)
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


def _counted_of(
    judge: Callable[[Moment], Verdict], metric: str, count: int, of: int, slots: Slots
) -> tuple[Callable[[Moment], Verdict], Callable[[Moment], bool]]:
    slot = slots.add(0)  # a bit for each of the last samples, whether it held
    everything = (1 << of) - 1

    def judge_counted(moment: Moment) -> Verdict:
        holds, bits = judge(moment), moment.slots[slot]
        if holds is None:
            moment.slots[slot] = bits if bits.bit_count() >= count else 0
            return None
        if metric in moment.seen:
            bits = moment.slots[slot] = (bits << 1 | holds) & everything
        return bool(bits.bit_count() >= count)

    def settled(moment: Moment) -> bool:
        return bool(moment.slots[slot] == (everything if judge(moment) else 0))

    return judge_counted, settled
