"""The audit as it is read from the events table: by subject from its index, by day from the chains themselves."""

import re
from collections.abc import Iterator, Sequence
from heapq import merge
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from contract.audit import AUDIT_SHARDS, AuditEntry, AuditHead, Record, Subject, Who, audit_day, read_entry
from functions.adapters.aws import side_by_side, wrapped
from functions.adapters.backoff import Backoff
from functions.adapters.dynamodb_audit import HEAD_SK, chain_pk, day_before, head_of
from functions.adapters.dynamodb_items import Item, batch_get
from functions.domain.audit import AuditFilter, AuditPage, ChainRecord, ChainsPage
from functions.domain.cursors import seal, unseal
from functions.errors import AuditError, CursorError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

MAX_LOOKED_AT = 2_000
"""Entries that one page looks through at most: a filter that wants few of many gives short pages."""
MAX_DAYS = 14
"""Days that one page looks through at most: 16 queries each."""
MAX_PAGE_BYTES = 2_000_000
"""Of a page's texts: an answer of the API holds 6 MB."""

_SHARDS = tuple(f"{shard:02d}" for shard in range(AUDIT_SHARDS))
_KEY = re.compile(r"\d{13}#\d{8}")
_POSITION = re.compile(r"\d{13}(#\d{8})?")
_SHARD = re.compile(r"(\d\d)?")
_FIRST, _LAST = "0", ":"  # around every key of an entry, which begins with a digit
_BEHIND = "~"
_SPARE = 4
_READ_AT_ONCE = 200


class _Found(NamedTuple):
    """An entry, or, without one, a place up to which everything was looked through."""

    key: str
    shard: str
    record: Record | None

    @property
    def place(self) -> tuple[str, str]:
        return self.key, self.shard


class DynamoDBAuditLog:
    def __init__(self, client: "DynamoDBClient", events_table: str, *, backoff: Backoff | None = None) -> None:
        self._client = client
        self._table = events_table
        self._backoff = backoff or Backoff()

    def page(self, wanted: AuditFilter, limit: int, cursor: str | None) -> AuditPage:
        subject = wanted.subject
        question = (
            "audit",
            wanted.start,
            wanted.end,
            (subject.kind, subject.id) if subject else None,
            wanted.principal,
            wanted.action,
        )
        before = (f"{wanted.end:013d}", "") if cursor is None else _position(cursor, question)
        share = limit + 1 if subject else limit // AUDIT_SHARDS + _SPARE
        found = self._of_subject(subject, wanted, before, share) if subject else self._of_days(wanted, before, share)
        entries: list[AuditEntry] = []
        days = size = 0
        last = before
        for looked_at, one in enumerate(found, 1):
            if one.record is None:
                days += 1
            else:
                entry = _shown(one)
                if wanted.wants(entry):
                    if len(entries) == limit or size > MAX_PAGE_BYTES:
                        return AuditPage(tuple(entries), seal(question, last))
                    entries.append(entry)
                    size += len(one.record.body.encode())
            last = one.place
            if looked_at >= MAX_LOOKED_AT or days >= MAX_DAYS:
                return AuditPage(tuple(entries), seal(question, last))
        return AuditPage(tuple(entries), None)

    def chains_of(self, day: str, limit: int, cursor: str | None) -> ChainsPage:
        question = ("chains", day)
        shard, after = ("00", _FIRST) if cursor is None else _chain_position(cursor, question)
        heads = {one: head for (_, one), head in sorted(self.heads_of([day]).items())}
        records: list[ChainRecord] = []
        size = 0
        for one in _SHARDS[int(shard) :]:
            first = f"{after}{_FIRST}" if one == shard and cursor is not None else _FIRST
            for item in self._chain(day, one, first, _LAST, min(limit + 1, _READ_AT_ONCE)):
                if len(records) == limit or size > MAX_PAGE_BYTES:
                    last = records[-1]
                    return ChainsPage(heads, tuple(records), seal(question, (last.shard, last.record.key)))
                records.append(ChainRecord(one, _record(item)))
                size += len(records[-1].record.body.encode())
        return ChainsPage(heads, tuple(records), None)

    def heads_of(self, days: Sequence[str]) -> dict[tuple[str, str], AuditHead]:
        items = batch_get(
            self._client,
            self._table,
            [(chain_pk(day, shard), HEAD_SK) for day in days for shard in _SHARDS],
            ("pk", "seq", "hash", "at", "keep_days"),
            consistent=True,
            backoff=self._backoff,
            error=AuditError,
        )
        heads = {}
        for item in items:
            _, day, shard = str(item["pk"]["S"]).split("#")
            heads[day, shard] = head_of(item)
        return heads

    def records(self, day: str, shard: str, after: str = "") -> Iterator[Record]:
        first = f"{after}{_FIRST}" if after else _FIRST
        return map(_record, self._chain(day, shard, first, _LAST, _READ_AT_ONCE))

    def _of_subject(
        self, subject: Subject, wanted: AuditFilter, before: tuple[str, str], share: int
    ) -> Iterator[_Found]:
        request = {
            "TableName": self._table,
            "IndexName": "by_subject",
            "KeyConditionExpression": "spk = :subject AND ssk BETWEEN :first AND :last",
            "ExpressionAttributeValues": {
                ":subject": {"S": f"AUDIT#{subject.kind}#{subject.id}"},
                ":first": {"S": f"{wanted.start:013d}"},
                ":last": {"S": f"{before[0]}{_BEHIND if before[1] else ''}"},
            },
            "ScanIndexForward": False,
            "Limit": share,
        }
        for item in self._items(request):
            one = _Found(item["sk"]["S"], item["pk"]["S"].rpartition("#")[2], _record(item))
            if one.place < before and _KEY.fullmatch(one.key):
                yield one

    def _of_days(self, wanted: AuditFilter, before: tuple[str, str], share: int) -> Iterator[_Found]:
        first = f"{wanted.start:013d}"
        day = audit_day(max(wanted.start, int(before[0][:13]) - (not before[1])))
        oldest = audit_day(wanted.start)
        while day >= oldest:
            last = f"{before[0]}{_BEHIND if before[1] else ''}"
            streams = self._shards(day, first, last, share)
            for one in merge(*streams, key=lambda one: one.place, reverse=True):
                # A key of another kind is none of ours: the check of the chain tells of it.
                if one.place < before and _KEY.fullmatch(one.key):
                    yield one
            yield _Found(_start(day), "", None)
            day = day_before(day, 1)

    def _shards(self, day: str, first: str, last: str, share: int) -> list[Iterator[_Found]]:
        def begun(shard: str) -> tuple[str, Iterator[Item], Item | None]:
            items = self._chain(day, shard, first, last, share, newest_first=True)
            return shard, items, next(items, None)

        def stream(shard: str, items: Iterator[Item], item: Item | None) -> Iterator[_Found]:
            while item is not None:
                yield _Found(item["sk"]["S"], shard, _record(item))
                item = next(items, None)

        return [stream(*one) for one in side_by_side(begun, _SHARDS)]

    def _chain(
        self, day: str, shard: str, first: str, last: str, share: int, *, newest_first: bool = False
    ) -> Iterator[Item]:
        return self._items(
            {
                "TableName": self._table,
                "KeyConditionExpression": "pk = :chain AND sk BETWEEN :first AND :last",
                "ExpressionAttributeValues": {
                    ":chain": {"S": chain_pk(day, shard)},
                    ":first": {"S": first},
                    ":last": {"S": last},
                },
                "ScanIndexForward": not newest_first,
                "ConsistentRead": True,
                "Limit": share,
            }
        )

    def _items(self, request: dict[str, Any]) -> Iterator[Item]:
        """Reads on only when what was read is used up."""
        while True:
            with wrapped(AuditError, "reading the audit"):
                answer = self._client.query(**request)
            yield from (dict(item) for item in answer["Items"])
            after = answer.get("LastEvaluatedKey")
            if not after:
                return
            request = {**request, "ExclusiveStartKey": after}


def _record(item: Item) -> Record:
    return Record(
        str(item["sk"]["S"]),
        str(item["spk"]["S"]).removeprefix("AUDIT#"),
        str(item["hash"]["S"]),
        str(item["body"]["S"]),
    )


def _shown(found: _Found) -> AuditEntry:
    """Also one whose text somebody spoilt: it is listed as what it is, and found by whoever checks the chain."""
    record = found.record
    if record is None:
        raise ValueError("found: expected an entry, got a place")
    try:
        return read_entry(record)
    except (msgspec.DecodeError, UnicodeError):
        at, _, seq = record.key.partition("#")
        kind, _, name = record.subject.partition("#")
        return AuditEntry(
            at=int(at),
            who=Who("", "", ""),
            action="audit.unreadable",
            subject=Subject(kind, name),
            before=None,
            after=None,
            request_id="",
            source="",
            day=audit_day(int(at)),
            shard=found.shard,
            seq=int(seq),
            prev="",
        )


def _start(day: str) -> str:
    from datetime import UTC, datetime

    return f"{int(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp()) * 1000:013d}"


def _position(cursor: str, question: Sequence[object]) -> tuple[str, str]:
    key, shard = map(str, unseal(cursor, question, (str, str)))
    if not _POSITION.fullmatch(key) or not _SHARD.fullmatch(shard):
        raise CursorError(cursor)
    return key, shard


def _chain_position(cursor: str, question: Sequence[object]) -> tuple[str, str]:
    shard, key = map(str, unseal(cursor, question, (str, str)))
    if shard not in _SHARDS or not _FIRST <= key < _LAST:
        raise CursorError(cursor)
    return shard, key
