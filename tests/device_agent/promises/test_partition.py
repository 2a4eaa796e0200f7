"""The whole agent while its broker hangs, or the network swallows all: sensors are read on, and memory stays flat."""

import asyncio
from itertools import pairwise
from pathlib import Path

from tests.device_agent.promises.device import are_complete, envelopes, measurements, numbers
from tests.device_agent.proxy import Proxy

IMPATIENT = Path(__file__).with_name("impatient.py")
RATE = {"interval_s": 0.05, "texts": 80, "rows": 1_000, "queue_max_mib": 16}
"""20 rows a second, each a message of 20 KB."""
OUTAGE_S = 5.0
"""Held in memory instead of on the disk, it would be 2 MiB, and as much again in each buffer on the way."""
FLAT_MIB = 2.0
PAUSE_S = 2.0
"""Between two rows, at most: the machine that tests run on is busy. An agent that waits for its broker is as long
without a row as the outage lasts."""


async def outage(device):
    """Let the time pass, and see that the agent works on meanwhile."""
    before, memory = device.ask(), device.resident_mib()
    end = asyncio.get_running_loop().time() + OUTAGE_S
    while asyncio.get_running_loop().time() < end:
        await asyncio.sleep(0.25)
        assert abs(device.resident_mib() - memory) < FLAT_MIB
    after = device.ask()
    assert after["recorded"] - before["recorded"] > OUTAGE_S / RATE["interval_s"] / 4
    assert (after["lost"], after["dropped"]) == (0, 0)
    assert after["queued"] > before["queued"]


def longest_pause_s(received):
    times = sorted(m.ts for m in measurements(received) if "number" in m.values)
    return max(later - earlier for earlier, later in pairwise(times)) / 1000


async def test_a_broker_that_is_stopped_and_goes_on_holds_nothing_up_and_everything_arrives_once(
    device, mosquitto, app, at_last, eventually
):
    device.write(mosquitto.endpoint, **RATE)
    device.start()
    await at_last(lambda: len(numbers(app.received)) > 20)
    mosquitto.freeze()
    await outage(device)
    mosquitto.resume()
    last = device.readings()
    await at_last(lambda: len(numbers(app.received)) >= last)
    device.stop()

    await eventually(lambda: are_complete(app.received))
    assert longest_pause_s(app.received) < PAUSE_S


async def test_a_connection_that_swallows_everything_is_given_up_and_nothing_is_missing(
    device, mosquitto, app, at_last, eventually
):
    async with Proxy(mosquitto.endpoint) as proxy:
        device.write(proxy.endpoint, **RATE)
        device.start(command=[str(IMPATIENT)])
        await at_last(lambda: len(numbers(app.received)) > 20)
        proxy.swallowing = True
        await outage(device)
        await at_last(lambda: not device.ask()["connected"])
        proxy.swallowing = False
        last = device.readings()
        await at_last(lambda: len(set(numbers(app.received))) >= last)
        device.stop()

    await eventually(lambda: set(numbers(app.received)) == set(range(max(numbers(app.received)) + 1)))
    assert longest_pause_s(app.received) < PAUSE_S
    # What was sent when the network failed may have arrived: then it came again, the same to the last byte.
    once = {(envelope.boot, envelope.seq): envelope for envelope in envelopes(app.received)}
    assert all(once[envelope.boot, envelope.seq] == envelope for envelope in envelopes(app.received))
