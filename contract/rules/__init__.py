"""Rules: what to watch for on which devices, how bad it is, and what to do about it, as data.

    >>> rule = read_rule({"rule": "hot", "scope": "*", "severity": "major", "when": {"metric": "t", "above": 90}})
    >>> rule.bands[0].severity, rule.title
    ('major', 'hot')

Rules are kept as JSON documents. People write them as YAML, which only `parse_rules` reads: where it is not called,
nothing of YAML is loaded.
"""

from typing import TYPE_CHECKING, Any

from contract.rules.rule import (
    MOMENTS,
    RULE_PATTERN,
    Action,
    Band,
    Command,
    Desire,
    Escalation,
    Flapping,
    Moment,
    Notify,
    Rule,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from contract.models import DeviceModel

__all__ = [
    "MOMENTS",
    "RULE_PATTERN",
    "Action",
    "Band",
    "Command",
    "Desire",
    "Escalation",
    "Flapping",
    "Moment",
    "Notify",
    "Rule",
    "of_model",
    "parse_rules",
    "read_rule",
    "to_document",
]


def read_rule(document: Any, model: "DeviceModel | None" = None) -> Rule:
    """Read one rule from JSON's values; raises RuleError with every problem and its path.

    With a model, the rule must be one for its devices: metrics, actuators and their parameters are checked against it.
    """
    from contract.rules import _reader  # whoever only runs rules does without

    return _reader.read(document, model)


def to_document(rule: Rule) -> dict[str, Any]:
    """What `read_rule` reads back equal; made of JSON's values."""
    from contract.rules import _writer

    return _writer.write(rule)


def of_model(model: "DeviceModel") -> tuple[Rule, ...]:
    """The rules that a model brings along, as rules `{model}:{key}` for its devices."""
    return tuple(
        read_rule(
            {
                "rule": f"{model.name}:{rule.key}",
                "title": rule.title,
                "scope": f"model:{model.name}",
                "severity": rule.severity,
                "when": rule.condition,
                **({} if rule.clear is None else {"clear": rule.clear}),
            }
        )
        for rule in model.rules
    )


def parse_rules(text: bytes | str, source: str, models: "Mapping[str, DeviceModel] | None" = None) -> list[Rule]:
    """Read the rules of a file: YAML documents or JSON, each a rule or a list of rules.

    Raises RuleError with every problem, its path and its line. A rule of the scope `model:…` is checked against that
    model if `models` has it.
    """
    from contract.rules import _files

    return _files.parse(text, source, models or {})
