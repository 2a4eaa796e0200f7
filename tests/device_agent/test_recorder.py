"""What the device has to say is stored in order, in few messages, and held within bounds while it cannot be."""

import asyncio
import itertools
import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract import documents, telemetry
from contract.documents import CommandResponse, DeviceEvent
from device_agent import wire
from device_agent.clock import ManualClock
from device_agent.envelopes import AIM_BYTES
from device_agent.errors import QueueError
from device_agent.health import Health
from device_agent.held_readings import MOST_BYTES, MOST_READINGS
from device_agent.queue import Priority
from device_agent.recorder import FULL_BYTES, MOST_OTHERS, Recorder
from device_agent.sensors import Reading
from device_agent.timekeeping import HOLD_MS, ClockSettings, Timekeeper
from tests.device_agent.background import running
from tests.device_agent.memory_storage import MemoryStorage

URGENT, TELEMETRY, LOG = Priority
FLUSH_S = 20.0


class GatedStorage(MemoryStorage):
    """Appends only while its gate is open."""

    def __init__(self, disk=None):
        super().__init__(disk)
        self.gate = asyncio.Event()
        self.gate.set()

    async def append(self, messages, positions=None):
        await self.gate.wait()
        await super().append(messages, positions)


class Bench:
    def __init__(self, log, clock=None, boot="b1"):
        self.clock = clock or ManualClock()
        self.log = log
        self.boot = boot
        self.health = Health()

    async def open(self, disk=None):
        """With what an earlier process has left on the `disk`: also after a crash."""
        self.storage = GatedStorage(disk)
        await self.storage.open()
        self.keeper = Timekeeper(ClockSettings(), clock=self.clock, storage=self.storage, log=self.log)
        await self.keeper.open()
        self.recorder = Recorder(
            self.storage,
            self.keeper,
            boot=self.boot,
            flush_interval_s=FLUSH_S,
            clock=self.clock,
            health=self.health,
            log=self.log,
        )
        return self

    def add(self, *numbers, sensor="s", **values):
        for n in numbers:
            self.recorder.add(sensor, Reading(1000 + n, {"n": float(n), **values}, position=str(n)))

    async def payloads(self, priority=TELEMETRY):
        return [wire.read(message.payload) for message in await self.storage.peek(priority, 0, 10**6)]

    async def envelopes(self):
        """As they go out now; their numbers have no gap."""
        envelopes = []
        for message in await self.storage.peek(TELEMETRY, 0, 10**6):
            payload = wire.read(message.payload)
            settled = await self.keeper.settle(payload.stamp, TELEMETRY, message.id, connected_at=-(10**9))
            envelopes.append(telemetry.decode(wire.render(payload, settled, wire.Addresses("pump-7")).payload))
        assert [envelope.seq for envelope in envelopes] == list(range(len(envelopes)))
        return envelopes

    async def measurements(self):
        return [m for envelope in await self.envelopes() for m in envelope.m]

    async def stored(self):
        return [m.values["n"] for m in await self.measurements()]

    async def documents(self, kind):
        found = await self.payloads(URGENT) + await self.payloads(LOG)
        return [documents.decode(kind, payload.document) for payload in found]


@pytest.fixture
async def bench(log):
    return await Bench(log).open()


async def test_a_flush_stores_readings_and_position_together(bench):
    bench.add(1, 2, 3)
    await bench.recorder.flush()

    assert await bench.stored() == [1, 2, 3]
    assert await bench.storage.position("s") == "3"
    assert bench.health.recorded == 3


async def test_a_flush_without_readings_stores_nothing(bench):
    await bench.recorder.flush()
    assert bench.storage.appends == 0


async def test_a_position_is_stored_without_values_too(bench):
    bench.recorder.add("s", Reading(5, {}, position="9"))
    await bench.recorder.flush()

    assert await bench.storage.position("s") == "9"
    assert await bench.stored() == []


async def test_readings_are_flushed_at_the_interval(bench):
    async with running(bench.recorder.run(lambda: None)):
        bench.add(1)
        await bench.clock.advance(FLUSH_S - 0.1)
        assert await bench.stored() == []
        await bench.clock.advance(0.2)
        assert await bench.stored() == [1]


async def test_the_recorder_beats_at_least_every_ten_seconds(bench):
    beats = []
    async with running(bench.recorder.run(lambda: beats.append(bench.clock.monotonic()))):
        await bench.clock.advance(100)
    assert max(after - before for before, after in itertools.pairwise(beats)) <= 10


async def test_much_does_not_wait_for_the_interval(bench):
    async with running(bench.recorder.run(lambda: None)):
        bench.add(*range(FULL_BYTES // 30))
        await bench.clock.advance(0)
        assert len(await bench.stored()) == FULL_BYTES // 30


async def test_an_alarm_is_stored_at_once_and_does_not_make_small_messages_of_telemetry(bench):
    async with running(bench.recorder.run(lambda: None)):
        bench.add(1)
        bench.recorder.event("rule_fired", {"rule": "hot"})
        await bench.clock.advance(0)

        [event] = await bench.documents(DeviceEvent)
        assert (event.kind, event.boot, event.data) == ("rule_fired", "b1", {"rule": "hot"})
        assert bench.recorder.urgent.is_set()
        assert await bench.stored() == []


async def test_a_log_waits_for_the_interval(bench):
    async with running(bench.recorder.run(lambda: None)):
        bench.recorder.event("boot", {}, priority=LOG)
        await bench.clock.advance(FLUSH_S - 1)
        assert await bench.payloads(LOG) == []
        await bench.clock.advance(2)
        assert len(await bench.payloads(LOG)) == 1
        assert not bench.recorder.urgent.is_set()


async def test_an_event_has_the_boot_time_at_which_it_happened(bench):
    bench.recorder.event("a", {}, at=77)
    bench.recorder.event("b", {})
    await bench.recorder.flush()

    assert [payload.at for payload in await bench.payloads(URGENT)] == [77, bench.clock.boot_ms()]


async def test_a_position_is_stored_with_its_event(bench):
    bench.recorder.event("dropped", {}, position=("$losses", "4"))
    await bench.recorder.flush()
    assert await bench.storage.position("$losses") == "4"


async def test_an_event_that_cannot_be_carried_is_told_and_harms_nobody(bench, caplog):
    bench.recorder.event("Not A Kind", {})
    bench.recorder.event("huge", {"x": "y" * 200_000})
    bench.recorder.event("fine", {})
    await bench.recorder.flush()

    assert [event.kind for event in await bench.documents(DeviceEvent)] == ["fine"]
    assert bench.health.unusable == 2
    assert "the event 'huge' is left out" in caplog.text


async def test_an_answer_is_urgent(bench):
    bench.recorder.response("c-1", "SUCCEEDED", result={"on": True})
    await bench.recorder.flush()

    [answer] = await bench.documents(CommandResponse)
    assert (answer.id, answer.status, answer.result) == ("c-1", "SUCCEEDED", {"on": True})


async def test_a_result_that_cannot_be_carried_does_not_keep_the_status_from_the_cloud(bench):
    bench.recorder.response("c-1", "SUCCEEDED", result={"x": float("nan")})
    bench.recorder.response("c-2", "FAILED", reason="x" * 5_000)
    await bench.recorder.flush()

    first, second = await bench.documents(CommandResponse)
    assert (first.status, first.result) == ("SUCCEEDED", None)
    assert first.reason.startswith("its result cannot be sent")
    assert (second.status, len(second.reason)) == ("FAILED", 1024)


async def test_readings_that_cannot_be_stored_are_held_and_stored_later_in_order(bench):
    bench.storage.broken = True
    bench.add(1, 2)
    bench.recorder.event("a", {})
    with pytest.raises(QueueError):
        await bench.recorder.flush()
    bench.add(3)
    bench.recorder.event("b", {})
    bench.storage.broken = False
    await bench.recorder.flush()

    assert await bench.stored() == [1, 2, 3]
    assert [event.kind for event in await bench.documents(DeviceEvent)] == ["a", "b"]


async def test_a_full_disk_is_tried_again_and_again_without_help(bench):
    bench.storage.broken = True
    async with running(bench.recorder.run(lambda: None)):
        bench.add(1)
        bench.recorder.event("a", {})
        await bench.clock.advance(100)
        bench.storage.broken = False
        await bench.clock.advance(10.1)
        assert await bench.stored() == [1]
        assert len(await bench.payloads(URGENT)) == 1


@pytest.mark.parametrize("text", ["", "x" * 250])
async def test_what_is_held_is_bounded_in_number_and_size_and_what_is_given_up_is_counted(bench, text):
    bench.storage.broken = True
    for n in range(3 * MOST_READINGS):
        bench.add(n, text=text)
        if n % 1000 == 0:
            with pytest.raises(QueueError):
                await bench.recorder.flush()
    held = bench.recorder.waiting
    assert held <= MOST_READINGS
    assert held * len(text) <= MOST_BYTES
    assert bench.health.lost == 3 * MOST_READINGS - held

    bench.storage.broken = False
    await bench.recorder.flush()
    assert await bench.stored() == list(range(3 * MOST_READINGS - held, 3 * MOST_READINGS))


async def test_of_too_many_events_the_least_urgent_is_given_up_the_oldest_first(bench):
    for n in range(MOST_OTHERS):
        bench.recorder.event(f"alarm_{n}", {})
        if n < 10:
            bench.recorder.event(f"log_{n}", {}, priority=LOG)
    bench.recorder.event("last", {})
    await bench.recorder.flush()

    kinds = [event.kind for event in await bench.documents(DeviceEvent)]
    assert kinds == [*(f"alarm_{n}" for n in range(1, MOST_OTHERS)), "last"]
    assert bench.health.lost == 11


async def test_a_flush_that_is_cancelled_stores_its_readings_exactly_once(bench):
    bench.storage.gate.clear()
    bench.add(1, 2)
    flushing = asyncio.ensure_future(bench.recorder.flush())
    await asyncio.sleep(0)
    flushing.cancel()
    await asyncio.sleep(0)
    bench.storage.gate.set()
    with pytest.raises(asyncio.CancelledError):
        await flushing
    bench.add(3)
    await bench.recorder.flush()

    assert await bench.stored() == [1, 2, 3]


async def test_what_no_message_can_carry_is_left_out_and_counted(bench):
    bench.recorder.add("s", Reading(1, {"n": float("nan")}, position="1"))
    bench.recorder.add("s", Reading(2, {"n": 2.0, "m": float("inf"), "Not a metric": 1.0}, position="2"))
    await bench.recorder.flush()

    assert await bench.stored() == [2]
    assert await bench.storage.position("s") == "2"
    assert bench.health.unusable == 3


@given(count=st.integers(1, 600), text=st.integers(0, 256))
def test_any_number_of_readings_is_split_below_the_aim_in_order_and_into_few_messages(count, text):
    async def check():
        bench = await Bench(logging.LoggerAdapter(logging.getLogger("test"), {}), boot="b" * 16).open()
        bench.add(*range(count), text="x" * text)
        await bench.recorder.flush()
        sizes = [len(telemetry.encode(envelope)) for envelope in await bench.envelopes()]
        assert await bench.stored() == list(range(count))
        assert max(sizes) <= AIM_BYTES
        assert all(size > 0.85 * AIM_BYTES for size in sizes[:-1])

    asyncio.run(check())


async def test_a_reading_above_the_aim_goes_out_alone_and_one_above_any_message_in_parts(bench):
    bench.add(1)
    bench.recorder.add("s", Reading(2, {f"t{n}": "x" * 256 for n in range(50)}))
    bench.add(3)
    bench.recorder.add("s", Reading(4, {f"t{n}": "\x01" * 256 for n in range(100)}))
    await bench.recorder.flush()

    envelopes = await bench.envelopes()
    assert [len(envelope.m) for envelope in envelopes] == [1] * len(envelopes)
    found = {metric: m.ts for envelope in envelopes[3:] for m in envelope.m for metric in m.values}
    assert len(found) == 100
    assert len(set(found.values())) == 1


async def test_readings_of_before_and_after_a_synchronisation_never_share_a_message(log):
    clock = ManualClock()
    clock.reboot(wall_ms=0)
    bench = await Bench(log, clock).open()
    bench.add(1)
    clock.set_wall_ms(1_790_000_000_000)
    clock.set_synced(True)
    bench.keeper.observe()
    bench.add(2)
    await bench.recorder.flush()

    before, after = await bench.payloads()
    assert (before.stamp.final, after.stamp.final) == (False, True)


async def test_good_becomes_estimated_long_after_the_last_synchronisation_and_nothing_else_does(bench):
    bench.clock.set_synced(False)
    await bench.clock.advance(HOLD_MS / 1000 + 1)
    bench.keeper.observe()
    for at, quality in ((1, "good"), (2, "stale"), (3, "bad")):
        bench.recorder.add("s", Reading(at, {"n": 1.0}, quality=quality))
    await bench.recorder.flush()

    assert [m.q for m in await bench.measurements()] == ["estimated", "stale", "bad"]


async def test_times_of_each_sensor_grow_over_a_small_step_back_until_time_has_caught_up(bench):
    def read():
        for sensor in ("s", "t"):
            bench.recorder.add(sensor, Reading(bench.clock.boot_ms(), {"n": 1.0, sensor: 1.0}))

    start = bench.clock.wall_ms()
    for second in range(30):
        if second in {10, 12}:
            bench.clock.set_wall_ms(bench.clock.wall_ms() - 5_000)
            bench.keeper.observe()
        read()
        await bench.clock.advance(1)
        bench.keeper.observe()
    await bench.recorder.flush()

    for sensor in ("s", "t"):
        times = [m.ts - start for m in await bench.measurements() if sensor in m.values]
        assert times == sorted(set(times))
        assert times[9:13] == [9_000, 10_001, 10_002, 10_003]
        assert times[-1] == 19_000


@pytest.mark.parametrize("cleanly", [True, False])
async def test_times_grow_over_a_restart_of_the_agent_too(log, cleanly):
    clock = ManualClock()
    bench = await Bench(log, clock).open()

    async def read():
        await clock.advance(1)
        bench.recorder.add("s", Reading(clock.boot_ms(), {"n": 1.0}))
        await bench.recorder.flush()

    for _ in range(3):
        await read()
    clock.set_wall_ms(clock.wall_ms() - 60_000)
    bench.keeper.observe()
    for _ in range(3):
        await read()
    if cleanly:
        await bench.keeper.close()
    bench.boot = "b2"
    await bench.open(bench.storage.disk)
    for _ in range(3):
        await read()

    payloads = await bench.payloads()
    times = [at + payload.stamp.offset for payload in payloads for at, _, _ in payload.m]
    assert len(times) == 9
    assert times == sorted(set(times))


async def test_a_large_step_back_is_followed(bench):
    bench.recorder.add("s", Reading(bench.clock.boot_ms(), {"n": 1.0}))
    start = bench.clock.wall_ms()
    bench.clock.set_wall_ms(start - 16 * 60_000)
    bench.keeper.observe()
    await bench.clock.advance(1)
    bench.recorder.add("s", Reading(bench.clock.boot_ms(), {"n": 1.0}))
    await bench.recorder.flush()

    assert [m.ts - start for m in await bench.measurements()] == [0, 1_000 - 16 * 60_000]
