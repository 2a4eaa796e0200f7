"""Run by test_promises.py as a process of its own, whose memory nothing else fills: a device with a link.

`python -m tests.device_agent.transport.flooded TRANSPORT PORT CA CERTIFICATE KEY`. On a message `busy` it does nothing
else until it reads a line, then says by how many MiB it has grown since; on `after` it ends.
"""

import asyncio
import logging
import os
import sys
from pathlib import Path
from random import Random

from device_agent.clock import SystemClock
from device_agent.health import Health
from device_agent.link import Link
from device_agent.transport import Endpoint
from device_agent.transport.making import make_transport
from device_agent.transport.options import TransportOptions


def say(what):
    sys.stdout.write(f"{what}\n")
    sys.stdout.flush()


def resident_mib():
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


async def main(kind, port, *credentials):
    link = Link(
        make_transport(kind, TransportOptions("pump-7", *map(Path, credentials), keep_alive_s=60)),
        [Endpoint("localhost", int(port))],
        clock=SystemClock(),
        random=Random(),
        health=Health(),
        log=logging.LoggerAdapter(logging.getLogger("flooded"), {}),
    )
    done = asyncio.Event()

    def handle(message):
        if message.payload == b"busy":
            before = resident_mib()
            say("busy")
            sys.stdin.readline()
            say(resident_mib() - before)
        elif message.payload == b"after":
            done.set()

    link.subscribe("cmd/pump-7/+/req", handle)
    running = asyncio.ensure_future(link.run())
    await link.connected()
    say("connected")
    await done.wait()
    await link.publish("dt/pump-7/telemetry", b"still there")
    running.cancel()
    await asyncio.wait([running])


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
