"""The command's answers, exit codes and import cost."""

import json
import subprocess
import sys

import pytest

from device_agent import cli, identity
from device_agent.clock import SystemClock
from device_agent.queue import DurableQueue

AGENT = """
thing = "pump-7"
model = "machine"
endpoints = ["localhost:1"]
ca = "{ca}"
certificate = "{certificate}"
private_key = "{private_key}"
[[sensor]]
kind = "simulated"
"""


@pytest.fixture
def agent_toml(tmp_path, credentials):
    path = tmp_path / "agent.toml"
    path.write_text(
        AGENT.format(ca=credentials.ca, certificate=credentials.certificate, private_key=credentials.private_key)
    )
    return path


def test_a_good_configuration_is_confirmed(agent_toml, capsys):
    assert cli.main(["check", "--config", str(agent_toml)]) == 0
    assert "is fine: pump-7, a machine" in capsys.readouterr().out

    assert cli.main(["check", "--config", str(agent_toml), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["sensors"] == {
        "simulated-0": ["temperature", "vibration", "current", "relay"]
    }


@pytest.mark.parametrize("command", ["check", "run"])
def test_a_bad_configuration_is_exit_code_3_with_every_problem(tmp_path, capsys, command):
    path = tmp_path / "agent.toml"
    path.write_text("thing = 1\nmodel = 2\n")

    assert cli.main([command, "--config", str(path)]) == 3
    assert "thing: expected a text, got 1" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["check", "run"])
def test_the_key_of_another_device_is_told_before_anything_is_tried(agent_toml, credentials, capsys, command):
    other = identity.create("another", agent_toml.parent).private_key
    agent_toml.write_text(agent_toml.read_text().replace(str(credentials.private_key), str(other)))

    assert cli.main([command, "--config", str(agent_toml)]) == 3
    assert f"private_key: expected the key of {credentials.certificate}, got {other}" in capsys.readouterr().err


@pytest.mark.parametrize("key", ["ca", "certificate"])
def test_a_file_that_is_no_certificate_is_told(agent_toml, credentials, capsys, key):
    rubbish = agent_toml.parent / "rubbish.csv"
    rubbish.write_text("timestamp,value\n")
    agent_toml.write_text(agent_toml.read_text().replace(str(getattr(credentials, key)), str(rubbish)))

    assert cli.main(["check", "--config", str(agent_toml)]) == 3
    assert str(rubbish) in capsys.readouterr().err


def test_problems_are_data_with_json(tmp_path, capsys):
    path = tmp_path / "agent.toml"
    path.write_text("thing = 1\n")

    assert cli.main(["check", "--json", "--config", str(path)]) == 3
    problems = json.loads(capsys.readouterr().out)["problems"]
    assert {"file": str(path), "key": "thing", "expected": "a text", "got": "1"} in problems


def test_a_new_identity_is_made_once(tmp_path, capsys):
    arguments = ["identity", "new", "--thing", "pump-7", "--dir", str(tmp_path), "--json"]

    assert cli.main(arguments) == 0
    made = json.loads(capsys.readouterr().out)
    assert made == {
        "thing": "pump-7",
        "private_key": str(tmp_path / "pump-7.key"),
        "csr": str(tmp_path / "pump-7.csr"),
    }
    assert cli.main(arguments) == 4
    assert "exists already" in json.loads(capsys.readouterr().out)["error"]


def test_a_bad_thing_name_is_exit_code_4(tmp_path, capsys):
    assert cli.main(["identity", "new", "--thing", "Pump 7", "--dir", str(tmp_path)]) == 4
    assert "Pump 7" in capsys.readouterr().err


def test_the_queue_tells_what_waits_while_an_agent_has_it_open(agent_toml, tmp_path, capsys, log):
    queue = DurableQueue(tmp_path / "queue.db", max_bytes=10**6, clock=SystemClock(), log=log)
    queue.append([b"one", b"two"], {})

    assert cli.main(["queue", "stats", "--config", str(agent_toml), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["messages"] == 2
    assert cli.main(["queue", "stats", "--config", str(agent_toml)]) == 0
    assert "2 messages wait (6 bytes), 0 were dropped" in capsys.readouterr().out

    assert cli.main(["run", "--config", str(agent_toml)]) == 5
    assert "in use by another agent" in capsys.readouterr().err
    queue.close()


def test_a_queue_that_is_not_there_is_exit_code_5(agent_toml, capsys):
    assert cli.main(["queue", "stats", "--config", str(agent_toml)]) == 5
    assert "there is no queue" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [[], ["fly"], ["run"], ["queue"]])
def test_wrong_usage_is_exit_code_2(arguments):
    with pytest.raises(SystemExit) as raised:
        cli.main(arguments)
    assert raised.value.code == 2


def test_the_help_documents_the_exit_codes(capsys):
    with pytest.raises(SystemExit):
        cli.main(["--help"])
    shown = " ".join(capsys.readouterr().out.split())
    for code in (0, 2, cli.EXIT_CONFIG, cli.EXIT_KEY, cli.EXIT_QUEUE):
        assert f"{code} " in shown.split("exit codes:")[1]


def test_importing_the_command_loads_nothing_heavy():
    heavy = ("awscrt", "awsiot", "cryptography", "boto3", "botocore", "typer", "rich", "pydantic")
    code = f"import sys, device_agent.cli; print([name for name in {heavy!r} if name in sys.modules])"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert answer.stdout.strip() == "[]"
