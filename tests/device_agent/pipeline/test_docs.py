"""docs/pipeline.md shows what can be written, and names every stage and key."""

import json
import logging
import re
import tomllib
from pathlib import Path

import pytest

from contract import models
from device_agent.config.table import Table
from device_agent.pipeline import parse_pipeline
from device_agent.pipeline.stages.kinds import STAGES
from device_agent.rules import Rules, parse_rules
from device_agent.sensors import Reading

TEXT = (Path(__file__).parents[3] / "docs" / "pipeline.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```toml\n(.*?)```", TEXT, re.DOTALL)
SENSED = ("temperature", "vibration", "current", "humidity")
MACHINE = models.shipped()["machine"]


@pytest.mark.parametrize("example", EXAMPLES)
def test_every_example_is_a_configuration_without_problems(example):
    problems = []
    root = Table(tomllib.loads(example), Path("agent.toml"), "", problems)
    pipeline = parse_pipeline(root.table("pipeline"), MACHINE, SENSED)
    rules = parse_rules(root, MACHINE, pipeline.metrics)
    assert problems == []
    assert pipeline.chains or rules.rules


def test_there_are_examples_of_both():
    assert len(EXAMPLES) >= 3


def test_every_stage_has_a_row_in_both_tables():
    stages, edges = (TEXT.split(heading)[1].split("\n\n")[1] for heading in ("### Stages", "### At the edges"))
    for kind in (*STAGES, "derive"):
        assert f"| `{kind}` |" in stages
        assert f"`{kind}`" in edges


def test_every_key_of_a_rule_has_a_row():
    rows = TEXT.split("### Conditions")[0].split("## Rules")[1]
    for key in ("name", "title", "severity", "when", "clear", "do", "do_on_clear", "event", "stale_after_s", "enabled"):
        assert f"`{key}`" in rows


def test_the_example_of_an_event_is_what_a_rule_sends():
    shown = json.loads(re.search(r"```json\n(.*?)```", TEXT, re.DOTALL)[1])
    root = Table(tomllib.loads(EXAMPLES[-1]), Path("agent.toml"), "", [])
    settings = parse_rules(root, MACHINE, MACHINE.metrics)
    sent = []
    rules = Rules(
        settings,
        now=0,
        act=lambda *_: None,
        event=lambda kind, data, at: sent.append(data),
        log=logging.getLogger("docs"),
    )
    rules.observe(Reading(0, {"temperature": 92.0}))
    rules.observe(Reading(26_000, {"temperature": 94.5}))
    rules.tick(30_001)
    assert shown in sent
