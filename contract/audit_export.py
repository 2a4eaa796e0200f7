"""The audit as it is exported: parts of chains as gzip JSON lines, and a manifest for each day that is over.

    chains/day=2026-03-01/shard=07/00000001-00000042@1772366400000.jsonl.gz
    manifests/2026-03-01.json

A part's name says which entries it holds and the time of the last one. Where exports overlap, they hold the same lines.
"""

import re
from collections.abc import Iterable
from gzip import BadGzipFile, compress, decompress
from typing import Any, Final, NamedTuple
from zlib import error as DeflateError  # noqa: N812 - an error, which zlib calls otherwise

import msgspec

from contract.audit import AuditHead, Record
from contract.errors import DocumentError

__all__ = [
    "CHAINS",
    "MANIFESTS",
    "ChainEnd",
    "Manifest",
    "Part",
    "manifest_key",
    "parse_manifest_key",
    "parse_part_key",
    "part_key",
    "read_manifest",
    "read_part",
    "write_manifest",
    "write_part",
]

CHAINS: Final = "chains/"
MANIFESTS: Final = "manifests/"

_PART = re.compile(r"chains/day=(\d{4}-\d\d-\d\d)/shard=(\d\d)/(\d{8})-(\d{8})@(\d{13})\.jsonl\.gz")
_MANIFEST = re.compile(r"manifests/(\d{4}-\d\d-\d\d)\.json")


class Part(NamedTuple):
    """The entries `first` to `last` of a chain; `at` is the time of the last one."""

    day: str
    shard: str
    first: int
    last: int
    at: int


class ChainEnd(msgspec.Struct, frozen=True):
    """Where a chain ended when its day was closed: its head, and the last entry that was exported."""

    head: AuditHead | None
    exported: int


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """A day that is over: the end of each of its chains by shard, and what was found wrong with them."""

    v: int = 1
    day: str
    closed_at: int
    chains: dict[str, ChainEnd]
    faults: tuple[str, ...] = ()


_encoder = msgspec.json.Encoder(order="deterministic")
_records = msgspec.json.Decoder(Record)
_manifests = msgspec.json.Decoder(Manifest)


def part_key(part: Part) -> str:
    return f"{CHAINS}day={part.day}/shard={part.shard}/{part.first:08d}-{part.last:08d}@{part.at:013d}.jsonl.gz"


def parse_part_key(key: str) -> Part | None:
    """None for a name that is no part's."""
    found = _PART.fullmatch(key)
    return Part(found[1], found[2], int(found[3]), int(found[4]), int(found[5])) if found else None


def manifest_key(day: str) -> str:
    return f"{MANIFESTS}{day}.json"


def parse_manifest_key(key: str) -> str | None:
    found = _MANIFEST.fullmatch(key)
    return found[1] if found else None


def write_part(records: Iterable[Record]) -> bytes:
    """The same bytes for the same records."""
    return compress(b"".join(_encoder.encode(record) + b"\n" for record in records), mtime=0)


def read_part(data: bytes) -> list[Record]:
    """Raises DocumentError."""
    try:
        return [_records.decode(line) for line in decompress(data).splitlines()]
    except (BadGzipFile, DeflateError, EOFError, msgspec.DecodeError, UnicodeError) as exc:
        raise DocumentError(None, "gzip JSON lines of audit entries", str(exc)) from exc


def write_manifest(manifest: Manifest) -> bytes:
    return _encoder.encode(manifest) + b"\n"


def read_manifest(data: bytes) -> Manifest:
    """Raises DocumentError."""
    try:
        document: Any = _manifests.decode(data)
    except (msgspec.DecodeError, UnicodeError) as exc:
        raise DocumentError(None, "a manifest of the audit", str(exc)) from exc
    manifest: Manifest = document
    return manifest
