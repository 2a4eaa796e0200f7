"""Messages leave in an order that serves, at a bounded rate, and are forgotten only when acknowledged."""

from contextlib import asynccontextmanager
from itertools import pairwise
from random import Random

import pytest

from contract import telemetry
from device_agent import wire
from device_agent.budget import Budget, BudgetSettings
from device_agent.clock import ManualClock
from device_agent.errors import PublishRefusedError, QueueError
from device_agent.health import Health
from device_agent.link import Link
from device_agent.machine_boots import Stamp
from device_agent.publisher import Publisher
from device_agent.queue import Priority
from device_agent.timekeeping import ClockSettings, Timekeeper
from device_agent.transport import Endpoint
from device_agent.transport.memory import MemoryBroker, MemoryTransport
from tests.device_agent.background import running
from tests.device_agent.memory_storage import MemoryStorage

URGENT, TELEMETRY, LOG = Priority
HOLD_MS = 10_000


class LongestRandom(Random):
    """Draws the longest delay every time."""

    def uniform(self, _a, b):
        return b


class Bench:
    def __init__(self, log, clock=None, random=None, settings=None, bytes_per_day=None):
        self.clock = clock or ManualClock()
        self.log = log
        self.random = random or Random(5)
        self.settings = settings or ClockSettings()
        self.bytes_per_day = bytes_per_day
        self.broker = MemoryBroker()
        self.storage = MemoryStorage()
        self.health = Health()
        self.next_seq = 0
        self.events = []

    async def open(self):
        """Also after a crash."""
        self.storage = MemoryStorage(self.storage.disk)
        await self.storage.open()
        self.make_parts()
        await self.keeper.open()
        return self

    def make_parts(self):
        self.keeper = Timekeeper(self.settings, clock=self.clock, storage=self.storage, log=self.log)
        budget = None
        if self.bytes_per_day is not None:
            budget = Budget(
                BudgetSettings(bytes_per_day=self.bytes_per_day),
                timekeeper=self.keeper,
                storage=self.storage,
                clock=self.clock,
                log=self.log,
                event=lambda kind, data: self.events.append((kind, data)),
            )
        parts = {"clock": self.clock, "random": self.random, "health": self.health, "log": self.log}
        self.link = Link(MemoryTransport(self.broker, "pump-7"), [Endpoint("broker", 8883)], **parts)
        self.publisher = Publisher(
            self.storage,
            self.link,
            self.keeper,
            wire.Addresses("pump-7"),
            inflight=3,
            reorder_hold_ms=HOLD_MS,
            budget=budget,
            **parts,
        )

    @asynccontextmanager
    async def connected(self):
        await self.open()
        async with running(self.link.run(), self.publisher.run(lambda: None)):
            await self.clock.advance(0)
            yield self

    async def append(self, count=1, priority=TELEMETRY, boot="b1"):
        """Messages of now; telemetry is numbered from 0."""
        offset = self.keeper.offset()
        stamp = Stamp(self.clock.machine_boot(), offset.ms, offset.final)
        now = self.clock.boot_ms()
        messages = []
        for _ in range(count):
            if priority == TELEMETRY:
                payload = wire.Batch(stamp, boot, self.next_seq, now, [(now, {"n": 1.0}, "good")])
                self.next_seq += 1
            else:
                payload = wire.event(stamp, now, boot=boot, kind=f"e{priority}", data={})
            messages.append((priority, wire.write(payload)))
        await self.storage.append(messages)

    def arrived(self):
        """What the broker took: the number of telemetry, the kind of events."""
        names = []
        for message in self.broker.received:
            if message.topic.endswith("/telemetry"):
                names.append(telemetry.decode(message.payload).seq)
            else:
                names.append("alarm" if b'"e0"' in message.payload else "log")
        return names

    async def waiting(self):
        return (await self.storage.stats()).messages

    async def work(self, seconds):
        """Let time pass in steps so small that everybody gets to do everything in each."""
        for _ in range(round(seconds * 100)):
            await self.clock.advance(0.01)

    async def seconds_until(self, condition, *, step_s=0.01, most_s=2000):
        start = self.clock.monotonic()
        while not condition():
            assert self.clock.monotonic() - start < most_s
            await self.clock.advance(step_s)
        return self.clock.monotonic() - start


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


async def test_a_message_appended_while_idle_leaves_at_once(bench):
    async with bench.connected():
        for n in range(3):
            await bench.append()
            await bench.clock.advance(0)
            assert bench.arrived() == list(range(n + 1))
            await bench.clock.advance(1)


async def test_no_more_than_the_window_is_under_way(bench):
    async with bench.connected():
        bench.broker.acknowledge = False
        await bench.append(10)
        await bench.clock.advance(5)

        assert bench.arrived() == [0, 1, 2]
        assert await bench.waiting() == 10


async def test_a_message_is_kept_until_it_is_acknowledged_and_sent_again_the_same_after_a_loss(bench):
    async with bench.connected():
        bench.broker.acknowledge = False
        await bench.append(2)
        await bench.clock.advance(0)
        assert await bench.waiting() == 2

        bench.broker.acknowledge = True
        bench.broker.drop_connections()
        await bench.seconds_until(lambda: bench.health.sent == 2)
        first, again = bench.broker.received[:2], bench.broker.received[2:]
        assert first == again
        assert await bench.waiting() == 0


async def test_after_a_crash_what_was_not_acknowledged_is_sent_again_with_the_same_bytes(bench):
    async with bench.connected():
        bench.broker.acknowledge = False
        await bench.append(2)
        await bench.clock.advance(0)
    bench.broker.acknowledge = True
    before = list(bench.broker.received)
    async with bench.connected():
        await bench.seconds_until(lambda: bench.health.sent == 2)
    assert bench.broker.received[2:] == before


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


async def test_a_backlog_leaves_at_no_more_than_fifty_in_any_second_and_nearly_as_many(bench):
    await bench.open()
    await bench.append(400)
    times = []
    async with bench.connected():
        while bench.health.sent < 400:
            await bench.clock.advance(0.005)
            times += [bench.clock.monotonic()] * (len(bench.broker.received) - len(times))

    assert all(later - earlier > 1 - 0.005 for earlier, later in zip(times, times[50:], strict=False))
    assert 400 / (times[-1] - times[0]) > 40


async def test_a_refused_message_is_kept_told_loudly_and_not_spun_on(bench, caplog):
    async with bench.connected():
        bench.broker.refuse_publish = "not authorized"
        await bench.append()
        for _ in range(360):
            await bench.clock.advance(10)
        assert 5 < bench.health.refused < 60
        assert await bench.waiting() == 1
        assert [r for r in caplog.records if r.levelname == "ERROR" and "the message is kept" in r.getMessage()]

        bench.broker.refuse_publish = None
        await bench.seconds_until(lambda: bench.health.sent == 1, step_s=1)
        assert await bench.waiting() == 0


async def test_a_pause_after_a_refusal_ends_with_the_connection(log):
    bench = Bench(log, random=LongestRandom())
    async with bench.connected():
        bench.broker.refuse_publish = "not authorized"
        await bench.append()
        await bench.seconds_until(lambda: bench.health.refused >= 10, step_s=1)
        bench.broker.refuse_publish = None
        bench.broker.drop_connections()
        assert await bench.seconds_until(lambda: bench.health.sent == 1, step_s=0.1) < 100


async def test_a_refused_alarm_does_not_hold_up_telemetry(bench):
    class Broker(MemoryTransport):
        async def publish(self, topic, payload):
            if topic.endswith("/event"):
                raise PublishRefusedError(topic, "not authorized")
            await super().publish(topic, payload)

    await bench.open()
    bench.link._transport = Broker(bench.broker, "pump-7")
    await bench.append(3, URGENT)
    await bench.append(3)
    async with running(bench.link.run(), bench.publisher.run(lambda: None)):
        await bench.work(5)
        assert bench.arrived() == [0, 1, 2]
        assert bench.health.refused >= 3
        assert await bench.waiting() == 3


async def test_a_refused_alarm_is_sent_again_over_the_same_connection(bench):
    async with bench.connected():
        bench.broker.refuse_publish = "not authorized"
        await bench.append(1, URGENT)
        await bench.work(0.1)
        bench.broker.refuse_publish = None
        await bench.seconds_until(lambda: bench.health.sent == 1)
        assert bench.arrived() == ["alarm"]
        assert len(bench.broker.attempts) == 1


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


async def test_a_message_that_cannot_be_read_is_given_up_counted_and_told(bench, caplog):
    await bench.open()
    await bench.append()
    await bench.storage.append([(TELEMETRY, b"of a later version"), (URGENT, b"")])
    await bench.append()
    async with bench.connected():
        await bench.seconds_until(lambda: bench.health.sent == 2)
        assert bench.arrived() == [0, 1]
        assert bench.health.unreadable == 2
        assert await bench.waiting() == 0
    assert "a message is given up" in caplog.text


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


async def test_when_the_budget_is_used_up_only_alarms_go_on_until_the_next_day(log):
    bench = Bench(log, bytes_per_day=2_000)
    async with bench.connected():
        await bench.append(20)
        await bench.append(1, LOG)
        await bench.clock.advance(100)
        sent = bench.health.sent
        assert 0 < sent < 10
        assert bench.publisher.is_drained
        assert [kind for kind, _ in bench.events] == ["budget_used_up"]

        await bench.append(1, URGENT)
        await bench.clock.advance(1)
        assert bench.arrived()[-1] == "alarm"
        await bench.clock.advance(86_400)
        assert bench.health.sent > sent + 1


async def test_drained_waits_for_what_was_appended_just_before(bench):
    async with bench.connected():
        await bench.publisher.drained()
        await bench.append()
        assert not bench.publisher.is_drained
        await bench.publisher.drained()
        assert bench.arrived() == [0]


async def test_a_disk_that_cannot_forget_makes_nothing_be_sent_twice(bench, monkeypatch):
    async with bench.connected():
        acknowledge = bench.storage.acknowledge

        async def refuse(_ids):
            raise QueueError("the disk is gone")

        monkeypatch.setattr(bench.storage, "acknowledge", refuse)
        await bench.append(3)
        await bench.work(1)
        bench.broker.drop_connections()
        await bench.seconds_until(lambda: len(bench.broker.attempts) == 2)
        await bench.work(1)
        assert bench.arrived() == [0, 1, 2]
        monkeypatch.setattr(bench.storage, "acknowledge", acknowledge)
        await bench.append()
        await bench.clock.advance(1)
        assert bench.arrived() == [0, 1, 2, 3]
        assert await bench.waiting() == 0


async def test_the_publisher_beats_at_least_every_ten_seconds_connected_or_not(bench):
    beats = []
    await bench.open()
    async with running(bench.link.run(), bench.publisher.run(lambda: beats.append(bench.clock.monotonic()))):
        bench.broker.acknowledge = False
        await bench.append(5)
        await bench.clock.advance(60)
        bench.broker.reachable = False
        bench.broker.drop_connections()
        await bench.clock.advance(60)
    assert max(later - earlier for earlier, later in pairwise(beats)) <= 10
    assert beats[-1] >= 110
