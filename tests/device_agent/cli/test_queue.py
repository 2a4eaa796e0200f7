"""`queue stats` and `queue drain`."""

import asyncio
import json

import pytest
from cryptography import x509

from contract import topics
from device_agent import wire
from device_agent.cli import drain as draining
from device_agent.clock import ManualClock, SystemClock
from device_agent.config.agent import load
from device_agent.queue import Priority
from device_agent.sensors import Reading
from device_agent.storage import Storage
from device_agent.time.machine_boots import Stamp
from device_agent.time.timekeeper import RELEASED_MS, ClockSettings, Timekeeper
from device_agent.transport.memory import Kept, MemoryBroker, MemoryTransport


@pytest.fixture
def fill(toml, log):
    """Leave readings in the queue as a stopped agent would."""

    async def record(count):
        from device_agent.health import Health
        from device_agent.recording.recorder import Recorder
        from device_agent.time.timekeeper import Timekeeper

        config, clock = load(toml), SystemClock()
        storage = Storage(config.queue, config.state, max_bytes=config.queue_max_bytes, clock=clock, log=log)
        await storage.open()
        timekeeper = Timekeeper(config.clock, clock=clock, storage=storage, log=log)
        await timekeeper.open()
        recorder = Recorder(
            storage, timekeeper, boot="0" * 16, flush_interval_s=1, clock=clock, health=Health(), log=log
        )
        now = clock.boot_ms()
        for index in range(count):
            recorder.add("motor", Reading(now - count + index, {"temperature": float(index)}))
            await recorder.flush()
        await timekeeper.close()
        await storage.close()

    return lambda count: asyncio.run(record(count))


def test_what_waits_is_told_while_no_agent_runs(run, fill):
    fill(3)

    found = run("queue", "stats", "--json").json
    assert (found["messages"], found["dropped"]) == (3, 0)
    assert found["priorities"]["telemetry"]["messages"] == 3
    assert run("queue", "stats").out.splitlines()[2] == "  telemetry: 3 wait, 0 were dropped"


def test_what_waits_is_told_while_one_runs(run, agent):
    found = run("queue", "stats", "--json", config=agent).json

    assert set(found["priorities"]) == {"urgent", "telemetry", "log"}


def test_a_queue_that_is_not_there_is_exit_code_5(run, toml):
    answer = run("queue", "stats")

    assert (answer.code, answer.err) == (5, f"there is no queue at {toml.parent / 'queue'}\n")


def test_a_second_agent_does_not_open_the_queue(run, toml, agent):
    toml.write_text(toml.read_text().replace("queue_max_mib = 2", f'queue = "{load(agent).queue}"\nqueue_max_mib = 2'))

    answer = run("run")
    assert answer.code == 5
    assert "use" in answer.err


def test_draining_is_left_to_an_agent_that_runs(run, agent):
    answer = run("queue", "drain", config=agent)

    assert (answer.code, answer.err) == (8, "an agent of pump-7 runs, and it drains the queue itself\n")


def test_draining_sends_everything_and_ends(toml, fill):
    fill(20)
    broker = MemoryBroker()

    found = asyncio.run(draining.drain(load(toml), 30, transport=MemoryTransport(broker, "pump-7")))

    assert found[:2] == (20, 0)
    sent = [json.loads(message.payload) for message in broker.received]
    assert sorted(message["m"][0]["values"]["temperature"] for message in sent) == [float(n) for n in range(20)]
    assert {message.topic for message in broker.received} == {"dt/pump-7/telemetry"}


def test_draining_leaves_commands_to_the_agent(toml, fill):
    fill(2)
    broker = MemoryBroker()
    request = topics.filter_command_requests("pump-7")
    broker.kept["pump-7"] = Kept({request})
    broker.deliver(topics.command_request("pump-7", "c1"), b"a command")

    asyncio.run(draining.drain(load(toml), 30, transport=MemoryTransport(broker, "pump-7")))
    assert [message.payload for message in broker.kept["pump-7"].waiting] == [b"a command"]


async def test_draining_without_time_says_nothing_from_before_the_certificate(toml, log):
    toml.write_text(toml.read_text().replace('"system"', '"kernel"'))
    config, clock = load(toml), ManualClock()
    issued = x509.load_pem_x509_certificate(config.certificate.read_bytes()).not_valid_before_utc
    clock.reboot(wall_ms=0)
    storage = Storage(config.queue, config.state, max_bytes=config.queue_max_bytes, clock=clock, log=log)
    await storage.open()
    alarm = wire.event(Stamp(clock.machine_boot(), 0, final=False), 5, boot="0" * 16, kind="alarm", data={})
    await storage.append([(Priority.URGENT, wire.write(alarm))])
    await storage.close()

    await draining.drain(config, 0, clock=clock, transport=MemoryTransport(MemoryBroker(), "pump-7"))

    # What it thought of the time holds until that is known, for the agent too.
    await storage.open()
    keeper = Timekeeper(ClockSettings(), clock=clock, storage=storage, log=log)
    await keeper.open()
    await storage.close()
    assert keeper.wall_ms() >= issued.timestamp() * 1000 > RELEASED_MS


def test_draining_works_over_mutual_tls(run, toml, fill, tls_broker):
    fill(3)

    async def drained():
        async with tls_broker() as broker:
            toml.write_text(toml.read_text().replace("localhost:1", str(broker.endpoint)))
            return await asyncio.to_thread(run, "queue", "drain", "--json"), broker.received

    answer, received = asyncio.run(drained())
    assert (answer.code, answer.json) == (0, {"sent": 3, "left": 0, "error": None})
    assert {message.topic for message in received} == {"dt/pump-7/telemetry"}


def test_draining_an_empty_queue_needs_no_connection(toml, fill):
    fill(0)

    broker = MemoryBroker(reachable=False)
    assert asyncio.run(draining.drain(load(toml), 30, transport=MemoryTransport(broker, "pump-7"))) == (0, 0, None)


def test_what_cannot_be_sent_in_time_is_kept_and_exit_code_9(run, toml, fill):
    fill(2)

    answer = run("queue", "drain", "--timeout", "1", "--json")
    assert answer.code == 9
    assert (answer.json["sent"], answer.json["left"]) == (0, 2)
    assert "localhost:1" in answer.json["error"]
    assert "not everything could be sent within 1 s" in run("queue", "drain", "--timeout", "1").err
    assert run("queue", "stats", "--json").json["messages"] == 2


async def test_the_queue_of_an_agent_without_a_control_socket_is_not_opened(toml, log):
    config = load(toml)
    storage = Storage(config.queue, config.state, max_bytes=config.queue_max_bytes, clock=SystemClock(), log=log)
    await storage.open()
    try:
        from device_agent.errors import QueueError

        with pytest.raises(QueueError):
            await draining.drain(config, 5, transport=MemoryTransport(MemoryBroker(), "pump-7"))
        assert (await storage.stats())[Priority.TELEMETRY].messages == 0
    finally:
        await storage.close()
