"""What only transports on real sockets can get wrong: TLS, keep-alive, time-outs, and packets that no broker sends."""

import asyncio
import ssl
import time
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from device_agent import identity, transport
from device_agent.errors import ConnectError, ConnectionLostError, ConnectRefusedError
from device_agent.transport import ALPN_PROTOCOL, Endpoint, Incoming, crt
from device_agent.transport.making import make_transport
from tests.device_agent.proxy import Proxy

TOPIC = "dt/pump-7/telemetry"
REQUEST = "cmd/pump-7/1/req"


@pytest.fixture
def impatient(options):
    """Does not wait for the 10 to 30 s that the runtime's TLS lets pass after a failed handshake."""
    return replace(options, connect_timeout_s=2.0, stop_timeout_s=0.1)


@pytest.fixture
def watchful(options):
    """Finds out within 2 s or so that a broker no longer answers."""
    return replace(options, keep_alive_s=1, ping_timeout_s=1.0)


@pytest.fixture
def connected(kind, options):
    """A transport, connected to an endpoint, and what it has delivered."""

    @asynccontextmanager
    async def connect(endpoint, **changes):
        made = make_transport(kind, replace(options, **changes))
        delivered = []
        made.on_message = delivered.append
        await made.connect(endpoint)
        try:
            yield made, delivered
        finally:
            await made.disconnect()

    return connect


async def test_the_keep_alive_is_ours_not_the_library_s(tls_broker, connected):
    async with tls_broker() as broker, connected(broker.endpoint):
        assert broker.keep_alives == [37]


async def test_the_session_is_taken_up_and_kept_and_what_comes_is_bounded(tls_broker, connected):
    async with tls_broker() as broker, connected(broker.endpoint):
        flags, properties = broker.connects[0][7], broker.connects[0][10:]
        assert flags & 0x02 == 0, "no clean start"
        assert b"\x11" + (3600).to_bytes(4) in properties, "session expiry interval"
        assert b"\x21" + (16).to_bytes(2) in properties, "receive maximum"
        assert b"\x27" + (147_456).to_bytes(4) in properties, "maximum packet size"


async def test_the_connection_is_tls_1_2_or_newer_and_ends_in_good_order(tls_broker, connected, eventually):
    async with tls_broker() as broker:
        async with connected(broker.endpoint):
            pass
        await eventually(lambda: broker.orderly_goodbyes == 1)

        assert broker.tls_versions[0] in ("TLSv1.2", "TLSv1.3")


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1 is deprecated:DeprecationWarning")
async def test_a_server_that_knows_only_tls_1_1_is_turned_down(tls_broker, kind, impatient):
    async with tls_broker(newest_tls=ssl.TLSVersion.TLSv1_1) as broker:
        client = ssl.create_default_context(cafile=impatient.ca)
        client.load_cert_chain(impatient.certificate, impatient.private_key)
        client.set_ciphers("DEFAULT:@SECLEVEL=0")
        client.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
        _, writer = await asyncio.open_connection("localhost", broker.port, ssl=client)
        assert writer.get_extra_info("ssl_object").version() == "TLSv1.1", "whoever accepts it can connect"
        writer.transport.abort()

        with pytest.raises(ConnectError):
            await make_transport(kind, impatient).connect(broker.endpoint)

        assert broker.connects == []


async def test_a_server_of_an_unknown_authority_is_not_trusted(tls_broker, kind, impatient, credentials):
    async with tls_broker() as broker:
        with pytest.raises(ConnectError):
            await make_transport(kind, replace(impatient, ca=credentials.certificate)).connect(broker.endpoint)
        assert broker.keep_alives == []


async def test_a_server_with_another_name_is_not_trusted(tls_broker, kind, impatient):
    async with tls_broker() as broker:
        with pytest.raises(ConnectError):
            await make_transport(kind, impatient).connect(Endpoint("127.0.0.1", broker.port))
        assert broker.keep_alives == []


async def test_a_server_that_can_be_verified_is_trusted_within_the_same_time(tls_broker, kind, impatient):
    async with tls_broker() as broker:
        made = make_transport(kind, impatient)
        await made.connect(broker.endpoint)
        await made.disconnect()
        assert broker.keep_alives == [37]


@pytest.mark.parametrize("offered", [["http/1.1", ALPN_PROTOCOL], None])
async def test_on_the_port_of_https_the_handshake_says_that_mqtt_follows(tls_broker, connected, monkeypatch, offered):
    async with tls_broker(alpn=offered) as broker:
        async with connected(broker.endpoint):
            pass
        monkeypatch.setattr(transport, "ALPN_PORT", broker.port)
        async with connected(broker.endpoint):
            pass

        assert broker.alpn_chosen == [None, ALPN_PROTOCOL if offered else None]


async def test_a_key_that_does_not_fit_the_certificate_is_a_connect_error(tls_broker, kind, options, tmp_path):
    other = identity.create("pump-8", tmp_path)
    async with tls_broker() as broker:
        with pytest.raises(ConnectError):
            await make_transport(kind, replace(options, private_key=other.private_key)).connect(broker.endpoint)


async def test_missing_credentials_are_a_connect_error_that_names_the_endpoint(kind, options, tmp_path):
    made = make_transport(kind, replace(options, certificate=tmp_path / "missing.pem"))

    with pytest.raises(ConnectError, match="localhost:1: cannot start"):
        await made.connect(Endpoint("localhost", 1))


async def test_a_name_that_does_not_resolve_is_a_connect_error(kind, options):
    with pytest.raises(ConnectError, match=r"nowhere\.invalid:8883"):
        await make_transport(kind, options).connect(Endpoint("nowhere.invalid"))


async def test_a_server_that_accepts_and_says_nothing_is_given_up(kind, options):
    async def never_answer(reader, _writer):
        await reader.read()

    server = await asyncio.start_server(never_answer, "localhost", 0)
    async with server:
        made = make_transport(kind, replace(options, connect_timeout_s=0.2, stop_timeout_s=1))
        with pytest.raises(ConnectError, match=r"no answer in 0\.2 s|timed out") as raised:
            await made.connect(Endpoint("localhost", server.sockets[0].getsockname()[1]))
        assert not isinstance(raised.value, ConnectRefusedError)


async def test_a_connect_that_is_cancelled_leaves_no_connection(tls_broker, kind, options, eventually):
    async with tls_broker() as broker:
        for delay in (0, 0, 0.002, 0.005, 0.01, 0.02):
            made = make_transport(kind, replace(options, stop_timeout_s=0.5))
            connecting = asyncio.ensure_future(made.connect(broker.endpoint))
            await asyncio.sleep(delay)
            connecting.cancel()
            await asyncio.wait([connecting])
            assert connecting.cancelled() or connecting.exception() is None
            await made.disconnect()
        await eventually(lambda: not broker._writers)


async def test_a_broker_that_never_acknowledges_costs_the_connection_not_the_agent(tls_broker, connected):
    async with tls_broker() as broker, connected(broker.endpoint, ack_timeout_s=1) as (made, _):
        broker.acknowledge = False

        with pytest.raises(ConnectionLostError):
            await made.publish(TOPIC, b"one")

        assert "not acknowledged" in await made.lost()


async def test_a_broker_that_leaves_a_ping_unanswered_is_given_up(tls_broker, kind, watchful):
    async with tls_broker() as broker:
        broker.answer_pings = False
        made = make_transport(kind, watchful)
        await made.connect(broker.endpoint)

        async with asyncio.timeout(6):
            assert await made.lost()
        await made.disconnect()


async def test_a_silent_connection_stands_as_long_as_pings_are_answered(tls_broker, kind, watchful):
    async with tls_broker() as broker:
        made = make_transport(kind, watchful)
        await made.connect(broker.endpoint)
        await asyncio.wait([asyncio.ensure_future(made.lost())], timeout=2.5)

        await made.publish(TOPIC, b"still there")
        await made.disconnect()


async def test_a_broker_that_hangs_is_found_out_and_one_that_goes_on_is_used_again(mosquitto, kind, watchful):
    made = make_transport(kind, watchful)
    await made.connect(mosquitto.endpoint)
    mosquitto.freeze()
    publish = asyncio.ensure_future(made.publish(TOPIC, b"one"))
    async with asyncio.timeout(6):
        assert await made.lost()
    with pytest.raises(ConnectionLostError):
        await publish

    mosquitto.resume()
    await made.connect(mosquitto.endpoint)
    await made.publish(TOPIC, b"two")
    await made.disconnect()


async def test_a_network_that_swallows_everything_is_found_out(mosquitto, kind, watchful):
    async with Proxy(mosquitto.endpoint) as proxy:
        made = make_transport(kind, replace(watchful, stop_timeout_s=0.5))
        await made.connect(proxy.endpoint)
        proxy.swallowing = True

        async with asyncio.timeout(6):
            assert await made.lost()
        await made.disconnect()


async def test_a_broker_that_disconnects_us_says_why(tls_broker, connected):
    async with tls_broker() as broker, connected(broker.endpoint) as (made, _):
        broker.disconnect_clients(0x8E)  # session taken over

        assert "session taken over" in await made.lost()


async def test_a_message_that_comes_again_is_delivered_again_and_acknowledged_each_time(
    tls_broker, connected, eventually
):
    async with tls_broker() as broker, connected(broker.endpoint) as (made, delivered):
        message, another = Incoming(REQUEST, b"one"), Incoming(REQUEST, b"two")
        broker.deliver(message, 7)
        await eventually(lambda: len(broker.delivered_acknowledged) == 1)
        broker.drop_connections()
        await made.lost()
        await made.connect(broker.endpoint)
        broker.deliver(message, 7, again=True)  # as if the acknowledgement had not arrived
        await eventually(lambda: len(broker.delivered_acknowledged) == 2)
        broker.deliver(another, 7)  # the id is free again
        await eventually(lambda: len(broker.delivered_acknowledged) == 3)

        assert delivered == [message, message, another]
        assert broker.delivered_acknowledged == [7, 7, 7]
        await made.publish(TOPIC, b"unconfused")


async def test_a_message_is_acknowledged_only_after_it_was_handled(tls_broker, connected, eventually):
    async with tls_broker() as broker, connected(broker.endpoint) as (made, _):
        acknowledged_before = []
        made.on_message = lambda _: acknowledged_before.append(list(broker.delivered_acknowledged))
        broker.deliver(Incoming(REQUEST, b"one"), 1)
        await eventually(lambda: broker.delivered_acknowledged == [1])

        assert acknowledged_before == [[]]


async def test_a_flood_at_qos_0_is_taken_or_passed_over_and_the_connection_stands(tls_broker, connected, eventually):
    async with tls_broker() as broker, connected(broker.endpoint) as (made, delivered):
        for n in range(3000):
            broker.deliver(Incoming(REQUEST, b"%d" % n))
        broker.deliver(Incoming(REQUEST, b"last"), 1)
        await eventually(lambda: broker.delivered_acknowledged == [1])

        numbers = [int(message.payload) for message in delivered[:-1]]
        assert numbers == sorted(set(numbers)), "in order, none twice"
        await made.publish(TOPIC, b"still there")


async def test_what_a_hanging_event_loop_does_not_take_is_left_to_the_next_connection_in_its_order(
    tls_broker, options, monkeypatch
):
    monkeypatch.setattr(crt, "MOST_ARRIVED", 2)
    monkeypatch.setattr(crt, "HUNG_S", 0.2)
    async with tls_broker() as broker:
        made = crt.CrtTransport(options)
        handled = []

        def handle(message):
            handled.append(int(message.payload))
            time.sleep(1.5 if len(handled) == 1 else 0)

        made.on_message = handle
        await made.connect(broker.endpoint)
        for n in range(1, 8):
            broker.deliver(Incoming(REQUEST, b"%d" % n), n)
        async with asyncio.timeout(10):
            assert "no message was taken for 0.2 s" in await made.lost()
        assert handled == [1, 2, 3]
        await made.disconnect()
        # The connection may end before the last acknowledgements, or all of them, are on their way.
        told = broker.delivered_acknowledged
        assert told == handled[: len(told)], "nothing that was not handled"


# The runtime itself passes over a topic that it cannot decode, and says so where only Python's hook hears it.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize(
    "packet",
    [
        pytest.param(bytes([0xF0, 0]), id="a packet of no use here"),
        pytest.param(bytes([0x30, 3, 0, 9, 0]), id="a topic longer than its packet"),
        pytest.param(bytes([0x30, 5, 0, 2, 0xC3, 0x28, 0]), id="a topic that is no UTF-8"),
        pytest.param(bytes([0x40, 1, 0]), id="half an acknowledgement"),
        pytest.param(bytes([0x30, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F]), id="a length of five bytes"),
        pytest.param(bytes([0x90, 2, 0, 1]), id="a subscription acknowledged that nobody asked for"),
    ],
)
async def test_packets_that_make_no_sense_cost_the_connection_at_most(tls_broker, kind, options, packet):
    async with tls_broker() as broker:
        made = make_transport(kind, options)
        await made.connect(broker.endpoint)
        broker.send(packet)
        await asyncio.wait([asyncio.ensure_future(made.lost())], timeout=0.3)

        await made.connect(broker.endpoint)
        await made.publish(TOPIC, b"again")
        await made.disconnect()
