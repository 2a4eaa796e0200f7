"""What goes wrong is one message and an exit code, and importing the command is light."""

import json
import os
import subprocess
import sys

import pytest

from device_agent import cli, errors
from device_agent.cli import Exit, exits, status


@pytest.mark.parametrize("arguments", [[], ["fly"], ["queue"], ["run", "--log-level", "LOUD"], ["actuator", "set"]])
def test_wrong_usage_is_exit_code_2(arguments, capsys):
    assert cli.main(arguments) == 2
    said = capsys.readouterr()
    assert said.err.startswith("usage: fieldline-agent")
    assert said.out == ""


@pytest.mark.parametrize(
    "arguments",
    [
        ["actuator", "set", "relay", "on=true", "--hold", "nan"],
        ["actuator", "set", "relay", "on=true", "--hold", "2h"],
        ["queue", "drain", "--timeout", "soon"],
        ["pipeline", "test", "day.csv", "--tail", "-1"],
    ],
)
def test_a_duration_out_of_bounds_is_wrong_usage(arguments, capsys):
    assert cli.main(arguments) == 2
    assert "expected" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["fly"], ["queue", "drain", "--timeout", "soon"], ["actuator", "set"]])
def test_wrong_usage_is_json_for_a_program(arguments, capsys):
    assert cli.main([*arguments, "--json"]) == 2
    said = capsys.readouterr()
    assert said.err == ""
    answer = json.loads(said.out)
    assert answer.keys() == {"error", "code"}
    assert answer["code"] == 2


def test_an_error_that_nobody_foresaw_is_one_line_and_exit_code_1(run, monkeypatch):
    def explode(*_, **__):
        raise ZeroDivisionError("oh")

    monkeypatch.setattr(status, "ask", explode)
    answer = run("status")
    assert (answer.code, answer.err) == (1, "unforeseen: ZeroDivisionError: oh\n")

    answer = run("status", "--json")
    assert answer.json == {"error": "unforeseen: ZeroDivisionError: oh", "code": 1}


@pytest.mark.parametrize("encoding", ["utf-8:strict", "ascii:strict", "utf-8:surrogateescape"])
@pytest.mark.parametrize("form", [[], ["--json"]])
def test_a_name_that_the_terminal_cannot_show_is_told_all_the_same(encoding, form):
    command = [sys.executable, "-m", "device_agent.cli", "check", "--config", b"/nowhere/\xff\xc3\xbc.toml", *form]
    environment = {**os.environ, "PYTHONIOENCODING": encoding, "PYTHONUTF8": "1"}
    run = subprocess.run(command, env=environment, capture_output=True, check=False)

    assert run.returncode == 3
    assert b"Traceback" not in run.stderr
    if form:
        assert json.loads(run.stdout.decode())["problems"][0]["file"] == "/nowhere/\udcffü.toml"
    else:
        assert run.stderr.startswith(b"/nowhere/\\udcff")


def test_an_interruption_is_exit_code_130_without_a_trace(run, monkeypatch):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(status, "ask", interrupt)
    assert run("status") == type(run("check"))(130, "", "")


def test_who_has_read_enough_does_no_harm(toml):
    command = f"{sys.executable} -m device_agent.cli config show --config {toml} | head -c 1"
    done = subprocess.run(["bash", "-o", "pipefail", "-c", command], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.ConfigError(()), Exit.CONFIG),
        (errors.KeyMaterialError("x"), Exit.KEY),
        (errors.QueueError("x"), Exit.QUEUE),
        (errors.SensorError("x"), Exit.SENSOR),
        (errors.GpioError("x"), Exit.ACTUATOR),
        (errors.NotRunningError("x"), Exit.AGENT),
        (errors.ControlError("x", "timeout"), Exit.AGENT),
        (errors.ControlError("x", "QueueError"), Exit.QUEUE),
        (errors.ConnectError("x"), Exit.CONNECTION),
        (errors.ConnectRefusedError("x"), Exit.CONNECTION),
        (errors.RecordingError("x"), Exit.INPUT),
        (exits.UsageError("x"), Exit.USAGE),
        (ValueError("x"), Exit.UNFORESEEN),
    ],
)
def test_each_error_has_its_code(error, code):
    assert exits.code_of(error) is code


@pytest.mark.parametrize("command", [["check"], ["run"], ["queue", "stats"], ["sensor", "read"], ["actuator", "safe"]])
def test_a_bad_configuration_is_exit_code_3_with_every_problem(run, tmp_path, command):
    path = tmp_path / "bad.toml"
    path.write_text("thing = 1\nmodel = 2\n")

    answer = run(*command, config=path)
    assert answer.code == 3
    assert f"{path}: thing: expected a text, got 1" in answer.err
    assert f"{path}: model: expected a text, got 2" in answer.err

    problems = run(*command, "--json", config=path).json["problems"]
    assert {"file": str(path), "key": "thing", "expected": "a text", "got": "1"} in problems


def test_a_configuration_that_is_not_there_is_exit_code_3(run, tmp_path):
    answer = run("check", config=tmp_path / "none.toml")

    assert (answer.code, answer.err) == (
        3,
        f"{tmp_path / 'none.toml'}: the file: expected a readable file, got No such file or directory\n",
    )


def test_importing_the_command_loads_nothing_heavy():
    heavy = (
        "awscrt",
        "paho",
        "cryptography",
        "gpiozero",
        "lgpio",
        "smbus2",
        "msgspec",
        "asyncio",
        "device_agent.config.agent",
    )
    code = f"import sys, json, device_agent.cli; print(json.dumps([name for name in {heavy!r} if name in sys.modules]))"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert json.loads(answer.stdout) == []
