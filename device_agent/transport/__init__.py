"""How messages leave the device. A transport knows nothing of queues, retries or which endpoint to prefer."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Endpoint:
    """Where a broker listens."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


class Transport(Protocol):
    """One connection at a time, as one thing; used from one event loop. Whatever fails is a TransportError."""

    async def connect(self, endpoint: Endpoint) -> None:
        """Return once the broker has accepted us.

        Raises:
            ConnectRefusedError: the broker said no.
            ConnectError: it could not be reached, or its identity could not be verified.
        """
        ...

    async def publish(self, topic: str, payload: bytes) -> None:
        """Return once the broker has acknowledged the message (QoS 1). Several may be under way at once.

        Raises:
            PublishRefusedError: the broker will not have it; the connection stands.
            ConnectionLostError: there is no connection, it ended first, or the broker did not answer in time.
        """
        ...

    async def lost(self) -> str:
        """Wait until the connection has ended, for whatever reason; returns the reason."""
        ...

    async def disconnect(self) -> None:
        """End the connection in good order. Does nothing without one."""
        ...
