"""What the link promises, with real parts: each transport, a real broker, and a network that fails in between."""

import asyncio
import subprocess
import sys
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from device_agent.clock import SystemClock
from device_agent.errors import ConnectionLostError
from device_agent.health import Health
from device_agent.link import Link
from device_agent.transport.making import make_transport
from tests.device_agent.proxy import Proxy

TOPIC = "dt/pump-7/telemetry"


class ShortestRandom(Random):
    """Draws the shortest delay every time."""

    def uniform(self, a, _b):
        return a


@pytest.fixture
def linked(kind, options, log):
    """A running link to an endpoint, and the payloads of the commands that it handled."""

    @asynccontextmanager
    async def run(endpoint, keep_alive_s=37):
        """Finds out 1 s after the keep-alive that a broker no longer answers."""
        impatient = replace(options, ping_timeout_s=1.0, connect_timeout_s=2.0, stop_timeout_s=0.5)
        link = Link(
            make_transport(kind, replace(impatient, keep_alive_s=keep_alive_s)),
            [endpoint],
            clock=SystemClock(),
            random=ShortestRandom(),
            health=Health(),
            log=log,
        )
        handled = []
        link.subscribe("cmd/pump-7/+/req", lambda message: handled.append(message.payload))
        running = asyncio.ensure_future(link.run())
        try:
            async with asyncio.timeout(10):
                await link.connected()
            yield link, handled
        finally:
            running.cancel()
            await asyncio.wait([running])

    return run


async def reconnected(link):
    async with asyncio.timeout(10):
        await link.lost()
        await link.connected()


async def test_a_broker_that_stops_and_goes_on_costs_no_command(mosquitto, app, linked, eventually):
    async with linked(mosquitto.endpoint, keep_alive_s=2) as (link, handled):
        mosquitto.freeze()
        with pytest.raises(ConnectionLostError):
            await link.publish(TOPIC, b"into the void")
        mosquitto.resume()
        await asyncio.to_thread(app.publish, "cmd/pump-7/1/req", b"meanwhile")

        async with asyncio.timeout(10):
            await link.connected()
        await asyncio.to_thread(app.publish, "cmd/pump-7/2/req", b"afterwards")
        await eventually(lambda: len(handled) == 2)
        await link.publish(TOPIC, b"here again")

        assert handled == [b"meanwhile", b"afterwards"]


async def test_a_half_open_connection_is_found_out_and_what_came_meanwhile_is_handled_once(
    mosquitto, app, linked, eventually
):
    async with Proxy(mosquitto.endpoint) as proxy, linked(proxy.endpoint, keep_alive_s=2) as (link, handled):
        proxy.swallowing = True
        for n in range(3):
            app.publish(f"cmd/pump-7/{n}/req", b"%d" % n)
        async with asyncio.timeout(10):
            await link.lost()
        proxy.swallowing = False

        async with asyncio.timeout(10):
            await link.connected()
        await eventually(lambda: len(handled) >= 3)
        await link.publish(TOPIC, b"here again")

        assert handled == [b"0", b"1", b"2"]


@pytest.mark.parametrize("end", ["stop", "kill"])
async def test_a_broker_that_is_started_again_finds_the_subscriptions_restored(mosquitto, app, linked, eventually, end):
    async with linked(mosquitto.endpoint) as (link, handled):
        getattr(mosquitto, end)()
        for kept in mosquitto.storage():
            kept.unlink()  # it has forgotten whatever it knew
        mosquitto.start()
        await reconnected(link)
        app.await_subscribed()
        app.publish("cmd/pump-7/1/req", b"again")
        await eventually(lambda: handled)

        assert handled == [b"again"]


async def test_what_the_broker_keeps_while_we_rest_is_handled_once(mosquitto, app, linked, eventually):
    async with linked(mosquitto.endpoint) as (link, handled):
        for turn in range(3):
            link.rest()
            await eventually(lambda: not link.is_connected)
            for n in range(20):
                app.publish(f"cmd/pump-7/{n}/req", b"%d-%d" % (turn, n))
            link.wake()
            await eventually(lambda: len(handled) >= 20 * (turn + 1))  # noqa: B023 - called at once
            await link.publish(TOPIC, b"sent after the acknowledgements, so that they have arrived too")

        assert handled == [b"%d-%d" % (turn, n) for turn in range(3) for n in range(20)]


_FLOOD = """
import sys
from pathlib import Path
from types import SimpleNamespace
from tests.device_agent.mosquitto import App

port, ca, certificate, key = sys.argv[1:]
with App(SimpleNamespace(port=int(port)), SimpleNamespace(ca=ca), Path(certificate), Path(key), name="flooder") as app:
    app.publish("cmd/pump-7/1/req", b"x" * 100_000, times=300)
"""


async def test_a_flood_of_messages_occupies_no_memory_while_the_agent_is_busy(
    mosquitto, app, linked, eventually, credentials, app_credentials
):
    # In a process of its own, whose memory is not counted.
    arguments = (str(mosquitto.port), str(credentials.ca), *map(str, app_credentials))
    flood = [sys.executable, "-c", _FLOOD, *arguments]
    async with linked(mosquitto.endpoint) as (link, handled):
        grown_mib = []

        def busy(message):
            handled.clear()
            if message.payload == b"busy":
                before = _resident_mib()
                subprocess.run(flood, check=True, timeout=60)  # the event loop stands still until the broker has it all
                grown_mib.append(_resident_mib() - before)

        link.subscribe("cmd/pump-7/+/req", busy)
        await asyncio.to_thread(app.publish, "cmd/pump-7/1/req", b"x" * 100_000, times=30)
        await asyncio.to_thread(app.publish, "cmd/pump-7/1/req", b"busy")
        await eventually(lambda: grown_mib, 60)

        assert grown_mib[0] < 8, "of 29 MiB that came"
        await asyncio.to_thread(app.publish, "cmd/pump-7/1/req", b"after")
        await link.publish(TOPIC, b"still there")


def _resident_mib():
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * 4096 / 2**20
