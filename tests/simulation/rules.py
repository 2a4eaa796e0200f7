"""The rules of the simulation's devices, twice: as documents for the engine, and as plain code for the oracle."""

from collections.abc import Callable
from typing import Any, NamedTuple

from contract.rules import Rule, parse_rules, to_document
from tests.simulation.conditions import Band, Both, Condition, For, InRow, Is, Not, Over, Silence, Under

_DOCUMENTS = """
rule: hot
title: Too hot
scope: model:probe
bands:
  - {severity: critical, when: {metric: temperature, above: 95, until: 90}}
  - {severity: major, when: {metric: temperature, above: 80, until: 75, for: 12s}}
actions:
  - {notify: [ops], on: [raised, escalated, cleared]}
  - {command: fan, parameters: {on: true}, on: [raised]}
  - {desire: {fan: {on: true}}, on: [raised]}
  - {desire: {fan: {on: false}}, on: [cleared]}
---
rule: silent
title: Nothing comes
scope: group:plant
severity: minor
when: {no_data: true, for: 60s}
actions:
  - {notify: [ops], on: [cleared]}
---
rule: ajar
title: Open and warm
scope: group:plant/a
severity: warning
when: {all: [{metric: door, equals: true}, {metric: temperature, above: 60}], for: 15s}
stale_after: 45s
actions:
  - {notify: [ops], on: [raised]}
---
rule: surge
title: Pressure stays high
scope: group:plant/b
severity: major
when: {metric: pressure, above: 500, count: 3}
clear_after: 20s
actions:
  - {notify: [ops], on: [raised]}
---
rule: leak
title: Pressure is gone
scope: device:probe-1
severity: critical
when: {metric: pressure, below: 100}
clear: {metric: pressure, above: 300}
actions:
  - {notify: [ops], on: [raised, cleared]}
  - {command: fan, parameters: {on: false}, on: [raised, cleared]}
---
rule: jumpy
title: Comes and goes
scope: "*"
severity: info
when: {metric: temperature, above: 91}
flapping: {times: 3, within: 100s}
actions:
  - {notify: [ops], on: [flapping]}
---
rule: offline
title: Not connected
scope: "*"
severity: major
when: {online: false, for: 20s}
actions:
  - {notify: [ops], on: [raised, cleared]}
"""


_EDITED = """
rule: hot
title: Too hot, a little later
scope: model:probe
bands:
  - {severity: critical, when: {metric: temperature, above: 95, until: 90}}
  - {severity: major, when: {metric: temperature, above: 85, until: 78, for: 5s}}
actions:
  - {notify: [ops], on: [raised, escalated, cleared]}
  - {command: fan, parameters: {on: true}, on: [raised]}
  - {desire: {fan: {on: true}}, on: [raised]}
  - {desire: {fan: {on: false}}, on: [cleared]}
---
rule: silent
title: Nothing comes
scope: group:plant
severity: minor
when: {no_data: true, for: 40s}
actions:
  - {notify: [ops], on: [cleared]}
---
rule: jumpy
title: Comes, goes, and has another name
scope: "*"
severity: info
when: {metric: temperature, above: 91}
flapping: {times: 3, within: 100s}
actions:
  - {notify: [ops], on: [flapping]}
---
rule: ajar
title: Open and warm
enabled: false
scope: group:plant/a
severity: warning
when: {all: [{metric: door, equals: true}, {metric: temperature, above: 60}], for: 15s}
stale_after: 45s
actions:
  - {notify: [ops], on: [raised]}
"""
DELETED = "leak"
"""The rule that people do not edit but delete."""


class Expected(NamedTuple):
    """A rule as the oracle knows it. `asks` are its metrics, None for all of them; `flapping` is times and within."""

    bands: Callable[[], tuple[Band, ...]]
    asks: frozenset[str] | None
    of: Callable[[str], bool] = lambda _thing: True
    stale_after: int | None = None
    flapping: tuple[int, int] | None = None
    prompt: bool = False
    """Whether something may come of it before any data does."""


def _one(severity: str, when: Condition, clear: Condition | None = None) -> tuple[Band, ...]:
    return (Band(severity, when, clear),)


FIRST: dict[str, Expected] = {
    "hot": Expected(
        lambda: (
            Band("critical", Over("temperature", 95, until=90)),
            Band("major", For(12_000, Over("temperature", 80, until=75))),
        ),
        frozenset({"temperature"}),
    ),
    "silent": Expected(lambda: _one("minor", Silence(60_000)), None, prompt=True),
    "ajar": Expected(
        lambda: _one("warning", For(15_000, Both(Is("door", wanted=True), Over("temperature", 60)))),
        frozenset({"door", "temperature"}),
        of=lambda thing: thing in {"probe-1", "probe-2"},
        stale_after=45_000,
    ),
    "surge": Expected(
        lambda: _one(
            "major",
            InRow(3, Over("pressure", 500), "pressure"),
            For(20_000, Not(Over("pressure", 500))),
        ),
        frozenset({"pressure"}),
        of=lambda thing: thing in {"probe-3", "probe-4"},
    ),
    "leak": Expected(
        lambda: _one("critical", Under("pressure", 100), Over("pressure", 300)),
        frozenset({"pressure"}),
        of=lambda thing: thing == "probe-1",
    ),
    "jumpy": Expected(lambda: _one("info", Over("temperature", 91)), frozenset({"temperature"}), flapping=(3, 100_000)),
    "offline": Expected(lambda: _one("major", For(20_000, Is("$online", wanted=False))), frozenset({"$online"})),
}
"""Once more, by hand and from their words: what the engine makes of the documents is compared with these."""

EXPECTED: dict[tuple[str, int], Expected] = {
    **{(rule, 1): each for rule, each in FIRST.items()},
    ("hot", 2): Expected(
        lambda: (
            Band("critical", Over("temperature", 95, until=90)),
            Band("major", For(5_000, Over("temperature", 85, until=78))),
        ),
        frozenset({"temperature"}),
    ),
    ("silent", 2): Expected(lambda: _one("minor", Silence(40_000)), None, prompt=True),
    # Only its title is another, so what it knows of a device it still knows.
    ("jumpy", 2): FIRST["jumpy"],
}
"""By rule and version."""

RULES: tuple[Rule, ...] = tuple(parse_rules(_DOCUMENTS, "the simulation"))
EDITS: dict[str, dict[str, Any]] = {rule.id: to_document(rule) for rule in parse_rules(_EDITED, "the simulation")}


def rules_of(thing: str) -> dict[str, int]:
    """Those that stand for a device before anybody edits any, with their versions."""
    return {rule: 1 for rule, each in FIRST.items() if each.of(thing)}


def may_be_of_none(found: dict[str, Any]) -> bool:
    """Whether the rule of an alarm that somebody cleared may have been gone by then, and with it what it wants done."""
    rule = found["rule"]
    return found.get("clearing") == "person" and (rule == DELETED or not EDITS.get(rule, {}).get("enabled", True))


def actions_of(found: dict[str, Any]) -> list[Any]:
    """What is to be done when an alarm takes this step. Of a rule that is gone, nothing any more."""
    rule = found["rule"]
    if found.get("clearing") == "rule_changed" and (rule == DELETED or not EDITS[rule].get("enabled", True)):
        return []
    (known,) = (one for one in RULES if one.id == rule)
    return [action for action in known.actions if found["kind"] in action.on]
