"""What docs/agent.md shows is what the agent reads."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path

import pytest

from device_agent.config.agent import AgentConfig, ConfigFiles

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "agent.md").read_text()
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


@dataclass(frozen=True)
class Told:
    """A place in the code at which an event is made; `kind` is a pattern."""

    where: str
    kind: str
    keys: frozenset[str]
    priority: str


def told() -> Iterator[Told]:
    for path in sorted((ROOT / "device_agent").rglob("*.py")):
        for call in ast.walk(ast.parse(path.read_text())):
            if isinstance(call, ast.Call) and name_of(call.func) in {"event", "_event", "_tell"}:
                # Its kind comes first, or after what it is about; its data somewhere behind.
                kinds = list(filter(None, map(kind_of, call.args[:2])))
                if kinds:
                    priority = next((ast.unparse(k.value) for k in call.keywords if k.arg == "priority"), "urgent")
                    keys = frozenset(key for argument in call.args for key in keys_of(argument))
                    where = f"{path.relative_to(ROOT)}:{call.lineno}"
                    yield Told(where, kinds[0], keys, priority.removeprefix("Priority.").lower())


def name_of(function: ast.expr) -> str:
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def kind_of(argument: ast.expr) -> str | None:
    if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
        return argument.value
    if isinstance(argument, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else "[a-z]+" for part in argument.values)
    return None


def keys_of(argument: ast.expr) -> Iterator[str]:
    if isinstance(argument, ast.Dict):
        yield from (key.value for key in argument.keys if isinstance(key, ast.Constant) and isinstance(key.value, str))


EVENTS = {
    kind: (data, priority)
    for kind, data, priority in re.findall(
        r"^\| `(\w+)` \|[^|]*\|(.*)\| (\w+) \|$",
        PAGE.split("## What it tells of itself")[1].split("\n## ")[0],
        re.MULTILINE,
    )
}
BY_ANOTHER_WAY = {"log": "log"}
"""Events whose priority is given elsewhere than where they are made, and what it is."""


@pytest.mark.parametrize("one", list(told()), ids=lambda one: one.where)
def test_every_event_is_described_where_the_agent_tells_of_itself(one):
    rows = {kind: row for kind, row in EVENTS.items() if re.fullmatch(one.kind, kind)}

    assert rows, f"{one.kind} is missing"
    for kind, (data, priority) in rows.items():
        assert priority == BY_ANOTHER_WAY.get(kind, one.priority)
        missing = [key for key in one.keys if f"`{key}`" not in data and "the same" not in data]
        assert missing == []


def test_every_event_that_is_described_is_there():
    patterns = [one.kind for one in told()]

    assert EVENTS
    assert [kind for kind in EVENTS if not any(re.fullmatch(pattern, kind) for pattern in patterns)] == []
