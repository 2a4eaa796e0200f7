"""In which order and at which rate messages leave."""

import pytest

from device_agent.clock import ManualClock
from device_agent.publishing.budget import CONNECTION_BYTES, message_bytes
from tests.device_agent.background import running
from tests.device_agent.publishing.publishing_bench import HOLD_MS, LOG, TELEMETRY, URGENT, Bench, LongestRandom


@pytest.fixture
def bench(log):
    return Bench(log)


async def test_a_young_backlog_leaves_in_order_and_the_queue_is_empty_after(bench):
    await bench.open()
    await bench.append(20)
    async with bench.connected():
        await bench.seconds_until(lambda: bench.health.sent == 20)
        assert bench.arrived() == list(range(20))
        assert await bench.waiting() == 0


async def test_alarms_come_first_and_logs_last(bench):
    await bench.open()
    await bench.append(4)
    await bench.append(1, LOG)
    await bench.append(1, URGENT)
    async with bench.connected():
        await bench.seconds_until(lambda: bench.health.sent == 6)
    assert bench.arrived() == ["alarm", 0, 1, 2, 3, "log"]


async def test_an_alarm_overtakes_a_backlog_that_is_being_drained(bench):
    await bench.open()
    await bench.append(300)
    async with bench.connected():
        await bench.work(1)
        sent = bench.health.sent
        await bench.append(1, URGENT)
        await bench.work(0.1)
        assert 30 < sent < 100
        assert "alarm" in bench.arrived()[sent : sent + 8]


async def test_behind_an_old_backlog_the_newest_leaves_first_then_fresh_ones_beside_it(bench):
    await bench.open()
    await bench.append(100)
    await bench.clock.advance(HOLD_MS / 1000 + 1)
    async with bench.connected():
        await bench.work(0.5)
        assert bench.arrived()[:4] == [99, 0, 1, 2]

        await bench.append()
        await bench.work(0.1)
        sent = bench.arrived()
        assert sent.index(100) < len(sent) < 40
        await bench.seconds_until(lambda: bench.health.sent == 101)

    backlog = [n for n in bench.arrived() if n < 99]
    assert backlog == list(range(99))
    assert sorted(bench.arrived()) == list(range(101))


async def test_what_another_start_of_the_machine_has_left_is_old(bench):
    await bench.open()
    await bench.append(5)
    bench.clock.reboot(synced=True)
    async with bench.connected():
        await bench.seconds_until(lambda: bench.health.sent == 5)
    assert bench.arrived() == [4, 0, 1, 2, 3]


@pytest.mark.parametrize("priority", [URGENT, TELEMETRY, LOG])
async def test_a_backlog_leaves_at_no_more_than_fifty_in_any_second_and_nearly_as_many(bench, priority):
    await bench.open()
    await bench.append(400, priority)
    times = []
    async with bench.connected():
        while bench.health.sent < 400:
            await bench.clock.advance(0.005)
            times += [bench.clock.monotonic()] * (len(bench.broker.received) - len(times))

    assert all(later - earlier > 1 - 0.005 for earlier, later in zip(times, times[50:], strict=False))
    assert 400 / (times[-1] - times[0]) > 40


async def test_a_storm_of_alarms_that_is_drained_does_not_keep_telemetry_for_long_after_it(bench):
    await bench.open()
    await bench.append(1)
    await bench.append(100, URGENT)
    async with bench.connected():
        await bench.seconds_until(lambda: bench.arrived().count("alarm") == 100)
        assert bench.arrived().count(0) == 0
        await bench.work(0.1)
        assert bench.arrived()[-1] == 0


async def test_what_gathered_behind_a_refusal_leaves_newest_first(log):
    bench = Bench(log, random=LongestRandom())
    async with bench.connected():
        bench.broker.refuse_publish = "not authorized"
        for _ in range(30):
            await bench.append()
            await bench.clock.advance(1)
        bench.broker.refuse_publish = None
        await bench.seconds_until(lambda: bench.health.sent == 30, step_s=1)

    first, *others = bench.arrived()
    assert first > 10
    assert [n for n in others if n < first] == list(range(first))


async def test_telemetry_of_an_unsynchronised_boot_waits_and_alarms_do_not(log):
    clock = ManualClock()
    clock.reboot(wall_ms=0)
    bench = Bench(log, clock)
    await bench.open()
    await bench.append(2)
    await bench.append(1, URGENT)
    async with bench.connected():
        await clock.advance(60)
        assert bench.arrived() == ["alarm"]
        assert not bench.publisher.is_drained

        clock.set_wall_ms(1_790_000_000_000)
        clock.set_synced(True)
        bench.keeper.observe()
        await clock.advance(1.1)
        assert bench.arrived() == ["alarm", 0, 1]
        assert b"estimated" not in bench.broker.received[1].payload


async def test_after_waiting_for_long_enough_it_leaves_as_estimated(log):
    clock = ManualClock()
    clock.reboot(wall_ms=0)
    bench = Bench(log, clock)
    await bench.open()
    await bench.append(2)
    async with bench.connected():
        await clock.advance(121)
        assert bench.arrived() == [0, 1]
        assert b"estimated" in bench.broker.received[0].payload


async def test_while_a_decision_about_time_cannot_be_stored_the_message_waits(log):
    clock = ManualClock()
    clock.reboot(wall_ms=0)
    bench = await Bench(log, clock).open()
    await bench.append(1, URGENT)
    bench.storage.broken = True
    async with running(bench.link.run(), bench.publisher.run(lambda: None)):
        await clock.advance(30)
        assert bench.arrived() == []
        bench.storage.broken = False
        await clock.advance(11)
        assert bench.arrived() == ["alarm"]


@pytest.mark.parametrize("for_messages", [1_500, 1_800, 2_100, 2_400])
async def test_when_the_budget_is_used_up_only_alarms_go_on_until_the_next_day(log, for_messages):
    """Wherever in a window of messages under way that is."""
    bench = Bench(log, bytes_per_day=CONNECTION_BYTES + for_messages)
    async with bench.connected():
        await bench.append(20)
        await bench.append(1, LOG)
        await bench.clock.advance(100)
        sent = bench.health.sent
        assert 0 < sent < 10
        assert bench.publisher.is_drained
        assert [kind for kind, _ in bench.events] == ["budget_used_up"]
        largest = max(message_bytes(message.topic, message.payload) for message in bench.broker.received)
        used = bench.budget.status()
        assert used.day_limit <= used.day_used < used.day_limit + largest

        await bench.append(1, URGENT)
        await bench.clock.advance(1)
        assert bench.arrived()[-1] == "alarm"
        await bench.clock.advance(86_400)
        assert bench.health.sent > sent + 1
