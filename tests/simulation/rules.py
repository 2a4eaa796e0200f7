"""The rules of the simulation's devices."""

from typing import Any

from contract.rules import Rule, parse_rules

_RULES: tuple[str, ...] = (
    """
rule: hot
title: Too hot
scope: model:probe
bands:
  - {severity: critical, when: {metric: temperature, above: 95, until: 90}}
  - {severity: major, when: {metric: temperature, above: 80, until: 75, for: 12s}}
actions:
  - {notify: [ops], on: [raised, escalated, downgraded, cleared]}
  - {command: fan, parameters: {on: true}, on: [raised]}
""",
    """
rule: silent
title: Nothing comes
scope: model:probe
severity: minor
when: {no_data: true, for: 60s}
actions:
  - {notify: [ops], on: [raised, cleared]}
""",
)
RULES: tuple[Rule, ...] = tuple(rule for text in _RULES for rule in parse_rules(text, "the simulation"))


def by_id() -> dict[str, Any]:
    return {rule.id: rule for rule in RULES}
