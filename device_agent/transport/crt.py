"""MQTT 5 over mutual TLS by the AWS Common Runtime.

The runtime reconnects by itself to one host. Here every connection is a client of its own that is stopped when it ends,
so that the link decides when and where to connect next.
"""

import asyncio
import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from functools import cache
from typing import Any

from device_agent.errors import ConnectError, ConnectRefusedError, NotTakenError
from device_agent.transport import ALPN_PROTOCOL, MAX_PAYLOAD, Deliver, Endpoint, Incoming, uses_alpn
from device_agent.transport.connection import Answer, Connection, ConnectionTransport, set_once
from device_agent.transport.options import MAX_PACKET, RECEIVE_MAXIMUM, TransportOptions
from device_agent.transport.pkcs11 import Pkcs11Key, read_pin

NEVER_BY_ITSELF_MS = 3_600_000
"""The runtime's own reconnect delay: long after this client is stopped."""
MOST_ARRIVED = 256
MOST_ARRIVED_BYTES = RECEIVE_MAXIMUM * MAX_PAYLOAD
"""So much may wait for the event loop. Further messages at QoS 0 are passed over, as that quality allows. At QoS 1 they
are left in the network, for there are brokers that do not mind our receive maximum (mosquitto 2.0.11)."""
HUNG_S = 30.0
"""An event loop that takes nothing for so long is given up, and the connection with it."""
_log = logging.getLogger(__name__)


class CrtTransport(ConnectionTransport):
    """A Transport through `awscrt`, which is loaded by the first `connect`."""

    def make(self, options: TransportOptions, endpoint: Endpoint, deliver: Deliver) -> Connection:
        return _CrtConnection(options, endpoint, deliver)


class _CrtConnection(Connection):
    """One client of the runtime, from its start to its stop."""

    def __init__(self, options: TransportOptions, endpoint: Endpoint, deliver: Deliver) -> None:
        super().__init__(options, endpoint, deliver)
        self._stopped = asyncio.Event()
        self._client: Any = None
        self._arrived = deque[tuple[Incoming, Any]]()
        self._taken = threading.Condition()
        self._overrun = self._hung = False

    def start(self) -> None:
        from awscrt.exceptions import AwsCrtError

        try:
            self._client = _make_client(self.options, self.endpoint, self)
            self._client.start()
        except (AwsCrtError, RuntimeError, OSError, ValueError) as error:
            raise ConnectError(f"{self.endpoint}: cannot start the client: {error}") from error

    def send_publish(self, topic: str, payload: bytes) -> Answer:
        from awscrt import mqtt5

        packet = mqtt5.PublishPacket(topic=topic, payload=payload, qos=mqtt5.QoS.AT_LEAST_ONCE)
        sent: Future[Any] = self._client.publish(packet)
        return self._answer(sent, "a publish", lambda done: [_publish_refusal(done.puback)])

    def send_subscribe(self, filters: Sequence[str]) -> Answer:
        from awscrt import mqtt5

        wanted = [mqtt5.Subscription(topic_filter, mqtt5.QoS.AT_LEAST_ONCE) for topic_filter in filters]
        sent: Future[Any] = self._client.subscribe(mqtt5.SubscribePacket(subscriptions=wanted))
        return self._answer(sent, "a subscription", _subscribe_refusals)

    async def stop(self) -> None:
        if self._client is None:
            return
        from awscrt.mqtt5 import DisconnectPacket

        # Without the packet the runtime just hangs up, and the cloud would report a lost device. It sends it in any
        # state, and before CONNECT that would be against the protocol.
        self._client.stop(DisconnectPacket() if self.was_accepted else None)
        try:
            async with asyncio.timeout(self.options.stop_timeout_s):
                await self._stopped.wait()
        except TimeoutError:
            # The runtime ends it in its own time; what counts is that we no longer depend on it.
            pass
        self._client = None

    def _answer(self, sent: Future[Any], what: str, refusals: Callable[[Any], Sequence[str | None]]) -> Answer:
        answer: Answer = self._loop.create_future()

        def settle() -> None:
            if (error := sent.exception()) is not None:
                self.end(f"{what} was not acknowledged: {error}")
            else:
                set_once(answer, refusals(sent.result()))

        # Not `wrap_future`: cancelling it would cancel a future that the runtime still settles, and that would raise.
        sent.add_done_callback(lambda _: self.soon(settle))
        return answer

    def _hand_over(self) -> None:
        with self._taken:
            message, control = self._arrived.popleft()
            self._taken.notify()
        if self.has_ended:
            return  # never acknowledged: the broker sends it again
        try:
            self.deliver(message)
        except NotTakenError:
            return
        if control is not None and self._client is not None:
            self._client.invoke_publish_acknowledgement(control)

    # The runtime calls these on its own threads.

    def on_success(self, _data: Any) -> None:
        self.soon(self.accept)

    def on_failure(self, data: Any) -> None:
        error = _connect_error(self.endpoint, data)
        self.soon(lambda: self.fail(error))

    def on_disconnection(self, data: Any) -> None:
        reason = _disconnect_reason(data)
        self.soon(lambda: self.end(reason))

    def on_stopped(self, _data: Any) -> None:
        self.soon(self._stopped.set)

    def on_publish(self, data: Any) -> None:
        packet, control = data.publish_packet, None
        if data.acquire_publish_acknowledgement_control is not None:
            control = data.acquire_publish_acknowledgement_control()
        with self._taken:
            if control is None:
                fits = self._has_room()
            else:
                # This thread reads the socket: while it waits, so does whatever the broker still sends.
                fits = not self._hung and self._taken.wait_for(self._has_room, HUNG_S)
            if fits:
                self._arrived.append((Incoming(packet.topic, packet.payload or b""), control))
                self.soon(self._hand_over)
        if not fits:
            self._pass_over(control)

    def _has_room(self) -> bool:
        size = sum(len(message.payload) for message, _ in self._arrived)
        return len(self._arrived) < MOST_ARRIVED and size < MOST_ARRIVED_BYTES

    def _pass_over(self, control: Any) -> None:
        if control is not None and not self._hung:
            self._hung = True
            # Nothing that came after it is handled, so that the broker sends them all again in their order.
            self.soon(lambda: self.end(f"no message was taken for {HUNG_S:g} s"))
        if not self._overrun:
            self._overrun = True
            _log.warning("messages come faster than they can be taken")


@cache
def _bootstrap() -> Any:
    """One network thread for every connection of the process."""
    from awscrt import io

    group = io.EventLoopGroup(1)
    return io.ClientBootstrap(group, io.DefaultHostResolver(group))


@cache
def _pkcs11_library(file: str) -> Any:
    """Loaded and initialised once for the process."""
    from awscrt import io

    return io.Pkcs11Lib(file=file)


def _tls(options: TransportOptions, endpoint: Endpoint) -> Any:
    from awscrt import io

    key = options.private_key
    if isinstance(key, Pkcs11Key):
        tls = io.TlsContextOptions.create_client_with_mtls_pkcs11(
            pkcs11_lib=_pkcs11_library(str(key.module)),
            user_pin=read_pin(key),
            slot_id=key.slot,
            token_label=key.token,
            private_key_label=key.object,
            cert_file_path=str(options.certificate),
        )
    else:
        tls = io.TlsContextOptions.create_client_with_mtls_from_path(str(options.certificate), str(key))
    tls.override_default_trust_store_from_path(None, str(options.ca))
    tls.min_tls_ver = io.TlsVersion.TLSv1_2
    if uses_alpn(endpoint):
        tls.alpn_list = [ALPN_PROTOCOL]
    return io.ClientTlsContext(tls)


def _make_client(options: TransportOptions, endpoint: Endpoint, events: _CrtConnection) -> Any:
    from awscrt import mqtt5

    return mqtt5.Client(
        mqtt5.ClientOptions(
            host_name=endpoint.host,
            port=endpoint.port,
            bootstrap=_bootstrap(),
            tls_ctx=_tls(options, endpoint),
            connect_options=mqtt5.ConnectPacket(
                client_id=options.client_id,
                keep_alive_interval_sec=options.keep_alive_s,
                session_expiry_interval_sec=options.session_expiry_s,
                receive_maximum=RECEIVE_MAXIMUM,
                maximum_packet_size=MAX_PACKET,
            ),
            session_behavior=mqtt5.ClientSessionBehaviorType.REJOIN_ALWAYS,
            extended_validation_and_flow_control_options=(
                mqtt5.ExtendedValidationAndFlowControlOptions.AWS_IOT_CORE_DEFAULTS
            ),
            offline_queue_behavior=mqtt5.ClientOperationQueueBehaviorType.FAIL_ALL_ON_DISCONNECT,
            min_reconnect_delay_ms=NEVER_BY_ITSELF_MS,
            max_reconnect_delay_ms=NEVER_BY_ITSELF_MS,
            retry_jitter_mode=mqtt5.ExponentialBackoffJitterMode.NONE,
            ping_timeout_ms=round(options.ping_timeout_s * 1000),
            connack_timeout_ms=round(options.connack_timeout_s * 1000),
            ack_timeout_sec=options.ack_timeout_s,
            disable_metrics=True,
            on_publish_callback_fn=events.on_publish,
            on_lifecycle_event_connection_success_fn=events.on_success,
            on_lifecycle_event_connection_failure_fn=events.on_failure,
            on_lifecycle_event_disconnection_fn=events.on_disconnection,
            on_lifecycle_event_stopped_fn=events.on_stopped,
        )
    )


def _publish_refusal(puback: Any) -> str | None:
    """Why the broker refused, or None if it took the message."""
    from awscrt.mqtt5 import PubackReasonCode

    if puback.reason_code in (PubackReasonCode.SUCCESS, PubackReasonCode.NO_MATCHING_SUBSCRIBERS):
        return None
    return _said(puback.reason_code, puback.reason_string)


def _subscribe_refusals(suback: Any) -> list[str | None]:
    from awscrt.mqtt5 import SubackReasonCode

    granted = (SubackReasonCode.GRANTED_QOS_0, SubackReasonCode.GRANTED_QOS_1, SubackReasonCode.GRANTED_QOS_2)
    return [None if code in granted else _said(code, suback.reason_string) for code in suback.reason_codes]


def _connect_error(endpoint: Endpoint, data: Any) -> ConnectError:
    if data.connack_packet is None:
        return ConnectError(f"{endpoint}: {data.exception}")
    said = _said(data.connack_packet.reason_code, data.connack_packet.reason_string)
    return ConnectRefusedError(f"{endpoint} refused the connection: {said}")


def _disconnect_reason(data: Any) -> str:
    if data.disconnect_packet is None or data.disconnect_packet.reason_code is None:
        return str(data.exception)
    said = _said(data.disconnect_packet.reason_code, data.disconnect_packet.reason_string)
    return f"the broker disconnected us: {said}"


def _said(code: Any, text: str | None) -> str:
    name = "an unknown reason" if code is None else code.name.lower().replace("_", " ")
    return f"{name} ({text})" if text else name
