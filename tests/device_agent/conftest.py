"""What the tests of the agent need: a standing clock, repeatable randomness, and brokers on real TLS."""

import asyncio
import logging
from contextlib import asynccontextmanager
from random import Random

import pytest

from device_agent.clock import ManualClock


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def log():
    return logging.LoggerAdapter(logging.getLogger("device_agent.test"), {})


@pytest.fixture
def random():
    return Random(20)


@pytest.fixture
def eventually():
    """Wait until a condition holds that real threads or sockets bring about."""

    async def wait(condition, timeout_s=10):
        async with asyncio.timeout(timeout_s):
            while not condition():  # noqa: ASYNC110 - the condition may come true on another thread
                await asyncio.sleep(0.001)

    return wait


@pytest.fixture(scope="session")
def credentials(tmp_path_factory):
    """A certificate authority, a server for localhost, and the device `pump-7` whose key the agent itself made."""
    from tests.device_agent.pki import make_credentials

    return make_credentials(tmp_path_factory.mktemp("credentials"))


@pytest.fixture(scope="session")
def app_credentials(credentials):
    """Certificate and key of who is at the other side of the broker."""
    return credentials.authority.device("app")


@pytest.fixture
def tls_broker(credentials):
    """An asynchronous context manager: a running broker that misbehaves when told to."""
    from tests.device_agent.tls_broker import TlsBroker

    @asynccontextmanager
    async def run(**behaviour):
        broker = TlsBroker(credentials, **behaviour)
        await broker.start()
        try:
            yield broker
        finally:
            await broker.stop()

    return run


@pytest.fixture
def mosquitto(credentials, tmp_path):
    """A real broker, running."""
    from tests.device_agent.mosquitto import Mosquitto

    with Mosquitto(tmp_path / "mosquitto", credentials) as broker:
        yield broker


@pytest.fixture
def app(mosquitto, credentials, app_credentials):
    """At the other side of the real broker: what it `received` from devices, and `publish` to them."""
    from tests.device_agent.mosquitto import App

    with App(mosquitto, credentials, *app_credentials) as app:
        yield app
