"""What the device has to say is stored in order, in few messages, and held within bounds while it cannot be."""

import asyncio
import gc
import itertools
from contextlib import suppress

import pytest

from contract.documents import CommandResponse, DeviceEvent
from device_agent.errors import QueueError
from device_agent.recording.held_readings import MOST_BYTES, MOST_READINGS
from device_agent.recording.recorder import FULL_BYTES, MOST_OTHERS, WARN_EVERY_S
from device_agent.sensors import Reading
from tests.device_agent.background import running
from tests.device_agent.recording.recording_bench import FLUSH_S, LOG, URGENT, Bench


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


async def test_a_failed_flush_leaves_nothing_to_the_garbage_collector(bench):
    bench.storage.broken = True
    bench.add(1)
    gc.collect()
    before = errors_in_memory()
    gc.disable()
    try:
        with suppress(QueueError):
            await bench.recorder.flush()
        await asyncio.sleep(0)
        assert errors_in_memory() == before
    finally:
        gc.enable()


def errors_in_memory():
    return sum(isinstance(it, QueueError) for it in gc.get_objects())


@pytest.mark.parametrize("refuses", [False, True])
async def test_a_sensor_goes_on_after_what_was_taken_of_it_stored_or_not(bench, refuses):
    assert await bench.recorder.position("s") is None
    bench.add(1)
    await bench.recorder.flush()
    assert await bench.recorder.position("s") == "1"

    bench.storage.broken = refuses
    bench.add(2, 3)
    bench.recorder.add("s", Reading(1004, {"n": 4.0}))
    bench.add(9, sensor="another")
    assert await bench.recorder.position("s") == "3"
    with suppress(QueueError):
        await bench.recorder.flush()
    assert await bench.recorder.position("s") == "3"


async def test_a_position_that_is_being_stored_counts(bench):
    bench.add(1)
    bench.storage.gate.clear()
    async with running(bench.recorder.flush()):
        asked = asyncio.ensure_future(bench.recorder.position("s"))
        await asyncio.sleep(0)
        bench.storage.gate.set()
        assert await asked == "1"


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


async def test_while_the_queue_refuses_the_log_says_so_at_once_and_then_every_minute(bench, caplog):
    def warnings():
        return caplog.text.count("wait in memory")

    async with running(bench.recorder.run(lambda: None)):
        bench.storage.broken = True
        bench.add(1)
        await bench.clock.advance(FLUSH_S + 1)
        assert warnings() == 1
        for _ in range(3):
            await bench.clock.advance(WARN_EVERY_S)
        assert warnings() == 4


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
