"""The real command, killed with SIGKILL at random moments, against a real broker."""

import asyncio
import json
import shutil
import signal
import sqlite3
import sys
from random import Random

import pytest

from contract import telemetry
from device_agent.errors import QueueError
from device_agent.queue import read_stats

ROWS = 1500
KILLS = 8

AGENT = """
thing = "pump-7"
model = "machine"
endpoints = ["localhost:{port}"]
ca = "{credentials.ca}"
certificate = "{credentials.certificate}"
private_key = "{credentials.private_key}"
flush_interval_s = 0.05
shutdown_grace_s = 0.5
[[sensor]]
kind = "replay"
file = "recording.csv"
interval_s = 0.001
loop = false
columns.value = "temperature"
"""


@pytest.fixture
def start(tmp_path, credentials):
    (tmp_path / "recording.csv").write_text("value\n" + "".join(f"{n}\n" for n in range(ROWS)))

    async def start_(port):
        path = tmp_path / "agent.toml"
        path.write_text(AGENT.format(port=port, credentials=credentials))
        return await asyncio.create_subprocess_exec(
            sys.executable, "-m", "device_agent.cli", "run", "--config", str(path), "--log-level", "ERROR"
        )

    return start_


def queued(directory):
    """The messages in the queue's file and the row to be played next; a dead agent's, from a copy."""
    copy = directory / "copy"
    copy.mkdir(exist_ok=True)
    for name in ("queue.db", "queue.db-wal"):
        (copy / name).unlink(missing_ok=True)
        if (directory / name).exists():
            shutil.copy(directory / name, copy)
    db = sqlite3.connect(copy / "queue.db")
    try:
        if not db.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]:
            return [], 0
        positions = db.execute("SELECT position FROM cursor").fetchall()
        payloads = [payload for (payload,) in db.execute("SELECT payload FROM message ORDER BY id")]
        return payloads, json.loads(positions[0][0])["row"] if positions else 0
    finally:
        db.close()


def waits(path):
    """Whether a running agent's queue has messages already."""
    try:
        return read_stats(path).messages > 0
    except QueueError:
        return False


def stored(payloads):
    """What a store with (metric, ts) as its key holds in the end: rows by their time."""
    points = {}
    for payload in payloads:
        for measurement in telemetry.decode(payload).m:
            value = measurement.values["temperature"]
            assert points.setdefault(measurement.ts, value) == value
    return [int(points[ts]) for ts in sorted(points)]


async def test_killed_at_any_moment_the_agent_loses_no_row_and_doubles_none(start, tls_broker, tmp_path, eventually):
    chance = Random(11)
    async with tls_broker() as broker:

        def received():
            return [message.payload for message in broker.received]

        for _ in range(KILLS):
            # Killed as soon as so many more messages have arrived, before or after the answer went out.
            enough, patience_s = len(broker.received) + chance.randrange(6), chance.uniform(0, 0.03)
            agent = await start(broker.port)
            await eventually(lambda n=enough: len(broker.received) >= n)
            await asyncio.sleep(patience_s)
            agent.send_signal(signal.SIGKILL)
            await agent.wait()

            waiting, next_row = queued(tmp_path)
            assert stored([*received(), *waiting]) == list(range(next_row))

        assert 0 < next_row < ROWS
        agent = await start(broker.port)
        await eventually(lambda: received() and stored(received()[-1:])[-1] == ROWS - 1, timeout_s=30)
        agent.send_signal(signal.SIGTERM)
        assert await agent.wait() == 0

        assert stored(received()) == list(range(ROWS))
        assert queued(tmp_path) == ([], ROWS)
        identities = {}
        for payload in received():
            envelope = telemetry.decode(payload)
            assert identities.setdefault((envelope.boot, envelope.seq), payload) == payload
        boots = {boot for boot, _ in identities}
        assert 2 <= len(boots) <= KILLS + 1


async def test_sigterm_stores_and_sends_what_was_read_and_exits_with_0(start, tls_broker, tmp_path, eventually):
    async with tls_broker() as broker:
        agent = await start(broker.port)
        await eventually(lambda: broker.received)
        agent.send_signal(signal.SIGTERM)

        assert await agent.wait() == 0
        assert broker.orderly_goodbyes == 1
        waiting, next_row = queued(tmp_path)
        assert waiting == []
        assert stored(message.payload for message in broker.received) == list(range(next_row))


async def test_sigint_without_any_broker_ends_in_the_grace_time_and_keeps_everything(
    start, tls_broker, tmp_path, eventually
):
    async with tls_broker() as broker:
        port = broker.port
    agent = await start(port)
    await eventually(lambda: waits(tmp_path / "queue.db"))
    agent.send_signal(signal.SIGINT)

    assert await agent.wait() == 0
    waiting, next_row = queued(tmp_path)
    assert stored(waiting) == list(range(next_row))
