"""A broker in memory and a transport to it: what the tests of everything above the transport run on."""

import asyncio
from dataclasses import dataclass, field

from device_agent.errors import ConnectError, ConnectionLostError, ConnectRefusedError, PublishRefusedError
from device_agent.transport import Endpoint


@dataclass(frozen=True)
class Received:
    """A message that the broker took."""

    client_id: str
    topic: str
    payload: bytes


@dataclass
class MemoryBroker:
    """Takes every message, unless it is told otherwise."""

    received: list[Received] = field(default_factory=list)
    reachable: bool = True
    refuse_connect: str | None = None
    refuse_publish: str | None = None
    acknowledge: bool = True
    """Without it the broker takes messages and does not answer, as one that hangs."""
    attempts: list[Endpoint] = field(default_factory=list)
    sessions: dict[str, "MemoryTransport"] = field(default_factory=dict)

    def drop_connections(self) -> None:
        for session in list(self.sessions.values()):
            session.end("the broker dropped the connection")


class MemoryTransport:
    """A Transport to a MemoryBroker."""

    def __init__(self, broker: MemoryBroker, client_id: str) -> None:
        self._broker = broker
        self._client_id = client_id
        self._ended: asyncio.Future[str] | None = None

    async def connect(self, endpoint: Endpoint) -> None:
        await self.disconnect()
        self._broker.attempts.append(endpoint)
        if not self._broker.reachable:
            raise ConnectError(f"{endpoint} cannot be reached")
        if self._broker.refuse_connect is not None:
            raise ConnectRefusedError(f"{endpoint} refused the connection: {self._broker.refuse_connect}")
        if (other := self._broker.sessions.get(self._client_id)) is not None:
            other.end("another client took the session over")
        self._ended = asyncio.get_running_loop().create_future()
        self._broker.sessions[self._client_id] = self

    async def publish(self, topic: str, payload: bytes) -> None:
        if self._ended is None or self._ended.done():
            raise ConnectionLostError("not connected")
        if self._broker.refuse_publish is not None:
            raise PublishRefusedError(topic, self._broker.refuse_publish)
        self._broker.received.append(Received(self._client_id, topic, payload))
        if not self._broker.acknowledge:
            raise ConnectionLostError(await self.lost())
        await asyncio.sleep(0)
        if self._ended.done():
            raise ConnectionLostError(self._ended.result())

    async def lost(self) -> str:
        if self._ended is None:
            return "not connected"
        return await asyncio.shield(self._ended)

    async def disconnect(self) -> None:
        self.end("disconnected")

    def end(self, reason: str) -> None:
        if self._ended is not None and not self._ended.done():
            self._ended.set_result(reason)
            del self._broker.sessions[self._client_id]
