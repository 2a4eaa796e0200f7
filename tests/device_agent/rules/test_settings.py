"""`[[rule]]` and `use_model_rules` are read into rules, and all that is wrong in them is told together."""

import tomllib
from pathlib import Path

import pytest
from msgspec import structs

from contract import models
from contract.conditions import Comparison, NoData, parse
from contract.models import Rule
from device_agent.config.following import Following
from device_agent.config.table import Table
from device_agent.rules import Action, EdgeRule, RulesSettings, parse_rules

MACHINE = models.shipped()["machine"]
METRICS = {**MACHINE.metrics, "dew_point": None}
RELAY = '[[actuator]]\nkind = "relay"\nname = "relay"\n'


def read(text, metrics=METRICS, settings=None, model=MACHINE):
    problems = []
    root = Table(tomllib.loads(text), Path("agent.toml"), "", problems)
    following = Following(MACHINE, {**MACHINE.default_configuration(), **(settings or {})})
    for table in root.tables("rule"):
        table.follow(following)
    for table in root.tables("actuator"):
        table.value("kind")
    found = parse_rules(root, model, metrics)
    root.finish()
    return found.rules, {problem.key: f"{problem.expected}; {problem.got}" for problem in problems}


def test_a_rule_says_when_it_fires_and_clears_and_what_it_does():
    rules, problems = read(
        RELAY
        + """
        [[rule]]
        name = "hot"
        title = "Bearing is hot"
        severity = "critical"
        when = { metric = "temperature", above = 90, for_ms = 30000 }
        clear = { metric = "temperature", below = 80 }
        stale_after_s = "2 min"
        event = false
        do = [{ actuator = "relay", parameters = { on = false } }]
        do_on_clear = [{ actuator = "relay", parameters = { on = true, for_s = 60 } }]
        """
    )
    assert problems == {}
    assert rules == (
        EdgeRule(
            name="hot",
            title="Bearing is hot",
            severity="critical",
            when=Comparison(metric="temperature", operator="above", threshold=90.0, for_ms=30_000),
            clear=Comparison(metric="temperature", operator="below", threshold=80.0),
            on_fire=(Action("relay", {"on": False}),),
            on_clear=(Action("relay", {"on": True, "for_s": 60}),),
            event=False,
            stale_after_ms=120_000,
        ),
    )


def test_most_of_a_rule_may_be_left_out():
    (rule,), problems = read('[[rule]]\nname = "x"\nwhen = { no_data = true, for_ms = 5 }')
    assert problems == {}
    assert rule == EdgeRule(name="x", title="x", severity="warning", when=NoData(for_ms=5))


def test_a_disabled_rule_is_left_out_and_read_all_the_same():
    text = '[[rule]]\nname = "x"\nenabled = false\nwhen = { metric = "%s", above = 1 }'
    assert read(text % "current") == ((), {})
    assert list(read(text % "curent")[1]) == ["rule[0].when.metric"]


def test_what_a_rule_says_may_follow_the_models_settings():
    text = """
        [[rule]]
        name = "x"
        enabled = { setting = "stop_on_overheat" }
        when = { all = [{ metric = "current", above = { setting = "interval_ms", scale = 0.01 } }] }
    """
    (rule,), problems = read(text, settings={"interval_ms": 4_000})
    assert problems == {}
    assert rule.when == parse({"all": [{"metric": "current", "above": 40}]})
    assert read(text, settings={"stop_on_overheat": False}) == ((), {})


def names(text, metrics=METRICS, model=MACHINE):
    rules, problems = read(text, metrics, model=model)
    assert problems == {}
    return [rule.name for rule in rules]


def test_the_models_rules_run_at_the_edge_where_they_are_asked_for():
    assert names("") == []
    assert names("use_model_rules = false") == []
    assert names("use_model_rules = true") == [rule.key for rule in MACHINE.rules]
    assert names('use_model_rules = ["overload", "no_data"]') == ["overload", "no_data"]
    (overheating, *_), _ = read("use_model_rules = true")
    of_model = MACHINE.rules[0]
    assert (overheating.severity, overheating.title) == (of_model.severity, of_model.title)
    assert (overheating.when, overheating.clear) == (parse(of_model.condition), parse(of_model.clear))
    assert (overheating.event, overheating.on_fire) == (True, ())


def test_of_the_models_rules_those_are_left_out_whose_metrics_this_device_has_not():
    assert names("use_model_rules = true", {"temperature": None}) == ["overheating", "no_data"]
    _, problems = read('use_model_rules = ["overload"]', {"temperature": None})
    assert problems == {
        "use_model_rules[0]": "a rule that a device can judge, over metrics that this one has: temperature; 'overload'",
    }


def test_what_only_the_cloud_knows_is_no_rule_for_a_device():
    _, problems = read('[[rule]]\nname = "x"\nwhen = { metric = "current", above = { attribute = "limit" } }')
    assert list(problems) == ["rule[0].when.above.attribute"]
    assert problems["rule[0].when.above.attribute"].startswith("left out on a device: it does not know its attributes")
    at_night = {"schedule": {"from": "22:00", "to": "06:00"}, "zone": "UTC"}
    model = structs.replace(MACHINE, rules=(Rule(key="night", title="Night", severity="info", condition=at_night),))
    assert names("use_model_rules = true", model=model) == []
    _, problems = read('use_model_rules = ["night"]', model=model)
    assert problems["use_model_rules[0]"].startswith("a rule that a device can judge")


def test_a_rule_named_like_one_of_the_model_stands_for_it_and_takes_from_it_what_it_does_not_say():
    rules, problems = read(
        "use_model_rules = true\n"
        + RELAY
        + """
        [[rule]]
        name = "overheating"
        severity = "major"
        do = [{ actuator = "relay", parameters = { on = false } }]
        """
    )
    assert problems == {}
    assert [rule.name for rule in rules].count("overheating") == 1
    assert rules[0] == EdgeRule(
        name="overheating",
        title="Overheating",
        severity="major",
        when=parse(MACHINE.rules[0].condition),
        clear=parse(MACHINE.rules[0].clear),
        on_fire=(Action("relay", {"on": False}),),
    )


def rule(rest, when='when = { metric = "current", above = 1 }'):
    return f'[[rule]]\nname = "x"\n{when}\n{rest}'


WRONG = {
    "no name": ('[[rule]]\nwhen = { metric = "current", above = 1 }', "rule[0].name", "a text"),
    "name": ('[[rule]]\nname = "Too Hot"\nwhen = { metric = "current", above = 1 }', "rule[0].name", "1 to 64 of a-z"),
    "twice": (rule("") + "\n" + rule(""), "rule[1].name", "a name that no other rule has; 'x'"),
    "no when": ('[[rule]]\nname = "x"', "rule[0].when", "a condition, unless the model has a rule of this name (over"),
    "when": (rule("", "when = 3"), "rule[0].when", "a condition: an object; 3"),
    "deep in when": (
        rule("", 'when = { all = [{ metric = "curent", above = 1 }] }'),
        "rule[0].when.all[0].metric",
        "one of temperature",
    ),
    "deep in clear": (rule('clear = { metric = "relay", below = 1 }'), "rule[0].clear.below", "left out for a boolean"),
    "severity": (rule('severity = "high"'), "rule[0].severity", "one of critical, major"),
    "misspelt": (rule("sevrity = 1"), "rule[0].sevrity", "one of clear, do"),
    "actuator": (rule('do = [{ actuator = "valve" }]'), "rule[0].do[0].actuator", "an actuator of the model: relay"),
    "not driven": (
        rule('do = [{ actuator = "relay", parameters = { on = true } }]'),
        "rule[0].do[0].actuator",
        "one that an [[actuator]] drives; 'relay'",
    ),
    "parameters": (
        RELAY + rule('do_on_clear = [{ actuator = "relay", parameters = { on = 1 } }]'),
        "rule[0].do_on_clear[0].parameters.on",
        "of type boolean; 1",
    ),
    "missing parameter": (
        RELAY + rule('do = [{ actuator = "relay" }]'),
        "rule[0].do[0].parameters.on",
        "present; nothing",
    ),
    "no table": (
        RELAY + rule('do = [{ actuator = "relay", parameters = 3 }]'),
        "rule[0].do[0].parameters",
        "a table; 3",
    ),
    "model's rule": ('use_model_rules = ["overheat"]', "use_model_rules[0]", "a rule of the model: overheating"),
    "use": ("use_model_rules = 3", "use_model_rules", "true, false or a list of names; 3"),
}


@pytest.mark.parametrize(("text", "key", "expected"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_told_with_its_key(text, key, expected):
    _, problems = read(text)
    assert list(problems) == [key]
    assert problems[key].startswith(expected)


def test_all_that_is_wrong_is_told_together():
    _, problems = read(
        'use_model_rules = ["x"]\n'
        + rule('severity = 1\ndo = [{ actuator = "valve" }]', 'when = { metric = "a", above = "b", for_ms = -1 }')
    )
    assert set(problems) == {
        "use_model_rules[0]",
        "rule[0].severity",
        "rule[0].do[0].actuator",
        "rule[0].when.metric",
        "rule[0].when.above",
        "rule[0].when.for_ms",
    }


def test_without_anything_there_are_no_rules():
    assert RulesSettings().rules == read("")[0]
