"""What the engine is given."""

from collections.abc import Mapping
from typing import Final, TypeAlias

import msgspec

from contract.rules import Rule
from contract.telemetry import Quality, Value
from functions.domain.series import Point

AHEAD_MS: Final = 10_000
"""By how much a sample may be later than its receipt. Taken as it says it is, one that is far ahead would let every
silence and duration end at once, and all that comes until then would be older than it."""

SURE: Final[frozenset[Quality]] = frozenset({"good", "estimated"})

Values: TypeAlias = Mapping[str, Value | None]
"""None is a value that must not be relied on."""


class InstalledRule(msgspec.Struct, frozen=True):
    rule: Rule
    version: int


class Input(msgspec.Struct, frozen=True):
    """A message of a device that was not seen before, with what of it rules may see: neither late nor quarantined.

    `samples` are `(ts, values)`, the oldest first. A message of which nothing is left counts all the same: it fills
    its place in the order.
    """

    boot: str
    seq: int
    sent: int
    received_at: int
    samples: tuple[tuple[int, Values], ...] = ()


def samples_of(points: tuple[Point, ...], received_at: int) -> tuple[tuple[int, Values], ...]:
    """What rules see of a message's points. What is too far ahead is as of the latest time that is trusted."""
    instants: dict[int, dict[str, Value | None]] = {}
    for point in sorted(points, key=lambda point: point.ts):
        if not point.late:
            at = min(point.ts, received_at + AHEAD_MS)
            instants.setdefault(at, {})[point.metric] = point.value if point.quality in SURE else None
    return tuple(instants.items())
