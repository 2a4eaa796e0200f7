"""What a transport carries is counted, whoever causes it, and about as much as goes over the wire."""

import asyncio
from contextlib import asynccontextmanager
from random import Random

import pytest

from device_agent.clock import ManualClock, SystemClock
from device_agent.errors import ConnectError, ConnectionLostError, ConnectRefusedError
from device_agent.health import Health
from device_agent.link import Link
from device_agent.publishing.budget import Budget, BudgetSettings
from device_agent.time.timekeeper import ClockSettings, Timekeeper
from device_agent.transport import Endpoint, Incoming
from device_agent.transport.making import KINDS, make_transport
from device_agent.transport.memory import MemoryBroker, MemoryTransport
from device_agent.transport.metered import MeteredTransport
from tests.device_agent.memory_storage import MemoryStorage
from tests.device_agent.transport.notes import Notes

BROKER = Endpoint("broker", 8883)
TOPIC = "dt/pump-7/telemetry"
COMMAND = "cmd/pump-7/7f/req"


@pytest.fixture
def heard():
    return Notes()


@pytest.fixture
def broker():
    return MemoryBroker()


@pytest.fixture
def transport(broker, heard):
    return MeteredTransport(MemoryTransport(broker, "pump-7"), heard)


async def test_a_meter_hears_of_everything_and_whoever_listens_too(broker, transport, heard):
    arrived = []
    transport.on_message = arrived.append
    await transport.connect(BROKER)
    await transport.subscribe(["cmd/#"])
    await transport.publish(TOPIC, b"21.5")
    broker.deliver(COMMAND, b"on")
    await asyncio.sleep(0)
    broker.drop_connections()
    assert await transport.lost() == "the broker dropped the connection"
    await transport.disconnect()

    assert arrived == [Incoming(COMMAND, b"on")]
    assert [message.payload for message in broker.received] == [b"21.5"]
    assert heard.take() == ["connected", ("sent", TOPIC, b"21.5"), ("received", COMMAND, b"on"), "disconnected"]


async def test_what_was_sent_and_not_acknowledged_was_carried(broker, transport, heard):
    await transport.connect(BROKER)
    broker.acknowledge = False
    publishing = asyncio.ensure_future(transport.publish(TOPIC, b"21.5"))
    await asyncio.sleep(0)
    broker.drop_connections()

    with pytest.raises(ConnectionLostError):
        await publishing
    assert heard.take()[1:] == [("sent", TOPIC, b"21.5")]


async def test_a_broker_that_refuses_has_cost_a_connection_and_one_that_is_not_there_none(broker, transport, heard):
    broker.refuse_connect = "not authorized"
    with pytest.raises(ConnectRefusedError):
        await transport.connect(BROKER)
    assert heard.take() == ["connected", "disconnected"]

    broker.reachable = False
    with pytest.raises(ConnectError):
        await transport.connect(BROKER)
    assert heard.take() == []


class CountingProxy:
    """Counts the bytes of both directions of the connections to a port."""

    def __init__(self, target):
        self.target = target
        self.bytes = 0

    @asynccontextmanager
    async def running(self):
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        async with server:
            yield Endpoint("localhost", server.sockets[0].getsockname()[1])

    async def _serve(self, reader, writer):
        far_reader, far_writer = await asyncio.open_connection(self.target.host, self.target.port)
        await asyncio.gather(self._forward(reader, far_writer), self._forward(far_reader, writer))

    async def _forward(self, reader, writer):
        while data := await reader.read(65536):
            self.bytes += len(data)
            writer.write(data)
            await writer.drain()
        writer.close()


@pytest.mark.parametrize("kind", KINDS)
async def test_a_budget_counts_what_a_real_connection_carries(kind, mosquitto, app, options, log, eventually):
    """The bytes within TCP, and besides no more than its headers and the certificates of a public authority."""
    storage, clock = MemoryStorage(), ManualClock()
    await storage.open()
    keeper = Timekeeper(ClockSettings(), clock=clock, storage=storage, log=log)
    await keeper.open()
    limits = BudgetSettings(bytes_per_day=10**9)
    budget = Budget(
        limits,
        keep_alive_s=options.keep_alive_s,
        timekeeper=keeper,
        storage=storage,
        clock=clock,
        log=log,
        event=lambda kind, data: None,
    )
    proxy, arrived = CountingProxy(mosquitto.endpoint), []
    async with proxy.running() as endpoint:
        transport = MeteredTransport(make_transport(kind, options), budget)
        link = Link(transport, [endpoint], clock=SystemClock(), random=Random(1), health=Health(), log=log)
        link.subscribe("cmd/pump-7/+/req", arrived.append)
        running = asyncio.ensure_future(link.run())
        await asyncio.wait_for(link.connected(), 20)
        carried = [proxy.bytes]
        counted = [budget.status().day_used]
        for _ in range(20):
            await link.publish(TOPIC, b"x" * 200)
        await link.publish(TOPIC, b"x" * 100_000)
        await asyncio.to_thread(app.publish, COMMAND, b"x" * 300, times=20)
        await eventually(lambda: len(arrived) == 20)
        carried.append(proxy.bytes - carried[0])
        counted.append(budget.status().day_used - counted[0])
        running.cancel()
        await asyncio.wait([running])

    assert 3_000 < carried[0] < counted[0]
    assert carried[1] < counted[1] < 1.1 * carried[1] + 40 * 3 * 60
