"""Messages leave in an order that serves, at a bounded rate, and are forgotten only when acknowledged."""

from itertools import pairwise

import pytest

from device_agent.errors import PublishRefusedError, QueueError
from device_agent.transport.memory import MemoryTransport
from tests.device_agent.background import running
from tests.device_agent.publishing.publishing_bench import TELEMETRY, URGENT, Bench, LongestRandom


@pytest.fixture
def bench(log):
    return Bench(log)


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
