"""How messages leave and reach the device. A transport knows nothing of queues, retries or which endpoint to prefer."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

MQTT_PORT = 8883
ALPN_PORT = 443
ALPN_PROTOCOL = "x-amzn-mqtt-ca"
"""What AWS IoT Core wants to hear in the TLS handshake to speak MQTT with client certificates on port 443."""
MAX_PAYLOAD = 131_072
"""Bytes: what AWS IoT Core takes or delivers in one message. A transport asks the broker for no larger ones."""


@dataclass(frozen=True)
class Endpoint:
    """Where a broker listens. Without a port: on 8883, or on 443 by ALPN where a firewall lets nothing else pass."""

    host: str
    port: int | None = None

    def candidates(self) -> tuple["Endpoint", ...]:
        """Itself with each port that may be tried, the usual one first."""
        ports = (MQTT_PORT, ALPN_PORT) if self.port is None else (self.port,)
        return tuple(Endpoint(self.host, port) for port in ports)

    def __str__(self) -> str:
        return self.host if self.port is None else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Incoming:
    """A message from the broker."""

    topic: str
    payload: bytes


Deliver = Callable[[Incoming], None]
"""What takes messages: on the event loop, in the order of arrival. It must not block, nor raise but NotTakenError."""


class Transport(Protocol):
    """One connection at a time, as one thing; used from one event loop. Whatever fails is a TransportError."""

    on_message: Deliver
    """Called for each message; set before `connect`.

    At least once: a message is acknowledged after this returned, and one whose acknowledgement the broker did not get
    comes again. So does one that is not taken, over the next connection at the earliest. With a session that the broker
    kept, messages may come before `connect` or `subscribe` has returned.
    """

    async def connect(self, endpoint: Endpoint) -> None:
        """Return once the broker has accepted us. The session that it kept of us, if any, is taken up again.

        Raises:
            ConnectRefusedError: the broker said no.
            ConnectError: it could not be reached, or its identity could not be verified.
        """
        ...

    async def subscribe(self, filters: Sequence[str]) -> None:
        """Return once the broker has granted them all, at QoS 1.

        Raises:
            SubscribeRefusedError: it refused some of them; the others and the connection stand.
            ConnectionLostError: there is no connection, it ended first, or the broker did not answer in time.
        """
        ...

    async def publish(self, topic: str, payload: bytes) -> None:
        """Return once the broker has acknowledged the message (QoS 1). Several may be under way at once.

        Raises:
            PublishRefusedError: the broker will not have it; the connection stands.
            ConnectionLostError: there is no connection, it ended first, or the broker did not answer in time; in each
                case there is none now.
        """
        ...

    async def lost(self) -> str:
        """Wait until the connection has ended, for whatever reason; returns the reason."""
        ...

    async def disconnect(self) -> None:
        """End the connection in good order. Does nothing without one."""
        ...


def ignore(_message: Incoming) -> None:
    """What a transport does with messages before anybody has asked for them."""


def uses_alpn(endpoint: Endpoint) -> bool:
    """Whether the TLS handshake must say that MQTT follows, because the port is for HTTPS."""
    return endpoint.port == ALPN_PORT
