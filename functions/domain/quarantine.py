"""Quarantined messages as people see them."""

import msgspec

from functions.domain.ingest import Fault

REPEAT_MS = 3_600_000
"""The same bytes of a device, received until this much after an entry, are no other entry: MQTT delivers twice, and a
device that says the same rubbish every second is one problem. Nor are those received before it, or what was passed over
once would become an entry when it is delivered again.
"""


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
