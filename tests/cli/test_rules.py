"""Rules of files and installed ones, against the real API's code."""

import json
import time

import pytest
from msgspec.structs import replace

from cli.commands import rule_backtests
from cli.commands.rule_backtests import levels, watched
from functions.adapters.clock import SystemClock
from functions.domain.engine.inputs import Input
from functions.domain.series import Point
from functions.domain.state import Change
from functions.services.backtests import RunBacktest
from tests.functions.api_harness import api_harness, person

MINUTE = 60_000
WARM = """\
rule: too-warm
title: Cold store too warm
scope: group:plant-1
severity: major
when: {metric: temperature, above: 8, for: 5m}
"""
DAMP = """\
rule: damp
scope: device:cold-1
severity: minor
when: {metric: humidity, above: 80}
"""


@pytest.fixture
def platform(signed_in, says, monkeypatch):
    monkeypatch.setattr(rule_backtests, "_BETWEEN_S", 0)
    api = api_harness(SystemClock(), who=person("admin", name="ada"))
    api.register("cold-1")

    def authorized(asked):
        path = asked.path.removeprefix("/v1")
        status, document = api.call(
            asked.method, path, *asked.query, headers=dict(asked.headers), raw_body=asked.body.decode() or None
        )
        if status == 202:
            RunBacktest(api.backtests, api.store, api.clock).run(document["id"])
        headers = {name: api.headers[name] for name in ("Content-Type", "ETag") if name in api.headers}
        return says(status, ("" if document is None else json.dumps(document)).encode(), headers)

    signed_in.authorized = authorized
    api.asked = signed_in.asked
    return api


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "coldstore" / "rules"
    folder.mkdir(parents=True)
    (folder / "warm.yaml").write_text(WARM)
    (folder / "more").mkdir()
    (folder / "more" / "damp.yml").write_text(DAMP)
    (folder / "warm.test.yaml").write_text("not: a rule\n")
    (folder / ".hidden.yaml").write_text("not: a rule\n")
    return folder


def installed(platform):
    return {one.id: (one.version, one.origin) for one in platform.rules.rules.kept.values()}


def words(result):
    return [" ".join(line.split()) for line in result.stdout.splitlines() if line.strip()]


def test_a_folder_is_planned_applied_and_then_as_it_should_be(run, platform, folder):
    shown = words(run("rules", "apply", str(folder), "--dry-run"))
    assert shown[0] == "+ damp: damp, device:cold-1"
    assert "+ when.for: 5m" in shown
    assert shown[-1] == "2 to create, 0 to change, 0 to delete, 0 unchanged (origin coldstore/rules)."
    assert installed(platform) == {}
    shown = words(run("rules", "apply", str(folder), "--yes"))
    assert shown[-2:] == ["Created damp (version 1).", "Created too-warm (version 1)."]
    assert installed(platform) == {"damp": (1, "coldstore/rules"), "too-warm": (1, "coldstore/rules")}
    platform.asked.clear()
    shown = words(run("rules", "apply", str(folder), "--yes"))
    assert shown == ["0 to create, 0 to change, 0 to delete, 2 unchanged (origin coldstore/rules)."]
    assert {one.method for one in platform.asked if one.path.startswith("/v1/rules")} == {"GET"}


def test_what_changed_is_told_by_its_place_and_changed_in_the_version_that_was_read(run, platform, folder):
    run("rules", "apply", str(folder), "--yes")
    (folder / "warm.yaml").write_text(
        WARM.replace("for: 5m", "for: 10m").replace("major", "critical") + "message: hot\n"
    )
    shown = words(run("rules", "diff", str(folder)))
    assert shown[:4] == [
        "~ too-warm (version 1): Cold store too warm, group:plant-1",
        "~ severity: major → critical",
        "~ when.for: 5m → 10m",
        "+ message: hot",
    ]
    assert run("rules", "diff", str(folder), "--exit-code", fails=1)
    told = json.loads(run("rules", "diff", str(folder), "--json").stdout)
    (step,) = told["steps"]
    assert (step["kind"], step["version"], told["unchanged"]) == ("update", 1, 1)
    assert step["differences"][0] == {"path": "severity", "before": "major", "after": "critical"}
    assert words(run("rules", "apply", str(folder), "--yes"))[-1] == "Changed too-warm (version 2)."
    assert run("rules", "diff", str(folder), "--exit-code").exit_code == 0


def test_only_what_came_from_these_files_is_pruned_and_only_when_asked(run, platform, folder):
    run("rules", "apply", str(folder), "--yes")
    by_hand = {"rule": "by-hand", "scope": "*", "severity": "info", "when": {"metric": "temperature", "above": 1}}
    platform.call("POST", "/rules", body={"document": by_hand})
    platform.call("POST", "/rules", body={"document": by_hand | {"rule": "of-others"}, "origin": "others/rules"})
    (folder / "more" / "damp.yml").unlink()
    done = run("rules", "apply", str(folder), "--yes")
    assert "damp came from these files" in done.stderr
    assert "damp" in installed(platform)
    shown = words(run("rules", "apply", str(folder), "--prune", "--yes"))
    assert shown[0] == "- damp (version 1): damp, device:cold-1"
    assert shown[-1] == "Deleted damp."
    assert set(installed(platform)) == {"by-hand", "of-others", "too-warm"}


def test_a_rule_that_somebody_else_made_is_taken_over_with_its_origin(run, platform, folder):
    document = json.loads(run("rules", "diff", str(folder), "--json").stdout)
    assert document["origin"] == "coldstore/rules"
    run("rules", "apply", str(folder), "--yes", "--origin", "elsewhere")
    shown = words(run("rules", "apply", str(folder), "--yes"))
    assert "~ origin: elsewhere → coldstore/rules" in shown
    assert installed(platform)["damp"] == (2, "coldstore/rules")


def test_everything_that_is_wrong_with_any_file_is_told_and_nothing_is_changed(run, platform, folder):
    (folder / "again.yaml").write_text(WARM)
    (folder / "bad.yaml").write_text("rule: bad\nscope: '*'\nseverity: terrible\nwhen:\n  metric: t\n  abvoe: 3\n")
    refused = run("rules", "apply", str(folder), "--yes", fails=2).stderr
    assert "bad.yaml: line 3: `bad.severity` must be one of" in refused
    assert "abvoe" in refused
    assert "an id that no other file has" in refused
    assert installed(platform) == {}


def test_what_only_the_deployment_can_refuse_is_refused_before_anything_is_changed(run, platform, folder):
    (folder / "toaster.yaml").write_text(WARM.replace("too-warm", "zz").replace("group:plant-1", "model:toaster"))
    (folder / "odd.yaml").write_text(DAMP.replace("rule: damp", "rule: odd").replace("humidity", "humidty"))
    refused = run("rules", "apply", str(folder), "--yes", fails=2).stderr
    assert "toaster.yaml, zz: `scope` must be" in refused
    assert "humidty" in refused, "what is odd is remarked"
    assert installed(platform) == {}


def test_nobody_is_asked_where_nobody_can_answer(run, platform, folder):
    assert "--yes" in run("rules", "apply", str(folder), fails=2).stderr
    assert "--yes" in run("rules", "delete", "too-warm", fails=2).stderr
    assert installed(platform) == {}


def test_a_change_that_is_refused_half_way_says_how_far_it_came(run, platform, folder):
    platform.who = person(("admin", "device:cold-1"), name="ada")
    refused = run("rules", "apply", str(folder), "--yes", fails=5)
    assert "Created damp" in refused.stdout
    assert "1 of 2 changes were made" in refused.stderr
    assert set(installed(platform)) == {"damp"}


def test_a_folder_without_rules_is_none(run, platform, tmp_path):
    (tmp_path / "empty").mkdir()
    assert "no rules in" in run("rules", "apply", str(tmp_path / "empty"), fails=2).stderr
    assert "no file or folder" in run("rules", "apply", str(tmp_path / "never"), fails=2).stderr


def test_rules_are_listed_shown_followed_through_their_versions_and_deleted(run, platform, folder):
    run("rules", "apply", str(folder), "--yes")
    shown = words(run("rules", "list"))
    assert "too-warm Cold store too warm group:plant-1 major 1 coldstore/rules" in shown
    assert any(line.startswith("climate:no_data") and line.endswith("the model") for line in shown)
    assert len(words(run("rules", "list", "--no-defaults", "--scope", "device:cold-1"))) == 3
    assert len(json.loads(run("rules", "list", "--origin", "coldstore/rules", "--json").stdout)["items"]) == 2
    shown = words(run("rules", "show", "too-warm"))
    assert "origin coldstore/rules" in shown
    assert '"for_ms": 300000' in shown
    assert "remark" not in " ".join(shown)
    assert json.loads(run("rules", "show", "climate:no_data", "--json").stdout)["default"] is True
    assert "temperature" in run("rules", "show", "too-warm", "--json").stdout
    assert run("rules", "delete", "too-warm", "--yes", "--if-version", "7", fails=9)
    assert words(run("rules", "delete", "too-warm", "--yes")) == ["Deleted too-warm."]
    lines = words(run("rules", "history", "too-warm"))
    assert [line.split()[0] for line in lines[2:]] == ["2", "1"]
    assert lines[2].endswith("deleted")
    assert run("rules", "show", "too-warm", fails=4)


def heard(platform, *values):
    """A message a minute, the last of them now, whose rules run as in ingest."""
    now = platform.clock.now_ms()
    for seq, value in enumerate(values):
        ts = now - (len(values) - 1 - seq) * MINUTE
        platform.store.write([Point("cold-1", "temperature", ts, value, "good", late=False, received_at=ts)])
        before = platform.states.read(["cold-1"])["cold-1"]
        program = platform.rulebook.of(["cold-1"], fresh=True)["cold-1"].program
        found = program.run("cold-1", before, [Input("b", seq, ts, ts, ((ts, {"temperature": value}),))], None)
        becomes = replace(before, rules=found.rules, alarms=found.alarms, armed=found.armed)
        change = Change(state=becomes, now=ts, transitions=found.transitions, group="plant-1", wanted=found.wanted)
        assert not platform.states.save({"cold-1": change}).conflicts
    return now


def test_why_an_alarm_was_raised_and_cleared_is_told_as_trees(run, platform, folder):
    (folder / "warm.yaml").write_text(WARM.replace(", for: 5m", ""))
    run("rules", "apply", str(folder), "--yes")
    platform.rulebook.snapshot(consistent=True)
    heard(platform, 7.0, 9.5, 6.0)
    shown = words(run("rules", "why", "cold-1.1"))
    assert shown[0].startswith("Cold store too warm")
    assert shown[1] == "rule too-warm on cold-1"
    assert [line.split(" ", 1)[1] for line in shown if " rule version" in line] == [
        "raised, major, rule version 1",
        "cleared (condition), major, rule version 1",
    ]
    assert any(line.startswith("✓ temperature above 8: it was 9.5 at") for line in shown)
    assert any(line.startswith("✗ temperature above 8: it was 6 at") for line in shown)
    assert json.loads(run("rules", "why", "cold-1.1", "--json").stdout)["id"] == "cold-1.1"
    assert run("rules", "why", "cold-1.2", fails=4)
    assert run("rules", "why", "cold-1", fails=2)


def test_a_rule_is_explained_now_and_as_it_was(run, platform, folder):
    run("rules", "apply", str(folder), "--yes")
    platform.rulebook.snapshot(consistent=True)
    now = heard(platform, 7.0, 9.5)
    shown = words(run("rules", "explain", "cold-1", "too-warm"))
    assert "has not fired yet: a condition must hold for longer" in shown[0]
    assert shown[1].startswith("because temperature above 8 for 5m: it was 9.5 at")
    assert shown[2] == "major: has not fired"
    shown = words(run("rules", "explain", "cold-1", "too-warm", "--at", str(now - MINUTE)))
    assert "has not fired" in shown[0]
    assert "it was 7 at" in shown[1]
    assert json.loads(run("rules", "explain", "cold-1", "too-warm", "--json").stdout)["outlook"] == "waiting"
    assert run("rules", "explain", "cold-1", "too-warm", "--at", "soon", fails=2)
    assert run("rules", "explain", "cold-1", "never", fails=4)


def test_a_backtest_prints_what_would_have_been_found_and_what_would_change(run, platform, folder):
    run("rules", "apply", str(folder), "--yes")
    heard(platform, *[7.0] * 5, *[9.5] * 10, *[7.0] * 5, *[9.0] * 7, 7.0)
    shown = words(run("rules", "backtest", "too-warm", "--device", "cold-1", "--since", "1h"))
    assert shown[0].endswith("28 samples, 2 raised, 2 cleared.")
    assert shown[1] == "2 alarms, active for 7m in all."
    assert any(line.endswith("raised major 9.5") for line in shown)
    assert any("temperature" in line and "UTC" in line for line in shown), "and a plot"
    changed = folder / "warm.yaml"
    changed.write_text(WARM.replace("above: 8", "above: 9.2"))
    shown = words(run("rules", "backtest", str(changed), "--device", "cold-1", "--since", "1h", "--no-plot"))
    assert "beside version 1, which is installed" in shown
    assert "1 alarms the same, 0 changed, 0 added, 1 removed." in shown
    (removed,) = [line for line in shown if line.startswith("- ")]
    assert removed.endswith("major")
    both = folder / "both.yaml"
    both.write_text(f"{WARM}---\n{DAMP}")
    assert "name one" in run("rules", "backtest", str(both), "--device", "cold-1", fails=2).stderr
    told = run("rules", "backtest", f"{both}#damp", "--device", "cold-1", "--json").stdout
    assert json.loads(told)["result"]["tested"]["raised"] == 0
    assert run("rules", "backtest", f"{both}#wet", "--device", "cold-1", fails=2)


def test_a_backtest_without_numbers_says_so_and_a_failed_one_fails(run, platform, folder):
    run("rules", "apply", str(folder), "--yes")
    assert "nothing to draw" in run("rules", "backtest", "too-warm", "--device", "cold-1").stderr
    assert run("rules", "backtest", "too-warm", "--device", "cold-1", "--since", "now", fails=2)
    platform.backtests.create = lambda job: platform.backtests.kept.update(
        {job.id: replace(job, attempts=3, version=1)}
    )
    assert "3 times" in run("rules", "backtest", "too-warm", "--device", "cold-1", fails=1).stderr


def test_a_backtest_is_waited_for_and_not_for_ever(run, platform, folder, monkeypatch):
    run("rules", "apply", str(folder), "--yes")
    monkeypatch.setattr(RunBacktest, "run", lambda *_: None)
    moments = iter(range(100))
    monkeypatch.setattr(time, "monotonic", lambda: float(next(moments)))
    assert "has not ended" in run("rules", "backtest", "too-warm", "-d", "cold-1", "--wait", "3", fails=6).stderr


def test_a_plot_shows_the_thresholds_of_the_value_alone():
    document = {
        "bands": [
            {"when": {"all": [{"metric": "t", "above": 8, "until": 7.5}, {"metric": "h", "below": 60}]}},
            {"when": {"metric": "t", "at_least": 12}, "clear": {"not": {"metric": "t", "above": 10}}},
            {"when": {"metric": "t", "above": 3, "rate_over_ms": 60000}},
            {"when": {"metric": "t", "above": {"attribute": "limit"}}},
        ]
    }
    assert watched(document) == "t"
    assert levels(document, "t") == [7.5, 8, 10, 12]
    assert watched({"when": {"no_data": True, "for_ms": 5}}) is None
