"""What there is to say of a rule before it is installed: what it names that nothing here has. Pure."""

from collections.abc import Iterable, Iterator, Mapping

import msgspec

from contract.conditions import is_reserved, metrics_of
from contract.errors import RuleError
from contract.models import DeviceModel
from contract.rules import Command, Notify, Rule, of_model, read_rule, to_document


class Remark(msgspec.Struct, frozen=True):
    """Something that is perhaps not meant; it keeps no rule from being installed."""

    field: str
    detail: str


def metrics_named(rule: Rule) -> Iterator[tuple[str, str]]:
    """Every metric of the conditions with the field that it stands in, each once a field."""
    for at, band in enumerate(rule.bands):
        place = f"bands[{at}]." if len(rule.bands) > 1 else ""
        for name, condition in (("when", band.when), ("clear", band.clear)):
            if condition is not None:
                for metric in dict.fromkeys(metrics_of(condition)):
                    if metric is not None and not is_reserved(metric):
                        yield f"{place}{name}", metric


def recipients_named(rule: Rule) -> Iterator[tuple[str, str]]:
    """Whom it tells, with the field that each stands in."""
    for at, action in enumerate(rule.actions):
        if isinstance(action, Notify):
            yield from ((f"actions[{at}].notify", one) for one in action.recipients)
    for at, step in enumerate(rule.escalation):
        yield from ((f"escalation[{at}].notify", one) for one in step.recipients)


def remarks(rule: Rule, models: Mapping[str, DeviceModel], model: DeviceModel | None = None) -> tuple[Remark, ...]:
    """`model` is that of all devices of the rule's scope, where they have one; else any model may be meant."""
    known = [model] if model is not None else list(models.values())
    whose = f"the model {model.name} has" if model is not None else "no model has"
    no = "no " if model is not None else "a "
    found = [
        Remark(field, f"{whose} {no}metric {metric!r}: unknown until a device sends it")
        for field, metric in metrics_named(rule)
        if not any(metric in one.metrics for one in known)
    ]
    found += [
        Remark(f"actions[{at}].command", f"{whose} {no}actuator {action.actuator!r}")
        for at, action in enumerate(rule.actions)
        if isinstance(action, Command) and not any(action.actuator in one.actuators for one in known)
    ]
    of, colon, _ = rule.id.partition(":")
    if colon and of in models and rule.id not in {one.id for one in of_model(models[of])}:
        found.append(Remark("rule", f"the model {of} has no rule of this name, so it stands for none"))
    return tuple(found)


def broken_by(
    model: DeviceModel, was: DeviceModel | None, rules: Iterable[Rule], others: Iterable[DeviceModel]
) -> list[tuple[str, str]]:
    """Installed rules that a new version of a model would break, each with why.

    Of its own scope: those that its devices could no longer have. Of another: those with a metric that it takes away
    and that no other model has.
    """
    kept = {metric for one in others for metric in one.metrics}
    gone = set() if was is None else was.metrics.keys() - model.metrics.keys() - kept
    found = []
    for rule in rules:
        if rule.scope == f"model:{model.name}":
            problem = _refusal(rule, model)
        else:
            problem = next(
                (f"the metric {metric!r} is gone" for _, metric in metrics_named(rule) if metric in gone), ""
            )
        if problem:
            found.append((rule.id, problem))
    return found


def _refusal(rule: Rule, model: DeviceModel) -> str:
    try:
        read_rule(to_document(rule), model)
    except RuleError as exc:
        field, expected, got = exc.problems[0]
        return f"{field} must be {expected}, got {got}"
    return ""
