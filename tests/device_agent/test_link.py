"""The link keeps a connection whatever endpoints, brokers and its own users do."""

import asyncio
import itertools
from contextlib import asynccontextmanager
from random import Random

import pytest

from device_agent.errors import ConnectionLostError, PublishRefusedError
from device_agent.health import Health
from device_agent.link import Link
from device_agent.transport import MAX_PAYLOAD, Endpoint, Incoming
from device_agent.transport.memory import MemoryBroker, MemoryTransport

FIRST, SECOND = Endpoint("first", 8883), Endpoint("second", 8883)
OPEN = Endpoint("first")
TOPIC = "dt/pump-7/telemetry"


class LongestRandom(Random):
    """Draws the longest delay every time."""

    def uniform(self, _a, b):
        return b


class Bench:
    def __init__(self, clock, log, random, endpoints):
        self.clock = clock
        self.broker = MemoryBroker()
        self.health = Health()
        self.beats = 0
        self.link = Link(
            MemoryTransport(self.broker, "pump-7"),
            endpoints,
            clock=clock,
            random=random,
            health=self.health,
            log=log,
        )

    def beat(self):
        self.beats += 1

    async def until(self, condition, step_s=0.0):
        """Let the link work, and time pass in steps, until a condition holds."""
        async with asyncio.timeout(10):
            while not condition():
                await self.clock.advance(step_s)
                await self.settled()

    async def settled(self):
        """Every task that has something to do at this moment has done it."""
        for _ in range(30):
            await asyncio.sleep(0)

    async def connected(self):
        await self.until(lambda: self.link.is_connected, 1.0)

    def attempts_at(self):
        return [str(endpoint) for endpoint in self.broker.attempts]


@pytest.fixture
def bench(clock, log):
    @asynccontextmanager
    async def run(*endpoints, random=None, before=None):
        bench = Bench(clock, log, random or LongestRandom(), endpoints or (FIRST, SECOND))
        if before is not None:
            before(bench)
        running = asyncio.ensure_future(bench.link.run(bench.beat))
        try:
            yield bench
        finally:
            running.cancel()
            await asyncio.wait([running])
            assert running.cancelled(), running.exception()
            assert bench.broker.sessions == {}, "it disconnects on its way out"

    return run


async def test_it_connects_at_once_to_the_first_endpoint_and_says_so(bench, clock):
    async with bench() as b:
        await b.until(lambda: b.link.is_connected)
        await b.link.connected()

        assert b.attempts_at() == ["first:8883"]
        assert (b.health.connected, b.health.endpoint) == (True, "first:8883")
        assert b.link.connected_at == clock.boot_ms()


async def test_endpoints_are_tried_in_turn(bench):
    async with bench(FIRST, SECOND, before=lambda b: setattr(b.broker, "reachable", False)) as b:
        await b.until(lambda: len(b.broker.attempts) == 6, 1.0)
        assert b.attempts_at() == ["first:8883", "second:8883"] * 3
        assert "cannot be reached" in b.health.last_error


async def test_where_8883_is_closed_443_is_tried_and_used_from_then_on(bench):
    async with bench(OPEN, SECOND, before=lambda b: b.broker.unreachable_ports.add(8883)) as b:
        await b.connected()
        b.broker.drop_connections()
        await b.until(lambda: not b.link.is_connected)
        await b.connected()

        assert b.attempts_at() == ["first:8883", "first:443", "first:443"]
        assert b.health.endpoint == "first:443"


async def test_when_443_no_longer_works_8883_is_tried_first_again(bench):
    async with bench(OPEN, before=lambda b: b.broker.unreachable_ports.add(8883)) as b:
        await b.connected()
        b.broker.unreachable_ports = {443}
        b.broker.drop_connections()
        await b.until(lambda: not b.link.is_connected)
        await b.connected()
        b.broker.unreachable_ports = set()
        b.broker.drop_connections()
        await b.until(lambda: not b.link.is_connected)
        await b.connected()

        assert b.attempts_at() == ["first:8883", "first:443", "first:443", "first:8883", "first:8883"]


async def test_an_endpoint_with_a_port_is_tried_at_that_port_alone(bench):
    async with bench(FIRST, before=lambda b: b.broker.unreachable_ports.add(8883)) as b:
        await b.until(lambda: len(b.broker.attempts) == 3, 1.0)
        assert b.attempts_at() == ["first:8883"] * 3


async def test_who_refuses_is_not_asked_again_at_another_port_and_an_error_is_logged(bench, caplog):
    async with bench(OPEN, SECOND, before=lambda b: setattr(b.broker, "refuse_connect", "not authorized")) as b:
        await b.until(lambda: len(b.broker.attempts) == 2)

        assert b.attempts_at() == ["first:8883", "second:8883"]
        assert {record.levelname for record in caplog.records} == {"ERROR"}
        assert b.health.last_error == "second:8883 refused the connection: not authorized"


async def test_the_pauses_double_to_five_minutes(bench, clock):
    async with bench(FIRST, before=lambda b: setattr(b.broker, "reachable", False)) as b:
        at = []
        while len(at) < 11:
            await b.until(lambda: len(b.broker.attempts) == len(at) + 1, 0.5)
            at.append(clock.monotonic())

        pauses = [later - earlier for earlier, later in itertools.pairwise(at)]
        assert pauses == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300]


async def test_the_pauses_are_drawn_from_all_of_their_range(bench, clock):
    """Full jitter: half of a fleet comes back in the first half of the time."""
    early = 0
    for seed in range(40):
        async with bench(FIRST, random=Random(seed), before=lambda b: setattr(b.broker, "reachable", False)) as b:
            await b.until(lambda: len(b.broker.attempts) == 1)
            started = clock.monotonic()
            await b.until(lambda: len(b.broker.attempts) == 2, 0.01)
            early += clock.monotonic() - started < 0.5
    assert 8 < early < 32


@pytest.mark.parametrize(("lasted_s", "pause_s"), [(59, 16), (61, 1)])
async def test_only_a_connection_that_lasted_a_minute_resets_the_backoff(bench, clock, lasted_s, pause_s):
    async with bench(FIRST, before=lambda b: setattr(b.broker, "reachable", False)) as b:
        await b.until(lambda: len(b.broker.attempts) == 4, 0.5)
        b.broker.reachable = True
        await b.connected()
        await clock.advance(lasted_s)
        await b.settled()
        b.broker.drop_connections()
        await b.until(lambda: not b.link.is_connected)
        lost_at = clock.monotonic()
        await b.until(lambda: len(b.broker.attempts) == 6, 0.25)

        assert clock.monotonic() - lost_at == pytest.approx(pause_s, abs=0.3)


async def test_subscriptions_stand_before_connected_returns_each_time(bench):
    seen = []
    async with bench(FIRST) as b:
        b.link.subscribe("cmd/pump-7/+/req", seen.append)
        b.broker.drop_connections()
        for n in range(3):
            b.broker.forget_sessions()
            await b.until(lambda: not b.link.is_connected)
            await b.connected()
            assert b.broker.kept["pump-7"].filters == {"cmd/pump-7/+/req"}
            b.broker.deliver("cmd/pump-7/1/req", b"%d" % n)
            await b.until(lambda: b"%d" % n in [message.payload for message in seen])  # noqa: B023 - called at once

    assert seen == [Incoming("cmd/pump-7/1/req", b"%d" % n) for n in range(3)]


async def test_many_subscriptions_are_asked_for_eight_at_a_time(bench):
    asked = []

    def watch(b):
        for n in range(20):
            b.link.subscribe(f"a/{n}", lambda _: None)
        b.link.subscribe("a/0", lambda _: None)
        subscribe = b.link._transport.subscribe

        async def note(filters):
            asked.append(len(filters))
            await subscribe(filters)

        b.link._transport.subscribe = note

    async with bench(FIRST, before=watch) as b:
        await b.connected()
        assert asked == [8, 8, 4]
        assert len(b.broker.kept["pump-7"].filters) == 20


async def test_a_message_goes_to_every_handler_that_asked_for_it_and_to_no_other(bench):
    seen = []

    def subscribe(b):
        b.link.subscribe("cmd/pump-7/+/req", lambda message: seen.append(("commands", message.topic)))
        b.link.subscribe("cmd/#", lambda message: seen.append(("all", message.topic)))
        b.link.subscribe("$aws/things/pump-7/shadow/#", lambda message: seen.append(("shadow", message.topic)))

    async with bench(FIRST, before=subscribe) as b:
        await b.connected()
        b.broker.deliver("cmd/pump-7/1/req", b"")
        b.broker.deliver("$aws/things/pump-7/shadow/name/state/update/delta", b"")
        await b.until(lambda: len(seen) == 3)

    assert seen == [
        ("commands", "cmd/pump-7/1/req"),
        ("all", "cmd/pump-7/1/req"),
        ("shadow", "$aws/things/pump-7/shadow/name/state/update/delta"),
    ]


async def test_a_handler_that_fails_is_logged_and_the_next_message_is_handled(bench, caplog):
    seen = []

    def fail_once(message):
        seen.append(message.payload)
        if message.payload == b"bad":
            raise KeyError("missing")

    async with bench(FIRST, before=lambda b: b.link.subscribe("cmd/#", fail_once)) as b:
        await b.connected()
        for payload in (b"bad", b"good"):
            b.broker.deliver("cmd/pump-7/1/req", payload)
        await b.until(lambda: len(seen) == 2)

        assert b.link.is_connected
        assert "cmd/pump-7/1/req" in b.health.last_error
    assert any("KeyError" in (record.exc_text or "") for record in caplog.records)


async def test_what_is_larger_than_any_message_of_ours_is_not_handled(bench):
    seen = []
    async with bench(FIRST, before=lambda b: b.link.subscribe("cmd/#", seen.append)) as b:
        await b.connected()
        b.link._dispatch(Incoming("cmd/pump-7/1/req", b"x" * (MAX_PAYLOAD + 1)))
        assert seen == []
        assert "too large" in b.health.last_error


async def test_messages_that_are_turned_away_stay_with_the_broker_and_publishing_goes_on(bench):
    heard = []
    async with bench(FIRST, before=lambda b: b.link.subscribe("cmd/#", heard.append)) as b:
        await b.connected()
        b.link.turn_away()
        b.broker.deliver("cmd/pump-7/1/req", b"one")
        await b.link.publish(TOPIC, b"x")
        assert heard == []
    assert [message.payload for message in b.broker.kept["pump-7"].waiting] == [b"one"]


async def test_a_refused_subscription_is_logged_and_asked_for_again_and_publishing_goes_on(bench, caplog):
    seen = []

    def refuse(b):
        b.link.subscribe("cmd/pump-7/+/req", seen.append)
        b.link.subscribe("cmd/pump-7/other", seen.append)
        b.broker.refuse_subscribe = {"cmd/pump-7/+/req": "not authorized"}

    async with bench(FIRST, before=refuse) as b:
        await b.connected()
        await b.link.publish(TOPIC, b"one")
        assert "cmd/pump-7/+/req (not authorized)" in b.health.last_error
        assert "ERROR" in {record.levelname for record in caplog.records}
        assert b.broker.kept["pump-7"].filters == {"cmd/pump-7/other"}

        b.broker.refuse_subscribe = {}
        b.broker.drop_connections()
        await b.until(lambda: not b.link.is_connected)
        await b.connected()
        assert b.broker.kept["pump-7"].filters == {"cmd/pump-7/+/req", "cmd/pump-7/other"}


async def test_hooks_are_called_once_the_subscriptions_stand_at_every_connection(bench):
    stood = []

    def hook_up(b):
        async def hook():
            stood.append((b.link.is_connected, set(b.broker.kept["pump-7"].filters)))
            await b.link.publish(TOPIC, b"hello")

        b.link.subscribe("cmd/#", lambda _: None)
        b.link.on_connect(hook)

    async with bench(FIRST, before=hook_up) as b:
        await b.until(lambda: len(b.broker.received) == 1)
        b.broker.drop_connections()
        await b.until(lambda: len(b.broker.received) == 2, 1.0)

    assert stood == [(True, {"cmd/#"})] * 2


async def test_a_hook_that_fails_or_hangs_keeps_no_other_from_its_turn(bench, caplog):
    called = asyncio.Event()

    def hook_up(b):
        async def fail():
            raise KeyError("missing")

        async def hang():
            await asyncio.Event().wait()

        async def work():
            called.set()

        for hook in (hang, fail, work):
            b.link.on_connect(hook)

    async with bench(FIRST, before=hook_up) as b:
        await b.until(called.is_set)
        await b.link.publish(TOPIC, b"one")
        assert b.link.is_connected
        assert "missing" in b.health.last_error

        b.broker.drop_connections()  # the one that hangs is cancelled
        called.clear()
        await b.until(called.is_set, 1.0)


async def test_a_hook_may_find_the_connection_wanting(bench):
    calls = []

    def hook_up(b):
        async def hook():
            calls.append(b.clock.monotonic())
            if len(calls) == 1:
                raise ConnectionLostError("nobody answered")

        b.link.on_connect(hook)

    async with bench(FIRST, before=hook_up) as b:
        await b.until(lambda: len(calls) == 2, 1.0)
        assert len(b.broker.attempts) == 2
        assert b.health.last_error == "connection lost: nobody answered"


async def test_who_waits_learns_of_the_end_and_no_one_finds_a_dead_connection(bench, clock):
    async with bench(FIRST) as b:
        with pytest.raises(ConnectionLostError):
            await b.link.publish(TOPIC, b"too soon")
        await b.connected()
        lost = asyncio.ensure_future(b.link.lost())
        await clock.advance(5)
        b.broker.drop_connections()
        with pytest.raises(ConnectionLostError):
            await b.link.publish(TOPIC, b"one")

        assert not b.link.is_connected, "at once, before the link itself has had its turn"
        assert not b.health.connected
        assert "dropped" in await lost or "not connected" in await lost
        assert await b.link.lost()


async def test_a_refused_publish_leaves_the_connection(bench):
    async with bench(FIRST) as b:
        await b.connected()
        b.broker.refuse_publish = "not authorized"
        with pytest.raises(PublishRefusedError, match="not authorized"):
            await b.link.publish(TOPIC, b"one")
        assert b.link.is_connected


async def test_what_no_broker_takes_is_refused_here(bench):
    async with bench(FIRST) as b:
        await b.connected()
        with pytest.raises(PublishRefusedError, match="131073 bytes"):
            await b.link.publish(TOPIC, b"x" * (MAX_PAYLOAD + 1))
        assert b.broker.received == []


async def test_at_rest_it_stays_away_until_woken_and_comes_back_at_once(bench, clock):
    async with bench(FIRST) as b:
        await b.connected()
        b.link.rest()
        await b.until(lambda: not b.link.is_connected)
        await clock.advance(3600)
        assert b.broker.sessions == {}
        assert len(b.broker.attempts) == 1

        b.link.wake()
        await b.until(lambda: b.link.is_connected)
        assert len(b.broker.attempts) == 2


@pytest.mark.parametrize("after_s", [0, 0.5])
async def test_rest_ends_attempts_and_pauses_too(bench, clock, after_s):
    async with bench(FIRST, before=lambda b: setattr(b.broker, "reachable", False)) as b:
        await b.until(lambda: len(b.broker.attempts) == 1)
        await clock.advance(after_s)
        b.link.rest()
        await clock.advance(3600)
        assert len(b.broker.attempts) == 1

        b.broker.reachable = True
        b.link.wake()
        await b.until(lambda: b.link.is_connected)


async def test_waking_the_wakeful_and_resting_twice_change_nothing(bench):
    async with bench(FIRST) as b:
        b.link.wake()
        await b.connected()
        b.link.wake()
        await b.link.publish(TOPIC, b"one")
        b.link.rest()
        b.link.rest()
        await b.until(lambda: not b.link.is_connected)
        b.link.wake()
        await b.connected()
        assert len(b.broker.attempts) == 2


async def test_it_beats_while_it_waits_for_whatever(bench, clock):
    async with bench(FIRST, before=lambda b: setattr(b.broker, "reachable", False)) as b:

        async def beats_in(seconds):
            before = b.beats
            await clock.advance(seconds)
            return b.beats - before

        while len(b.broker.attempts) < 10:
            assert await beats_in(11) >= 1, "in a pause"
        b.broker.reachable = True
        await b.connected()
        assert await beats_in(100) >= 9, "connected"
        b.link.rest()
        assert await beats_in(100) >= 9, "at rest"
