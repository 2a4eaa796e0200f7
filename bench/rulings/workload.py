"""Messages of about 200 bytes with five metrics, from 200 devices, and ten rules over them. The same for everybody.

Values wander around where devices work; about one in five hundred crosses the threshold of a rule.
"""

import json
import random
from collections.abc import Iterator
from typing import Any, Final

METRICS: Final = ("temperature", "humidity", "pressure", "vibration", "current")
MIDDLES: Final = {"temperature": 40.0, "humidity": 45.0, "pressure": 1000.0, "vibration": 3.0, "current": 8.0}
SPREADS: Final = {"temperature": 4.0, "humidity": 5.0, "pressure": 8.0, "vibration": 0.5, "current": 1.0}
RANGES: Final = {
    "temperature": (-40.0, 200.0),
    "humidity": (0.0, 100.0),
    "pressure": (300.0, 1100.0),
    "vibration": (0.0, 100.0),
    "current": (0.0, 100.0),
}
DEVICES: Final = 200
INTERVAL_MS: Final = 60_000
START_MS: Final = 1_790_000_000_000
FOR_MS: Final = 300_000


def thresholds() -> list[tuple[str, str, float, float]]:
    """(metric, above or below, threshold, where it ends) of each of the ten rules."""
    rules = []
    for metric in METRICS:
        middle, spread = MIDDLES[metric], SPREADS[metric]
        rules.append((metric, "above", middle + 3.5 * spread, middle + 3 * spread))
        rules.append((metric, "below", middle - 3.5 * spread, middle - 3 * spread))
    return rules


def messages(count: int, seed: int = 6) -> list[tuple[str, bytes]]:
    """(thing, payload), device after device, each with its seqs in order."""
    source = random.Random(seed)
    made = []
    for index in range(count):
        seq, device = divmod(index, DEVICES)
        at = START_MS + seq * INTERVAL_MS + device
        values = {metric: round(source.gauss(MIDDLES[metric], SPREADS[metric]), 2) for metric in METRICS}
        document: dict[str, Any] = {
            "v": 1,
            "boot": "7f3a-01",
            "seq": seq,
            "sent": at,
            "m": [{"ts": at, "values": values}],
        }
        made.append((f"pump-{device}", json.dumps(document, separators=(",", ":")).encode()))
    return made


def one_device(count: int, seed: int = 6) -> Iterator[tuple[int, dict[str, float]]]:
    """(time, values) of one of them, message after message; what is high stays high for a while."""
    source = random.Random(seed)
    drift = dict.fromkeys(METRICS, 0.0)
    for index in range(count):
        for metric in METRICS:
            drift[metric] = 0.95 * drift[metric] + source.gauss(0, 0.3)
        values = {metric: round(MIDDLES[metric] + drift[metric] * SPREADS[metric], 2) for metric in METRICS}
        yield START_MS + index * INTERVAL_MS, values
