"""From a rule's struct to its document, whose durations are in ms and from which what is as usual is left out."""

from typing import Any

from contract import conditions
from contract.rules.rule import Action, Band, Command, Desire, Notify, Rule

__all__ = ["write"]


def write(rule: Rule) -> dict[str, Any]:
    """See `contract.rules.to_document`."""
    document: dict[str, Any] = {"rule": rule.id, "title": rule.title}
    if rule.description:
        document["description"] = rule.description
    document["scope"] = rule.scope
    if not rule.enabled:
        document["enabled"] = False
    if len(rule.bands) == 1:
        document |= _band(rule.bands[0])
    elif rule.bands:
        document["bands"] = [_band(band) for band in rule.bands]
    if rule.stale_after_ms is not None:
        document["stale_after_ms"] = rule.stale_after_ms
    if rule.flapping is not None:
        document["flapping"] = {"times": rule.flapping.times, "within_ms": rule.flapping.within_ms}
    if rule.message:
        document["message"] = rule.message
    if rule.actions:
        document["actions"] = [_action(action) for action in rule.actions]
    if rule.escalation:
        document["escalation"] = [
            {"after_ms": step.after_ms, "notify": list(step.recipients)} for step in rule.escalation
        ]
    return document


def _band(band: Band) -> dict[str, Any]:
    document: dict[str, Any] = {"severity": band.severity, "when": conditions.to_document(band.when)}
    if band.clear is not None:
        document["clear"] = conditions.to_document(band.clear)
    return document


def _action(action: Action) -> dict[str, Any]:
    on = {"on": list(action.on)}
    match action:
        case Notify():
            return {"notify": list(action.recipients), **on}
        case Command():
            parameters = {"parameters": action.parameters} if action.parameters else {}
            return {"command": action.actuator, **parameters, **on}
        case Desire():
            return {"desire": action.desired, **on}
