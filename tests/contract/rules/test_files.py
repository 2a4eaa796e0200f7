"""Files of rules: YAML and JSON say the same, and what is wrong is found by its rule, path and line."""

import json

import pytest
import yaml

from contract import models
from contract.errors import RuleError
from contract.rules import _yaml, parse_rules, to_document

RULES = """\
# two documents, the second of which is a list
rule: hot
scope: "*"
severity: major
when: {metric: t, above: 90}
---
- rule: cold
  scope: device:press-4
  severity: minor
  when:
    metric: t
    below: 3
- rule: silent
  scope: model:machine
  severity: info
  when: {no_data: true, for: 90s}
"""


def test_a_file_may_hold_documents_and_lists_of_rules():
    assert [rule.id for rule in parse_rules(RULES, "plant.yaml")] == ["hot", "cold", "silent"]
    assert parse_rules("", "empty.yaml") == parse_rules("---\n---\n", "empty.yaml") == []


def test_json_says_the_same():
    rules = parse_rules(RULES, "plant.yaml")
    text = json.dumps([to_document(rule) for rule in rules])
    assert parse_rules(text, "plant.json") == rules
    assert parse_rules(text, "plant.yaml") == rules


def sentences(text, source="plant.yaml", **more):
    with pytest.raises(RuleError) as caught:
        parse_rules(text, source, **more)
    assert caught.value.source == source
    return caught.value.sentences()


def test_every_problem_names_rule_path_and_line():
    text = RULES.replace("above: 90", "above: hot").replace("below: 3", "bellow: 3").replace("90s", "soon")
    begins = (
        "line 5: `hot.when.above` must be a finite number, got 'hot'.",
        "line 12: `cold.when.bellow` must be one of metric, above, below, ",
        "line 11: `cold.when` must be a comparison with one of above, below, ",
        "line 16: `silent.when.for` must be a duration such as 90s, 5m or 1h30m ",
    )
    found = sentences(text)
    assert len(found) == len(begins)
    assert all(each.startswith(begin) for each, begin in zip(found, begins, strict=True))


def test_an_id_is_used_once_in_a_file():
    assert sentences(RULES.replace("cold", "hot")) == (
        "line 7: `hot.rule` must be an id that no other rule has, got 'hot'.",
    )


def test_a_rule_for_a_model_is_checked_against_it():
    text = RULES.replace("{no_data: true, for: 90s}", "{metric: speed, above: 1}")
    assert len(parse_rules(text, "plant.yaml")) == 3
    (problem,) = sentences(text, models=models.shipped())
    assert problem.startswith("line 16: `silent.when.metric` must be one of temperature, vibration, current, relay")


def test_words_mean_what_yaml_1_2_says():
    text = 'rule: no\nscope: "*"\nseverity: info\ntitle: 22:30\nwhen: {metric: y, equals: on}\n'
    (rule,) = parse_rules(text, "words.yaml")
    assert (rule.id, rule.title, rule.bands[0].when.metric, rule.bands[0].when.threshold) == ("no", "22:30", "y", "on")


REFUSED = {
    "syntax": ("a: [1", "line 2: it must be YAML, got"),
    "tab": ("a:\n\t- b", "line 2: it must be YAML, got"),
    "alias": ("a: &x [1]\nb: *x", "line 2: it must be free of aliases: write it out, got *x."),
    "tag": ("a: !!python/name:os.system x", "line 1: it must be free of tags, got"),
    "key twice": ("a: 1\nb: 2\na: 3", "line 3: `a` must be used once in its object, got a second use."),
    "key no text": ("1: 2", "line 1: it must be keyed by texts, got 1."),
    "deep": ("[" * 40 + "]" * 40, "line 1: `"),
    "digits": ("a: " + "9" * 5000, "line 1: it must be free of numbers with more than 40 digits"),
    "large": ("#" * 1_048_577, "it must be at most 1048576 bytes, got 1048577 bytes."),
    "control": ("a: \x00", "it must be YAML, got"),
    "list in a list": ("- - rule: a", "line 1: `[0]` must be a rule: an object, got a list of 1."),
}


@pytest.mark.parametrize(("text", "begins"), REFUSED.values(), ids=REFUSED)
def test_yaml_that_is_no_rule_or_misleads_is_refused(text, begins):
    assert sentences(text)[0].startswith(begins)


def test_half_a_character_is_refused_by_either_parser(monkeypatch):
    assert sentences('a: "\\ud800"')[0].startswith("line 1: it must be YAML")
    monkeypatch.setattr(_yaml, "_Loader", yaml.SafeLoader)
    assert sentences('a: "\\ud800"')[0].startswith("line 1: it must be free of half characters")
    assert [rule.id for rule in parse_rules(RULES, "plant.yaml")] == ["hot", "cold", "silent"]


def test_bytes_that_are_no_text_are_refused():
    assert sentences(b"\xff") == ("it must be UTF-8, got invalid start byte.",)
    assert sentences("{", "a.json")[0].startswith("it must be one JSON document")
    assert sentences('{"rule": 1, "rule": 2}', "a.json") == (
        "`rule` must be used once in its object, got a second use.",
    )
