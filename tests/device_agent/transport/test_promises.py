"""What the link promises, with real parts: each transport, a real broker, and a network that fails in between."""

import asyncio
import socket
import subprocess
import sys
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from itertools import count
from pathlib import Path
from random import Random

import pytest

from device_agent.clock import SystemClock
from device_agent.errors import ConnectionLostError
from device_agent.health import Health
from device_agent.link import Link
from device_agent.transport import Incoming
from device_agent.transport.making import make_transport
from tests.device_agent.proxy import Proxy

ROOT = Path(__file__).parents[3]
TOPIC = "dt/pump-7/telemetry"
COMMAND = "cmd/pump-7/1/req"
FLAT_MIB = 2.0


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


@pytest.fixture
def flooded(kind, credentials):
    """A device in a process of its own that is connected and busy: call what is given to flood it and have it go on.

    The process must have hardly grown meanwhile, and it ends once it has a message `after`.
    """

    @asynccontextmanager
    async def run(broker, deliver):
        files = (credentials.ca, credentials.certificate, credentials.private_key)
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.device_agent.transport.flooded", kind, str(broker.port), *map(str, files)),
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

        async def said():
            async with asyncio.timeout(60):
                return (await child.stdout.readline()).decode().strip()

        try:
            assert await said() == "connected"
            await deliver(b"x" * 100_000, 30)
            await deliver(b"busy", 1)
            assert await said() == "busy"
            await deliver(b"x" * 100_000, 300)
            child.stdin.write(b"that was it\n")
            assert float(await said()) < 8, "MiB of 29 that came"
            yield
            async with asyncio.timeout(60):
                assert await child.wait() == 0
        finally:
            with suppress(ProcessLookupError):
                child.kill()
            await child.wait()

    return run


async def test_a_flood_of_messages_occupies_no_memory_while_the_agent_is_busy(mosquitto, app, flooded):
    async def deliver(payload, times):
        await asyncio.to_thread(app.publish, COMMAND, payload, times=times)

    async with flooded(mosquitto, deliver):
        await deliver(b"after", 1)


async def test_neither_does_one_from_a_broker_that_minds_no_receive_maximum(tls_broker, flooded):
    async with tls_broker() as broker:
        packet_ids = count(1)

        async def deliver(payload, times):
            for _ in range(times):
                broker.deliver(Incoming(COMMAND, payload), next(packet_ids))
                await asyncio.sleep(0.001)  # the network takes what fits into it

        async with flooded(broker, deliver):
            while TOPIC not in {message.topic for message in broker.received}:
                await deliver(b"after", 1)
                await asyncio.sleep(0.05)


async def test_a_day_of_attempts_to_connect_costs_no_memory(kind, credentials):
    """Each is a client of a library in C, whose memory no count of Python's objects tells."""
    files = (credentials.ca, credentials.certificate, credentials.private_key)
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # and does not listen
        port = nobody.getsockname()[1]
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.device_agent.transport.cut_off", kind, str(port), *map(str, files)),
            cwd=ROOT,
            stdout=subprocess.PIPE,
        )
        said, _ = await child.communicate()
    assert child.returncode == 0
    assert float(said) < FLAT_MIB
