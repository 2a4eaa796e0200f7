"""Agents as processes, and what the kernel says of them."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from bench.agents import thingsboard
from bench.agents.broker import Broker

ROOT = Path(__file__).parents[2]
_TICK_S = 1 / os.sysconf("SC_CLK_TCK")
STOP_S = 30.0
_RELAY = """
[gpio]
factory = "mock"

[[actuator]]
name = "relay"
kind = "relay"
pin = 17
"""


@dataclass(frozen=True)
class Load:
    """A recording of `rows` rows whose value is their number, played at `rate` a second."""

    rate: float
    rows: int
    flush_interval_s: float = 1.0
    position: bool = False
    """Whether the peer remembers which row it has handed over; Fieldline's agent always does."""
    relay: bool = False
    """Whether Fieldline's agent has an actuator, at pins that are gpiozero's mock."""


def installed() -> Path:
    """The agent's command, in an environment with what it needs and no more, as on a device."""
    uv = Path(sys.executable).with_name("uv")
    extras = ("--extra", "agent", "--extra", "hardware", "--extra", "paho")
    exported = subprocess.run(
        [uv, "export", "--quiet", "--frozen", "--no-dev", "--no-hashes", *extras],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    environment = ROOT / ".local" / "fieldline-agent"
    done = environment / "installed.txt"
    if not done.exists() or done.read_text() != exported:
        subprocess.run([uv, "venv", "--quiet", "--clear", "--python", sys.executable, environment], check=True)
        requirements = environment / "requirements.txt"
        requirements.write_text(exported)
        python = environment / "bin" / "python"
        subprocess.run([uv, "pip", "install", "--quiet", "--python", python, "-r", requirements], cwd=ROOT, check=True)
        done.write_text(exported)
    return environment / "bin" / "fieldline-agent"


def device_environment() -> dict[str, str]:
    """Ours, without what makes Python compile at each start: that takes memory which a device does not spend."""
    return {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}


def rss_mib(process: int) -> float:
    status = Path(f"/proc/{process}/status").read_text()
    (line,) = (line for line in status.splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


class Running:
    """An agent's process."""

    def __init__(self, command: list[str], folder: Path, environment: dict[str, str]) -> None:
        environment = device_environment() | environment
        self._output = folder / "output.log"
        with self._output.open("ab") as log:
            self._process = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log)

    @property
    def ended(self) -> bool:
        return self._process.poll() is not None

    def said(self) -> str:
        """The end of what it has logged."""
        return self._output.read_text(errors="replace")[-2_000:]

    def cpu_s(self) -> float:
        """User and system time since its start."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) * _TICK_S

    def rss_mib(self) -> float:
        return rss_mib(self._process.pid)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.kill()


class Fieldline:
    """This project's agent, by its own command; a folder is one device with its queue."""

    def __init__(
        self, broker: Broker, folder: Path, load: Load, *, transport: str = "crt", thing: str | None = None
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        credentials = broker.credentials
        keys = {
            "thing": thing or credentials.thing,
            "model": "machine",
            "endpoints": [f"localhost:{broker.port}"],
            "ca": str(credentials.ca),
            "certificate": str(credentials.certificate),
            "private_key": str(credentials.private_key),
            "transport": transport,
            "flush_interval_s": load.flush_interval_s,
        }
        sensor = {"kind": "replay", "file": "recording.csv", "interval_s": 1 / load.rate, "loop": False}
        sensor_text = f"[[sensor]]\n{_toml(sensor)}columns.value = 'temperature'\n"
        text = f"{_toml(keys)}[clock]\nsync = 'system'\n{sensor_text}{_RELAY if load.relay else ''}"
        (folder / "agent.toml").write_text(text)
        (folder / "recording.csv").write_text("value\n" + "".join(f"{row}\n" for row in range(load.rows)))

    def start(self) -> Running:
        return Running([str(installed()), "run", "--config", "agent.toml"], self._folder, {})


class ThingsBoard:
    """The peer."""

    def __init__(self, broker: Broker, folder: Path, load: Load) -> None:
        self._environment = {
            **thingsboard.configure(folder, broker),
            "RATE": str(load.rate),
            "ROWS": str(load.rows),
            **({"POSITION": str(folder / "position")} if load.position else {}),
        }
        self._folder = folder

    def start(self) -> Running:
        return Running(thingsboard.command(), self._folder, self._environment)


def _toml(keys: dict[str, object]) -> str:
    # Texts, numbers, booleans and lists of texts are written alike in JSON and TOML.
    return "".join(f"{key} = {json.dumps(value)}\n" for key, value in keys.items())
