"""Rules as documents: what is read, what is refused and where, and that writing is the inverse."""

import doctest

import pytest

from contract import models, rules
from contract.conditions import parse
from contract.errors import RuleError
from contract.rules import (
    Band,
    Command,
    Desire,
    Escalation,
    Flapping,
    Notify,
    Rule,
    of_model,
    parse_rules,
    read_rule,
    to_document,
)

MACHINE = models.shipped()["machine"]
WHOLE = """
rule: too-warm
title: Cold store too warm
description: |
  Close the door.
  Then call the fitter.
scope: group:plant-1
severity: major
when: {all: [{metric: temperature, above: 8, until: 7.5}, {metric: door, equals: true}], for: 5m}
clear: {metric: temperature, below: 7}
stale_after: 15m
flapping: {times: 5, within: 10m}
message: "{device}: {temperature:.1f} °C in the cold store"
actions:
  - {notify: [on-call], on: [raised, cleared]}
  - {command: fan, parameters: {on: true}}
  - {desire: {fan: {on: false}}, on: [cleared]}
escalation: [{after: 15m, notify: [managers]}, {after: 1h, notify: [plant, owner]}]
"""


def test_a_whole_rule_is_read_from_yaml_as_people_write_it():
    (rule,) = parse_rules(WHOLE, "cold.yaml")
    assert rule == Rule(
        id="too-warm",
        title="Cold store too warm",
        description="Close the door.\nThen call the fitter.\n",
        scope="group:plant-1",
        bands=(
            Band(
                severity="major",
                when=parse(
                    {
                        "all": [
                            {"metric": "temperature", "above": 8, "until": 7.5},
                            {"metric": "door", "equals": True},
                        ],
                        "for_ms": 300_000,
                    }
                ),
                clear=parse({"metric": "temperature", "below": 7}),
            ),
        ),
        stale_after_ms=900_000,
        flapping=Flapping(times=5, within_ms=600_000),
        message="{device}: {temperature:.1f} °C in the cold store",
        actions=(
            Notify(recipients=("on-call",), on=("raised", "cleared")),
            Command(actuator="fan", parameters={"on": True}),
            Desire(desired={"fan": {"on": False}}, on=("cleared",)),
        ),
        escalation=(
            Escalation(after_ms=900_000, recipients=("managers",)),
            Escalation(after_ms=3_600_000, recipients=("plant", "owner")),
        ),
    )
    document = to_document(rule)
    assert read_rule(document) == rule
    assert to_document(read_rule(document)) == document
    assert "for" not in document["when"]


def document(**changes):
    whole = {"rule": "hot", "scope": "*", "severity": "major", "when": {"metric": "temperature", "above": 90}}
    return {key: value for key, value in {**whole, **changes}.items() if value is not ...}


def test_bands_stand_worst_first_and_are_written_so():
    bands = [
        {"severity": "warning", "when": {"metric": "t", "above": 70}},
        {"severity": "critical", "when": {"metric": "t", "above": 90}, "clear": {"metric": "t", "below": 80}},
    ]
    rule = read_rule(document(severity=..., when=..., bands=bands))
    assert [band.severity for band in rule.bands] == ["critical", "warning"]
    assert to_document(rule)["bands"] == bands[::-1]


def test_clear_after_is_the_opposite_for_that_long():
    rule = read_rule(document(clear_after="10m"))
    assert rule.bands[0].clear == parse({"not": {"metric": "temperature", "above": 90}, "for_ms": 600_000})
    assert read_rule(to_document(rule)) == rule


def test_what_a_condition_waits_with_by_itself_is_no_quiet():
    hot = {"metric": "temperature", "above": 90}
    for when in ({**hot, "for": "20m"}, {**hot, "count": 5}, {**hot, "count": 3, "of": 5}):
        rule = read_rule(document(when=when, clear_after="10m"))
        assert rule.bands[0].clear == parse({"not": hot, "for_ms": 600_000})
    silent = {"no_data": True, "for": "20m"}
    rule = read_rule(document(when=silent, clear_after="10m"))
    assert rule.bands[0].clear == parse({"not": silent, "for_ms": 600_000})
    both = {"all": [hot, {"metric": "door", "equals": True}]}
    rule = read_rule(document(when={**both, "for": "20m"}, clear_after="10m"))
    assert rule.bands[0].clear == parse({"not": both, "for_ms": 600_000})


def test_the_rules_of_a_model_are_rules_for_its_devices():
    found = of_model(MACHINE)
    assert [rule.id for rule in found] == [f"machine:{rule.key}" for rule in MACHINE.rules]
    assert {rule.scope for rule in found} == {"model:machine"}
    assert [read_rule(to_document(rule), MACHINE) for rule in found] == list(found)


def test_a_models_own_rule_is_disabled_by_its_id_alone():
    rule = read_rule({"rule": "climate:no_data", "enabled": False})
    assert (rule.scope, rule.bands, rule.enabled) == ("model:climate", (), False)
    assert read_rule(to_document(rule)) == rule


def refused(document, model=None):
    with pytest.raises(RuleError) as caught:
        read_rule(document, model)
    return {field: (expected, got) for field, expected, got in caught.value.problems}


NOTIFY = {"notify": ["on-call"]}
WRONG = {
    "no object": (3, "", "a rule: an object", "3"),
    "unknown key": (document(sevrity="major"), "sevrity", "one of rule, title", "a key that is none"),
    "no id": (document(rule=...), "rule", "1 to 63 of a-z", "nothing"),
    "bad id": (document(rule="Hot One"), "rule", "1 to 63 of a-z", "'Hot One'"),
    "title": (document(title="a\nb"), "title", "a line of 1 to 120 characters", "'a\\nb'"),
    "description": (document(description=3), "description", "a text of at most 2000 characters", "3"),
    "no scope": (document(scope=...), "scope", "`*`, `model:` and a model", "nothing"),
    "scope's kind": (document(scope="plant:1"), "scope", "`*`, `model:` and a model", "'plant:1'"),
    "scope's group": (document(scope="group:a//b"), "scope", "`group:` and 1 to 6 segments", "'group:a//b'"),
    "scope of another model": (
        document(rule="a:b", scope="model:c"),
        "scope",
        "model:a, as the rule's id",
        "'model:c'",
    ),
    "enabled": (document(enabled="no"), "enabled", "true or false", "'no'"),
    "no severity": (document(severity=...), "severity", "one of critical, major", "nothing"),
    "severity": (document(severity="bad"), "severity", "one of critical, major", "'bad'"),
    "no when": (document(when=...), "when", "present", "nothing"),
    "when": (document(when={"all": [{"metric": "t", "above": "x"}]}), "when.all[0].above", "a finite number", "'x'"),
    "duration": (document(when={"no_data": True, "for": "5 minutes"}), "when.for", "a duration such as", "'5 minutes'"),
    "two durations": (
        document(stale_after="5m", stale_after_ms=3),
        "stale_after",
        "left out beside `stale_after_ms`",
        "",
    ),
    "clear twice": (
        document(clear={"metric": "t", "below": 1}, clear_after="1m"),
        "clear_after",
        "left out",
        "",
    ),
    "bands and when": (
        document(severity=..., bands=[{"severity": "major", "when": {"metric": "t", "above": 1}}]),
        "when",
        "left out beside `bands`",
        "an object",
    ),
    "no bands": (document(severity=..., when=..., bands=[]), "bands", "a list of 1 to 5 bands", "a list of 0"),
    "flapping once": (
        document(flapping={"times": 1, "within": "1m"}),
        "flapping.times",
        "an integer from 2 to 20",
        "1",
    ),
    "flapping never": (
        document(flapping={"times": 0, "within": "1m"}),
        "flapping.times",
        "an integer from 2 to 20",
        "0",
    ),
    "flapping how often": (document(flapping={"within": "1m"}), "flapping.times", "present", "nothing"),
    "flapping within": (document(flapping={"times": 2}), "flapping.within", "present", "nothing"),
    "actions": (document(actions={}), "actions", "a list of at most 16", "an object"),
    "action": (document(actions=[{}]), "actions[0]", "an action with one of notify, command, desire", "none of them"),
    "moment": (
        document(actions=[{**NOTIFY, "on": ["rised"]}]),
        "actions[0].on",
        "a list of at least one of",
        "'rised'",
    ),
    "recipient": (document(actions=[{"notify": ["A B"]}]), "actions[0].notify[0]", "a recipient: 1 to 63", "'A B'"),
    "recipient twice": (document(actions=[{"notify": ["a", "a"]}]), "actions[0].notify", "each recipient once", ""),
    "parameters": (
        document(actions=[{"command": "relay", "parameters": 3}]),
        "actions[0].parameters",
        "an object",
        "3",
    ),
    "large": (
        document(actions=[{"desire": {"a": "x" * 5000}}]),
        "actions[0].desire",
        "at most 4096 bytes",
        "5008 bytes",
    ),
    "escalation": (
        document(escalation=[{"after": "5m", **NOTIFY}, {"after": "5m", **NOTIFY}]),
        "escalation[1].after",
        "longer than the one before",
        "300000 ms",
    ),
}


@pytest.mark.parametrize(("document", "field", "expected", "got"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_named_with_its_path(document, field, expected, got):
    problems = refused(document)
    assert list(problems) == [field]
    assert problems[field][0].startswith(expected)
    assert problems[field][1].startswith(got)


def test_a_severity_has_one_band():
    band = {"severity": "major", "when": {"metric": "t", "above": 1}}
    assert list(refused(document(severity=..., when=..., bands=[band, band]))) == ["bands[1].severity"]


def test_with_a_model_metrics_actuators_and_parameters_are_checked():
    actions = [
        {"command": "relais"},
        {"command": "relay", "parameters": {"on": 1}},
        {"command": "relay", "parameters": {"on": False}},
        {"desire": {"relay": True}},
        {"desire": {"pump": {"on": True}}},
        {"desire": {"relay": {"on": True}}},
        {"desire": {"relay": None}},
    ]
    wrong = document(when={"metric": "temprature", "above": 9}, actions=actions)
    assert list(refused(wrong, MACHINE)) == [
        "when.metric",
        "actions[0].command",
        "actions[1].parameters.on",
        "actions[3].desire.relay",
        "actions[4].desire",
    ]


def test_the_example_in_the_docstring_holds():
    assert doctest.testmod(rules).failed == 0


def test_a_message_shows_metrics_that_the_model_has():
    assert read_rule(document(message="{temperature} {current} {device} {@site}"), MACHINE)
    ((field, (expected, got)),) = refused(document(message="{temprature}"), MACHINE).items()
    assert (field, got) == ("message", "'{temprature}'")
    assert expected == "a template over temperature, vibration, current, relay"
