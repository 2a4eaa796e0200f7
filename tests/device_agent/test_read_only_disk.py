"""The real command on a disk that the kernel has turned read-only, as it does with a card that fails."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from contract import documents, telemetry, topics
from contract.documents import DeviceEvent
from device_agent.clock import SystemClock
from device_agent.queue import Priority, RingQueue
from device_agent.queue.files import PosixFiles
from device_agent.time.machine_boots import Stamp
from device_agent.wire import event, write
from tests import debian

QUEUE_BYTES = 2 * 2**20
AGENT = """
thing = "pump-7"
model = "machine"
endpoints = ["localhost:{port}"]
ca = "{credentials.ca}"
certificate = "{credentials.certificate}"
private_key = "{credentials.private_key}"
queue = "card/queue"
queue_max_mib = 2
flush_interval_s = 0.1
[clock]
sync = "system"
[control]
socket = "{folder}/control.sock"
[[sensor]]
kind = "replay"
file = "recording.csv"
interval_s = 0.05
columns.value = "temperature"
[[rule]]
name = "hot"
severity = "critical"
when = {{ metric = "temperature", above = 90 }}
"""
READ_ONLY = 'set -e; mount --bind "$0" "$0"; mount -o remount,bind,ro "$0"; exec "$@"'


@pytest.fixture
def config(tmp_path, credentials, mosquitto):
    (tmp_path / "recording.csv").write_text("value\n20\n95\n20\n")
    path = tmp_path / "agent.toml"
    path.write_text(AGENT.format(port=mosquitto.port, credentials=credentials, folder=tmp_path))
    return path


@pytest.fixture
def card(tmp_path, log):
    """What an agent has left: a queue with an event in it."""
    (tmp_path / "card").mkdir()
    clock = SystemClock()
    queue = RingQueue(tmp_path / "card" / "queue", max_bytes=QUEUE_BYTES, clock=clock, log=log, files=PosixFiles())
    stamp = Stamp(clock.machine_boot(), clock.wall_ms() - clock.boot_ms(), final=True)
    queue.append([(Priority.URGENT, write(event(stamp, clock.boot_ms(), boot="b" * 16, kind="left", data={})))], {})
    queue.close()
    return tmp_path / "card"


def start(config, *before):
    command = [*before, sys.executable, "-m", "device_agent.cli", "run", "--config", str(config)]
    return subprocess.Popen(command, cwd=Path(__file__).parents[2], stderr=subprocess.PIPE, text=True)


def start_read_only(config, card):
    user = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    namespace = ["unshare", *user, "--mount", "sh", "-c", READ_ONLY, str(card)]
    tried = subprocess.run([*namespace, "true"], capture_output=True, text=True, check=False)
    if tried.returncode:
        refusal = f"this machine lets nobody mount here: {tried.stderr.strip()}"
        if os.environ.get(debian.REQUIRED):
            pytest.fail(f"{refusal} ({debian.REQUIRED} is set)")
        pytest.skip(refusal)
    return start(config, *namespace)


async def end(agent):
    agent.terminate()
    _, said = await asyncio.to_thread(agent.communicate, timeout=30)
    return said


def bytes_of(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def events(app, kind):
    found = [m.payload for m in app.received if m.topic == topics.event("pump-7")]
    return [told for told in (documents.decode(DeviceEvent, payload) for payload in found) if told.kind == kind]


async def test_it_works_without_the_card_and_goes_on_with_it_once_it_is_well(config, card, app, eventually, tmp_path):
    before = bytes_of(card)
    agent = start_read_only(config, card)
    try:
        await eventually(lambda: events(app, "rule_fired") or agent.poll() is not None, timeout_s=30)
        await eventually(lambda: any(m.topic == topics.telemetry("pump-7") for m in app.received))
        status = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-m", "device_agent.cli", "status", "--config", str(config), "--json"],
            cwd=Path(__file__).parents[2],
            capture_output=True,
            text=True,
            check=True,
        )
    finally:
        said = await end(agent)

    assert agent.returncode == 0, said
    assert "Read-only file system" in said
    assert "Read-only file system" in status.stdout
    [told] = events(app, "storage_degraded")
    assert str(card) in told.data["reason"]
    assert events(app, "rule_fired")[0].data["rule"] == "hot"
    sent = [telemetry.decode(m.payload) for m in app.received if m.topic == topics.telemetry("pump-7")]
    assert {20, 95} <= {m.values["temperature"] for envelope in sent for m in envelope.m if "temperature" in m.values}
    assert events(app, "left") == []
    assert bytes_of(card) == before

    agent = start(config)
    try:
        await eventually(lambda: events(app, "left") or agent.poll() is not None, timeout_s=30)
    finally:
        said = await end(agent)
    assert agent.returncode == 0, said
    assert len(events(app, "left")) == 1
    assert len(events(app, "storage_degraded")) == 1
    assert bytes_of(card) != before
