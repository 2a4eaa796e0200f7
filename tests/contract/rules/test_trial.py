"""Tests of rules: the forms of their series, what is told where they fail, and the tests that ship."""

import json
from pathlib import Path

import pytest

from contract import models, rules
from contract.errors import RuleError
from contract.rules import of_model, parse_rules
from contract.rules.folder import load, load_trials
from contract.rules.trial import MAX_STEPS, read_trials, run

SHIPPED_TESTS = Path(rules.__file__).with_name("tests")
SHIPPED = {rule.id: rule for model in models.shipped().values() for rule in of_model(model)}
NAB = Path(__file__).parents[2] / "fixtures" / "rules" / "nab"
RULES = {
    rule.id: rule
    for rule in parse_rules(
        """
        - {rule: hot, scope: "*", severity: major, when: {metric: t, above: 90, for: 1m}, message: "{device}: {t}"}
        - {rule: site, scope: "*", severity: info, when: {metric: t, above: {attribute: limit}}}
        - {rule: gone, scope: "*", severity: minor, when: {online: false, for: 5m}}
        - {rule: night, scope: "*", severity: info, when: {schedule: {from: "22:00", to: "06:00"}, zone: UTC}}
        - {rule: "climate:no_data", enabled: false}
        """,
        "rules.yaml",
    )
}


def trial(text, folder=None):
    (one,) = read_trials(text, "rules.test.yaml", RULES, folder)
    return one


def differences(text):
    return run(trial(text)).differences


@pytest.mark.parametrize(
    "path", sorted(SHIPPED_TESTS.glob("*.test.yaml")), ids=lambda path: path.name.removesuffix(".test.yaml")
)
def test_the_default_rules_of_a_model_pass_the_tests_that_ship_with_them(path):
    trials = load_trials(path, SHIPPED)
    assert [run(each).differences for each in trials if not run(each).passed] == []
    model = path.name.removesuffix(".test.yaml")
    assert {each.rule.id for each in trials} == {name for name in SHIPPED if name.startswith(f"{model}:")}


def test_rules_find_the_failures_in_two_recorded_series_and_nothing_else():
    folder = load(NAB / "plant.yaml")
    trials = load_trials(NAB / "plant.test.yaml", {found.rule.id: found.rule for found in folder.rules})
    windows = json.loads((NAB / "windows.json").read_text())
    for each, recorded in zip(trials, ("machine.csv", "ambient.csv"), strict=True):
        outcome = run(each)
        assert outcome.differences == ()
        raised = [step.at for step in outcome.steps if step.kind == "raised"]
        labelled = [[_ms(end) for end in window] for window in windows[recorded]]
        assert [[begin <= at <= end for begin, end in labelled].index(True) for at in raised] == list(
            range(len(labelled))
        )


def _ms(text):
    return trial(f"{{test: x, rule: hot, start: '{text}', expect: []}}").start


SERIES = """
test: a minute above 90 raises it
rule: hot
device: {id: press-4}
series:
  t:
    - {at: 0s, value: 20}
    - {values: [91, 92], from: 1m, every: 30s}
    - {ramp: [92, 95], from: 2m, to: 150s, every: 10s}
    - {repeat: [95, 96], from: 3m, to: 4m, every: 20s}
    - {at: 5m, value: null}
    - {at: 6m, value: 90}
expect:
  - {at: 2m, raised: major, message: "press-4: 92"}
  - {between: [5m, 7m], cleared: true}
"""


def test_a_series_is_written_in_the_forms_that_people_want():
    start = 1_767_225_600_000
    samples = [((at - start) // 1000, values["t"]) for at, values in trial(SERIES).samples]
    assert samples == [
        (0, 20),
        (60, 91),
        (90, 92),
        *[(120, 92), (130, 93), (140, 94), (150, 95)],
        *[(180, 95), (200, 96), (220, 95), (240, 96)],
        (300, None),
        (360, 90),
    ]
    assert run(trial(SERIES)).passed


def test_what_came_otherwise_is_told_beside_what_was_expected_with_the_reason():
    text = SERIES.replace("{at: 2m, raised", "{at: 90s, raised")
    assert differences(text) == (
        "- 1m30s  raised major",
        "?     then: major not fired: metric=t above=90 value=92 for_ms=60000 held_ms=30000 is false",
        "+ 2m  raised major",
        "?     because: metric=t above=90 value=92 for_ms=60000 is true",
        "= 6m  cleared major",
    )


def test_another_message_or_severity_fails():
    assert differences(SERIES.replace("press-4: 92", "press-4: 91")) == (
        "= 2m  raised major",
        "-     message: press-4: 91",
        "+     message: press-4: 92",
        "= 6m  cleared major",
    )
    found = differences(SERIES.replace("raised: major", "raised: minor"))
    assert [line for line in found if line[0] in "-+"] == ["- 2m  raised minor", "+ 2m  raised major"]


def test_what_was_expected_and_never_came_fails_and_so_does_what_came_besides():
    nothing = "{test: x, rule: hot, series: {t: {at: 0s, value: 95}}, until: 5m, expect: []}"
    assert [line for line in differences(nothing) if line[0] in "-+"] == ["+ 1m  raised major"]
    never = "[{at: 1m, raised: major}, {at: 2m, cleared: true}]"
    cold = f"{{test: x, rule: hot, series: {{t: {{at: 0s, value: 5}}}}, expect: {never}}}"
    assert [line for line in differences(cold) if line[0] in "-+"] == ["- 1m  raised major", "- 2m  cleared"]


def test_attributes_presence_and_a_day_of_its_own_are_part_of_a_test():
    texts = [
        """
        {test: limit, rule: site, attributes: {limit: 8}, series: {t: {values: [7, 9, 8], every: 1m}},
         expect: [{at: 1m, raised: info}, {at: 2m, cleared: info}]}
        """,
        """
        {test: gone, rule: gone, online: [{at: 0s, value: true}, {at: 1m, value: false}, {at: 10m, value: true}],
         expect: [{at: 6m, raised: minor}, {at: 10m, cleared: minor}]}
        """,
        "{test: gone, rule: gone, online: false, until: 1h, expect: [{at: 5m, raised: minor}]}",
        """
        {test: night, rule: night, start: "2026-03-01T20:00:00+01:00", until: 24h,
         expect: [{at: "2026-03-01T22:00", raised: info}, {at: 11h, cleared: info}]}
        """,
    ]
    assert [differences(text) for text in texts] == [()] * 4


CSV = """\
time,t,mode,door
2026-01-01T00:00:00Z,80,eco,
2026-01-01T00:01:00Z,95,eco,true
2026-01-01 00:02:00,96.5,,false
"""


def test_a_series_may_be_a_file_beside_the_test(tmp_path):
    (tmp_path / "a.csv").write_text(CSV)
    text = "{test: x, rule: hot, csv: {file: a.csv}, expect: [{at: 2m, raised: major}]}"
    read = trial(text, tmp_path)
    assert [values for _, values in read.samples] == [
        {"t": 80, "mode": "eco"},
        {"t": 95, "mode": "eco", "door": True},
        {"t": 96.5, "door": False},
    ]
    assert run(read).passed
    (tmp_path / "a.csv").write_text("at;t\n".replace(";", ",") + "1767225600,1\n1767225660000,2\n")
    text = "{test: x, rule: hot, csv: {file: a.csv, time: at, columns: {v: t}}, expect: [{at: 1m, raised: major}]}"
    read = trial(text, tmp_path)
    assert read.samples == ((1_767_225_600_000, {"v": 1}), (1_767_225_660_000, {"v": 2}))
    assert run(read).differences[0] == "- 2026-01-01T00:01:00Z  raised major"


def problems(text, folder=None):
    with pytest.raises(RuleError) as caught:
        read_trials(text, "rules.test.yaml", RULES, folder)
    return caught.value.sentences()


def broken(**changes):
    whole = {"test": "x", "rule": "hot", "series": {"t": {"at": "0s", "value": 1}}, "expect": []}
    return json.dumps({key: value for key, value in (whole | changes).items() if value is not ...})


SOME = {"at": "1m", "raised": "major"}
WRONG = {
    "no object": ("- 3", "`[0]` must be a test: an object, got 3"),
    "key": (broken(expected=[]), "`x.expected` must be one of test, rule, "),
    "no name": (broken(test=...), "`[0].test` must be a name: what this test shows, got nothing"),
    "rule": (
        broken(rule="cold"),
        "`x.rule` must be the id of a rule: climate:no_data, gone, hot, night, site, got 'cold'",
    ),
    "disabled": (broken(rule="climate:no_data"), "`x.rule` must be a rule with a condition, got climate:no_data"),
    "no expect": (broken(expect=...), "`x.expect` must be a list of what is to become of the alarm"),
    "expect": (broken(expect={}), "`x.expect` must be a list of at most 1000"),
    "step": (broken(expect=[3]), "`x.expect[0]` must be an object such as"),
    "step's kind": (broken(expect=[{"at": "1m"}]), "`x.expect[0]` must be an object with one of raised"),
    "step's key": (broken(expect=[{**SOME, "say": "x"}]), "`x.expect[0].say` must be one of raised"),
    "step's time": (broken(expect=[{"raised": "major"}]), "`x.expect[0]` must be an object with either `at` or"),
    "time": (broken(expect=[{**SOME, "at": 5}]), "`x.expect[0].at` must be a duration after the start"),
    "between": (broken(expect=[{"raised": True, "between": ["5m"]}]), "`x.expect[0].between` must be a list of two"),
    "backwards": (
        broken(expect=[{"raised": True, "between": ["5m", "1m"]}]),
        "`x.expect[0].between` must be a list of",
    ),
    "severity": (broken(expect=[{**SOME, "raised": "bad"}]), "`x.expect[0].raised` must be one of critical"),
    "message": (broken(expect=[{**SOME, "message": 3}]), "`x.expect[0].message` must be a text, got 3"),
    "start": (broken(start="5m"), "`x.start` must be an RFC 3339 time"),
    "until": (broken(until="soon"), "`x.until` must be a duration after the start"),
    "before the start": (
        broken(start="2026-01-01", until="2025-01-01"),
        "`x.until` must be a duration after the start",
    ),
    "device": (broken(device="press-4"), "`x.device` must be an object with id and name"),
    "device's id": (broken(device={"id": "Press 4"}), "`x.device.id` must be 1 to 63 of a-z"),
    "attributes": (broken(attributes={"a": []}), "`x.attributes` must be an object from keys to values"),
    "series": (broken(series=[]), "`x.series` must be an object from metrics to their samples"),
    "metric": (broken(series={"T t": {"at": "0s", "value": 1}}), "`x.series.T t` must be of a metric"),
    "form": (broken(series={"t": [{"at": "0s"}]}), "`x.series.t[0]` must be an object with one of value, values"),
    "form's key": (
        broken(series={"t": {"at": "0s", "value": 1, "every": "5s"}}),
        "`x.series.t.every` must be one of at, value, got a key",
    ),
    "value": (
        broken(series={"t": {"at": "0s", "value": []}}),
        "`x.series.t.value` must be a number, a boolean, a text",
    ),
    "twice": (
        broken(series={"t": [{"at": "1m", "value": 1}] * 2}),
        "`x.series.t[1]` must be one sample of each metric",
    ),
    "no values": (
        broken(series={"t": {"values": [], "every": "1m"}}),
        "`x.series.t.values` must be a list of at least",
    ),
    "every": (broken(series={"t": {"values": [1], "every": 5}}), "`x.series.t.every` must be a duration such as 30s"),
    "ramp": (
        broken(series={"t": {"ramp": [1], "to": "5m", "every": "1m"}}),
        "`x.series.t.ramp` must be a list of two numbers",
    ),
    "to": (broken(series={"t": {"repeat": 1, "every": "1m"}}), "`x.series.t.to` must be a duration after the start"),
    "too many": (
        broken(series={"t": {"repeat": 1, "every": "1ms", "to": "52w"}}),
        "`x.series.t` must be at most 200000 samples in all",
    ),
    "no files": (broken(csv={"file": "a.csv"}), "`x.csv.file` must be left out: there are no files here"),
}


@pytest.mark.parametrize(("text", "begins"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_with_a_test_is_named_with_its_path_and_line(text, begins):
    (problem,) = problems(text)
    assert problem.startswith(f"line 1: {begins}")


@pytest.mark.parametrize(
    ("content", "csv", "begins"),
    [
        (None, {}, "`x.csv.file` must be a readable CSV file, got a.csv: "),
        ("t,v\n1,2\n", {}, "`x.csv.time` must be one of the columns t, v, got 'time'"),
        ("time,v\n1,2\n", {"columns": {"t": "w"}}, "`x.csv.columns` must be an object from metrics to the columns"),
        (
            "time,v\n1,2\nsoon,2\n",
            {},
            "`x.csv.file` must be rows of 2 columns with a time: ISO 8601, seconds or ms, got",
        ),
        ("time,v\n1,2,3\n", {}, "`x.csv.file` must be rows of 2 columns"),
        ("time,v\n1,2\n1,3\n", {}, "`x.csv.file` must be one sample of each metric and time, got in line 3: '1,3'"),
        ("time,v\n1,2\n", {"column": "v"}, "`x.csv.column` must be one of file, time, columns"),
    ],
)
def test_a_file_that_is_no_series_is_refused(tmp_path, content, csv, begins):
    if content is not None:
        (tmp_path / "a.csv").write_text(content)
    (problem,) = problems(broken(series={}, csv={"file": "a.csv", **csv}), tmp_path)
    assert problem.startswith(f"line 1: {begins}")


def test_a_rule_that_never_comes_to_rest_fails_its_test_and_is_not_compared_to_the_end():
    flaps = """
    test: up and down
    rule: site
    attributes: {limit: 8}
    series: {t: {repeat: [9, 7], from: 0s, to: 1h, every: 1s}}
    expect: [{at: 0s, raised: info}]
    """
    found = run(trial(flaps))
    assert len(found.steps) == MAX_STEPS
    assert [line for line in found.differences if f"more than {MAX_STEPS}" in line]


def test_steps_come_without_data_between_samples_and_behind_them():
    nights = """
    test: two nights
    rule: night
    start: 2026-01-01T12:00:00Z
    series: {t: [{at: 0s, value: 1}, {at: 36h, value: 1}]}
    until: 48h
    expect:
      - {at: 10h, raised: info}
      - {at: 18h, cleared: true}
      - {at: 34h, raised: info}
      - {at: 42h, cleared: true}
    """
    assert differences(nights) == ()
