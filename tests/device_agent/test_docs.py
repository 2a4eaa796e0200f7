"""What docs/agent.md shows is what the agent reads."""

import re
from dataclasses import fields
from pathlib import Path

import pytest

from device_agent.config.agent import AgentConfig, ConfigFiles

PAGE = (Path(__file__).parents[2] / "docs" / "agent.md").read_text()
EXAMPLES = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
KEPT_ELSEWHERE = {"follows", "sensors", "pipeline", "rules", "actuators", "gpio", "i2c"}


@pytest.mark.parametrize("example", EXAMPLES)
def test_the_examples_are_configurations(example, tmp_path):
    for name in re.findall(r'"(\S+\.(?:pem|key))"', example):
        (tmp_path / name).touch(mode=0o600)
    (tmp_path / "agent.toml").write_text(example)

    config = ConfigFiles(tmp_path / "agent.toml").configure()

    assert config.sensors
    assert config.rules.rules


@pytest.mark.parametrize("field", sorted({field.name for field in fields(AgentConfig)} - KEPT_ELSEWHERE))
def test_every_key_is_described(field):
    key = {"queue_max_bytes": "queue_max_mib"}.get(field, field)
    assert f"`{key}`" in PAGE or f"`[{key}]`" in PAGE
