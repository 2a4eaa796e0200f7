"""MQTT 5 over mutual TLS by Eclipse paho, for systems that the AWS runtime is not built for.

Its client runs on our event loop: the socket's readiness calls it, and no thread of its own is started. Only the
opening of the socket, which blocks for name resolution and the TLS handshake, has a thread for as long as it takes.
"""

import asyncio
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from device_agent.errors import ConnectError, ConnectionLostError, ConnectRefusedError, NotTakenError
from device_agent.transport import ALPN_PROTOCOL, Deliver, Endpoint, Incoming, uses_alpn
from device_agent.transport.connection import Answer, Connection, ConnectionTransport, set_once
from device_agent.transport.options import MAX_PACKET, RECEIVE_MAXIMUM, TransportOptions

if TYPE_CHECKING:
    from paho.mqtt.client import Client
    from paho.mqtt.properties import Properties
    from paho.mqtt.reasoncodes import ReasonCode

REFUSED = 0x80
"""The smallest reason code that is a refusal: MQTT 5.0 section 2.4."""
MOST_INFLIGHT = 65_535
"""What a broker takes at a time unless it says less: MQTT 5.0 section 3.2.2.3.3."""
SOCKET_TIMEOUT_S = 10.0
"""For one address to answer, and for one step of the handshake."""
TICKS = 4
"""So often within the ping time-out it is looked whether the broker is still there."""
READS_A_TURN = 64
"""Packets taken before the rest of the event loop has its turn."""


class PahoTransport(ConnectionTransport):
    """A Transport through `paho-mqtt`, which is loaded by the first `connect`."""

    def __init__(self, options: TransportOptions) -> None:
        """Raises ValueError for a key in a PKCS#11 token, which this library cannot use."""
        if not isinstance(options.private_key, Path):
            message = f"private_key: expected the path of a key file for paho, got {options.private_key}"
            raise ValueError(message)  # noqa: TRY004 - a value of the configuration, not a type of ours
        super().__init__(options)

    def make(self, options: TransportOptions, endpoint: Endpoint, deliver: Deliver) -> Connection:
        return _PahoConnection(options, endpoint, deliver)


class _PahoConnection(Connection):
    """One client of the library, from its socket's opening to its closing."""

    def __init__(self, options: TransportOptions, endpoint: Endpoint, deliver: Deliver) -> None:
        super().__init__(options, endpoint, deliver)
        self.answer_timeout_s = options.ack_timeout_s
        self._client: Client | None = None
        self._socket: Any = None
        self._closed = asyncio.Event()
        self._answers: dict[int, Answer] = {}
        self._window = asyncio.Semaphore(MOST_INFLIGHT)
        self._heard = 0.0
        self._ticking: asyncio.TimerHandle | None = None

    def start(self) -> None:
        try:
            client = self._client = _make_client(self.options, self.endpoint)
        except (OSError, ValueError) as error:
            raise ConnectError(f"{self.endpoint}: cannot start the client: {error}") from error
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_message = self._on_message
        client.on_publish = self._on_publish
        client.on_subscribe = self._on_subscribe
        # A daemon: a resolver that hangs cannot be cancelled, and must not hold up the end of the process.
        threading.Thread(target=self._dial, args=(client,), name="mqtt-dial", daemon=True).start()

    async def publish(self, topic: str, payload: bytes) -> None:
        async with self._window:
            await super().publish(topic, payload)

    def send_publish(self, topic: str, payload: bytes) -> Answer:
        return self._expect(self._connected_client().publish(topic, payload, qos=1).mid)

    def send_subscribe(self, filters: Sequence[str]) -> Answer:
        from paho.mqtt.subscribeoptions import SubscribeOptions

        _, number = self._connected_client().subscribe([(wanted, SubscribeOptions(qos=1)) for wanted in filters])
        return self._expect(number)

    async def stop(self) -> None:
        if self._client is None or self._socket is None:
            return  # what the dialling thread still opens, `_attach` closes
        if self.was_accepted and not self._closed.is_set():
            self._client.disconnect()
            try:
                async with asyncio.timeout(self.options.stop_timeout_s):
                    await self._closed.wait()
            except TimeoutError:
                # The broker does not even take the packet.
                pass
        self._close()

    def _dial(self, client: "Client") -> None:
        """On its own thread: open the socket and send CONNECT."""
        try:
            client.connect(
                self.endpoint.host,
                self.endpoint.port or 0,
                self.options.keep_alive_s,
                clean_start=False,
                properties=_connect_properties(self.options),
            )
        except (OSError, ValueError) as error:
            reason = f"{self.endpoint}: {error}"
            self.soon(lambda: self.fail(ConnectError(reason)))
        else:
            self.soon(lambda: self._attach(client))

    def _attach(self, client: "Client") -> None:
        self._socket = client.socket()
        if self._socket is None:
            self.fail(ConnectError(f"{self.endpoint}: the connection ended before it was used"))
            return
        if self.has_ended:
            self._close()
            return
        client.on_socket_close = lambda *_: self._detach()
        client.on_socket_register_write = lambda _c, _u, sock: self._loop.add_writer(sock, self._on_writable)
        client.on_socket_unregister_write = self._unregister_write
        self._loop.add_reader(self._socket, self._on_readable)
        if client.want_write():
            self._loop.add_writer(self._socket, self._on_writable)
        self._heard = self._loop.time()
        self._check()
        # What came with the last packet of the handshake is in the TLS layer: the socket would not tell.
        self._loop.call_soon(self._on_readable)

    def _unregister_write(self, _c: Any, _u: Any, sock: Any) -> None:
        self._loop.remove_writer(sock)

    def _detach(self) -> None:
        if not self._closed.is_set():
            self._loop.remove_reader(self._socket)
            self._loop.remove_writer(self._socket)
            self._closed.set()
        if self._ticking is not None:
            self._ticking.cancel()

    def _close(self) -> None:
        """Let go of the socket, whatever state it is in."""
        self._detach()
        if self._client is not None:
            self._client.on_socket_close = self._client.on_socket_unregister_write = None
        self._socket.close()
        self._client = None

    def _on_readable(self) -> None:
        self._heard = self._loop.time()
        for _ in range(READS_A_TURN):
            if self._closed.is_set() or self._client is None:
                return
            self._work(self._client.loop_read)
            if self._closed.is_set() or not self._socket.pending():
                return
        self._loop.call_soon(self._on_readable)

    def _on_writable(self) -> None:
        if self._client is not None:
            self._work(self._client.loop_write)

    def _check(self) -> None:
        """Now and then: have a ping sent where one is due, and find out that nobody answers."""
        if self._client is None or self.has_ended:
            return
        self._ticking = self._loop.call_later(self.options.ping_timeout_s / TICKS, self._check)
        self._work(self._client.loop_misc)
        if self._loop.time() - self._heard > self._client.keepalive + self.options.ping_timeout_s:
            self.end("the broker did not answer a ping in time")

    def _work(self, call: Callable[[], object]) -> None:
        try:
            call()
        except Exception as error:  # noqa: BLE001 - packets that make no sense fail the library in many ways
            self.end(f"what the broker sent cannot be read: {error!r}")

    def _connected_client(self) -> "Client":
        if self._client is None:
            raise ConnectionLostError("disconnected")
        return self._client

    def _expect(self, number: int | None) -> Answer:
        answer: Answer = self._loop.create_future()
        if number is not None:
            self._answers[number] = answer
        return answer

    # The library calls these, on the event loop.

    def _on_connect(self, _c: Any, _u: Any, _flags: Any, code: "ReasonCode", properties: "Properties | None") -> None:
        if (refusal := _refusal(code, properties)) is not None:
            self.fail(ConnectRefusedError(f"{self.endpoint} refused the connection: {refusal}"))
            return
        self._window = asyncio.Semaphore(getattr(properties, "ReceiveMaximum", MOST_INFLIGHT))
        self.accept()

    def _on_disconnect(self, _c: Any, _u: Any, flags: Any, code: "ReasonCode", properties: "Properties | None") -> None:
        said = _said(code, properties)
        reason = f"the broker disconnected us: {said}" if flags.is_disconnect_packet_from_server else said
        if self._accepted.done():
            self.end(reason)
        else:
            self.fail(ConnectError(f"{self.endpoint}: {reason}"))

    def _on_message(self, _c: Any, _u: Any, message: Any) -> None:
        try:
            self.deliver(Incoming(message.topic, message.payload))
        except NotTakenError:
            return
        if self._client is not None:
            self._client.ack(message.mid, message.qos)

    def _on_publish(self, _c: Any, _u: Any, number: int, code: "ReasonCode", properties: "Properties | None") -> None:
        self._settle(number, [_refusal(code, properties)])

    def _on_subscribe(
        self, _c: Any, _u: Any, number: int, codes: Sequence["ReasonCode"], properties: "Properties | None"
    ) -> None:
        self._settle(number, [_refusal(code, properties) for code in codes])

    def _settle(self, number: int, refusals: Sequence[str | None]) -> None:
        if (answer := self._answers.pop(number, None)) is not None:
            set_once(answer, refusals)


def _make_client(options: TransportOptions, endpoint: Endpoint) -> "Client":
    import ssl

    from paho.mqtt.client import Client
    from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    tls.minimum_version = ssl.TLSVersion.TLSv1_2
    tls.load_verify_locations(options.ca)
    # Without a password function OpenSSL would ask for one on the terminal.
    tls.load_cert_chain(options.certificate, str(options.private_key), password=lambda: b"")
    if uses_alpn(endpoint):
        tls.set_alpn_protocols([ALPN_PROTOCOL])
    client = Client(
        CallbackAPIVersion.VERSION2,
        client_id=options.client_id,
        protocol=MQTTProtocolVersion.MQTTv5,
        reconnect_on_failure=False,
    )
    client.tls_set_context(tls)
    client.connect_timeout = min(SOCKET_TIMEOUT_S, options.connect_timeout_s)
    client.max_inflight_messages = 0
    client.manual_ack_set(True)  # noqa: FBT003 - the method takes nothing else
    return client


def _connect_properties(options: TransportOptions) -> "Properties":
    from paho.mqtt.packettypes import PacketTypes
    from paho.mqtt.properties import Properties

    properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
    properties.SessionExpiryInterval = options.session_expiry_s
    properties.ReceiveMaximum = RECEIVE_MAXIMUM
    properties.MaximumPacketSize = MAX_PACKET
    return properties


def _refusal(code: "ReasonCode", properties: "Properties | None") -> str | None:
    return _said(code, properties) if code.value >= REFUSED else None


def _said(code: "ReasonCode", properties: "Properties | None") -> str:
    text = getattr(properties, "ReasonString", None)
    return f"{str(code).lower()} ({text})" if text else str(code).lower()
