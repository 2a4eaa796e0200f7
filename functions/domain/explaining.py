"""How a rule stands on a device, now or at an earlier time, and why it has fired or has not. Pure."""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any

import msgspec

from contract.models import Severity
from contract.rules import Rule
from contract.rules.lifecycle import RuleProgram, RuleState
from contract.telemetry import Value
from contract.traces import reasons
from functions.domain.backtests import Replay
from functions.domain.devices import Device
from functions.domain.engine.at_work import RuleAtWork
from functions.domain.engine.codec import head_of, rest_of
from functions.domain.engine.lag import NO_LAG
from functions.domain.engine.program import Program
from functions.domain.state import DeviceState


class Outlook(StrEnum):
    """`WAITING`: a condition holds and has not held for long enough. `REFUSED`: the device has no room for the rule."""

    ACTIVE = "active"
    WAITING = "waiting"
    INACTIVE = "inactive"
    UNKNOWN = "unknown"
    REFUSED = "refused"
    DISABLED = "disabled"


class Explained(msgspec.Struct, frozen=True, kw_only=True):
    """`bands` have each its severity, whether it has `fired`, and the trees of `when` and, once it has, of `clear`.

    `since` and `severity` are those of the alarm that is active, `number` its own among the device's alarms where it
    is the one that stands now. `reasons` say in words what decides.
    """

    outlook: Outlook
    at: int | None = None
    bands: tuple[Mapping[str, Any], ...] = ()
    since: int | None = None
    severity: Severity | None = None
    number: int | None = None
    reasons: tuple[str, ...] = ()


DISABLED = Explained(outlook=Outlook.DISABLED)
REFUSED = Explained(outlook=Outlook.REFUSED, reasons=("the rules of this device take up all the room there is",))


def explained_now(program: Program, device: Device, state: DeviceState, now: int) -> dict[str, Explained]:
    """How each rule of a device stands once what is due by now is done. Raises ValueError for a damaged state."""
    outcome = program.run(device.thing, state, (), now, attributes=device.tags, name=device.name)
    head = head_of(msgspec.structs.replace(state, rules=outcome.rules))
    rest = None if head is None else rest_of(head)
    running = {} if rest is None else {one.rule: one for one in rest.running}
    refused = () if rest is None else rest.refused
    lag = NO_LAG if head is None else head.lag
    at = now - program.hold_ms - lag.at(now)
    found: dict[str, Explained] = {}
    for id_, compiled in program.compiled.items():
        if id_ in refused:
            found[id_] = REFUSED
            continue
        kept = running.get(id_)
        known = kept is not None and kept.fingerprint == compiled.fingerprint
        rule = RuleAtWork(compiled, kept) if kept is not None and known else RuleAtWork.begun(compiled, at)
        rule.catch_up()
        found[id_] = _explained(compiled.program, rule.state, at, rule.number or None)
    return found


def explained_at(
    rule: Rule,
    attributes: Mapping[str, Value],
    data: Iterable[tuple[int, Mapping[str, Value | None]]],
    begin: int,
    at: int,
) -> Explained:
    """How a rule would have stood at an instant, from data of `[begin, at]`."""
    if not rule.bands:
        return DISABLED
    replay = Replay(rule, begin, attributes)
    for ts, values in data:
        replay.feed(ts, values)
    replay.until(at + 1)
    return _explained(replay.program, replay.state, at, None)


def _explained(program: RuleProgram, state: RuleState, at: int, number: int | None) -> Explained:
    # Seen from this instant, which nothing was due before: so ages and durations are those of now.
    evaluation = msgspec.structs.replace(state.evaluation, at=max(at, state.evaluation.at))
    told = program.explain(msgspec.structs.replace(state, evaluation=evaluation))
    bands: tuple[dict[str, Any], ...] = tuple(told["bands"])
    alarm = state.alarm
    if alarm is not None:
        outlook = Outlook.ACTIVE
    elif any(_waits(band["when"]) for band in bands):
        outlook = Outlook.WAITING
    elif any(band["when"]["verdict"] == "unknown" for band in bands):
        outlook = Outlook.UNKNOWN
    else:
        outlook = Outlook.INACTIVE
    return Explained(
        outlook=outlook,
        at=evaluation.at,
        bands=bands,
        since=None if alarm is None else alarm.since,
        severity=None if alarm is None else alarm.severity,
        number=None if alarm is None else number,
        reasons=tuple(dict.fromkeys(_reasons(bands, evaluation.at))),
    )


def _reasons(bands: Iterable[Mapping[str, Any]], at: int) -> Iterable[str]:
    """Of bands that have fired what keeps them, else of all what keeps them from it."""
    every = list(bands)
    for band in [one for one in every if one["fired"]] or every:
        tree = band["clear"] if band["fired"] and "clear" in band else band["when"]
        prefix = "not cleared: " if tree is not band["when"] else ""
        yield from (f"{prefix}{one}" for one in reasons(tree, at))


def _waits(node: Any) -> bool:
    """Whether a duration runs in it."""
    if isinstance(node, list):
        return any(map(_waits, node))
    return isinstance(node, dict) and ("held_ms" in node or any(map(_waits, node.values())))
