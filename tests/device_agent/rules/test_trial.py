from pathlib import Path

from contract import models
from contract.conditions import parse
from device_agent.pipeline.recording import Recording, read
from device_agent.pipeline.settings import ChainSettings, PipelineSettings
from device_agent.pipeline.stages.scaling import Calibrate
from device_agent.pipeline.stages.settling import Timeout
from device_agent.rules import Action, EdgeRule, RulesSettings
from device_agent.rules.trial import lines, replay
from device_agent.sensors import Reading

NAB = Path(__file__).parents[3] / "simulator" / "sample_data" / "nab" / "machine_temperature_system_failure.csv"
NOTHING = PipelineSettings()


def rule(when, clear=None, name="hot", **more):
    clear = None if clear is None else parse(clear)
    return EdgeRule(name=name, title=name, severity="major", when=parse(when), clear=clear, **more)


def recording(*values, every=1_000):
    return Recording(tuple(Reading(at * every, {"t": value}) for at, value in enumerate(values, 1)), "s")


def happened(found):
    return [(each.at, each.kind, each.data["rule"]) for each in found]


def test_what_would_happen_is_told_with_its_commands_and_why_and_nothing_is_done():
    hot = rule({"metric": "t", "above": 90}, on_fire=(Action("relay", {"on": False}),), event=False)
    found = list(replay(recording(10.0, 95.0, 20.0), NOTHING, RulesSettings((hot,))))
    assert happened(found) == [(2_000, "rule_fired", "hot"), (3_000, "rule_cleared", "hot")]
    assert found[0].actions == (("relay", {"on": False}),)
    assert found[1].actions == ()
    assert list(lines(recording(), iter(found))) == [
        "2  hot fired (major)",
        '    does  relay {"on": false}',
        '    why   {"metric": "t", "above": 90.0, "verdict": "true", "value": 95.0, "age_ms": 0}',
        "3  hot cleared (major)",
        '    why   {"metric": "t", "above": 90.0, "verdict": "false", "value": 20.0, "age_ms": 0}',
    ]


def test_rules_see_what_the_pipeline_lets_through():
    doubled = PipelineSettings((ChainSettings("t", (Calibrate(2.0),)),))
    hot = RulesSettings((rule({"metric": "t", "above": 90}),))
    assert happened(replay(recording(10.0, 50.0), doubled, hot)) == [(2_000, "rule_fired", "hot")]


def test_what_is_due_between_rows_happens_in_its_order():
    stale = PipelineSettings((ChainSettings("t", (Timeout(500),)),))
    settings = RulesSettings((rule({"metric": "t", "above": 1, "for_ms": 600}), rule({"no_data": True, "for_ms": 400})))
    found = happened(replay(recording(5.0, 5.0), stale, settings, tail_ms=5_000))
    assert [each[0] for each in found] == [1_400, 2_000, 2_400]


def test_the_tail_is_how_long_it_runs_on():
    settings = RulesSettings((rule({"metric": "t", "above": 1, "for_ms": 600}),))
    assert happened(replay(recording(5.0), NOTHING, settings)) == []
    assert happened(replay(recording(5.0), NOTHING, settings, tail_ms=600)) == [(1_600, "rule_fired", "hot")]
    assert list(replay(recording(), NOTHING, settings)) == []


def test_the_models_rule_for_overheating_finds_the_failures_of_a_real_machine():
    """The recording is in degrees Fahrenheit; the highest it reads is 108 °F, so the rule is asked for less."""
    model = models.shipped()["machine"].rules[0]
    lower = {**model.condition, "above": 40, "for_ms": 3_600_000}
    celsius = PipelineSettings((ChainSettings("temperature", (Calibrate(1 / 1.8, -32 / 1.8),)),))
    settings = RulesSettings((rule(lower, {"metric": "temperature", "below": 35}, name="overheating"),))
    found = happened(replay(read(NAB, {"value": "temperature"}), celsius, settings))
    assert [kind for _, kind, _ in found[:2]] == ["rule_fired", "rule_cleared"]
    assert 2 <= len(found) <= 20
