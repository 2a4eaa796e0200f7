"""What every transport promises: one suite, in memory, on real TLS sockets, and with a real broker."""

import asyncio

import pytest

from device_agent.errors import (
    ConnectError,
    ConnectionLostError,
    ConnectRefusedError,
    NotTakenError,
    PublishRefusedError,
    SubscribeRefusedError,
)
from device_agent.transport import MAX_PAYLOAD, Incoming

TOPIC = "dt/pump-7/telemetry"
COMMANDS = "cmd/pump-7/+/req"


async def test_a_published_message_has_arrived_when_publish_returns(world, eventually):
    async with world() as w:
        await w.transport.connect(w.endpoint)
        await w.transport.publish(TOPIC, b"\x00\xffbytes")
        await eventually(w.received)  # the broker has it; it has yet to tell the app

        [message] = w.received()
        assert (message.client_id, message.topic, message.payload) == ("pump-7", TOPIC, b"\x00\xffbytes")


async def test_publishes_under_way_together_arrive_in_the_order_of_the_calls(world, eventually):
    async with world() as w:
        await w.transport.connect(w.endpoint)
        await asyncio.gather(*(w.transport.publish(TOPIC, b"%d" % n) for n in range(50)))
        await eventually(lambda: len(w.received()) == 50)

        assert w.payloads() == [b"%d" % n for n in range(50)]


async def test_a_large_message_arrives_whole(world, eventually):
    async with world() as w:
        await w.transport.connect(w.endpoint)
        await w.transport.publish(TOPIC, b"x" * MAX_PAYLOAD)
        await eventually(w.received)

        assert len(w.received()[0].payload) == MAX_PAYLOAD


async def test_a_refused_publish_says_so_and_the_connection_stands(world, eventually):
    async with world() as w:
        await w.transport.connect(w.endpoint)
        w.forbid()
        with pytest.raises(PublishRefusedError, match=f"{w.forbidden_topic} refused: not authorized"):
            await w.transport.publish(w.forbidden_topic, b"one")

        w.allow()
        await w.transport.publish(TOPIC, b"two")
        await eventually(w.received)
        assert w.payloads() == [b"two"]


async def test_a_refused_connection_is_told_from_one_that_cannot_be_made(misbehaving_world):
    async with misbehaving_world() as w:
        w.refuse_connections()
        with pytest.raises(ConnectRefusedError, match="not authorized"):
            await w.transport.connect(w.endpoint)

        await w.go_away()
        with pytest.raises(ConnectError) as raised:
            await w.transport.connect(w.endpoint)
        assert not isinstance(raised.value, ConnectRefusedError)


async def test_nothing_can_be_sent_without_a_connection(world):
    async with world() as w:
        with pytest.raises(ConnectionLostError):
            await w.transport.publish(TOPIC, b"one")
        await w.transport.connect(w.endpoint)
        await w.transport.disconnect()
        with pytest.raises(ConnectionLostError):
            await w.transport.publish(TOPIC, b"two")
        with pytest.raises(ConnectionLostError):
            await w.transport.subscribe([COMMANDS])


async def test_a_connection_that_ends_wakes_who_waits_and_fails_what_is_under_way(misbehaving_world, eventually):
    async with misbehaving_world() as w:
        await w.transport.connect(w.endpoint)
        w.fall_silent()
        lost = asyncio.ensure_future(w.transport.lost())
        publish = asyncio.ensure_future(w.transport.publish(TOPIC, b"one"))
        subscribe = asyncio.ensure_future(w.transport.subscribe([COMMANDS]))
        await eventually(lambda: len(w.received()) == 1)

        await w.drop_connections()

        assert await lost
        for under_way in (publish, subscribe):
            with pytest.raises(ConnectionLostError):
                await under_way
        with pytest.raises(ConnectionLostError):
            await w.transport.publish(TOPIC, b"two")


async def test_a_transport_connects_again_after_a_loss(world, eventually):
    async with world() as w:
        await w.transport.connect(w.endpoint)
        await w.drop_connections()
        await w.transport.lost()

        await w.transport.connect(w.endpoint)
        await w.transport.publish(TOPIC, b"again")
        await eventually(w.received)

        assert w.payloads() == [b"again"]


async def test_a_cancelled_publish_leaves_the_connection_usable(misbehaving_world, eventually):
    async with misbehaving_world() as w:
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


async def test_messages_arrive_in_the_order_in_which_they_were_sent(world, eventually):
    async with world() as w:
        await w.transport.connect(w.endpoint)
        await w.transport.subscribe([COMMANDS])
        sent = [Incoming(f"cmd/pump-7/{n}/req", b"%d\x00\xff" % n) for n in range(100)]
        for message in sent:
            await w.deliver(message.topic, message.payload)
        await eventually(lambda: len(w.delivered) >= len(sent))

        assert w.delivered == sent


async def test_messages_arrive_while_others_leave(world, eventually):
    async with world() as w:
        await w.transport.connect(w.endpoint)
        await w.transport.subscribe([COMMANDS])
        leaving = asyncio.gather(*(w.transport.publish(TOPIC, b"%d" % n) for n in range(50)))
        for n in range(50):
            await w.deliver("cmd/pump-7/1/req", b"%d" % n)
        await leaving
        await eventually(lambda: len(w.delivered) >= 50 and len(w.received()) >= 50)

        assert [message.payload for message in w.delivered] == w.payloads() == [b"%d" % n for n in range(50)]


async def test_the_largest_message_and_the_empty_one_arrive(world, eventually):
    async with world() as w:
        await w.transport.connect(w.endpoint)
        await w.transport.subscribe([COMMANDS])
        await w.deliver("cmd/pump-7/1/req", b"x" * MAX_PAYLOAD)
        await w.deliver("cmd/pump-7/2/req", b"")
        await eventually(lambda: len(w.delivered) == 2)

        assert [len(message.payload) for message in w.delivered] == [MAX_PAYLOAD, 0]


async def test_a_refused_subscription_is_named_and_the_others_stand(world, eventually):
    async with world() as w:
        w.forbid()
        await w.transport.connect(w.endpoint)
        with pytest.raises(SubscribeRefusedError, match="not authorized") as raised:
            await w.transport.subscribe([COMMANDS, w.forbidden_filter])
        assert list(raised.value.reasons) == [w.forbidden_filter]

        await w.deliver("cmd/pump-7/1/req", b"granted")
        await eventually(lambda: w.delivered)
        assert w.delivered == [Incoming("cmd/pump-7/1/req", b"granted")]


async def test_nothing_to_subscribe_to_is_granted(world):
    async with world() as w:
        await w.transport.connect(w.endpoint)
        await w.transport.subscribe([])


async def test_what_the_broker_kept_while_we_were_away_is_delivered_once_and_in_order(keeping_world, eventually):
    async with keeping_world() as w:
        await w.transport.connect(w.endpoint)
        await w.transport.subscribe([COMMANDS])
        await w.deliver("cmd/pump-7/0/req", b"0")
        await eventually(lambda: w.delivered)
        await w.transport.publish(TOPIC, b"sent after the acknowledgement, so that it has arrived too")
        await w.transport.disconnect()
        for n in range(1, 41):  # more than the broker may send unacknowledged
            await w.deliver(f"cmd/pump-7/{n}/req", b"%d" % n)

        await w.transport.connect(w.endpoint)
        await w.transport.subscribe([COMMANDS])
        await w.deliver("cmd/pump-7/41/req", b"41")
        await eventually(lambda: len(w.delivered) >= 42)

        assert [message.payload for message in w.delivered] == [b"%d" % n for n in range(42)]


async def test_what_is_not_taken_stays_with_the_broker_until_the_next_connection(keeping_world, eventually):
    async with keeping_world() as w:
        seen = []

        def turn_away(message):
            seen.append(message.payload)
            raise NotTakenError(message.topic)

        take, w.transport.on_message = w.transport.on_message, turn_away
        await w.transport.connect(w.endpoint)
        await w.transport.subscribe([COMMANDS])
        await w.deliver("cmd/pump-7/1/req", b"one")
        await w.deliver("cmd/pump-7/2/req", b"two")
        await eventually(lambda: seen)
        await w.transport.publish(TOPIC, b"the connection stands")
        await w.transport.disconnect()

        w.transport.on_message = take
        await w.transport.connect(w.endpoint)
        await eventually(lambda: len(w.delivered) == 2)
        assert [message.payload for message in w.delivered] == [b"one", b"two"]


async def test_a_broker_that_was_down_keeps_what_it_had(keeping_world, eventually):
    async with keeping_world() as w:
        await w.transport.connect(w.endpoint)
        await w.transport.subscribe([COMMANDS])
        await w.transport.disconnect()
        await w.deliver("cmd/pump-7/1/req", b"kept")
        await w.go_away()
        await w.come_back()

        await w.transport.connect(w.endpoint)
        await eventually(lambda: w.delivered)
        assert w.delivered == [Incoming("cmd/pump-7/1/req", b"kept")]


async def test_what_is_too_large_is_not_delivered_and_the_connection_stands(keeping_world, eventually):
    async with keeping_world() as w:
        await w.transport.connect(w.endpoint)
        await w.transport.subscribe([COMMANDS])
        await w.deliver("cmd/pump-7/1/req", b"x" * 2 * MAX_PAYLOAD)
        await w.deliver("cmd/pump-7/2/req", b"small")
        await eventually(lambda: w.delivered)

        assert w.delivered == [Incoming("cmd/pump-7/2/req", b"small")]


async def test_another_client_of_our_name_ends_the_connection(keeping_world, options):
    async with keeping_world() as w:
        await w.transport.connect(w.endpoint)
        lost = asyncio.ensure_future(w.transport.lost())
        await asyncio.sleep(0)
        other = w.another(options)
        await other.connect(w.endpoint)

        assert await lost
        with pytest.raises(ConnectionLostError):
            await w.transport.publish(TOPIC, b"one")
        await other.disconnect()
