"""How readings are packed into messages, and the times and qualities that they have there."""

import asyncio
import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract import telemetry
from device_agent.clock import ManualClock
from device_agent.recording.envelopes import AIM_BYTES
from device_agent.sensors import Reading
from device_agent.time.timekeeper import HOLD_MS
from tests.device_agent.recording.recording_bench import Bench


@pytest.fixture
async def bench(log):
    return await Bench(log).open()


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
