"""What a newcomer finds: help for every command, the guide, and a quick start."""

import subprocess
import sys
from pathlib import Path

import pytest
import typer

from cli import errors
from cli.app import app
from cli.commands.commands import BULK_EXIT, EXIT_CODES

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs" / "cli.md").read_text()
HEAVY = {"boto3", "botocore", "httpx", "plotext"}


def commands(command, words=("fieldline",)):
    yield words, command
    if default := getattr(command, "default", None):
        yield words, default
    for name, inner in getattr(command, "commands", {}).items():
        yield from commands(inner, (*words, name))


EVERY = [(" ".join(words), command) for words, command in commands(typer.main.get_command(app))]
RUNNABLE = [(name, command) for name, command in EVERY if not hasattr(command, "commands")]


@pytest.mark.parametrize(("name", "command"), EVERY, ids=[name for name, _ in EVERY])
def test_every_command_has_help(name, command):
    assert command.help
    for parameter in command.params:
        assert getattr(parameter, "help", None), f"{name} {parameter.name} has no help text"


@pytest.mark.parametrize(("name", "command"), RUNNABLE, ids=[name for name, _ in RUNNABLE])
def test_every_command_has_an_example_and_stands_in_the_guide(name, command):
    assert f"Example: {name}" in command.help
    assert f"`{name}" in GUIDE
    section = GUIDE.split(f"### `{name}", 1)[1].split("\n### ", 1)[0].split("\n## ", 1)[0]
    for parameter in command.params:
        long = [option for option in parameter.opts if option.startswith("--")]
        for option in long:
            assert f"`{option}" in section or option in {"--help", "--profile"}, f"{name} {option} is not in the guide"


def test_the_guide_and_the_help_tell_every_exit_code():
    kinds = [errors.CliError, *errors.CliError.__subclasses__()]
    codes = {kind.exit_code for kind in kinds if kind.__module__ == "cli.errors"}
    assert codes == set(range(1, 11))
    for code in codes | {0}:
        assert f"| {code} |" in GUIDE
        assert f"{code} " in typer.main.get_command(app).epilog


def test_the_guide_tells_what_a_command_that_is_followed_ends_with():
    codes = {*EXIT_CODES.values(), BULK_EXIT} - {0}
    assert codes.isdisjoint(range(1, 11))
    assert [code for code in sorted(codes) if f"| {code} |" not in GUIDE] == []


def run_fresh(*args):
    script = (
        "import sys; from cli.app import main\ntry: main()\nfinally: print('\\n'.join(sys.modules), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", script, *args], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, set(done.stderr.split())


@pytest.mark.parametrize(
    "args", [["--help"], ["telemetry", "--help"], ["fleet", "certificate", "--help"]], ids=" ".join
)
def test_help_loads_nothing_heavy(args):
    code, shown, loaded = run_fresh(*args)
    assert code == 0
    assert "Usage: fieldline" in shown
    assert "cli" in loaded
    assert loaded.isdisjoint(HEAVY | {"local.cli", "aiohttp"})  # of a plug-in, its package is found, not run


def test_the_version_is_told():
    code, shown, loaded = run_fresh("--version")
    assert code == 0
    assert shown.startswith("fieldline ")
    assert loaded.isdisjoint(HEAVY)


def test_without_a_command_the_help_is_shown(run):
    assert "Usage: fieldline" in run(fails=2).output
