"""The worlds in which transports are tested."""

from contextlib import asynccontextmanager

import pytest

from device_agent.transport.making import make_transport
from device_agent.transport.memory import MemoryBroker, MemoryTransport
from device_agent.transport.metered import MeteredTransport
from device_agent.transport.options import TransportOptions
from tests.device_agent.transport.notes import Notes
from tests.device_agent.transport.worlds import MemoryWorld, MosquittoWorld, TlsWorld

MISBEHAVING = ["memory", "metered", "crt", "paho"]
REAL = ["crt-mosquitto", "paho-mosquitto"]


@pytest.fixture
def options(credentials):
    return TransportOptions("pump-7", credentials.ca, credentials.certificate, credentials.private_key, keep_alive_s=37)


def _world(request, tls_broker, options):
    kind, _, real = request.param.partition("-")

    @asynccontextmanager
    async def make():
        if kind in {"memory", "metered"}:
            broker = MemoryBroker()
            transport = MemoryTransport(broker, "pump-7")
            yield MemoryWorld(broker, MeteredTransport(transport, Notes()) if kind == "metered" else transport)
            return
        transport = make_transport(kind, options)
        try:
            if real:
                broker, app = request.getfixturevalue("mosquitto"), request.getfixturevalue("app")
                yield MosquittoWorld(broker, app, transport)
            else:
                async with tls_broker() as broker:
                    yield TlsWorld(broker, transport)
                    await transport.disconnect()
        finally:
            await transport.disconnect()

    return make


@pytest.fixture(params=[*MISBEHAVING, *REAL])
def world(request, tls_broker, options):
    """Every transport with every broker."""
    return _world(request, tls_broker, options)


@pytest.fixture(params=MISBEHAVING)
def misbehaving_world(request, tls_broker, options):
    """Those whose broker can be told to refuse connections and to take without answering."""
    return _world(request, tls_broker, options)


@pytest.fixture(params=["memory", "metered", *REAL])
def keeping_world(request, tls_broker, options):
    """Those whose broker keeps a session while its client is away."""
    return _world(request, tls_broker, options)


@pytest.fixture(params=["crt", "paho"])
def kind(request):
    """Each transport on sockets."""
    return request.param
