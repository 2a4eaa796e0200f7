"""A device with mock pins, a recording for its sensor, and if need be its agent: the real one, in a process."""

import json
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from device_agent import cli

TOML = """
thing = "pump-7"
model = "machine"
endpoints = ["localhost:1"]
ca = "{ca}"
certificate = "{certificate}"
private_key = "{private_key}"
queue_max_mib = 2
shutdown_grace_s = 0

[clock]
sync = "system"

[gpio]
factory = "mock"

[[sensor]]
name = "motor"
kind = "replay"
file = "day.csv"
columns.temperature = "temperature"

[pipeline]
temperature = [{{ kind = "throttle", every_s = 60 }}]

[[rule]]
name = "too-hot"
severity = "critical"
when = {{ metric = "temperature", above = 90 }}
clear = {{ metric = "temperature", below = 80 }}
do = [{{ actuator = "relay", parameters = {{ on = false }} }}]

[[actuator]]
name = "relay"
kind = "relay"
pin = 17
"""
DAY = """time,temperature
2026-01-01T00:00:00Z,85
2026-01-01T00:00:30Z,86
2026-01-01T00:01:00Z,92
2026-01-01T00:01:30Z,85
2026-01-01T00:03:00Z,79
"""


@dataclass
class Answer:
    code: int
    out: str
    err: str

    @property
    def json(self):
        return json.loads(self.out)


def write_device(folder, credentials):
    path = folder / "agent.toml"
    path.write_text(
        TOML.format(ca=credentials.ca, certificate=credentials.certificate, private_key=credentials.private_key)
    )
    (folder / "day.csv").write_text(DAY)
    return path


@pytest.fixture
def toml(tmp_path, credentials):
    return write_device(tmp_path, credentials)


@pytest.fixture
def run(toml, capsys):
    """Run a command on the device, in this process."""

    def run_(*arguments, config=toml):
        needs = arguments[:1] != ("identity",)
        code = cli.main([*arguments, *(["--config", str(config)] if needs else [])])
        captured = capsys.readouterr()
        return Answer(code, captured.out, captured.err)

    return run_


@pytest.fixture(scope="session")
def agent(tmp_path_factory, credentials):
    """The configuration of a device whose agent runs, offline."""
    path = write_device(tmp_path_factory.mktemp("running"), credentials)
    command = [sys.executable, "-m", "device_agent.cli"]
    process = subprocess.Popen(
        [*command, "run", "--config", str(path)],
        stderr=(path.parent / "log").open("w"),
        cwd=Path(cli.__file__).parents[2],
    )
    deadline = time.monotonic() + 30
    while cli.main(["status", "--config", str(path)]):
        assert process.poll() is None, (path.parent / "log").read_text()
        assert time.monotonic() < deadline
        time.sleep(0.1)
    yield path
    process.terminate()
    assert process.wait(20) == 0, (path.parent / "log").read_text()
