"""A device with the real command in a process of its own, and what that process and its broker tell of it."""

import base64
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from random import Random

from contract import documents, telemetry, topics
from contract.documents import CommandRequest, CommandResponse, DeviceEvent
from device_agent.control.server import call
from device_agent.errors import NotRunningError

ROOT = Path(__file__).parents[3]
THING = "pump-7"
CONFIG = """
thing = "pump-7"
model = "model.json"
endpoints = ["{endpoint}"]
ca = "{credentials.ca}"
certificate = "{credentials.certificate}"
private_key = "{credentials.private_key}"
queue = "disk/queue"
queue_max_mib = {queue_max_mib}
flush_interval_s = 0.2
[clock]
sync = "system"
[control]
socket = "control.sock"
[gpio]
factory = "{pins}"
[[sensor]]
name = "recording"
kind = "replay"
file = "recording.csv"
interval_s = {interval_s}
loop = false
columns.number = "number"
columns.temperature = "temperature"
{texts}
{tables}
"""
TEXT_CHARS = 252
RELAY = """
[[actuator]]
name = "relay"
kind = "relay"
pin = 17
"""
HOT_AND_COLD = """
[[rule]]
name = "hot"
when = { metric = "temperature", above = 60 }
do = [{ actuator = "relay", parameters = { on = true } }]
[[rule]]
name = "cold"
when = { metric = "temperature", below = 40 }
do = [{ actuator = "relay", parameters = { on = false } }]
"""


class Device:
    """`pump-7`, a machine that may have texts to tell too.

    Its recording has numbered rows, whose temperature goes from 0 to 99 over and over.
    """

    def __init__(self, folder, credentials):
        self.folder = folder
        self.disk = folder / "disk"
        """Where queue and state are."""
        self.log = folder / "agent.log"
        self.config = folder / "agent.toml"
        self._credentials = credentials
        self._process = None
        self.disk.mkdir()

    def write(
        self,
        endpoint,
        *,
        interval_s=0.02,
        rows=20_000,
        texts=0,
        queue_max_mib=2,
        pins="mock",
        tables="",
        credentials=None,
    ):
        """`texts`: so many of 252 random letters are in each row, to fill a disk with."""
        names = [f"text_{n}" for n in range(texts)]
        self._write_model(names)
        self._write_recording(rows, names)
        self.config.write_text(
            CONFIG.format(
                endpoint=endpoint,
                credentials=credentials or self._credentials,
                interval_s=interval_s,
                queue_max_mib=queue_max_mib,
                pins=pins,
                texts="\n".join(f'columns.{name} = "{name}"' for name in names),
                tables=tables,
            )
        )

    def _write_model(self, texts):
        model = json.loads((ROOT / "contract" / "device_models" / "machine.json").read_text())
        model["properties"] |= {name: {"title": name, "type": "string", "readOnly": True} for name in texts}
        (self.folder / "model.json").write_text(json.dumps(model))

    def _write_recording(self, rows, texts):
        random = Random(1)
        with (self.folder / "recording.csv").open("w") as recording:
            recording.write(",".join(["number", "temperature", *texts]) + "\n")
            for n in range(rows):
                noise = [base64.b64encode(random.randbytes(TEXT_CHARS // 4 * 3)).decode() for _ in texts]
                recording.write(",".join([str(n), str(n % 100), *noise]) + "\n")

    def start(self, *before, command=("-m", "device_agent.cli"), environment=()):
        """Run the command; `before` is what its command line begins with."""
        words = [*before, sys.executable, *command, "run", "--config", str(self.config)]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                words,
                cwd=ROOT,
                env={**os.environ, "PYTHONPATH": str(ROOT), **dict(environment)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def run(self, *words, environment=()):
        """Another command of the same program, to its end: what it prints as JSON."""
        done = subprocess.run(
            [sys.executable, "-m", "device_agent.cli", *words, "--config", str(self.config), "--json"],
            cwd=ROOT,
            env={**os.environ, **dict(environment)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout)

    @property
    def pid(self):
        return self._process.pid

    def said(self):
        return self.log.read_text(errors="replace")

    def ended(self):
        """Its exit code; None while it runs."""
        return self._process.poll()

    def stop(self):
        """In good order: all that waits is sent."""
        self._process.terminate()
        assert self._process.wait(30) == 0, self.said()

    def kill(self):
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def ask(self, method="status"):
        """What the agent answers over its socket; None as long as it does not listen there."""
        assert self.ended() is None, self.said()
        try:
            return call(self.folder / "control.sock", method, thing=THING)
        except NotRunningError:
            return None

    def readings(self):
        """How many rows the sensor has brought; 0 before the start."""
        found = self.ask()
        return 0 if found is None else found["sensors"]["recording"]["readings"]

    def resident_mib(self):
        pages = int(Path(f"/proc/{self.pid}/statm").read_text(encoding="ascii").split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def envelopes(received):
    return [telemetry.decode(message.payload) for message in received if message.topic == topics.telemetry(THING)]


def measurements(received):
    return [measurement for envelope in envelopes(received) for measurement in envelope.m]


def numbers(received):
    """The rows of the recording, in the order in which they came."""
    return [int(m.values["number"]) for m in measurements(received) if "number" in m.values]


def are_complete(received):
    """Whether each row up to the last that came has come once; a broker acknowledges sooner than it passes on."""
    found = numbers(received)
    return bool(found) and sorted(found) == list(range(len(found)))


def relay(received):
    """What its relay was found to be."""
    return [m.values["relay"] for m in measurements(received) if "relay" in m.values]


def events(received, kind):
    found = [message.payload for message in received if message.topic == topics.event(THING)]
    return [event for event in (documents.decode(DeviceEvent, payload) for payload in found) if event.kind == kind]


def answers(received, command_id):
    topic = topics.command_response(THING, command_id)
    return [documents.decode(CommandResponse, message.payload) for message in received if message.topic == topic]


def command(command_id, **parameters):
    """Topic and payload of a command to the relay."""
    now = int(time.time() * 1000)
    request = CommandRequest(
        id=command_id, name="relay", parameters=parameters, created_at=now, expires_at=now + 120_000
    )
    return topics.command_request(THING, command_id), documents.encode(request)
