"""Messages leave oldest first and are forgotten only when acknowledged, whatever the broker does."""

import asyncio
from contextlib import asynccontextmanager
from random import Random

import pytest

from device_agent.health import Health
from device_agent.publisher import Publisher
from device_agent.queue import DurableQueue
from device_agent.queue_thread import QueueThread
from device_agent.transport import Endpoint
from device_agent.transport.memory import MemoryBroker, MemoryTransport

FIRST, SECOND = Endpoint("first", 8883), Endpoint("second", 8883)


class LongestRandom(Random):
    """Draws the longest delay every time."""

    def uniform(self, _a, b):
        return b


class Bench:
    def __init__(self, directory, clock, log, random):
        self.clock = clock
        self.broker = MemoryBroker()
        self.transport = MemoryTransport(self.broker, "pump-7")
        self.health = Health()
        self.queue = QueueThread(lambda: DurableQueue(directory / "q.db", max_bytes=10**8, clock=clock, log=log))
        self.publisher = Publisher(
            self.queue,
            self.transport,
            topic="dt/pump-7/telemetry",
            endpoints=(FIRST, SECOND),
            inflight=3,
            clock=clock,
            random=random,
            health=self.health,
            log=log,
        )

    def received(self):
        return [message.payload for message in self.broker.received]

    async def append(self, *numbers):
        await self.queue.append([b"%d" % n for n in numbers], {})

    async def waiting(self):
        return [message.payload for message in await self.queue.peek(0, 1000)]

    async def drained(self):
        async with asyncio.timeout(10):
            await self.publisher.drained()

    async def until(self, condition, step_s=0.0):
        """Let the publisher work, and time pass in steps, until a condition holds."""
        async with asyncio.timeout(10):
            while not condition():
                await self.clock.advance(step_s)
                await asyncio.sleep(0.001)


@pytest.fixture
def bench(tmp_path, clock, log):
    @asynccontextmanager
    async def run(random=None):
        bench = Bench(tmp_path, clock, log, random or Random(5))
        await bench.queue.open()
        running = asyncio.ensure_future(bench.publisher.run())
        try:
            yield bench
        finally:
            running.cancel()
            await asyncio.wait([running])
            await bench.queue.close()

    return run


async def test_a_backlog_leaves_in_order_and_the_queue_is_empty_after(bench):
    async with bench() as b:
        await b.append(*range(50))
        await b.drained()

        assert b.received() == [b"%d" % n for n in range(50)]
        assert await b.waiting() == []
        assert b.health.sent == 50


async def test_a_message_appended_while_idle_leaves_at_once(bench):
    async with bench() as b:
        await b.append(1)
        await b.drained()
        await b.append(2)
        await b.drained()

        assert b.received() == [b"1", b"2"]


async def test_no_more_than_the_window_is_under_way(bench):
    async with bench() as b:
        b.broker.acknowledge = False
        await b.append(*range(10))
        await b.until(lambda: len(b.received()) >= 3)
        await asyncio.sleep(0.01)

        assert b.received() == [b"0", b"1", b"2"]
        assert len(await b.waiting()) == 10


async def test_a_message_is_kept_until_it_is_acknowledged_and_sent_again_after_a_loss(bench):
    async with bench() as b:
        b.broker.acknowledge = False
        await b.append(1, 2)
        await b.until(lambda: len(b.received()) == 2)
        assert await b.waiting() == [b"1", b"2"]

        b.broker.acknowledge = True
        b.broker.drop_connections()
        await b.until(lambda: b.health.sent == 2, step_s=1)

        assert b.received() == [b"1", b"2", b"1", b"2"]
        await b.drained()
        assert await b.waiting() == []


async def test_the_endpoints_are_tried_in_turn_and_the_first_is_preferred(bench):
    async with bench() as b:
        await b.until(lambda: b.health.connected)
        assert b.broker.attempts == [FIRST]
        b.broker.reachable = False
        b.broker.drop_connections()
        await b.until(lambda: len(b.broker.attempts) >= 5, step_s=1)

        assert b.broker.attempts[:5] == [FIRST, FIRST, SECOND, FIRST, SECOND]
        assert not b.health.connected
        assert b.health.last_error == "second:8883 cannot be reached"


async def test_an_unreachable_broker_is_tried_less_and_less_often(bench, clock):
    async with bench() as b:
        await b.until(lambda: b.health.connected)
        b.broker.reachable = False
        b.broker.drop_connections()
        await b.until(lambda: len(b.broker.attempts) > 1, step_s=1)
        b.broker.attempts.clear()
        for _ in range(3600):
            await clock.advance(10)

        assert 10 * 3600 / 300 < len(b.broker.attempts) / 2 < 10 * 3600 / 60


async def test_a_connection_that_ends_at_once_again_and_again_is_not_spun_on(bench, clock):
    async with bench() as b:
        for _ in range(300):
            await clock.advance(1)
            await asyncio.sleep(0.002)  # the queue's thread needs real time
            b.broker.drop_connections()

        assert len(b.broker.attempts) < 30


async def test_after_a_stable_connection_the_first_retry_comes_soon(bench, clock):
    async with bench() as b:
        for _ in range(20):
            await b.until(lambda: b.health.connected, step_s=10)
            b.broker.drop_connections()
            await clock.advance(0)
        await b.until(lambda: b.health.connected, step_s=10)
        await clock.advance(61)
        b.broker.drop_connections()
        before = clock.monotonic()
        await clock.advance(0)
        await b.until(lambda: b.health.connected, step_s=0.1)

        assert clock.monotonic() - before <= 1.2


async def test_a_refused_connection_is_loud_and_retried(bench, caplog):
    async with bench() as b:
        b.broker.refuse_connect = "not authorized"
        b.broker.drop_connections()
        await b.until(lambda: any(record.levelname == "ERROR" for record in caplog.records), step_s=1)
        assert "refused the connection: not authorized" in caplog.text

        b.broker.refuse_connect = None
        await b.until(lambda: b.health.connected, step_s=1)


async def test_a_refused_message_is_kept_told_loudly_and_not_spun_on(bench, clock, caplog):
    async with bench() as b:
        await b.until(lambda: b.health.connected)
        b.broker.refuse_publish = "not authorized"
        await b.append(1)
        await b.until(lambda: b.health.refused == 1)
        assert await b.waiting() == [b"1"]
        assert [r for r in caplog.records if r.levelname == "ERROR" and "the message is kept" in r.getMessage()]

        for _ in range(360):
            await clock.advance(10)
            await asyncio.sleep(0)
        assert b.health.refused < 60
        assert await b.waiting() == [b"1"]

        b.broker.refuse_publish = None
        await b.until(lambda: b.health.sent == 1, step_s=30)
        await b.drained()
        assert await b.waiting() == []


async def test_a_pause_after_a_refusal_ends_with_the_connection(bench, clock):
    async with bench(LongestRandom()) as b:
        await b.until(lambda: b.health.connected)
        b.broker.refuse_publish = "not authorized"
        await b.append(1)
        await b.until(lambda: b.health.refused >= 10, step_s=30)
        b.broker.refuse_publish = None
        b.broker.drop_connections()
        before = clock.monotonic()
        await b.until(lambda: b.health.sent == 1, step_s=0.1)

        assert clock.monotonic() - before < 100


async def test_drained_is_not_true_for_what_was_appended_just_before(bench):
    async with bench() as b:
        await b.drained()
        await b.append(1)
        await b.drained()

        assert b.received() == [b"1"]
