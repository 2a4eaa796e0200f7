"""Quarantined messages as people see them."""

import msgspec

from functions.domain.ingest import Fault


class Quarantined(msgspec.Struct, frozen=True):
    """`size` is that of the whole message; `raw` is only its beginning when `truncated`, the lake holds the rest."""

    received_at: int
    raw: bytes
    size: int
    truncated: bool
    faults: tuple[Fault, ...]


class QuarantinePage(msgspec.Struct, frozen=True):
    entries: tuple[Quarantined, ...]
    cursor: str | None
