"""Run by test_promises.py as a process of its own, whose memory nothing else fills: a day of attempts to connect.

`python -m tests.device_agent.transport.cut_off TRANSPORT PORT CA CERTIFICATE KEY`, with a port at which nobody listens.
It says by how many MiB it has grown since the first of them.
"""

import asyncio
import sys
from pathlib import Path

from device_agent.errors import ConnectError
from device_agent.transport import Endpoint
from device_agent.transport.making import make_transport
from device_agent.transport.options import TransportOptions
from tests.device_agent.transport.flooded import resident_mib, say

FIRST = 40
"""What is loaded for the first connections, and pools that fill, belong to the agent, and not to an outage."""
A_DAY = 86_400 // 150
"""The longest pauses are drawn from 0 to 300 s."""


async def main(kind, port, *credentials):
    transport = make_transport(kind, TransportOptions("pump-7", *map(Path, credentials)))
    before = 0.0
    for attempt in range(FIRST + A_DAY):
        if attempt == FIRST:
            before = resident_mib()
        try:
            await transport.connect(Endpoint("localhost", int(port)))
        except ConnectError:
            continue
        raise AssertionError("somebody listens there")
    say(resident_mib() - before)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
