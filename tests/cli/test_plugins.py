"""Command groups of other packages, found as an installed package's are: by an entry point on the path."""

import sys

import pytest

PLUGIN = '''"""Things that this plug-in does.

More about them.
"""

import sys

import typer

app = typer.Typer()


@app.command()
def hello(name: str, loud: bool = False) -> None:
    """Greet somebody."""
    typer.echo(f"hello {name}" + "!" * loud)


@app.command()
def fail() -> None:
    raise typer.Exit(42)
'''


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Installs a module under an entry point, for this test only."""
    monkeypatch.syspath_prepend(tmp_path)

    def make(name, source, target="app"):
        module = f"plugin_{name}"
        (tmp_path / f"{module}.py").write_text(source)
        metadata = tmp_path / f"{module}-1.0.dist-info"
        metadata.mkdir()
        (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.0\n")
        (metadata / "entry_points.txt").write_text(f"[fieldline.commands]\n{name} = {module}:{target}\n")
        return module

    yield make
    for name in [name for name in sys.modules if name.startswith("plugin_")]:
        del sys.modules[name]


def test_a_plugin_is_a_command_group_like_ours(run, install):
    install("extra", PLUGIN)
    assert run("extra", "hello", "ada", "--loud").stdout == "hello ada!\n"
    assert run("extra", "fail", fails=42)
    assert "Greet somebody" in run("extra", "--help").stdout


def test_a_plugin_is_listed_and_described_without_being_imported(run, install):
    module = install("extra", PLUGIN)
    shown = run("--help").stdout
    assert "extra" in shown
    assert "Things that this plug-in does." in shown
    assert module not in sys.modules


@pytest.mark.parametrize(
    ("source", "target", "words"),
    [
        ("import nothing_of_that_name", "app", "nothing_of_that_name"),
        ("1 / 0", "app", "ZeroDivisionError"),
        ("def broken(", "app", "SyntaxError"),
        ("x = 1", "app", "app"),
        ("app = 3", "app", "expected a typer.Typer; got int"),
    ],
)
def test_a_broken_plugin_is_one_line_and_harms_nobody_else(run, install, source, target, words):
    install("extra", source, target)
    stderr = run("extra", "hello", fails=1).stderr
    assert len(stderr.splitlines()) == 1
    assert "'extra'" in stderr
    assert words in stderr
    assert "extra" in run("--help").stdout
    assert "Nothing" in run("logout").stdout


def test_a_plugin_whose_module_is_gone_is_one_line(run, install, tmp_path):
    module = install("extra", PLUGIN)
    (tmp_path / f"{module}.py").unlink()
    assert module in run("extra", "hello", fails=1).stderr
    assert "extra" in run("--help").stdout


def test_completion_knows_the_commands_of_a_plugin_and_survives_a_broken_one(run, install):
    install("extra", PLUGIN)
    install("worse", "1 / 0")
    asking = {"_FIELDLINE_COMPLETE": "complete_bash"}
    assert "hello" in run(env={**asking, "COMP_WORDS": "fieldline extra ", "COMP_CWORD": "2"}).stdout
    assert "extra" in run(env={**asking, "COMP_WORDS": "fieldline ex", "COMP_CWORD": "1"}).stdout
    run(env={**asking, "COMP_WORDS": "fieldline worse ", "COMP_CWORD": "2"})


def test_our_own_commands_cannot_be_taken_over(run, install):
    install("devices", PLUGIN)
    assert "show" in run("devices", "--help").stdout


def test_a_mistyped_command_is_a_usage_error_with_a_suggestion(run):
    assert "telemetry" in run("telemtry", fails=2).stderr
