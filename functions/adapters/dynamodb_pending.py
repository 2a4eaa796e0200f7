"""Transitions that wait in a device's state item until there is room for them in a transaction."""

import zlib
from typing import TYPE_CHECKING, Final

import msgspec

from functions.domain.outbox import OutboxEntry
from functions.errors import StateError

if TYPE_CHECKING:
    from functions.adapters.dynamodb_items import Item

MAX_BYTES: Final = 200_000
"""Of an item's 400 KB, compressed. Traces of one device resemble each other: there is room for about a thousand."""

_decoder = msgspec.json.Decoder(tuple[OutboxEntry, ...])
_encoder = msgspec.json.Encoder()


def pending_attribute(entries: tuple[OutboxEntry, ...]) -> "Item":
    """Without their traces where these take too much. Raises StateError where there are too many all the same."""
    packed = _packed(entries)
    if len(packed) > MAX_BYTES:
        packed = _packed(tuple(map(_without_trace, entries)))
    if len(packed) > MAX_BYTES:
        raise StateError(f"{len(entries)} transitions at once take {len(packed)} bytes, and may take {MAX_BYTES}")
    return {"B": packed}


def pending_of(item: "Item") -> tuple[OutboxEntry, ...]:
    return _decoder.decode(zlib.decompress(bytes(item["pending"]["B"]))) if "pending" in item else ()


def _packed(entries: tuple[OutboxEntry, ...]) -> bytes:
    return zlib.compress(_encoder.encode(entries))


def _without_trace(entry: OutboxEntry) -> OutboxEntry:
    bare = msgspec.structs.replace(entry.transition, why={"left_out": "too many transitions at once"})
    return msgspec.structs.replace(entry, transition=bare)
