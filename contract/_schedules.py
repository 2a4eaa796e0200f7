"""Weekly schedules as closures: whether the wall clock of a time zone shows a time in one of the windows."""

from typing import Any

from contract._moments import VERDICTS, Box, Moment, Node, Slots, Verdict
from contract.conditions import Schedule, to_document
from contract.schedules import Calendar

__all__ = ["compile_schedule"]


def compile_schedule(condition: Schedule, _: Slots) -> Node:
    calendar = Calendar(condition.zone, condition.windows)
    shown = to_document(condition)
    shown.pop("for_ms", None)

    def judge(moment: Moment) -> Verdict:
        verdict, until = calendar.at(moment.at)
        if until is not None:
            moment.wake(until)
        return verdict

    def explain(moment: Moment) -> dict[str, Any]:
        told = {**shown, "verdict": VERDICTS[judge(moment)]}
        local = calendar.wall_clock(moment.at)
        return told if local is None else {**told, "wall_clock": local.strftime("%a %H:%M").lower()}

    def narrow(_: Moment, __: Box) -> None:
        return  # no sample matters

    return Node(judge, explain, narrow)
