"""The telemetry of almost every message, read at a glance.

A typed decoder reads what it knows and passes over the rest, so it proves nothing by itself. But every object member
is written with one colon: if as many colons stand in the text as members were read, then there is no other member, none
twice, and no string with a colon. What was read is then all there is, and within the bounds of its types, which are
those of `contract.telemetry` or narrower. Whatever is in doubt is left to the careful reader.
"""

import re
from collections.abc import Iterable
from typing import Annotated, Final, Generic, Literal, TypeAlias, TypeVar

import msgspec
from msgspec import Meta

from contract.identity import METRIC_PATTERN

__all__ = [
    "ENVELOPE_MEMBERS",
    "MAX_BYTES",
    "MAX_MEMBERS",
    "READING_MEMBERS",
    "Glance",
    "Reading",
    "Readings",
    "Values",
    "are_metrics",
    "glance",
    "is_boot",
]

MAX_BYTES: Final = 131_072
MAX_MEMBERS: Final = 10_000
"""There are no more values than that in a message."""
ENVELOPE_MEMBERS: Final = 5
READING_MEMBERS: Final = 2
"""The members that each has at least."""
_MAX_REMEMBERED: Final = 20_000

# Open bounds: an integer that a float cannot hold is rounded onto one of them.
_Number: TypeAlias = Annotated[float, Meta(gt=-(2.0**53), lt=2.0**53)]
_Value: TypeAlias = _Number | bool | Annotated[str, Meta(max_length=256)]
_Timestamp: TypeAlias = Annotated[int, Meta(ge=0, le=253_402_300_799_999)]
_V = TypeVar("_V")
_M = TypeVar("_M")


class Reading(msgspec.Struct, Generic[_V], frozen=True, gc=False):
    """A measurement as it is written: Values, or fewer types of them. `q` is empty where it is left out."""

    ts: _Timestamp
    values: _V
    q: Literal["", "good", "estimated", "stale", "bad"] = ""


class Glance(msgspec.Struct, Generic[_M], frozen=True, gc=False):
    """What was read of a message: Readings. Its boot and the names of its metrics are still to be looked at."""

    v: Literal[1]
    boot: str
    seq: Annotated[int, Meta(ge=0, lt=2**53)]
    sent: _Timestamp
    m: _M


Values: TypeAlias = Annotated[dict[str, _Value], Meta(max_length=100)]
Readings: TypeAlias = Annotated[tuple[Reading[Values], ...], Meta(max_length=5_000)]
_any = msgspec.json.Decoder(Glance[Readings]).decode
_is_boot = re.compile(r"[0-9a-zA-Z-]{1,64}").fullmatch
_is_metric = re.compile(METRIC_PATTERN).fullmatch
_metrics: set[str] = set()
_boots: set[str] = set()


def glance(raw: bytes) -> Glance[Readings] | None:
    """What stands in a message; None where that is in doubt. Never raises."""
    try:
        found = _any(raw)
    except Exception:  # noqa: BLE001 - why it is no such message is for the careful reader to say
        return None
    members = ENVELOPE_MEMBERS
    for reading in found.m:
        members += READING_MEMBERS + len(reading.values) + (reading.q != "")
    return found if raw.count(b":") == members <= MAX_MEMBERS and len(raw) <= MAX_BYTES else None


def is_boot(boot: str) -> bool:
    if boot in _boots:
        return True
    if not _is_boot(boot):
        return False
    _remember(_boots, boot)
    return True


def are_metrics(names: Iterable[str]) -> bool:
    """Whether each is a metric key."""
    for name in names:
        if name not in _metrics:
            if not _is_metric(name):
                return False
            _remember(_metrics, name)
    return True


def _remember(known: set[str], name: str) -> None:
    if len(known) >= _MAX_REMEMBERED:
        known.clear()
    known.add(name)
