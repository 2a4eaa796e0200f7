"""MQTT 5 over mutual TLS by the AWS Common Runtime.

The runtime reconnects by itself to one host. Here every connection is a client of its own that is stopped when it ends,
so that the publisher decides when and where to connect next.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from device_agent.errors import ConnectError, ConnectionLostError, ConnectRefusedError, PublishRefusedError
from device_agent.transport import Endpoint

T = TypeVar("T")

ALPN_PORT = 443
ALPN_PROTOCOL = "x-amzn-mqtt-ca"
PING_TIMEOUT_MS = 10_000
NEVER_BY_ITSELF_MS = 3_600_000
"""The runtime's own reconnect delay: long after this client is stopped."""


@dataclass(frozen=True)
class CrtOptions:
    """Who we are and how patient."""

    client_id: str
    ca: Path
    certificate: Path
    private_key: Path
    keep_alive_s: int = 45
    session_expiry_s: int = 3600
    connect_timeout_s: float = 40.0
    """Above the 10 to 30 s for which the TLS library holds back a failed handshake before it tells the reason."""
    connack_timeout_s: float = 20.0
    ack_timeout_s: int = 30
    stop_timeout_s: float = 5.0


class CrtTransport:
    """A Transport through `awscrt`, which is loaded by the first `connect`."""

    def __init__(self, options: CrtOptions) -> None:
        self._options = options
        self._connection: _Connection | None = None

    async def connect(self, endpoint: Endpoint) -> None:
        await self.disconnect()
        connection = _Connection(self._options, endpoint)
        self._connection = connection
        try:
            await connection.open()
        except BaseException:
            self._connection = None
            await connection.close()
            raise

    async def publish(self, topic: str, payload: bytes) -> None:
        if self._connection is None:
            raise ConnectionLostError("not connected")
        await self._connection.publish(topic, payload)

    async def lost(self) -> str:
        return "not connected" if self._connection is None else await self._connection.lost()

    async def disconnect(self) -> None:
        if self._connection is not None:
            connection, self._connection = self._connection, None
            await connection.close()


class _Connection:
    """One client of the runtime, from its start to its stop."""

    def __init__(self, options: CrtOptions, endpoint: Endpoint) -> None:
        self._options = options
        self._endpoint = endpoint
        self._loop = asyncio.get_running_loop()
        self._accepted: asyncio.Future[None] = self._loop.create_future()
        self._ended: asyncio.Future[str] = self._loop.create_future()
        self._stopped = asyncio.Event()
        self._client: Any = None

    async def open(self) -> None:
        from awscrt.exceptions import AwsCrtError

        try:
            self._client = _make_client(self._options, self._endpoint, self)
            self._client.start()
        except (AwsCrtError, RuntimeError, OSError, ValueError) as error:
            raise ConnectError(f"{self._endpoint}: cannot start the client: {error}") from error
        try:
            async with asyncio.timeout(self._options.connect_timeout_s):
                await asyncio.shield(self._accepted)
        except TimeoutError as error:
            raise ConnectError(f"{self._endpoint}: no answer in {self._options.connect_timeout_s:g} s") from error

    async def publish(self, topic: str, payload: bytes) -> None:
        if self._ended.done():
            raise ConnectionLostError(self._ended.result())
        answer: asyncio.Future[Future[Any]] = self._loop.create_future()
        # Not `wrap_future`: cancelling us would cancel a future that the runtime still settles, and that would raise.
        _publish(self._client, topic, payload).add_done_callback(
            lambda settled: self._soon(lambda: _set_once(answer, settled))
        )
        await asyncio.wait((answer, self._ended), return_when=asyncio.FIRST_COMPLETED)
        if not answer.done():
            raise ConnectionLostError(self._ended.result())
        if (error := answer.result().exception()) is not None:
            self._end(f"a publish was not acknowledged: {error}")
            raise ConnectionLostError(str(error)) from error
        if (refusal := _refusal(answer.result().result().puback)) is not None:
            raise PublishRefusedError(topic, refusal)

    async def lost(self) -> str:
        return await asyncio.shield(self._ended)

    async def close(self) -> None:
        """Stop the client and wait until it has let go of its socket."""
        self._end("disconnected")
        if self._client is None:
            return
        from awscrt.mqtt5 import DisconnectPacket

        # Without the packet the runtime just hangs up, and the cloud would report a lost device.
        self._client.stop(DisconnectPacket())
        try:
            async with asyncio.timeout(self._options.stop_timeout_s):
                await self._stopped.wait()
        except TimeoutError:
            # The runtime ends it in its own time; what counts is that we no longer depend on it.
            pass
        self._client = None

    # The runtime calls these on its own threads.

    def on_success(self, _data: Any) -> None:
        self._soon(lambda: _set_once(self._accepted, None))

    def on_failure(self, data: Any) -> None:
        error = _connect_error(self._endpoint, data)
        self._soon(lambda: self._fail(error))

    def on_disconnection(self, data: Any) -> None:
        reason = _disconnect_reason(data)
        self._soon(lambda: self._end(reason))

    def on_stopped(self, _data: Any) -> None:
        self._soon(self._stopped.set)

    def _soon(self, call: Callable[[], object]) -> None:
        # A loop that is closed belongs to a process that is on its way out: nobody waits for the news.
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(call)

    def _fail(self, error: ConnectError) -> None:
        if not self._accepted.done():
            self._accepted.set_exception(error)
            # Nobody may be waiting any more: `open` gave up.
            self._accepted.exception()
        self._end(str(error))

    def _end(self, reason: str) -> None:
        _set_once(self._ended, reason)


def _set_once(future: asyncio.Future[T], result: T) -> None:
    if not future.done():
        future.set_result(result)


@cache
def _bootstrap() -> Any:
    """One network thread for every connection of the process."""
    from awscrt import io

    group = io.EventLoopGroup(1)
    return io.ClientBootstrap(group, io.DefaultHostResolver(group))


def _make_client(options: CrtOptions, endpoint: Endpoint, events: _Connection) -> Any:
    from awscrt import io, mqtt5

    tls = io.TlsContextOptions.create_client_with_mtls_from_path(str(options.certificate), str(options.private_key))
    tls.override_default_trust_store_from_path(None, str(options.ca))
    tls.min_tls_ver = io.TlsVersion.TLSv1_2
    if endpoint.port == ALPN_PORT:
        tls.alpn_list = [ALPN_PROTOCOL]
    return mqtt5.Client(
        mqtt5.ClientOptions(
            host_name=endpoint.host,
            port=endpoint.port,
            bootstrap=_bootstrap(),
            tls_ctx=io.ClientTlsContext(tls),
            connect_options=mqtt5.ConnectPacket(
                client_id=options.client_id,
                keep_alive_interval_sec=options.keep_alive_s,
                session_expiry_interval_sec=options.session_expiry_s,
            ),
            session_behavior=mqtt5.ClientSessionBehaviorType.REJOIN_ALWAYS,
            extended_validation_and_flow_control_options=(
                mqtt5.ExtendedValidationAndFlowControlOptions.AWS_IOT_CORE_DEFAULTS
            ),
            offline_queue_behavior=mqtt5.ClientOperationQueueBehaviorType.FAIL_ALL_ON_DISCONNECT,
            min_reconnect_delay_ms=NEVER_BY_ITSELF_MS,
            max_reconnect_delay_ms=NEVER_BY_ITSELF_MS,
            retry_jitter_mode=mqtt5.ExponentialBackoffJitterMode.NONE,
            ping_timeout_ms=PING_TIMEOUT_MS,
            connack_timeout_ms=round(options.connack_timeout_s * 1000),
            ack_timeout_sec=options.ack_timeout_s,
            disable_metrics=True,
            on_lifecycle_event_connection_success_fn=events.on_success,
            on_lifecycle_event_connection_failure_fn=events.on_failure,
            on_lifecycle_event_disconnection_fn=events.on_disconnection,
            on_lifecycle_event_stopped_fn=events.on_stopped,
        )
    )


def _publish(client: Any, topic: str, payload: bytes) -> Future[Any]:
    from awscrt import mqtt5

    packet = mqtt5.PublishPacket(topic=topic, payload=payload, qos=mqtt5.QoS.AT_LEAST_ONCE)
    future: Future[Any] = client.publish(packet)
    return future


def _refusal(puback: Any) -> str | None:
    """Why the broker refused, or None if it took the message."""
    from awscrt.mqtt5 import PubackReasonCode

    code = puback.reason_code
    if code in (PubackReasonCode.SUCCESS, PubackReasonCode.NO_MATCHING_SUBSCRIBERS):
        return None
    name = "an unknown reason" if code is None else code.name.lower().replace("_", " ")
    return f"{name} ({puback.reason_string})" if puback.reason_string else name


def _connect_error(endpoint: Endpoint, data: Any) -> ConnectError:
    if data.connack_packet is None:
        return ConnectError(f"{endpoint}: {data.exception}")
    code, said = data.connack_packet.reason_code, data.connack_packet.reason_string
    name = "an unknown reason" if code is None else code.name.lower().replace("_", " ")
    return ConnectRefusedError(f"{endpoint} refused the connection: {name}" + (f" ({said})" if said else ""))


def _disconnect_reason(data: Any) -> str:
    if data.disconnect_packet is None or data.disconnect_packet.reason_code is None:
        return str(data.exception)
    said = data.disconnect_packet.reason_string
    name = data.disconnect_packet.reason_code.name.lower().replace("_", " ")
    return f"the broker disconnected us: {name}" + (f" ({said})" if said else "")
