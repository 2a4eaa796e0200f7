"""What the engine is given."""

from collections.abc import Mapping
from typing import Final, TypeAlias

import msgspec

from contract.conditions import ATTRIBUTE, ONLINE
from contract.rules import Rule
from contract.telemetry import Quality, Value
from functions.domain.series import Point

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


def is_told(name: str) -> bool:
    """Whether it is no metric but presence or an attribute, of which rules are told when they change."""
    return name == ONLINE or name.startswith(ATTRIBUTE)


def samples_of(points: tuple[Point, ...]) -> tuple[tuple[int, Values], ...]:
    """What rules see of a message's points."""
    instants: dict[int, dict[str, Value | None]] = {}
    for point in points:
        if not point.late:
            instants.setdefault(point.ts, {})[point.metric] = point.value if point.quality in SURE else None
    return tuple(sorted(instants.items()))
