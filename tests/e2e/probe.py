"""A device that sends whatever bytes a test likes, to whatever topic, over mutual TLS with its own certificate."""

import threading
from concurrent.futures import Future
from typing import Any, Self

from awscrt import io, mqtt5

from tests.e2e.cloud import Cloud


class RefusedError(Exception):
    """The broker said no, in its answer or by ending the connection."""


class Probe:
    """Connected while it is entered. Unlike the agent it validates nothing by itself."""

    def __init__(self, cloud: Cloud, name: str, client_id: str | None = None) -> None:
        device = cloud.declared(name)
        host, _, port = cloud.details["mqtt"].rpartition(":")
        tls = io.TlsContextOptions.create_client_with_mtls_from_path(str(device.certificate), str(device.key))
        tls.override_default_trust_store_from_path(None, str(cloud.details["ca"]))
        self._connected: Future[None] = Future()
        self._lost = threading.Event()
        self._stopped = threading.Event()
        self._client = mqtt5.Client(
            mqtt5.ClientOptions(
                host_name=host,
                port=int(port),
                tls_ctx=io.ClientTlsContext(tls),
                connect_options=mqtt5.ConnectPacket(client_id=client_id or name, keep_alive_interval_sec=60),
                min_reconnect_delay_ms=600_000,
                max_reconnect_delay_ms=600_000,
                offline_queue_behavior=mqtt5.ClientOperationQueueBehaviorType.FAIL_ALL_ON_DISCONNECT,
                ack_timeout_sec=15,
                on_lifecycle_event_connection_success_fn=self._on_success,
                on_lifecycle_event_connection_failure_fn=self._on_failure,
                on_lifecycle_event_disconnection_fn=lambda _: self._lost.set(),
                on_lifecycle_event_stopped_fn=lambda _: self._stopped.set(),
            )
        )

    def _on_success(self, _: Any) -> None:
        self._connected.set_result(None)

    def _on_failure(self, data: Any) -> None:
        if not self._connected.done():
            self._connected.set_exception(RefusedError(str(data.exception)))

    def __enter__(self) -> Self:
        self._client.start()
        try:
            self._connected.result(timeout=20)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._client.stop()
        self._stopped.wait(timeout=10)

    def publish(self, topic: str, payload: bytes) -> None:
        """Returns once the broker has acknowledged it; raises RefusedError when it will not."""
        packet = mqtt5.PublishPacket(topic=topic, payload=payload, qos=mqtt5.QoS.AT_LEAST_ONCE)
        try:
            puback = self._client.publish(packet).result(timeout=20).puback
        except Exception as error:  # the runtime has many, and all mean that it was not taken
            raise RefusedError(str(error)) from error
        if puback.reason_code.value >= 0x80:
            raise RefusedError(puback.reason_code.name)

    def subscribe(self, topic_filter: str) -> None:
        packet = mqtt5.SubscribePacket(
            subscriptions=[mqtt5.Subscription(topic_filter=topic_filter, qos=mqtt5.QoS.AT_LEAST_ONCE)]
        )
        try:
            suback = self._client.subscribe(packet).result(timeout=20)
        except Exception as error:  # the runtime has many, and all mean that it was not taken
            raise RefusedError(str(error)) from error
        if any(code.value >= 0x80 for code in suback.reason_codes):
            raise RefusedError(suback.reason_codes[0].name)
