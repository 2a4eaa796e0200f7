"""A broker in memory and a transport to it: what the tests of everything above the transport run on."""

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from device_agent.errors import (
    ConnectError,
    ConnectionLostError,
    ConnectRefusedError,
    NotTakenError,
    PublishRefusedError,
    SubscribeRefusedError,
)
from device_agent.transport import MAX_PAYLOAD, Deliver, Endpoint, Incoming, ignore
from device_agent.transport.filters import matches


@dataclass(frozen=True)
class Received:
    """A message that the broker took."""

    client_id: str
    topic: str
    payload: bytes


@dataclass
class Kept:
    """What the broker keeps of a client, also while that is away."""

    filters: set[str] = field(default_factory=set)
    waiting: deque[Incoming] = field(default_factory=deque)
    """What was not acknowledged yet."""


@dataclass
class MemoryBroker:
    """Takes every message, unless it is told otherwise."""

    received: list[Received] = field(default_factory=list)
    reachable: bool = True
    unreachable_ports: set[int] = field(default_factory=set)
    refuse_connect: str | None = None
    refuse_publish: str | None = None
    refuse_subscribe: dict[str, str] = field(default_factory=dict)
    """Topic filters that it refuses, and why."""
    acknowledge: bool = True
    """Without it the broker takes messages and does not answer, as one that hangs."""
    attempts: list[Endpoint] = field(default_factory=list)
    sessions: dict[str, "MemoryTransport"] = field(default_factory=dict)
    """Who is connected."""
    kept: dict[str, Kept] = field(default_factory=dict)

    def deliver(self, topic: str, payload: bytes) -> None:
        """Send a message to every client that subscribed to its topic, or keep it until that is back."""
        for client_id, kept in self.kept.items():
            if len(payload) <= MAX_PAYLOAD and any(matches(wanted, topic) for wanted in kept.filters):
                kept.waiting.append(Incoming(topic, payload))
                if (connection := self.sessions.get(client_id)) is not None:
                    connection.collect_soon()

    def drop_connections(self) -> None:
        for connection in list(self.sessions.values()):
            connection.end("the broker dropped the connection")

    def forget_sessions(self) -> None:
        """As a broker that was started anew without what it had stored."""
        self.drop_connections()
        self.kept.clear()


class MemoryTransport:
    """A Transport to a MemoryBroker."""

    def __init__(self, broker: MemoryBroker, client_id: str) -> None:
        self.on_message: Deliver = ignore
        self._broker = broker
        self._client_id = client_id
        self._ended: asyncio.Future[str] | None = None

    async def connect(self, endpoint: Endpoint) -> None:
        await self.disconnect()
        self._broker.attempts.append(endpoint)
        if not self._broker.reachable or endpoint.port in self._broker.unreachable_ports:
            raise ConnectError(f"{endpoint} cannot be reached")
        if self._broker.refuse_connect is not None:
            raise ConnectRefusedError(f"{endpoint} refused the connection: {self._broker.refuse_connect}")
        if (other := self._broker.sessions.get(self._client_id)) is not None:
            other.end("another client took the session over")
        self._ended = asyncio.get_running_loop().create_future()
        self._broker.sessions[self._client_id] = self
        self._broker.kept.setdefault(self._client_id, Kept())
        self.collect_soon()

    async def subscribe(self, filters: Sequence[str]) -> None:
        ended = self._connection()
        if not self._broker.acknowledge:
            raise ConnectionLostError(await self.lost())
        refused = {wanted: why for wanted, why in self._broker.refuse_subscribe.items() if wanted in filters}
        self._broker.kept[self._client_id].filters.update(set(filters) - set(refused))
        await self._answer(ended)
        if refused:
            raise SubscribeRefusedError(refused)

    async def publish(self, topic: str, payload: bytes) -> None:
        ended = self._connection()
        if self._broker.refuse_publish is not None:
            raise PublishRefusedError(topic, self._broker.refuse_publish)
        self._broker.received.append(Received(self._client_id, topic, payload))
        if not self._broker.acknowledge:
            raise ConnectionLostError(await self.lost())
        await self._answer(ended)

    async def lost(self) -> str:
        if self._ended is None:
            return "not connected"
        return await asyncio.shield(self._ended)

    async def disconnect(self) -> None:
        self.end("disconnected")

    def collect_soon(self) -> None:
        """Hand over what the broker has for us, and acknowledge it, at the next turn of the event loop."""
        asyncio.get_running_loop().call_soon(self._collect)

    def end(self, reason: str) -> None:
        if self._ended is not None and not self._ended.done():
            self._ended.set_result(reason)
            del self._broker.sessions[self._client_id]

    def _collect(self) -> None:
        waiting = self._broker.kept[self._client_id].waiting
        while waiting and self._ended is not None and not self._ended.done():
            try:
                self.on_message(waiting[0])
            except NotTakenError:
                return
            waiting.popleft()

    def _connection(self) -> asyncio.Future[str]:
        if self._ended is None or self._ended.done():
            raise ConnectionLostError("not connected")
        return self._ended

    async def _answer(self, ended: asyncio.Future[str]) -> None:
        await asyncio.sleep(0)
        if ended.done():
            raise ConnectionLostError(ended.result())
