"""`rules test` and `rules validate`: what a build sees of rules in files, without a deployment."""

import json
from pathlib import Path

import pytest

from contract import models

ROOT = Path(__file__).parents[2]
RULES = """\
rule: too-warm
title: Cold store too warm
scope: model:climate
severity: major
when: {metric: temperature, above: 8, for: 2m}
"""
TESTS = """\
- test: two minutes above 8 °C raise it
  rule: too-warm
  series: {temperature: {repeat: 8.5, from: 0s, to: 5m, every: 30s}}
  expect: [{at: 2m, raised: major}]
"""


@pytest.fixture
def rules(tmp_path):
    (tmp_path / "cold.yaml").write_text(RULES)
    (tmp_path / "cold.test.yaml").write_text(TESTS)
    return tmp_path


def test_rules_that_keep_their_promises_pass(run, rules):
    assert run("rules", "validate", str(rules)).stdout == "1 rule and 1 test are valid.\n"
    assert run("rules", "test", str(rules)).stdout == "1 test: 1 passed, 0 failed.\n"
    named = run("rules", "test", str(rules), "--verbose").stdout
    assert named.startswith("passed  too-warm: two minutes above 8 °C raise it")


def test_a_test_that_fails_shows_the_difference_and_ends_with_1(run, rules):
    (rules / "cold.test.yaml").write_text(TESTS.replace("at: 2m", "at: 1m"))
    assert run("rules", "test", str(rules), fails=1).stdout.splitlines() == [
        f"FAILED  too-warm: two minutes above 8 °C raise it  ({rules / 'cold.test.yaml'}:1)",
        "    - 1m  raised major",
        "    ?     then: major not fired: metric=temperature above=8 value=8.5 for_ms=120000 held_ms=60000 is false",
        "    + 2m  raised major",
        "    ?     because: metric=temperature above=8 value=8.5 for_ms=120000 is true",
        "1 test: 0 passed, 1 failed.",
    ]
    told = json.loads(run("rules", "test", str(rules), "--json", fails=1).stdout)
    assert (told["failed"], told["tests"][0]["passed"], told["tests"][0]["rule"]) == (1, False, "too-warm")
    assert told["tests"][0]["steps"] == [{"at": 1_767_225_720_000, "kind": "raised", "severity": "major"}]


def test_what_is_wrong_is_told_with_file_line_rule_and_path_and_ends_with_2(run, rules):
    (rules / "cold.yaml").write_text(RULES.replace("temperature", "temprature"))
    (rules / "more.yaml").write_text("[1")
    for command in ("validate", "test"):
        said = run("rules", command, str(rules), fails=2).stderr
        assert f"{rules / 'cold.yaml'}: line 5: `too-warm.when.metric` must be one of temperature, humidity" in said
        assert f"{rules / 'more.yaml'}: line 2: it must be YAML" in said
        assert f"{rules / 'cold.test.yaml'}: line 2: `two minutes above 8 °C raise it.rule` must be the id of" in said
    told = json.loads(run("rules", "validate", str(rules), "--json", fails=2).stdout)
    assert [problem["line"] for problem in told["problems"]] == [5, 2, 2]
    assert told["problems"][0]["field"] == "too-warm.when.metric"


def test_rules_for_a_model_of_ones_own_are_checked_against_it(run, rules, tmp_path):
    machine = models.encode(models.shipped()["machine"]).replace(
        b'"fieldline:name": "machine"', b'"fieldline:name": "press"'
    )
    (tmp_path / "model").mkdir()
    model = tmp_path / "model" / "press.model"
    model.write_bytes(machine)
    (rules / "cold.yaml").write_text(RULES.replace("model:climate", "model:press").replace("temperature", "pressure"))
    assert "1 rule" in run("rules", "validate", str(rules / "cold.yaml")).stdout
    said = run("rules", "validate", str(rules / "cold.yaml"), "--model", str(model), fails=2).stderr
    assert "`too-warm.when.metric` must be one of temperature, vibration, current, relay" in said
    assert (
        "Invalid device model"
        in run("rules", "validate", str(rules), "--model", str(rules / "cold.yaml"), fails=2).stderr
    )


def test_only_the_tests_of_one_rule_may_run_and_rules_without_any_are_named(run, rules):
    (rules / "other.yaml").write_text(RULES.replace("too-warm", "far-too-warm"))
    ended = run("rules", "test", str(rules))
    assert "Without a test: far-too-warm." in ended.stderr
    assert run("rules", "test", str(rules), "--rule", "too-warm").stderr == ""
    assert (
        "There are no tests of the rule far-too-warm"
        in run("rules", "test", str(rules), "--rule", "far-too-warm", fails=2).stderr
    )


def test_where_there_is_nothing_that_is_told(run, tmp_path):
    assert "There are no rules in" in run("rules", "validate", str(tmp_path), fails=2).stderr
    assert "There is no file or folder" in run("rules", "test", str(tmp_path / "no"), fails=2).stderr


def test_names_of_tests_tell_them_apart(run, rules):
    (rules / "cold.test.yaml").write_text(TESTS * 2)
    assert "Tests of one file have the same name." in run("rules", "test", str(rules), fails=2).stderr


def test_the_default_rules_are_tested_by_the_command_too(run):
    said = run("rules", "test", str(ROOT / "contract" / "rules" / "tests")).stdout
    assert said.endswith("0 failed.\n")
