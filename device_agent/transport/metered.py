"""A transport whose traffic somebody counts, whoever causes it."""

from collections.abc import Sequence
from typing import Protocol

from device_agent.errors import ConnectRefusedError
from device_agent.transport import Deliver, Endpoint, Incoming, Transport, ignore


class Meter(Protocol):
    """Hears what a transport carries, at the moment at which it does. It must neither block nor raise."""

    def connected(self) -> None:
        """A broker has answered: the handshakes are through."""
        ...

    def disconnected(self) -> None:
        """There is no connection any more; also said where there was none."""
        ...

    def sent(self, topic: str, payload: bytes) -> None:
        """A message was handed over to be sent at QoS 1, whether or not it will be acknowledged."""
        ...

    def received(self, topic: str, payload: bytes) -> None: ...


class MeteredTransport:
    """A Transport around another one, which it takes over. What an attempt costs that nobody answered is not known."""

    def __init__(self, transport: Transport, meter: Meter) -> None:
        self.on_message: Deliver = ignore
        self._transport = transport
        self._meter = meter
        transport.on_message = self._deliver

    async def connect(self, endpoint: Endpoint) -> None:
        try:
            await self._transport.connect(endpoint)
        except ConnectRefusedError:
            self._meter.connected()
            self._meter.disconnected()
            raise
        self._meter.connected()

    async def subscribe(self, filters: Sequence[str]) -> None:
        await self._transport.subscribe(filters)

    async def publish(self, topic: str, payload: bytes) -> None:
        self._meter.sent(topic, payload)
        await self._transport.publish(topic, payload)

    async def lost(self) -> str:
        return await self._transport.lost()

    async def disconnect(self) -> None:
        self._meter.disconnected()
        await self._transport.disconnect()

    def _deliver(self, message: Incoming) -> None:
        self._meter.received(message.topic, message.payload)
        self.on_message(message)
