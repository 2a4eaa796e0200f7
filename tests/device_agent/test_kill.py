"""The real command, killed with SIGKILL at random moments, against a broker on real TLS."""

import asyncio
import json
import signal
import sys
from random import Random

import pytest

from contract import telemetry
from device_agent.clock import SystemClock
from device_agent.errors import QueueError
from device_agent.queue import Priority, RingQueue, read_stats
from device_agent.queue.files import PosixFiles
from device_agent.wire import read
from tests.device_agent.killable import agent_process

KILLS = 100
SERIES = 5

AGENT = """
thing = "pump-7"
model = "machine"
endpoints = ["localhost:{port}"]
ca = "{credentials.ca}"
certificate = "{credentials.certificate}"
private_key = "{credentials.private_key}"
flush_interval_s = 0.05
shutdown_grace_s = 5
queue_max_mib = 4
[clock]
sync = "system"
[[sensor]]
kind = "replay"
file = "recording.csv"
interval_s = 0.001
loop = false
columns.value = "temperature"
"""


@pytest.fixture
def configured(tmp_path, credentials):
    """Write a configuration for a broker's port, and a recording whose rows are their numbers."""

    def configure(port, rows):
        (tmp_path / "recording.csv").write_text("value\n" + "".join(f"{n}\n" for n in range(rows)))
        (tmp_path / "agent.log").touch()
        path = tmp_path / "agent.toml"
        path.write_text(AGENT.format(port=port, credentials=credentials))
        return path

    return configure


def queued(directory, log):
    """What a dead agent has in its queue, as (row, time of its message's boot), and the row to be played next."""
    queue = RingQueue(directory / "queue", max_bytes=4 * 2**20, clock=SystemClock(), log=log, files=PosixFiles())
    try:
        batches = [read(message.payload) for message in queue.peek(Priority.TELEMETRY, 0, 100_000)]
        position = queue.position("replay-0")
    finally:
        queue.close()
    rows = [int(values["temperature"]) for batch in batches for _, values, _ in batch.m]
    return rows, 0 if position is None else json.loads(position)["row"]


def stored(payloads):
    """What a store with (metric, ts) as its key holds in the end: rows by their time."""
    points = {}
    for payload in payloads:
        for measurement in telemetry.decode(payload).m:
            if "temperature" in measurement.values:
                value = measurement.values["temperature"]
                assert points.setdefault(measurement.ts, value) == value
    return [int(points[ts]) for ts in sorted(points)]


def sent(broker):
    return [message.payload for message in broker.received if message.topic == "dt/pump-7/telemetry"]


@pytest.mark.parametrize("series", range(SERIES))
async def test_killed_at_any_moment_the_agent_loses_no_row_and_doubles_none(
    configured, tls_broker, tmp_path, eventually, log, series
):
    """A row counts as stored once its position is: what was read since is read again, as from the sensor."""
    chance = Random(series)
    async with tls_broker() as broker:
        config = configured(broker.port, rows=200_000)
        for _ in range(KILLS):
            agent = agent_process(config, tmp_path / "agent.log")
            agent.start()
            if chance.random() < 0.3:
                # In the middle of the work: as soon as something more has arrived, before or after its answer.
                before = len(sent(broker))
                await eventually(lambda n=before: len(sent(broker)) > n or (tmp_path / "agent.log").stat().st_size)
                await asyncio.sleep(chance.uniform(0, 0.01))
            else:
                await asyncio.sleep(chance.uniform(0, 0.25))
            agent.kill()
            await asyncio.to_thread(agent.join)

        waiting, next_row = queued(tmp_path, log)
        assert sorted({*stored(sent(broker)), *waiting}) == list(range(next_row))
        assert next_row > 0

        agent = agent_process(config, tmp_path / "agent.log")
        agent.start()
        async with asyncio.timeout(60):
            while not {*range(next_row)} <= {*stored(sent(broker))}:  # noqa: ASYNC110 - the broker has no event for it
                await asyncio.sleep(0.2)
        agent.terminate()
        await asyncio.to_thread(agent.join)
        assert agent.exitcode == 0, (tmp_path / "agent.log").read_text()

        waiting, next_row = queued(tmp_path, log)
        assert waiting == []
        rows = stored(sent(broker))
        assert sorted(rows) == list(range(next_row))
        identities = {}
        for payload in sent(broker):
            envelope = telemetry.decode(payload)
            assert identities.setdefault((envelope.boot, envelope.seq), payload) == payload
        assert (tmp_path / "agent.log").read_text() == ""


@pytest.fixture
def start(configured):
    async def start_(port, rows=5_000):
        arguments = ["run", "--config", str(configured(port, rows)), "--log-level", "ERROR"]
        return await asyncio.create_subprocess_exec(sys.executable, "-m", "device_agent.cli", *arguments)

    return start_


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
async def test_a_signal_stores_and_sends_what_was_read_and_exits_with_0(
    start, tls_broker, tmp_path, eventually, log, number
):
    async with tls_broker() as broker:
        agent = await start(broker.port)
        await eventually(lambda: sent(broker))
        agent.send_signal(number)

        assert await agent.wait() == 0
        assert broker.orderly_goodbyes == 1
        waiting, next_row = queued(tmp_path, log)
        assert waiting == []
        assert stored(sent(broker)) == list(range(next_row))


async def test_sigint_without_any_broker_ends_in_the_grace_time_and_keeps_everything(
    start, tls_broker, tmp_path, eventually, log
):
    def waits():
        try:
            return read_stats(tmp_path / "queue")[Priority.TELEMETRY].messages > 0
        except QueueError:
            return False

    async with tls_broker() as broker:
        port = broker.port
    agent = await start(port)
    await eventually(waits)
    agent.send_signal(signal.SIGINT)

    assert await agent.wait() == 0
    waiting, next_row = queued(tmp_path, log)
    assert waiting == list(range(next_row))
