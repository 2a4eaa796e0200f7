"""The audit in memory: real chains of real entries, no durability."""

from collections.abc import Iterator, Sequence

from contract.audit import AuditHead, Link, Record, audit_day, audit_shard, chained, read_entry
from contract.audit_export import Part, parse_manifest_key, parse_part_key
from functions.domain.audit import AuditFilter, AuditPage, ChainRecord, ChainsPage, Note, change_of
from functions.domain.cursors import seal, unseal

_KEEP_DAYS = 365


class MemoryJournal:
    """`notes` are as they were given; a repository in memory appends one with each change."""

    def __init__(self, *, keep_days: int = _KEEP_DAYS) -> None:
        self.notes: list[Note] = []
        self.chains: dict[tuple[str, str], list[Record]] = {}
        self.heads: dict[tuple[str, str], AuditHead] = {}
        self._keep_days = keep_days

    def append(self, *notes: Note) -> None:
        for note in notes:
            self.record(note)

    def record(self, note: Note) -> None:
        self.notes.append(note)
        change = change_of(note)
        day, shard = audit_day(change.at), audit_shard(change.subject)
        record, head = chained(
            change,
            day=day,
            shard=shard,
            head=self.heads.get((day, shard)),
            link=self._link(day, shard),
            keep_days=self._keep_days,
        )
        self.chains.setdefault((day, shard), []).append(record)
        self.heads[day, shard] = head

    def page(self, wanted: AuditFilter, limit: int, cursor: str | None) -> AuditPage:
        question = _question(wanted)
        found = sorted(
            ((record.key, shard, record) for (_, shard), records in self.chains.items() for record in records),
            key=lambda row: row[:2],
            reverse=True,
        )
        entries = [(key, shard, read_entry(record)) for key, shard, record in found]
        left = [row for row in entries if wanted.wants(row[2])]
        if cursor is not None:
            key, shard = map(str, unseal(cursor, question, (str, str)))
            left = [row for row in left if row[:2] < (key, shard)]
        page = left[:limit]
        more = len(left) > limit
        return AuditPage(tuple(row[2] for row in page), seal(question, page[-1][:2]) if more else None)

    def chains_of(self, day: str, limit: int, cursor: str | None) -> ChainsPage:
        question = ("chains", day)
        records = [
            ChainRecord(shard, record)
            for (one, shard), some in sorted(self.chains.items())
            for record in some
            if one == day
        ]
        if cursor is not None:
            after = tuple(map(str, unseal(cursor, question, (str, str))))
            records = [one for one in records if (one.shard, one.record.key) > after]
        page = records[:limit]
        more = len(records) > limit
        heads = {shard: head for (one, shard), head in sorted(self.heads.items()) if one == day}
        return ChainsPage(heads, tuple(page), seal(question, (page[-1].shard, page[-1].record.key)) if more else None)

    def heads_of(self, days: Sequence[str]) -> dict[tuple[str, str], AuditHead]:
        return {chain: head for chain, head in self.heads.items() if chain[0] in days}

    def records(self, day: str, shard: str, after: str = "") -> Iterator[Record]:
        return iter([record for record in self.chains.get((day, shard), []) if record.key > after])

    def _link(self, day: str, shard: str) -> Link | None:
        before = [(one, head) for (one, other), head in self.heads.items() if other == shard and one < day]
        if not before:
            return None
        last, head = max(before, key=lambda pair: pair[0])
        return Link(last, head.seq, head.hash)


def _question(wanted: AuditFilter) -> tuple[object, ...]:
    subject = (wanted.subject.kind, wanted.subject.id) if wanted.subject else None
    return ("audit", wanted.start, wanted.end, subject, wanted.principal, wanted.action)


class MemoryArchive:
    """`objects` by name."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}

    def newest_closed(self) -> str | None:
        return max((day for day in map(parse_manifest_key, self.objects) if day), default=None)

    def parts(self, day: str) -> list[Part]:
        return [part for part in map(parse_part_key, sorted(self.objects)) if part and part.day == day]

    def keep(self, key: str, data: bytes) -> None:
        self.objects.setdefault(key, data)
