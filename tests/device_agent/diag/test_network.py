import asyncio
import socket
import ssl
import threading
from contextlib import suppress

import pytest

from device_agent.diag.network import reach
from device_agent.transport import Endpoint


def identity(credentials):
    return credentials.certificate, credentials.private_key


async def test_a_broker_that_takes_the_device_is_described(tls_broker, credentials):
    async with tls_broker() as broker:
        found = await asyncio.to_thread(reach, broker.endpoint, credentials.ca, identity(credentials))
    assert found["tcp"] == "connected"
    assert found["tls"] in ("TLSv1.2", "TLSv1.3")
    assert found["server"]["subject"] == "commonName=localhost"
    assert found["client_certificate"] == "presented"
    assert found["closed"] is False
    assert {"127.0.0.1", "::1"} & set(found["dns"])


async def test_a_broker_that_hangs_up_without_a_word_is_told(tls_broker, credentials):
    async with tls_broker() as broker:
        found = await asyncio.to_thread(reach, broker.endpoint, credentials.ca, None)
    assert found["client_certificate"] == "not presented"
    assert found["closed"] is True


def test_a_server_that_wants_a_certificate_says_so_where_none_is_presented(credentials):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(credentials.server_certificate, credentials.server_key)
    context.load_verify_locations(credentials.ca)
    context.verify_mode = ssl.CERT_REQUIRED
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve():
            connection, _ = server.accept()
            with connection, suppress(ssl.SSLError):
                context.wrap_socket(connection, server_side=True)

        thread = threading.Thread(target=serve)
        thread.start()
        found = reach(Endpoint("localhost", server.getsockname()[1]), credentials.ca, None)
        thread.join()
    assert found["tls"].startswith("failed: ")
    assert "certificate required" in found["tls"]


async def test_a_server_of_another_authority_is_told_with_its_reason(tls_broker, credentials):
    async with tls_broker() as broker:
        found = await asyncio.to_thread(reach, broker.endpoint, credentials.certificate, identity(credentials))
    assert found["tls"].startswith("failed: ")
    assert "certificate" in found["tls"]


async def test_a_key_that_cannot_be_read_is_told(tls_broker, credentials, tmp_path):
    async with tls_broker() as broker:
        nothing = (credentials.certificate, tmp_path / "nothing.key")
        found = await asyncio.to_thread(reach, broker.endpoint, credentials.ca, nothing)
    assert "No such file" in found["tls"]


def test_a_closed_port_is_told():
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        found = reach(Endpoint("127.0.0.1", bound.getsockname()[1]), None, None)
    assert found["tcp"] == "failed: Connection refused"


@pytest.mark.parametrize("host", ["no-such-host.invalid", "x" * 70, "a..b"])
def test_a_name_that_is_none_is_told(host):
    assert reach(Endpoint(host, 8883), None, None)["dns"].startswith("failed: ")
