"""The audit as it is kept: entries in chains, one for each day and shard, each entry with the hash of the one before.

An entry is kept as the very text that was hashed (`Record.body`), so that checking it never depends on writing it
again in the same way. Whoever adds an entry moves the chain's head with it. `contract.audit_check` looks whether a
chain holds.
"""

from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, Final
from zlib import crc32

import msgspec

__all__ = [
    "AUDIT_SHARDS",
    "AuditEntry",
    "AuditHead",
    "Change",
    "Link",
    "Record",
    "Subject",
    "Who",
    "audit_day",
    "audit_shard",
    "chained",
    "entry_key",
    "genesis",
    "hash_of",
    "read_entry",
    "subject_key",
]

AUDIT_SHARDS: Final = 16
"""Chains a day, so that unrelated changes seldom wait for each other. Changing it is safe from one day to the next."""
_VERSION: Final = 1


class Who(msgspec.Struct, frozen=True):
    """`id` as the API has it (`user:…`, `key:…`, `device:…`); the name is that of the time of the change."""

    id: str
    kind: str
    name: str


class Subject(msgspec.Struct, frozen=True):
    kind: str
    id: str


class Link(msgspec.Struct, frozen=True):
    """The last entry of the shard's chain of an earlier day, as it stood when this one began."""

    day: str
    seq: int
    hash: str


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """What was changed by whom; `at` in ms since the epoch. `before` and `after` are JSON, bounded, without secrets."""

    at: int
    who: Who
    action: str
    subject: Subject
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    request_id: str
    source: str


class AuditEntry(Change, frozen=True, kw_only=True):
    """A change in its place: the entry `seq` (from 1) of its chain; `prev` is the hash of the one before.

    Within a chain `at` never goes back. Only the first entry of a chain may have a `link`.
    """

    v: int = _VERSION
    day: str
    shard: str
    seq: int
    prev: str
    link: Link | None = None


class Record(msgspec.Struct, frozen=True):
    """An entry as it is kept: its place (`key` in its chain, `subject` in the index), its text and SHA-256."""

    key: str
    subject: str
    hash: str
    body: str


class AuditHead(msgspec.Struct, frozen=True):
    """The end of a chain: its last entry. Entries are kept for `keep_days` days at least."""

    seq: int
    hash: str
    at: int
    keep_days: int


_encoder = msgspec.json.Encoder(order="deterministic")
_decoder = msgspec.json.Decoder(AuditEntry)


def audit_day(at: int) -> str:
    """The UTC day of a time in ms, such as `2026-03-01`."""
    return f"{datetime.fromtimestamp(at // 1000, UTC):%Y-%m-%d}"


def audit_shard(subject: Subject) -> str:
    """By subject, so that the changes of one thing are in one chain of a day."""
    return f"{crc32(f'{subject.kind}#{subject.id}'.encode()) % AUDIT_SHARDS:02d}"


def genesis(day: str, shard: str) -> str:
    """What the first entry of a chain has for the hash of the one before."""
    return _digest(f"fieldline-audit-{_VERSION}#{day}#{shard}")


def chained(
    change: Change, *, day: str, shard: str, head: AuditHead | None, link: Link | None, keep_days: int
) -> tuple[Record, AuditHead]:
    """The change as the next entry behind `head` (None: a chain begins), and the head from then on."""
    seq = head.seq + 1 if head else 1
    fields = {name: getattr(change, name) for name in Change.__struct_fields__}
    # Clocks of several machines differ by some milliseconds: the order within a chain is that of its numbers.
    fields["at"] = at = max(change.at, head.at) if head else change.at
    prev = head.hash if head else genesis(day, shard)
    entry = AuditEntry(**fields, day=day, shard=shard, seq=seq, prev=prev, link=None if head else link)
    body = _encoder.encode(entry).decode()
    record = Record(entry_key(at, seq), subject_key(change.subject), _digest(body), body)
    return record, AuditHead(seq, record.hash, at, keep_days)


def read_entry(record: Record) -> AuditEntry:
    """Raises msgspec.DecodeError for a text that is no entry."""
    return _decoder.decode(record.body)


def hash_of(record: Record) -> str:
    """The hash that the record's text has now."""
    return _digest(record.body)


def entry_key(at: int, seq: int) -> str:
    return f"{at:013d}#{seq:08d}"


def subject_key(subject: Subject) -> str:
    return f"{subject.kind}#{subject.id}"


def _digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()
