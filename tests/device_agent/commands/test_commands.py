import asyncio
import json
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract import topics
from device_agent.clock import ManualClock
from device_agent.commands.commands import LONGEST_RUN_S, MOST_ARRIVALS, MOST_AT_ONCE, MOST_HARMLESS_AT_ONCE, Commands
from device_agent.commands.log import MOST, Answer
from device_agent.errors import QueueError
from device_agent.storage import Storage
from device_agent.transport import Incoming
from tests.device_agent.memory_storage import MemoryStorage


class Recorded:
    """What of the recorder answers commands."""

    def __init__(self):
        self.responses = []
        self.flushes = 0
        self.broken = False

    def response(self, command_id, status, *, at=None, result=None, reason=None):
        self.responses.append((command_id, status, result, reason))

    async def flush(self):
        if self.broken:
            raise QueueError("disk full")
        self.flushes += 1


class Time:
    def __init__(self, clock):
        self.clock = clock

    @property
    def synced(self):
        return self.clock.kernel_synced()

    def wall_ms(self):
        return self.clock.wall_ms()


class Quiet:
    """A link that nothing comes over but what a test gives to the handler."""

    def subscribe(self, topic_filter, handler):
        assert topic_filter == "cmd/pump-7/+/req"
        self.deliver = handler


@dataclass
class Lamp:
    """A handler that counts what it does."""

    done: list = field(default_factory=list)
    gate: asyncio.Event | None = None
    progress: list = field(default_factory=list)
    error: Exception | None = None

    def complaint(self, parameters):
        return None if type(parameters.get("on")) is bool else "on: expected of type boolean"

    def is_harmless(self, parameters):
        return parameters == {"on": False}

    async def run(self, command_id, parameters, progress):
        self.done.append(command_id)
        for part in self.progress:
            progress(part)
        if self.error is not None:
            raise self.error
        if self.gate is not None:
            await self.gate.wait()
        return Answer("SUCCEEDED", result={"on": parameters["on"]})


class Device:
    def __init__(self, clock, log, storage):
        self.clock = clock
        self.storage = storage
        self.link = Quiet()
        self.recorder = Recorded()
        self.lamp = Lamp()
        self.commands = Commands(
            self.link,
            "pump-7",
            recorder=self.recorder,
            storage=storage,
            timekeeper=Time(clock),
            clock=clock,
            log=log,
        )
        self.commands.register("lamp", self.lamp)

    def send(self, command_id="c1", *, topic=None, payload=None, **changes):
        now = self.clock.wall_ms()
        request = {
            "v": 1,
            "id": command_id,
            "name": "lamp",
            "parameters": {"on": True},
            "created_at": now - 1000,
            "expires_at": now + 60_000,
            **changes,
        }
        topic = topic or topics.command_request("pump-7", command_id)
        self.link.deliver(Incoming(topic, json.dumps(request).encode() if payload is None else payload))

    async def settle(self):
        await self.clock.advance(0)
        await self.clock.advance(0)

    def answers(self, command_id="c1"):
        return [(status, reason) for asked, status, _, reason in self.recorder.responses if asked == command_id]

    def statuses(self, command_id="c1"):
        return [status for status, _ in self.answers(command_id)]


@asynccontextmanager
async def working(clock, log, storage=None):
    device = Device(clock, log, storage or MemoryStorage())
    await device.storage.open()
    running = asyncio.create_task(device.commands.run(lambda: None))
    await device.settle()
    try:
        yield device
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


@pytest.fixture
def device(clock, log):
    return lambda storage=None: working(clock, log, storage)


async def test_a_command_is_delivered_done_and_answered_with_its_result(device):
    async with device() as at:
        at.send()
        await at.settle()
        assert at.recorder.responses == [("c1", "DELIVERED", None, None), ("c1", "SUCCEEDED", {"on": True}, None)]
        assert at.lamp.done == ["c1"]
        assert at.recorder.flushes == 1


async def test_a_command_that_comes_again_is_answered_as_before_and_not_done_again(device):
    async with device() as at:
        for _ in range(5):
            at.send()
            await at.settle()
        assert at.lamp.done == ["c1"]
        assert at.statuses() == ["DELIVERED", "SUCCEEDED", *["SUCCEEDED"] * 4]
        assert at.recorder.responses[-1] == ("c1", "SUCCEEDED", {"on": True}, None)


async def test_a_command_that_comes_again_while_it_is_under_way_is_not_done_again(device):
    async with device() as at:
        at.lamp.gate = asyncio.Event()
        at.send()
        at.send()
        await at.settle()
        at.send()
        await at.settle()
        at.lamp.gate.set()
        await at.settle()
        assert at.lamp.done == ["c1"]
        assert at.statuses() == ["DELIVERED", "SUCCEEDED"]


async def test_a_command_is_known_durably_before_anything_is_done(device):
    storage = MemoryStorage()
    async with device(storage) as at:
        stored = []
        run = at.lamp.run

        async def watched(command_id, parameters, progress):
            stored.append(await storage.read_state("commands"))
            return await run(command_id, parameters, progress)

        at.lamp.run = watched
        at.send()
        await at.settle()
        assert list(stored[0]) == ["c1"]


async def test_after_a_restart_a_command_that_comes_again_is_answered_and_not_done_again(device):
    storage = MemoryStorage()
    async with device(storage) as at:
        at.send()
        await at.settle()
    async with device(MemoryStorage(storage.disk)) as at:
        at.send()
        await at.settle()
        assert at.lamp.done == []
        assert at.recorder.responses == [("c1", "SUCCEEDED", {"on": True}, None)]


async def test_a_command_that_a_crash_interrupted_is_answered_so_and_never_done_again(device):
    storage = MemoryStorage()
    async with device(storage) as at:
        at.lamp.gate = asyncio.Event()
        at.send()
        await at.settle()
        assert at.lamp.done == ["c1"]
    async with device(MemoryStorage(storage.disk)) as at:
        interrupted = ("FAILED", "interrupted: the agent was restarted; it is not repeated")
        assert at.answers() == [interrupted]
        at.send()
        await at.settle()
        assert at.answers() == [interrupted, interrupted]
        assert at.lamp.done == []


async def test_with_the_real_storage_too_a_command_is_never_done_twice(device, tmp_path, clock, log):
    def storage():
        return Storage(tmp_path / "queue", tmp_path / "state", max_bytes=16 * 1024 * 1024, clock=clock, log=log)

    async def until(condition):
        async with asyncio.timeout(10):
            while not condition():  # noqa: ASYNC110 - the storage works on a thread of its own
                await asyncio.sleep(0.001)

    first = storage()
    async with device(first) as at:
        at.send("c1")
        await until(lambda: at.statuses("c1") == ["DELIVERED", "SUCCEEDED"])
        at.lamp.gate = asyncio.Event()
        at.send("c2")
        await until(lambda: "c2" in at.lamp.done)
    await first.close()
    second = storage()
    async with device(second) as at:
        await until(lambda: at.statuses("c2") == ["FAILED"])
        at.send("c1")
        at.send("c2")
        await until(lambda: at.statuses("c1") == ["SUCCEEDED"] and at.statuses("c2") == ["FAILED", "FAILED"])
        assert at.lamp.done == []
    await second.close()


@pytest.mark.parametrize(
    ("changes", "status", "reason"),
    [
        ({"expires_at": 1_764_000_000_000 - 1500}, "EXPIRED", "it expired 1.5 s ago"),
        ({"expires_at": 1_764_000_000_000}, "EXPIRED", "it expired 0.0 s ago"),
        (
            {"created_at": 1_764_000_000_000 + 3_600_000},
            "REJECTED",
            "created_at is 3600 s ahead of the device's time",
        ),
        (
            {"expires_at": 1_764_000_000_000 + 365 * 86_400_000},
            "REJECTED",
            "expires_at: expected at most 24 h from now",
        ),
        ({"id": "c2"}, "REJECTED", "its id is c2, and its topic's c1"),
        ({"name": "reboot"}, "REJECTED", "no command 'reboot' on this device; there are: lamp"),
        ({"parameters": {"on": 7}}, "REJECTED", "on: expected of type boolean"),
        ({"v": 2}, "REJECTED", "Invalid document: `v` must be 1, got 2."),
        ({"parameters": 7}, "REJECTED", "Invalid document: `parameters` must be an object, got 7."),
        ({"expires_at": None}, "REJECTED", "Invalid document: `expires_at` must be an integer, got null."),
        ({"name": "../x"}, "REJECTED", None),
    ],
)
async def test_a_command_that_cannot_be_done_is_answered_with_the_reason(device, changes, status, reason):
    async with device() as at:
        for _ in range(2):
            at.send("c1", topic=topics.command_request("pump-7", "c1"), **changes)
            await at.settle()
        assert at.statuses() == [status, status]
        assert reason is None or at.answers()[0][1] == reason
        assert at.lamp.done == []


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"not json",
        b"\xff\xfe\x00",
        b"[]",
        b"{}",
        b'{"id":"c1","id":"c1"}',
        b'{"v":1,"id":"c1","name":"lamp","parameters":{"on":NaN},"created_at":1,"expires_at":9}',
        b'{"v":1,"id":"c1","name":"lamp","parameters":{"on":1e999},"created_at":1,"expires_at":9}',
        b'{"parameters":' + b"[" * 120_000,
        b'{"parameters":' + b'{"a":' * 60 + b"1" + b"}" * 60 + b"}",
        b'{"parameters":"' + b"x" * 131_000 + b'"}',
    ],
)
async def test_a_hostile_command_changes_nothing_and_is_answered_with_the_reason(device, payload):
    async with device() as at:
        at.send(payload=payload)
        await at.settle()
        assert at.statuses() == ["REJECTED"]
        assert "Invalid document" in at.answers()[0][1]
        assert at.lamp.done == []
        at.send("c2")
        await at.settle()
        assert at.lamp.done == ["c2"]


@pytest.mark.parametrize("topic", ["cmd/pump-8/c1/req", "cmd/pump-7/c1/res", "cmd/pump-7/a b/req", "x"])
async def test_a_message_that_names_no_command_of_ours_is_counted(device, topic):
    async with device() as at:
        at.send(topic=topic)
        await at.settle()
        assert at.commands.malformed == 1
        assert at.recorder.responses == []
        assert at.lamp.done == []


async def test_without_knowing_the_time_no_command_is_done(device, clock):
    async with device() as at:
        clock.set_synced(synced=False)
        at.send()
        await at.settle()
        assert at.answers()[0][0] == "REJECTED"
        assert "does not know the time yet" in at.answers()[0][1]
        clock.set_synced(synced=True)
        at.send()
        await at.settle()
        assert at.lamp.done == [], "it was answered as rejected"


async def test_a_command_that_expires_while_it_is_made_durable_is_not_done(device, clock):
    storage = MemoryStorage()
    async with device(storage) as at:
        write = storage.write_state

        async def slow(section, value):
            await write(section, value)
            clock.set_wall_ms(clock.wall_ms() + 120_000)

        storage.write_state = slow
        at.send()
        await at.settle()
        assert at.statuses() == ["DELIVERED", "EXPIRED"]
        assert at.lamp.done == []


async def test_what_cannot_be_remembered_is_not_done_unless_it_is_harmless(device):
    storage = MemoryStorage()
    async with device(storage) as at:
        storage.broken = True
        at.send("c1")
        at.send("c2", parameters={"on": False})
        await at.settle()
        assert at.lamp.done == ["c2"]
        assert at.statuses("c1") == ["REJECTED"]
        assert "it cannot be remembered, so it is not done" in at.answers("c1")[0][1]
        assert at.statuses("c2") == ["DELIVERED", "SUCCEEDED"]
        at.send("c2", parameters={"on": False})
        await at.settle()
        assert at.lamp.done == ["c2"]


async def test_commands_begin_in_the_order_in_which_they_came(device):
    async with device() as at:
        names = [f"c{number}" for number in range(10)]
        for name in names:
            at.send(name)
        await at.settle()
        assert at.lamp.done == names


async def test_a_command_that_takes_long_does_not_keep_the_next_waiting(device):
    async with device() as at:
        at.lamp.gate = asyncio.Event()
        at.send("c1")
        at.send("c2")
        await at.settle()
        assert at.lamp.done == ["c1", "c2"]


async def test_too_many_commands_at_once_are_refused_as_busy(device):
    async with device() as at:
        at.lamp.gate = asyncio.Event()
        for number in range(MOST_AT_ONCE + 1):
            at.send(f"c{number}")
        for _ in range(10):
            await at.settle()
        assert at.statuses(f"c{MOST_AT_ONCE}") == ["REJECTED"]
        assert at.answers(f"c{MOST_AT_ONCE}")[0][1] == f"busy: {MOST_AT_ONCE} commands are under way"
        assert len(at.lamp.done) == MOST_AT_ONCE


async def test_however_much_is_remembered_the_safe_state_can_be_commanded(device):
    async with device() as at:
        for number in range(MOST + 1):
            at.send(f"c{number}", expires_at=at.clock.wall_ms() + 86_000_000)
            await at.settle()
        assert at.statuses(f"c{MOST}") == ["REJECTED"]
        for _ in range(2):
            at.send("off", parameters={"on": False})
            await at.settle()
        assert at.statuses("off") == ["DELIVERED", "SUCCEEDED", "SUCCEEDED"]
        assert at.lamp.done.count("off") == 1
        assert "off" not in await at.storage.read_state("commands")


async def test_however_many_commands_are_under_way_the_safe_state_can_be_commanded(device):
    async with device() as at:
        at.lamp.gate = asyncio.Event()
        for number in range(MOST_AT_ONCE):
            at.send(f"c{number}")
        for number in range(2 * MOST_HARMLESS_AT_ONCE):
            at.send(f"off{number}", parameters={"on": False})
            at.send(f"off{number}", parameters={"on": False})
        for _ in range(10):
            await at.settle()
        assert "off0" in at.lamp.done
        assert len(at.lamp.done) == len(set(at.lamp.done)) == MOST_HARMLESS_AT_ONCE
        at.lamp.gate.set()
        await at.settle()
        assert at.statuses("off0") == ["DELIVERED", "SUCCEEDED"]


async def test_a_flood_is_dropped_and_counted_and_logged_once(device, caplog):
    async with device() as at:
        for number in range(MOST_ARRIVALS + 5):
            at.send(f"c{number}")
        assert at.commands.overflowed == 5
        assert caplog.text.count("dropped unread") == 1


async def test_what_is_remembered_is_bounded_and_never_forgets_a_command_that_could_still_be_done(device, clock):
    async with device() as at:
        for number in range(MOST + 1):
            at.send(f"c{number}")
            await at.settle()
        assert at.answers(f"c{MOST}") == [("REJECTED", "busy: too many commands have not expired yet")]
        await clock.advance(61)
        at.send("later")
        await at.settle()
        assert at.statuses("later") == ["DELIVERED", "SUCCEEDED"]
        assert len(await at.storage.read_state("commands")) <= MOST


async def test_old_commands_are_forgotten(device, clock):
    async with device() as at:
        at.send("c1")
        await at.settle()
        await clock.advance(3600)
        at.send("c2")
        await at.settle()
        assert list(await at.storage.read_state("commands")) == ["c2"]


async def test_progress_is_reported_but_not_too_often(device):
    async with device() as at:
        at.lamp.progress = [{"progress": part / 100} for part in range(100)]
        at.send()
        await at.settle()
        assert at.statuses() == ["DELIVERED", "IN_PROGRESS", "SUCCEEDED"]
        assert at.recorder.responses[1] == ("c1", "IN_PROGRESS", {"progress": 0.0}, None)


async def test_an_error_in_a_handler_is_a_failure_of_that_command_alone(device):
    async with device() as at:
        at.lamp.error = RuntimeError("boom")
        at.send("c1")
        await at.settle()
        at.lamp.error = None
        at.send("c2")
        await at.settle()
        assert at.answers("c1") == [("DELIVERED", None), ("FAILED", "an error in the agent: boom")]
        assert at.statuses("c2") == ["DELIVERED", "SUCCEEDED"]


async def test_an_answer_that_cannot_be_made_durable_is_not_given_up(device):
    async with device() as at:
        at.recorder.broken = True
        at.send()
        await at.settle()
        assert at.statuses() == ["DELIVERED", "SUCCEEDED"]


async def test_a_damaged_memory_refuses_what_is_older_than_it(device, clock):
    storage = MemoryStorage()
    await storage.open()
    await storage.write_state("commands", {"c1": 7})
    async with device(MemoryStorage(storage.disk)) as at:
        at.send("c1")
        await at.settle()
        assert at.answers("c1") == [("REJECTED", "it is older than what the device remembers of commands")]
        await clock.advance(2)
        at.send("c2")
        await at.settle()
        assert at.statuses("c2") == ["DELIVERED", "SUCCEEDED"]


async def test_a_result_too_large_to_remember_is_told_once(device):
    async with device() as at:

        async def run(command_id, parameters, progress):
            return Answer("SUCCEEDED", result={"text": "x" * 2000})

        at.lamp.run = run
        at.send()
        await at.settle()
        at.send()
        await at.settle()
        assert at.recorder.responses[1][2] == {"text": "x" * 2000}
        assert at.recorder.responses[2] == ("c1", "SUCCEEDED", None, None)


async def test_a_name_has_one_handler(device):
    async with device() as at:
        with pytest.raises(ValueError, match="expected one that is not taken, got 'lamp'"):
            at.commands.register("lamp", Lamp())


async def test_it_beats_while_nothing_comes(clock, log):
    at = Device(clock, log, MemoryStorage())
    await at.storage.open()
    beats = []
    running = asyncio.create_task(at.commands.run(lambda: beats.append(1)))
    await clock.advance(60)
    running.cancel()
    assert len(beats) >= 12


def test_no_command_runs_for_ever():
    assert LONGEST_RUN_S < 3600


steps = st.one_of(
    st.tuples(st.just("send"), st.sampled_from(["a", "b", "c"]), st.sampled_from([True, False])),
    st.tuples(st.just("crash")),
    st.tuples(st.just("advance"), st.sampled_from([1, 30, 61, 1000])),
    st.tuples(st.just("disk"), st.booleans()),
)


@settings(max_examples=80, deadline=None)
@given(st.lists(steps, max_size=20))
def test_no_command_is_ever_done_twice_whatever_is_sent_again_and_whenever_it_crashes(plan):
    """Each id is one command: the cloud sends the same bytes again."""
    import logging

    log = logging.LoggerAdapter(logging.getLogger("device_agent.test"), {})
    clock = ManualClock()
    done = []
    sent = {}

    async def life(storage, plan):
        async with working(clock, log, storage) as at:
            at.lamp.done = done
            while plan:
                kind, *details = plan.pop(0)
                if kind == "crash":
                    return
                if kind == "advance":
                    await clock.advance(details[0])
                elif kind == "disk":
                    storage.broken = details[0]
                else:
                    command_id, on = details
                    now = clock.wall_ms()
                    request = sent.setdefault(
                        command_id, {"parameters": {"on": on}, "created_at": now, "expires_at": now + 60_000}
                    )
                    at.send(command_id, **request)
                    await at.settle()

    async def lives():
        storage = MemoryStorage()
        left = list(plan)
        while left:
            await life(storage, left)
            storage = MemoryStorage(storage.disk)

    asyncio.run(lives())
    unsafe = [command_id for command_id in done if sent[command_id]["parameters"]["on"]]
    assert len(unsafe) == len(set(unsafe))
