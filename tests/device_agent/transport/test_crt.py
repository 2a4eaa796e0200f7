"""What only the transport on real sockets can get wrong: TLS, keep-alive, time-outs."""

import asyncio
from dataclasses import replace

import pytest

from device_agent import identity
from device_agent.errors import ConnectError, ConnectionLostError, ConnectRefusedError
from device_agent.transport import Endpoint
from device_agent.transport.crt import CrtOptions, CrtTransport


@pytest.fixture
def options(credentials):
    return CrtOptions("pump-7", credentials.ca, credentials.certificate, credentials.private_key, keep_alive_s=37)


@pytest.fixture
def impatient(options):
    """Does not wait for the 10 to 30 s that the TLS library lets pass after a failed handshake."""
    return replace(options, connect_timeout_s=1.5, stop_timeout_s=0.1)


async def test_the_keep_alive_is_ours_not_the_default_of_twenty_minutes(tls_broker, options):
    async with tls_broker() as broker:
        transport = CrtTransport(options)
        await transport.connect(broker.endpoint)
        await transport.disconnect()

        assert broker.keep_alives == [37]


async def test_the_connection_is_tls_1_2_or_newer_and_ends_in_good_order(tls_broker, options, eventually):
    async with tls_broker() as broker:
        transport = CrtTransport(options)
        await transport.connect(broker.endpoint)
        await transport.disconnect()
        await eventually(lambda: broker.orderly_goodbyes == 1)

        assert broker.tls_versions[0] in ("TLSv1.2", "TLSv1.3")


async def test_a_server_of_an_unknown_authority_is_not_trusted(tls_broker, impatient, credentials):
    async with tls_broker() as broker:
        with pytest.raises(ConnectError):
            await CrtTransport(replace(impatient, ca=credentials.certificate)).connect(broker.endpoint)
        assert broker.keep_alives == []


async def test_a_server_with_another_name_is_not_trusted(tls_broker, impatient):
    async with tls_broker() as broker:
        with pytest.raises(ConnectError):
            await CrtTransport(impatient).connect(Endpoint("127.0.0.1", broker.endpoint.port))
        assert broker.keep_alives == []


async def test_a_server_that_can_be_verified_is_trusted_within_the_same_time(tls_broker, impatient):
    async with tls_broker() as broker:
        transport = CrtTransport(impatient)
        await transport.connect(broker.endpoint)
        await transport.disconnect()
        assert broker.keep_alives == [37]


async def test_a_key_that_does_not_fit_the_certificate_is_a_connect_error(tls_broker, options, tmp_path):
    other = identity.create("pump-8", tmp_path)
    async with tls_broker() as broker:
        transport = CrtTransport(replace(options, private_key=other.private_key))

        with pytest.raises(ConnectError):
            await transport.connect(broker.endpoint)


async def test_missing_credentials_are_a_connect_error_that_names_the_endpoint(options, tmp_path):
    transport = CrtTransport(replace(options, certificate=tmp_path / "missing.pem"))

    with pytest.raises(ConnectError, match="localhost:1: cannot start"):
        await transport.connect(Endpoint("localhost", 1))


async def test_a_server_that_accepts_and_says_nothing_is_given_up(options):
    async def never_answer(reader, _writer):
        await reader.read()

    server = await asyncio.start_server(never_answer, "localhost", 0)
    async with server:
        transport = CrtTransport(replace(options, connect_timeout_s=0.2, stop_timeout_s=1))
        with pytest.raises(ConnectError, match=r"no answer in 0\.2 s") as raised:
            await transport.connect(Endpoint("localhost", server.sockets[0].getsockname()[1]))
        assert not isinstance(raised.value, ConnectRefusedError)


async def test_a_broker_that_never_acknowledges_costs_the_connection_not_the_agent(tls_broker, options):
    async with tls_broker() as broker:
        broker.acknowledge = False
        transport = CrtTransport(replace(options, ack_timeout_s=1))
        await transport.connect(broker.endpoint)

        with pytest.raises(ConnectionLostError):
            await transport.publish("dt/pump-7/telemetry", b"one")

        assert "not acknowledged" in await transport.lost()
        await transport.disconnect()
