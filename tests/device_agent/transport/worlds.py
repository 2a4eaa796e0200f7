"""A transport and what is at its other end, in the words of the contract suite: in memory, misbehaving, and real."""

from device_agent.transport import Endpoint, Incoming, Transport
from device_agent.transport.memory import MemoryBroker, MemoryTransport

NOT_AUTHORIZED = 0x87


class World:
    """What all have in common: the transport, and what it delivered."""

    transport: Transport
    forbidden_topic = "dt/pump-7/telemetry"
    forbidden_filter = "cmd/pump-8/+/req"

    def __init__(self, transport: Transport) -> None:
        self.transport = transport
        self.delivered: list[Incoming] = []
        transport.on_message = self.delivered.append

    def another(self, options):
        """A second transport for the same device."""
        return type(self.transport)(options)

    def payloads(self):
        return [message.payload for message in self.received()]

    def forbid(self):
        """Publishes to the forbidden topic, and subscriptions to the forbidden filter."""

    def allow(self):
        pass


class MemoryWorld(World):
    endpoint = Endpoint("broker", 8883)

    def __init__(self, broker: MemoryBroker, transport: Transport) -> None:
        super().__init__(transport)
        self.broker = broker

    def another(self, options):
        return MemoryTransport(self.broker, options.client_id)

    def received(self):
        return self.broker.received

    def refuse_connections(self):
        self.broker.refuse_connect = "not authorized"

    def forbid(self):
        self.broker.refuse_publish = "not authorized"
        self.broker.refuse_subscribe = {self.forbidden_filter: "not authorized"}

    def allow(self):
        self.broker.refuse_publish = None

    def fall_silent(self):
        self.broker.acknowledge = False

    async def deliver(self, topic, payload):
        self.broker.deliver(topic, payload)

    async def drop_connections(self):
        self.broker.drop_connections()

    async def go_away(self):
        self.broker.reachable = False
        self.broker.drop_connections()

    async def come_back(self):
        self.broker.reachable = True


class TlsWorld(World):
    """The broker that misbehaves."""

    def __init__(self, broker, transport: Transport) -> None:
        super().__init__(transport)
        self.broker = broker
        self._packet_id = 0

    @property
    def endpoint(self):
        return self.broker.endpoint

    def received(self):
        return self.broker.received

    def refuse_connections(self):
        self.broker.connect_code = NOT_AUTHORIZED

    def forbid(self):
        self.broker.publish_code = NOT_AUTHORIZED
        self.broker.subscribe_codes[self.forbidden_filter] = NOT_AUTHORIZED

    def allow(self):
        self.broker.publish_code = 0

    def fall_silent(self):
        self.broker.acknowledge = False

    async def deliver(self, topic, payload):
        self._packet_id += 1
        self.broker.deliver(Incoming(topic, payload), self._packet_id)

    async def drop_connections(self):
        self.broker.drop_connections()

    async def go_away(self):
        await self.broker.stop()

    async def come_back(self):
        await self.broker.start()


class MosquittoWorld(World):
    """The real broker."""

    forbidden_topic = "dt/pump-8/telemetry"

    def __init__(self, broker, app, transport: Transport) -> None:
        super().__init__(transport)
        self.broker = broker
        self.app = app

    @property
    def endpoint(self):
        return self.broker.endpoint

    def received(self):
        return self.app.received

    def fall_silent(self):
        self.broker.freeze()

    async def deliver(self, topic, payload):
        self.app.publish(topic, payload)

    async def drop_connections(self):
        self.broker.kill()
        self.broker.start()
        self.app.await_subscribed()

    async def go_away(self):
        self.broker.stop()

    async def come_back(self):
        self.broker.start()
        self.app.await_subscribed()
