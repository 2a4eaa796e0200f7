"""What every transport promises: one suite for the one in memory and the one on real TLS sockets."""

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass
from types import SimpleNamespace

import pytest

from device_agent.errors import ConnectError, ConnectionLostError, ConnectRefusedError, PublishRefusedError
from device_agent.transport import Endpoint
from device_agent.transport.crt import CrtOptions, CrtTransport
from device_agent.transport.memory import MemoryBroker, MemoryTransport

NOT_AUTHORIZED = 0x87
TOPIC = "dt/pump-7/telemetry"


@dataclass
class MemoryWorld:
    broker: MemoryBroker
    transport: MemoryTransport
    endpoint = Endpoint("broker", 8883)

    def received(self):
        return self.broker.received

    def refuse_connections(self):
        self.broker.refuse_connect = "not authorized"

    def refuse_publishes(self):
        self.broker.refuse_publish = "not authorized"

    def accept_publishes(self):
        self.broker.refuse_publish = None

    def fall_silent(self):
        self.broker.acknowledge = False

    def drop_connections(self):
        self.broker.drop_connections()

    async def go_away(self):
        self.broker.reachable = False
        self.broker.drop_connections()


@dataclass
class TlsWorld:
    broker: SimpleNamespace
    transport: CrtTransport

    @property
    def endpoint(self):
        return self.broker.endpoint

    def received(self):
        return self.broker.received

    def refuse_connections(self):
        self.broker.connect_code = NOT_AUTHORIZED

    def refuse_publishes(self):
        self.broker.publish_code = NOT_AUTHORIZED

    def accept_publishes(self):
        self.broker.publish_code = 0

    def fall_silent(self):
        self.broker.acknowledge = False

    def drop_connections(self):
        self.broker.drop_connections()

    async def go_away(self):
        await self.broker.stop()


@pytest.fixture
def options(credentials):
    return CrtOptions("pump-7", credentials.ca, credentials.certificate, credentials.private_key)


@pytest.fixture(params=["memory", "crt"])
def world(request, tls_broker, options):
    @asynccontextmanager
    async def make():
        if request.param == "memory":
            broker = MemoryBroker()
            yield MemoryWorld(broker, MemoryTransport(broker, "pump-7"))
            return
        async with tls_broker() as broker:
            world = TlsWorld(broker, CrtTransport(options))
            try:
                yield world
            finally:
                await world.transport.disconnect()

    return make


async def test_a_published_message_has_arrived_when_publish_returns(world):
    async with world() as w:
        await w.transport.connect(w.endpoint)
        await w.transport.publish(TOPIC, b"\x00\xffbytes")

        [message] = w.received()
        assert (message.client_id, message.topic, message.payload) == ("pump-7", TOPIC, b"\x00\xffbytes")


async def test_publishes_under_way_together_arrive_in_the_order_of_the_calls(world):
    async with world() as w:
        await w.transport.connect(w.endpoint)
        await asyncio.gather(*(w.transport.publish(TOPIC, b"%d" % n) for n in range(20)))

        assert [message.payload for message in w.received()] == [b"%d" % n for n in range(20)]


async def test_a_large_message_arrives_whole(world):
    async with world() as w:
        await w.transport.connect(w.endpoint)
        await w.transport.publish(TOPIC, b"x" * 120_000)

        assert len(w.received()[0].payload) == 120_000


async def test_a_refused_publish_says_so_and_the_connection_stands(world):
    async with world() as w:
        await w.transport.connect(w.endpoint)
        w.refuse_publishes()
        with pytest.raises(PublishRefusedError, match=f"{TOPIC} refused: not authorized"):
            await w.transport.publish(TOPIC, b"one")

        w.accept_publishes()
        await w.transport.publish(TOPIC, b"two")
        assert [message.payload for message in w.received()] == [b"two"]


async def test_a_refused_connection_is_told_from_one_that_cannot_be_made(world):
    async with world() as w:
        w.refuse_connections()
        with pytest.raises(ConnectRefusedError, match="not authorized"):
            await w.transport.connect(w.endpoint)

        await w.go_away()
        with pytest.raises(ConnectError) as raised:
            await w.transport.connect(w.endpoint)
        assert not isinstance(raised.value, ConnectRefusedError)


async def test_a_publish_without_a_connection_is_lost_at_once(world):
    async with world() as w:
        with pytest.raises(ConnectionLostError):
            await w.transport.publish(TOPIC, b"one")
        await w.transport.connect(w.endpoint)
        await w.transport.disconnect()
        with pytest.raises(ConnectionLostError):
            await w.transport.publish(TOPIC, b"two")


async def test_a_connection_that_ends_wakes_who_waits_and_fails_what_is_under_way(world, eventually):
    async with world() as w:
        await w.transport.connect(w.endpoint)
        w.fall_silent()
        lost = asyncio.ensure_future(w.transport.lost())
        publish = asyncio.ensure_future(w.transport.publish(TOPIC, b"one"))
        await eventually(lambda: len(w.received()) == 1)

        w.drop_connections()

        assert await lost
        with pytest.raises(ConnectionLostError):
            await publish
        with pytest.raises(ConnectionLostError):
            await w.transport.publish(TOPIC, b"two")


async def test_a_transport_connects_again_after_a_loss(world):
    async with world() as w:
        await w.transport.connect(w.endpoint)
        w.drop_connections()
        await w.transport.lost()

        await w.transport.connect(w.endpoint)
        await w.transport.publish(TOPIC, b"again")

        assert [message.payload for message in w.received()] == [b"again"]


async def test_a_cancelled_publish_leaves_the_connection_usable(world, eventually):
    async with world() as w:
        await w.transport.connect(w.endpoint)
        w.fall_silent()
        publish = asyncio.ensure_future(w.transport.publish(TOPIC, b"one"))
        await eventually(lambda: len(w.received()) == 1)
        publish.cancel()
        with pytest.raises(asyncio.CancelledError):
            await publish

        assert not asyncio.ensure_future(w.transport.lost()).done()


async def test_disconnecting_is_an_end_too_and_may_be_repeated(world):
    async with world() as w:
        await w.transport.disconnect()
        await w.transport.connect(w.endpoint)
        lost = asyncio.ensure_future(w.transport.lost())
        await asyncio.sleep(0)
        await w.transport.disconnect()
        await w.transport.disconnect()

        assert await lost == "disconnected"
        assert await w.transport.lost()
