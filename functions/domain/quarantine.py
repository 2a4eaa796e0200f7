"""Quarantined messages as people see them."""

import re
from enum import StrEnum
from hashlib import blake2b
from typing import Final

import msgspec

from functions.domain.ingest import Fault, Origin

REPEAT_MS = 3_600_000
"""The same bytes of a device, received until this much after an entry, are no other entry: MQTT delivers twice, and a
device that says the same rubbish every second is one problem. Nor are those received before it, or what was passed over
once would become an entry when it is delivered again.
"""


_ID: Final = re.compile(r"(\d{13})-([0-9a-f]{24})")


class Outcome(StrEnum):
    """What became of a replay: nothing yet, all of the message is stored, some more of it, or nothing more."""

    QUEUED = "queued"
    STORED = "stored"
    PARTLY = "partly"
    REFUSED = "refused"


class Replay(msgspec.Struct, frozen=True):
    """The last replay of an entry: when and by whom (id and name) it was asked for, and what became of it.

    `points` counts what all replays of the entry stored.
    """

    at: int
    by: str
    name: str
    outcome: Outcome = Outcome.QUEUED
    settled_at: int | None = None
    points: int = 0


class Quarantined(msgspec.Struct, frozen=True):
    """`size` is that of the whole message; `raw` is only its beginning when `truncated`, the lake holds the rest.

    `id` names the entry among those of its device. `faults` are those that were found last.
    """

    id: str
    received_at: int
    raw: bytes
    size: int
    truncated: bool
    faults: tuple[Fault, ...]
    origin: Origin = "telemetry"
    replay: Replay | None = None


class QuarantineNotice(msgspec.Struct, frozen=True):
    """An entry as the list of a day has it: without its bytes and the details of its faults."""

    thing: str
    id: str
    received_at: int
    reasons: tuple[str, ...]
    size: int


class NoticePage(msgspec.Struct, frozen=True):
    """Newest first."""

    notices: tuple[QuarantineNotice, ...]
    cursor: str | None


class QuarantinePage(msgspec.Struct, frozen=True):
    entries: tuple[Quarantined, ...]
    cursor: str | None


def digest_of(raw: bytes) -> str:
    """The same bytes are the same entry."""
    return blake2b(raw, digest_size=12).hexdigest()


def entry_id(received_at: int, digest: str) -> str:
    return f"{received_at:013d}-{digest}"


def parse_entry_id(text: str) -> tuple[int, str] | None:
    """When it was received, and the digest of its bytes; None for what names no entry."""
    found = _ID.fullmatch(text) if text.isascii() else None
    return None if found is None else (int(found[1]), found[2])
