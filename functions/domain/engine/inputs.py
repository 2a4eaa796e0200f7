"""What the engine is given."""

from collections.abc import Mapping
from typing import TypeAlias

import msgspec

from contract.rules import Rule
from contract.telemetry import Value

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
