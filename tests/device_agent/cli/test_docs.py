"""docs/agent-cli.md says what the command does: its examples run, and no command or exit code is missing."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from device_agent.cli import command, exits

ROOT = Path(__file__).parents[3]
TEXT = (ROOT / "docs" / "agent-cli.md").read_text()
EXAMPLES = re.findall(r"```console( agent)?\n(.*?)```", TEXT, re.DOTALL)


def leaves(parser, words=()):
    """Every command with its words."""
    groups = [action for action in parser._actions if hasattr(action, "choices") and isinstance(action.choices, dict)]
    if not groups:
        yield " ".join(words), parser
    for group in groups:
        for name, inner in group.choices.items():
            yield from leaves(inner, (*words, name))


COMMANDS = dict(leaves(command.parser()))


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_documented_and_takes_json(name):
    assert re.search(rf"^\| `{name}[ `]", TEXT, re.MULTILINE)
    assert "--json" in COMMANDS[name]._option_string_actions
    assert COMMANDS[name].description


def test_every_documented_command_is_there():
    rows = re.findall(r"^\| `([a-z ]+[a-z])", TEXT.split("## Looking")[0], re.MULTILINE)

    assert sorted(rows) == sorted(COMMANDS)


def test_the_exit_codes_are_those_of_the_table_and_of_the_help():
    table = re.findall(r"^\| (\d+) \| (.*) \|$", TEXT, re.MULTILINE)

    assert [(int(code), meaning) for code, meaning in table] == [
        (code.value, text) for code, text in exits.MEANINGS.items()
    ]
    assert set(exits.MEANINGS) == set(exits.Exit)
    help_text = " ".join(command.parser().format_help().split())
    assert all(f"{code.value} {text}" in help_text for code, text in exits.MEANINGS.items())


def test_the_methods_of_the_control_socket_are_those_that_are_answered():
    from device_agent.control.protocol import METHODS

    listed = TEXT.split("Methods: ")[1].split("\n\n")[0]
    assert re.findall(r"`([a-z.]+)`", re.sub(r"\(.*?\)", "", listed, flags=re.DOTALL)) == list(METHODS)


@pytest.mark.parametrize(("kind", "text"), EXAMPLES, ids=range(len(EXAMPLES)))
def test_the_examples_do_what_they_say(kind, text, request):
    path = request.getfixturevalue("agent" if kind else "toml")
    for example in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        line, _, expected = example.partition("\n")
        assert_says(run(line, path), expected)


def run(line, path):
    """What is seen of a command, and its exit code if that is not 0."""
    words = shlex.split(line)
    assert words[0] == "fieldline-agent"
    done = subprocess.run(
        [sys.executable, "-m", "device_agent.cli", *words[1:], "--config", str(path)],
        cwd=path.parent,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    seen = (done.stdout + done.stderr).replace(str(path), "/etc/fieldline/agent.toml")
    return seen + (f"[exit code {done.returncode}]\n" if done.returncode else "")


def assert_says(seen, expected):
    """… stands for anything within a line."""
    pattern = "".join(".*" if part == "…" else re.escape(part) for part in re.split("(…)", expected))
    assert re.fullmatch(pattern, seen), f"expected\n{expected}\nseen\n{seen}"
