"""What the tests of the agent need: a standing clock, repeatable randomness, and a small MQTT 5 broker on real TLS.

The broker exists because no maintained pure-Python one speaks MQTT 5, and because it must misbehave on demand.
"""

import asyncio
import datetime as dt
import logging
import ssl
import struct
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import pytest

from device_agent import identity
from device_agent.clock import ManualClock
from device_agent.transport import Endpoint
from device_agent.transport.memory import Received


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def log():
    return logging.LoggerAdapter(logging.getLogger("device_agent.test"), {})


@pytest.fixture
def random():
    return Random(20)


@pytest.fixture
def eventually():
    """Wait until a condition holds that real threads or sockets bring about."""

    async def wait(condition, timeout_s=10):
        async with asyncio.timeout(timeout_s):
            while not condition():  # noqa: ASYNC110 - the condition may come true on another thread
                await asyncio.sleep(0.001)

    return wait


@dataclass(frozen=True)
class Credentials:
    ca: Path
    server_certificate: Path
    server_key: Path
    certificate: Path
    private_key: Path


@pytest.fixture(scope="session")
def credentials(tmp_path_factory):
    """A certificate authority, a server for localhost, and the device `pump-7` whose key the agent itself made."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    directory = tmp_path_factory.mktemp("credentials")
    now = dt.datetime.now(dt.UTC)
    ca_key = ec.generate_private_key(ec.SECP256R1())
    ca_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test authority")])

    def certify(subject, public_key, *extensions):
        builder = x509.CertificateBuilder(ca_name, subject, public_key, x509.random_serial_number())
        builder = builder.not_valid_before(now - dt.timedelta(days=1))
        builder = builder.not_valid_after(now + dt.timedelta(days=1))
        for extension in extensions:
            builder = builder.add_extension(extension, critical=False)
        return builder.sign(ca_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    def write(name, content):
        path = directory / name
        path.write_bytes(content)
        return path

    server_key = ec.generate_private_key(ec.SECP256R1())
    server_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    alternative = x509.SubjectAlternativeName([x509.DNSName("localhost")])
    device = identity.create("pump-7", directory)
    request = x509.load_pem_x509_csr(device.csr.read_bytes())
    return Credentials(
        ca=write("ca.pem", certify(ca_name, ca_key.public_key(), x509.BasicConstraints(ca=True, path_length=0))),
        server_certificate=write("server.pem", certify(server_name, server_key.public_key(), alternative)),
        server_key=write(
            "server.key",
            server_key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            ),
        ),
        certificate=write("pump-7.pem", certify(request.subject, request.public_key())),
        private_key=device.private_key,
    )


@dataclass
class TlsBroker:
    """Speaks as much MQTT 5 as a publishing device needs, and refuses, hangs or hangs up when told to."""

    credentials: Credentials
    received: list[Received] = field(default_factory=list)
    connect_code: int = 0
    publish_code: int = 0
    acknowledge: bool = True
    keep_alives: list[int] = field(default_factory=list)
    tls_versions: list[str] = field(default_factory=list)
    orderly_goodbyes: int = 0
    on_publish: object = None
    port: int = 0
    _writers: set = field(default_factory=set)
    _server: asyncio.Server | None = None

    async def start(self):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.credentials.server_certificate, self.credentials.server_key)
        context.load_verify_locations(self.credentials.ca)
        context.verify_mode = ssl.CERT_REQUIRED
        self._server = await asyncio.start_server(self._serve, "localhost", self.port, ssl=context)
        self.port = self._server.sockets[0].getsockname()[1]

    @property
    def endpoint(self):
        return Endpoint("localhost", self.port)

    async def stop(self):
        if self._server is not None:
            self._server.close()
            self.drop_connections()
            await self._server.wait_closed()
            self._server = None

    def drop_connections(self):
        for writer in list(self._writers):
            writer.transport.abort()

    async def _serve(self, reader, writer):
        self._writers.add(writer)
        with suppress(asyncio.IncompleteReadError, ConnectionError, ssl.SSLError):
            await self._session(reader, writer)
        self._writers.discard(writer)
        writer.transport.abort()

    async def _session(self, reader, writer):
        _, body = await self._packet(reader)
        self.tls_versions.append(writer.get_extra_info("ssl_object").version())
        self.keep_alives.append(struct.unpack_from("!H", body, 8)[0])
        at = self._after_properties(body, 10)
        client_id = self._text(body, at)[0]
        writer.write(bytes([0x20, 3, 0, self.connect_code, 0]))
        if self.connect_code:
            await writer.drain()
            return
        while True:
            kind, body = await self._packet(reader)
            if kind >> 4 == 3:
                topic, at = self._text(body, 0)
                packet_id = body[at : at + 2]
                payload = body[self._after_properties(body, at + 2) :]
                if self.publish_code < 0x80:
                    self.received.append(Received(client_id, topic, payload))
                if self.on_publish is not None:
                    self.on_publish(payload)
                if self.acknowledge:
                    writer.write(bytes([0x40, 4]) + packet_id + bytes([self.publish_code, 0]))
            elif kind >> 4 == 12:
                writer.write(bytes([0xD0, 0]))
            elif kind >> 4 == 14:
                self.orderly_goodbyes += 1
                return

    async def _packet(self, reader):
        kind = (await reader.readexactly(1))[0]
        length = shift = 0
        while True:
            byte = (await reader.readexactly(1))[0]
            length |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return kind, await reader.readexactly(length)

    def _text(self, body, at):
        (length,) = struct.unpack_from("!H", body, at)
        return body[at + 2 : at + 2 + length].decode(), at + 2 + length

    def _after_properties(self, body, at):
        length = shift = 0
        while True:
            byte = body[at]
            at += 1
            length |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return at + length


@pytest.fixture
def tls_broker(credentials):
    """An asynchronous context manager: a running broker."""

    @asynccontextmanager
    async def run():
        broker = TlsBroker(credentials)
        await broker.start()
        try:
            yield broker
        finally:
            await broker.stop()

    return run
