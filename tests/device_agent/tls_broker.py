"""A small MQTT 5 broker on real TLS that misbehaves on demand, which no real one does."""

import asyncio
import ssl
import struct
from contextlib import suppress
from dataclasses import dataclass, field

from device_agent.transport import Endpoint, Incoming
from device_agent.transport.memory import Received
from tests.device_agent.pki import Credentials


@dataclass
class TlsBroker:
    """Speaks as much MQTT 5 as a device needs, and refuses, hangs or hangs up when told to. It keeps no sessions."""

    credentials: Credentials
    received: list[Received] = field(default_factory=list)
    connect_code: int = 0
    publish_code: int = 0
    subscribe_codes: dict[str, int] = field(default_factory=dict)
    """What it answers for a topic filter instead of granting it at QoS 1."""
    acknowledge: bool = True
    answer_pings: bool = True
    alpn: list[str] | None = None
    newest_tls: ssl.TLSVersion | None = None
    keep_alives: list[int] = field(default_factory=list)
    connects: list[bytes] = field(default_factory=list)
    """The variable header of each CONNECT."""
    tls_versions: list[str] = field(default_factory=list)
    alpn_chosen: list[str | None] = field(default_factory=list)
    subscribed: list[str] = field(default_factory=list)
    delivered_acknowledged: list[int] = field(default_factory=list)
    """The packet ids that the clients acknowledged."""
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
        if self.alpn is not None:
            context.set_alpn_protocols(self.alpn)
        if self.newest_tls is not None:
            # OpenSSL itself no longer offers what is older than 1.2 at its default level.
            context.set_ciphers("DEFAULT:@SECLEVEL=0")
            context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
            context.maximum_version = self.newest_tls
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

    def deliver(self, message: Incoming, packet_id: int = 0, *, again: bool = False):
        """Send a message to every client: at QoS 1 with a packet id, else at QoS 0."""
        qos = struct.pack("!H", packet_id) if packet_id else b""
        topic = message.topic.encode()
        body = struct.pack("!H", len(topic)) + topic + qos + b"\x00" + message.payload
        kind = 0x30 | (0x02 if packet_id else 0) | (0x08 if again else 0)
        self.send(bytes([kind]) + _variable(len(body)) + body)

    def send(self, packet: bytes):
        """Send bytes of any kind to every client."""
        for writer in self._writers:
            writer.write(packet)

    def disconnect_clients(self, code: int):
        self.send(bytes([0xE0, 2, code, 0]))

    async def _serve(self, reader, writer):
        self._writers.add(writer)
        with suppress(asyncio.IncompleteReadError, ConnectionError, ssl.SSLError):
            await self._session(reader, writer)
        self._writers.discard(writer)
        writer.transport.abort()

    async def _session(self, reader, writer):
        _, body = await self._packet(reader)
        tls = writer.get_extra_info("ssl_object")
        self.tls_versions.append(tls.version())
        self.alpn_chosen.append(tls.selected_alpn_protocol())
        self.connects.append(body)
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
                self._take(client_id, body, writer)
            elif kind >> 4 == 4:
                self.delivered_acknowledged.append(struct.unpack_from("!H", body, 0)[0])
            elif kind >> 4 == 8:
                self._subscribe(body, writer)
            elif kind >> 4 == 12 and self.answer_pings:
                writer.write(bytes([0xD0, 0]))
            elif kind >> 4 == 14:
                self.orderly_goodbyes += 1
                return

    def _take(self, client_id, body, writer):
        topic, at = self._text(body, 0)
        packet_id = body[at : at + 2]
        payload = body[self._after_properties(body, at + 2) :]
        if self.publish_code < 0x80:
            self.received.append(Received(client_id, topic, payload))
        if self.on_publish is not None:
            self.on_publish(payload)
        if self.acknowledge:
            writer.write(bytes([0x40, 4]) + packet_id + bytes([self.publish_code, 0]))

    def _subscribe(self, body, writer):
        at = self._after_properties(body, 2)
        codes = []
        while at < len(body):
            topic_filter, at = self._text(body, at)
            codes.append(self.subscribe_codes.get(topic_filter, body[at] & 0x03))
            if codes[-1] < 0x80:
                self.subscribed.append(topic_filter)
            at += 1
        if self.acknowledge:
            writer.write(bytes([0x90, 3 + len(codes)]) + body[:2] + b"\x00" + bytes(codes))

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


def _variable(number: int) -> bytes:
    """MQTT 5.0 section 1.5.5."""
    encoded = bytearray()
    while True:
        number, byte = divmod(number, 128)
        encoded.append(byte | (0x80 if number else 0))
        if not number:
            return bytes(encoded)
