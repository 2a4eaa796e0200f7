"""The command `run` with less patience than a configuration can ask for: with silent brokers, and between attempts.

Run as `python impatient.py run --config FILE`.
"""

import sys
from dataclasses import replace
from random import SystemRandom

from device_agent import agent
from device_agent.cli import main
from device_agent.transport import making

KEEP_ALIVE_S = 2


def make_transport(kind, options):
    return making.make_transport(
        kind,
        replace(options, keep_alive_s=KEEP_ALIVE_S, ping_timeout_s=1.0, connect_timeout_s=2.0, stop_timeout_s=0.5),
    )


class ShortestRandom(SystemRandom):
    """Draws the shortest delay every time."""

    def uniform(self, a, _b):
        return a


if __name__ == "__main__":
    agent.make_transport = make_transport
    agent.SystemRandom = ShortestRandom
    sys.exit(main(sys.argv[1:]))
