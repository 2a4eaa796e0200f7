"""Whether the audit is what was written: pure, so that anybody who can read a chain can check it.

    >>> check_chain("2026-03-01", "07", [], None)
    []

A chain holds when its numbers run from 1 without a gap, each entry has the hash of the one before, each text has its
own hash, each entry lies where its text says, and the last one is the one that the head names. So an entry that is
edited, removed, moved or put in is found, whoever did it; whoever rewrites the whole chain with its head is found by
what was exported before (`check_against`).
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import Any

import msgspec

from contract.audit import AuditEntry, AuditHead, Link, Record, entry_key, genesis, hash_of, read_entry, subject_key

__all__ = ["Fault", "FaultKind", "check_against", "check_chain", "check_link"]


class FaultKind(StrEnum):
    EDITED = "edited"
    REMOVED = "removed"
    PUT_IN = "put in"
    TRUNCATED = "truncated"
    HEAD_MISSING = "head missing"
    HEAD_CHANGED = "head changed"
    CHAIN_MISSING = "chain missing"


class Fault(msgspec.Struct, frozen=True):
    """What is wrong at the entries `first` to `last` of a chain; `what` says it for people."""

    kind: FaultKind
    day: str
    shard: str
    first: int
    last: int
    what: str


class _Walk:
    """Along the records of a chain, with what the next one has to be."""

    def __init__(self, day: str, shard: str) -> None:
        self.day = day
        self.shard = shard
        self.faults: list[Fault] = []
        self.hashes = {0: genesis(day, shard)}
        self.last = 0
        self._at = 0

    def fault(self, kind: FaultKind, first: int, last: int, what: str) -> None:
        self.faults.append(Fault(kind, self.day, self.shard, first, last, what))

    def step(self, record: Record) -> None:
        try:
            entry = read_entry(record)
        except (msgspec.DecodeError, UnicodeError):
            self._unreadable(record)
            return
        edited = self._edited(record, entry)
        if edited:
            self.fault(FaultKind.EDITED, entry.seq, entry.seq, edited)
        if entry.seq <= self.last:
            self.fault(FaultKind.PUT_IN, entry.seq, entry.seq, f"another entry {entry.seq} comes after {self.last}")
            return
        if entry.seq > self.last + 1:
            self.fault(FaultKind.REMOVED, self.last + 1, entry.seq - 1, f"nothing between {self.last} and {entry.seq}")
        elif entry.prev != self.hashes[self.last]:
            before = f"entry {self.last}" if self.last else "the beginning of this chain"
            self.fault(FaultKind.EDITED, entry.seq - 1, entry.seq, f"entry {entry.seq} does not follow {before}")
        self._to(entry.seq, entry.at, record.hash)

    def _edited(self, record: Record, entry: AuditEntry) -> str:
        if hash_of(record) != record.hash:
            return "its text has another hash"
        if (entry.day, entry.shard) != (self.day, self.shard):
            return f"it belongs to the chain {entry.day} {entry.shard}"
        if record.key != entry_key(entry.at, entry.seq):
            return f"it lies at {record.key}"
        if record.subject != subject_key(entry.subject):
            return f"it is listed under {record.subject}"
        if entry.at < self._at:
            return "it is older than the one before"
        return ""

    def _unreadable(self, record: Record) -> None:
        number = record.key.rpartition("#")[2]
        seq = int(number) if number.isascii() and number.isdigit() else self.last + 1
        self.fault(FaultKind.EDITED, seq, seq, "its text is no entry")
        if seq > self.last:
            if seq > self.last + 1:
                self.fault(FaultKind.REMOVED, self.last + 1, seq - 1, f"nothing between {self.last} and {seq}")
            self._to(seq, self._at, record.hash)

    def _to(self, seq: int, at: int, digest: str) -> None:
        self.last, self._at, self.hashes[seq] = seq, max(self._at, at), digest


def check_chain(
    day: str, shard: str, records: Sequence[Record], opened: AuditHead | None, closed: AuditHead | None = None
) -> list[Fault]:
    """What is wrong with a chain: `records` in the order of their keys, `opened` its head as read before them.

    `closed` is its head as read after them, where changes may have been made meanwhile; without it, it is `opened`.
    """
    walk = _Walk(day, shard)
    for record in records:
        walk.step(record)
    last = closed or opened
    if last is None:
        if records:
            walk.fault(FaultKind.HEAD_MISSING, 1, walk.last, "entries without a head")
        return walk.faults
    first = opened or AuditHead(0, genesis(day, shard), 0, last.keep_days)
    if walk.last < first.seq:
        what = f"the head names entry {first.seq}, the last one is {walk.last}"
        walk.fault(FaultKind.TRUNCATED, walk.last + 1, first.seq, what)
    if walk.last > last.seq:
        what = f"the head names entry {last.seq}, there are {walk.last}"
        walk.fault(FaultKind.HEAD_CHANGED, last.seq + 1, walk.last, what)
    for seq, digest in {(first.seq, first.hash), (last.seq, last.hash)}:
        if walk.hashes.get(seq, digest) != digest:
            walk.fault(FaultKind.EDITED, seq, seq, f"the head has another hash for entry {seq}")
    return walk.faults


def check_link(entry: AuditEntry, linked: AuditHead | None) -> Fault | None:
    """Whether the chain that a first entry names is there; `linked` is that chain's head as it stands now.

    It may have grown: clocks differ around midnight.
    """
    link: Link | None = entry.link
    if link is None:
        return None

    def fault(kind: FaultKind, what: str) -> Fault:
        return Fault(kind, link.day, entry.shard, 1, link.seq, what)

    if linked is None:
        return fault(FaultKind.CHAIN_MISSING, f"the chain of {entry.day} follows {link.seq} entries, which are gone")
    if linked.seq < link.seq:
        return fault(
            FaultKind.TRUNCATED, f"the chain of {entry.day} follows entry {link.seq}, the last is {linked.seq}"
        )
    if linked.seq == link.seq and linked.hash != link.hash:
        return fault(FaultKind.EDITED, f"the chain of {entry.day} follows another entry {link.seq}")
    return None


def check_against(day: str, shard: str, exported: Sequence[Record], records: Sequence[Record]) -> list[Fault]:
    """What differs between an export, which nobody can change, and the chain as it stands."""
    standing = {record.key: record for record in records}
    faults = []
    for record in exported:
        number = record.key.rpartition("#")[2]
        seq = int(number) if number.isascii() and number.isdigit() else 0
        now: Any = standing.get(record.key)
        if now is None:
            faults.append(Fault(FaultKind.REMOVED, day, shard, seq, seq, "it was exported and is gone"))
        elif now != record:
            faults.append(Fault(FaultKind.EDITED, day, shard, seq, seq, "it was exported with another text"))
    return faults
