"""What memory the function takes at the largest event that Lambda hands over: 6 MB of records.

The code that is deployed, in a process of its own, with 1,000 rules installed. Of many small messages and of few large
ones, since a large one has 10,000 values; twice each, since what is kept between two counts too.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from bench.agents.figures import Figure, at_most
from bench.ingests import fleet
from bench.ingests.cloud import Cloud
from bench.ingests.function import running
from bench.ingests.start import ENVIRONMENT
from bench.rulings.workload import DEVICES, METRICS, MIDDLES

GOAL_MIB: Final = 256
RULES: Final = 1_000
_SMALL: Final = 1
_LARGE: Final = 2_000
"""Readings of a message: with five metrics each, 10,000 values, as many as the contract allows."""


def measure(bundle: Path) -> Iterator[Figure]:
    for readings, what in ((_SMALL, "small messages"), (_LARGE, "messages of 10,000 values")):
        cloud = Cloud(fleet.installed(RULES))
        with cloud.serving() as url, running(bundle, {**ENVIRONMENT, "AWS_ENDPOINT_URL": url}) as function:
            records = 0
            for boot in ("7f3a-01", "7f3a-02"):
                event = _full(boot, readings)
                records = len(event["Records"])
                invoked = function.invoke(event)
                if invoked.failed:
                    raise SystemExit(f"{invoked.failed} messages failed")
        yield at_most(f"memory at 6 MB of {what} ({records})", invoked.peak_mib, "MiB", GOAL_MIB)


def _full(boot: str, readings: int) -> dict[str, Any]:
    """As many messages as an event has room for, each device's in order."""
    now, room, bodies = fleet.now_ms(), fleet.MAX_EVENT_BYTES, []
    index = 0
    while True:
        seq, device = divmod(index, DEVICES)
        body = (f"pump-{device}", now, _message(boot, seq, readings, now))
        room -= len(json.dumps(fleet.record(index, *body), separators=(",", ":"))) + 1
        if room < len('{"Records":[]}'):
            return fleet.event(bodies)
        bodies.append(body)
        index += 1


def _message(boot: str, seq: int, readings: int, now: int) -> bytes:
    begin = now - 3_600_000 + seq * readings
    m = [
        {"ts": begin + at, "values": {metric: round(MIDDLES[metric] + at % 7 / 10, 1) for metric in METRICS}}
        for at in range(readings)
    ]
    document = {"v": 1, "boot": boot, "seq": seq, "sent": now, "m": m}
    return json.dumps(document, separators=(",", ":")).encode()
