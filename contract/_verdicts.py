"""From a condition to closures that judge it, three-valued: True, False, or None where it cannot be known."""

from typing import Any, assert_never

from contract._comparisons import compile_changes, compile_comparison
from contract._moments import ANYTHING, VERDICTS, Box, Moment, Node, Slots, Verdict
from contract.conditions import (
    AllOf,
    AnyOf,
    Changes,
    Comparison,
    Condition,
    Geofence,
    NoData,
    Not,
    Schedule,
    to_document,
)

__all__ = ["compile_condition"]


def compile_condition(condition: Condition, slots: Slots) -> Node:
    match condition:
        case Comparison():
            node = compile_comparison(condition, slots)
        case Changes():
            node = compile_changes(condition, slots)
        case NoData():
            return _no_data(condition, slots)
        case Geofence():
            from contract._geofences import compile_geofence  # few rules have any

            node = compile_geofence(condition, slots)
        case Schedule():
            from contract._schedules import compile_schedule

            node = compile_schedule(condition, slots)
        case AllOf():
            node = _junction(condition.parts, "all", slots, decisive=False)
        case AnyOf():
            node = _junction(condition.parts, "any", slots, decisive=True)
        case Not():
            node = _negation(condition.part, slots)
        case _:
            assert_never(condition)
    return _lasting(node, condition.for_ms, slots) if condition.for_ms else node


def _lasting(node: Node, for_ms: int, slots: Slots) -> Node:
    slot = slots.add(None)  # since when it holds; True once that was for long enough

    def judge(moment: Moment) -> Verdict:
        holds, since = node.judge(moment), moment.slots[slot]
        if holds is None:
            moment.slots[slot] = True if since is True else None
            return None
        if not holds:
            moment.slots[slot] = None
            return False
        if since is True:
            return True
        if since is None:
            since = moment.slots[slot] = moment.at
        if moment.at - since >= for_ms:
            moment.slots[slot] = True
            return True
        moment.wake(since + for_ms)
        return False

    def explain(moment: Moment) -> dict[str, Any]:
        told = {**node.explain(moment), "for_ms": for_ms, "verdict": VERDICTS[judge(moment)]}
        since = moment.slots[slot]
        return told if since is None or since is True else {**told, "held_ms": moment.at - since}

    return Node(judge, explain, node.narrow)


def _no_data(condition: NoData, slots: Slots) -> Node:
    slot = slots.add(None)  # when data last came, or when this was first looked at
    metric, for_ms = condition.metric, condition.for_ms

    def judge(moment: Moment) -> Verdict:
        last = moment.slots[slot]
        if last is None or (moment.heard if metric is None else metric in moment.seen):
            last = moment.slots[slot] = moment.at
        if moment.at - last >= for_ms:
            return True
        moment.wake_unless_heard(last + for_ms, metric or ANYTHING, for_ms)
        return False

    def explain(moment: Moment) -> dict[str, Any]:
        verdict = VERDICTS[judge(moment)]
        return {**to_document(condition), "verdict": verdict, "silent_ms": moment.at - moment.slots[slot]}

    def narrow(moment: Moment, box: Box) -> None:
        if not judge(moment):
            return  # another sample only moves the end of the silence away
        if metric is None:
            box.deaf = True
        else:
            box.loud.add(metric)

    return Node(judge, explain, narrow)


def _junction(parts: tuple[Condition, ...], word: str, slots: Slots, *, decisive: bool) -> Node:
    """`decisive` is the verdict of one part that decides it, whatever the others are."""
    nodes = [compile_condition(part, slots) for part in parts]
    judges = [node.judge for node in nodes]

    def judge(moment: Moment) -> Verdict:
        verdicts = [judge(moment) for judge in judges]  # every part, since each remembers
        if decisive in verdicts:
            return decisive
        return None if None in verdicts else not decisive

    def explain(moment: Moment) -> dict[str, Any]:
        return {word: [node.explain(moment) for node in nodes], "verdict": VERDICTS[judge(moment)]}

    def narrow(moment: Moment, box: Box) -> None:
        for node in nodes:
            node.narrow(moment, box)

    return Node(judge, explain, narrow)


def _negation(part: Condition, slots: Slots) -> Node:
    node = compile_condition(part, slots)

    def judge(moment: Moment) -> Verdict:
        verdict = node.judge(moment)
        return None if verdict is None else not verdict

    def explain(moment: Moment) -> dict[str, Any]:
        return {"not": node.explain(moment), "verdict": VERDICTS[judge(moment)]}

    return Node(judge, explain, node.narrow)
