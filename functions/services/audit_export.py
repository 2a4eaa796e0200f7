"""Exporting the audit: again and again what is new, and a manifest once a day is over.

What is exported is read from the archive itself, so a run that was missed, or ended half-way, is made up by the next.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Final

import msgspec

from contract.audit import AUDIT_SHARDS, AuditHead, Record, audit_day, entry_key
from contract.audit_check import check_chain
from contract.audit_export import ChainEnd, Manifest, Part, manifest_key, part_key, write_manifest, write_part
from functions.ports.clock import Clock
from functions.ports.logs import AuditArchive, AuditLog

CLOSED_AFTER_MS: Final = 3_600_000
"""After midnight: a change that was noted before is in its chain by then, whatever the clocks say."""
PART_ENTRIES: Final = 2_000
PART_BYTES: Final = 8_000_000
MAX_FAULTS: Final = 100
_DAYS_AT_ONCE: Final = 30
_DAY_MS: Final = 86_400_000
_KEY: Final = re.compile(r"\d{13}#\d{8}")


class Exported(msgspec.Struct, frozen=True):
    """What a run did. Not `finished`: its time was over, and the next run goes on."""

    parts: int
    entries: int
    closed: tuple[str, ...]
    faults: tuple[str, ...]
    finished: bool


class ExportAudit:
    def __init__(self, log: AuditLog, archive: AuditArchive, clock: Clock, *, keep_days: int) -> None:
        self._log = log
        self._archive = archive
        self._clock = clock
        self._keep_days = keep_days

    def run(self, in_time: Callable[[], bool]) -> Exported:
        """Exports all days from the first that is not closed, in order. Idempotent. Raises AuditError, ArchiveError."""
        parts = entries = 0
        closed: list[str] = []
        faults: list[str] = []
        for day in self._open_days():
            for shard, records in self._new_parts(day):
                if not in_time():
                    return Exported(parts, entries, tuple(closed), tuple(faults), finished=False)
                self._archive.keep(part_key(_part(day, shard, records)), write_part(records))
                parts, entries = parts + 1, entries + len(records)
            if self._clock.now_ms() >= _begins(day) + _DAY_MS + CLOSED_AFTER_MS:
                faults += self._close(day)
                closed.append(day)
        return Exported(parts, entries, tuple(closed), tuple(faults), finished=True)

    def _open_days(self) -> Iterator[str]:
        day = self._first_open()
        today = audit_day(self._clock.now_ms())
        while day <= today:
            yield day
            day = _later(day, 1)

    def _first_open(self) -> str:
        newest = self._archive.newest_closed()
        if newest is not None:
            return _later(newest, 1)
        # Before the first manifest: whatever the table still has.
        today = audit_day(self._clock.now_ms())
        days = [_later(today, -back) for back in range(self._keep_days, -1, -1)]
        for at in range(0, len(days), _DAYS_AT_ONCE):
            found = self._log.heads_of(days[at : at + _DAYS_AT_ONCE])
            if found:
                return min(day for day, _ in found)
        return today

    def _new_parts(self, day: str) -> Iterator[tuple[str, list[Record]]]:
        exported = self._exported(day)
        heads = {shard: head for (_, shard), head in self._log.heads_of([day]).items()}
        for shard in (f"{shard:02d}" for shard in range(AUDIT_SHARDS)):
            last, at = exported.get(shard, (0, 0))
            head = heads.get(shard)
            # Without a head there should be nothing: what there is nevertheless is kept before it goes too.
            if head is None or head.seq > last:
                records = self._log.records(day, shard, entry_key(at, last) if last else "")
                # What somebody put in under another kind of key has no number; closing the day tells of it.
                numbered = (record for record in records if _KEY.fullmatch(record.key))
                yield from ((shard, some) for some in _portions(numbered))

    def _exported(self, day: str) -> dict[str, tuple[int, int]]:
        """The last exported entry of each shard, with its time."""
        exported: dict[str, tuple[int, int]] = {}
        for part in self._archive.parts(day):
            exported[part.shard] = max(exported.get(part.shard, (0, 0)), (part.last, part.at))
        return exported

    def _close(self, day: str) -> list[str]:
        """What is wrong with the day's chains stands in its manifest."""
        heads: dict[str, AuditHead] = {shard: head for (_, shard), head in self._log.heads_of([day]).items()}
        exported = self._exported(day)
        faults = [
            f"{fault.kind} at {fault.day} {fault.shard} {fault.first}-{fault.last}: {fault.what}"
            for shard in sorted({*heads, *exported})
            for fault in check_chain(day, shard, list(self._log.records(day, shard)), heads.get(shard))
        ]
        manifest = Manifest(
            day=day,
            closed_at=self._clock.now_ms(),
            chains={
                shard: ChainEnd(heads.get(shard), exported.get(shard, (0, 0))[0])
                for shard in sorted({*heads, *exported})
            },
            faults=tuple(faults[:MAX_FAULTS]),
        )
        self._archive.keep(manifest_key(day), write_manifest(manifest))
        return faults


def _portions(records: Iterable[Record]) -> Iterator[list[Record]]:
    some: list[Record] = []
    size = 0
    for record in records:
        some.append(record)
        size += len(record.body)
        if len(some) >= PART_ENTRIES or size >= PART_BYTES:
            yield some
            some, size = [], 0
    if some:
        yield some


def _part(day: str, shard: str, records: list[Record]) -> Part:
    at, _, last = records[-1].key.partition("#")
    return Part(day, shard, int(records[0].key.partition("#")[2]), int(last), int(at))


def _later(day: str, days: int) -> str:
    return (date.fromisoformat(day) + timedelta(days=days)).isoformat()


def _begins(day: str) -> int:
    return int(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp()) * 1000
