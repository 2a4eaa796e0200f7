"""Tests of rules through the API."""

import pytest

from tests.functions.api_harness import person

WARM = {"rule": "warm", "scope": "group:plant-1", "severity": "major", "when": {"metric": "temperature", "above": 8}}
TEST = {
    "test": "a warm hour raises it",
    "rule": "warm",
    "series": {"temperature": [{"ramp": [4, 10], "from": "0s", "to": "30m", "every": "1m"}]},
    "expect": [{"between": ["20m", "21m"], "raised": "major"}],
}


def run(api, *tests, rules=(WARM,), **more):
    return api.call("POST", "/rules/test", body={"rules": list(rules), "tests": list(tests)}, **more)


def test_a_test_that_passes_and_one_that_fails_say_what_came(api):
    status, told = run(api, TEST, TEST | {"test": "wrong", "expect": [{"at": "3m", "raised": "minor"}]})
    assert (status, told["passed"]) == (200, False)
    good, wrong = told["tests"]
    assert (good["test"], good["rule"], good["passed"], good["differences"]) == (TEST["test"], "warm", True, [])
    (step,) = good["steps"]
    assert (step["kind"], step["severity"], step["why"]["verdict"]) == ("raised", "major", "true")
    assert step["value"] > 8
    assert (wrong["passed"], wrong["steps"]) == (False, [step])
    assert {line[0] for line in wrong["differences"]} >= {"-", "+"}


def test_an_installed_rule_is_tested_by_its_name_by_whoever_may_see_it(api):
    assert api.call("POST", "/rules", body={"document": WARM}, who=person("admin"))[0] == 201
    assert run(api, TEST, rules=())[1]["passed"] is True
    status, problem = run(api, TEST, rules=(), who=person(("viewer", "group:plant-2")))
    assert (status, problem["field"]) == (400, f"{TEST['test']}.rule")


@pytest.mark.parametrize(
    ("tests", "rules", "field"),
    [
        ([], [WARM], "tests"),
        ([TEST | {"rule": "never"}], [WARM], f"{TEST['test']}.rule"),
        ([TEST | {"expect": 5}], [WARM], f"{TEST['test']}.expect"),
        ([TEST], [WARM, WARM], "rules[1].rule"),
        ([TEST], [WARM | {"severity": "terrible"}], "rules[0].severity"),
        ([TEST | {"csv": {"file": "/etc/passwd"}}], [WARM], None),
    ],
)
def test_what_is_no_test_is_refused(api, tests, rules, field):
    status, problem = run(api, *tests, rules=rules)
    assert status == 400
    assert field in {None, problem["field"]}


def test_a_short_text_does_not_stand_for_endless_work(api, monkeypatch):
    monkeypatch.setattr("functions.services.rule_trials.MAX_SAMPLES", 100)
    assert run(api, TEST, TEST, TEST)[0] == 200
    assert run(api, TEST, TEST, TEST, TEST)[1]["field"] == "tests"


def test_nor_for_endless_time(api, monkeypatch):
    clock = iter(range(1_000_000))
    monkeypatch.setattr("functions.services.rule_trials.seconds", lambda: next(clock))
    assert run(api, TEST | {"series": {}, "expect": []})[0] == 200
    schedule = {"schedule": [{"from": "08:00", "to": "09:00"}], "zone": "UTC"}
    never = WARM | {"when": {"all": [schedule, WARM["when"]]}}
    forever = TEST | {"series": {}, "expect": [], "until": "9999-12-31T00:00:00Z"}
    assert run(api, forever, rules=[never])[1]["field"] == "tests"
    assert run(api, *[TEST | {"expect": 5}] * 40)[1]["field"] == "tests", "nor where none of them can be read"
