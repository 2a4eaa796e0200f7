"""Who changed what: for people to read, and for programs to check."""

from datetime import date
from typing import Annotated, Any, Literal

import msgspec
from aws_lambda_powertools.event_handler.openapi.params import Path, Query

from contract.audit import AuditEntry, Record, Subject
from functions.api.answer import CSV, JSON, Answer, answer, answers
from functions.api.csv import csv_answer
from functions.api.cursors import Cursors
from functions.api.parameters import Cursor
from functions.api.request import Request
from functions.api.times import moment, shown
from functions.errors import RequestError
from functions.services.audit import AuditRequest, ReadAudit

_LIST, _CHAINS = "list_audit", "audit_chains"
_COLUMNS = (
    "at",
    "principal",
    "principal_kind",
    "principal_name",
    "action",
    "subject_kind",
    "subject",
    "before",
    "after",
    "request_id",
    "source",
    "day",
    "shard",
    "seq",
)


class AuditList(msgspec.Struct, frozen=True, rename={"from_": "from"}):
    """A page of `[from, to)`, newest first. It may be short, even empty, and have a cursor: follow that to the end."""

    from_: int
    to: int
    items: tuple[AuditEntry, ...]
    cursor: str | None


class ChainHead(msgspec.Struct, frozen=True):
    """The last entry of a chain. What is older than `keep_days` days may be deleted any time."""

    shard: str
    seq: int
    hash: str
    at: int
    keep_days: int


class ChainedRecord(msgspec.Struct, frozen=True):
    """An entry as it is kept: `hash` is the SHA-256 of `body`, the JSON of the entry as text."""

    shard: str
    key: str
    subject: str
    hash: str
    body: str


class AuditChains(msgspec.Struct, frozen=True):
    """The chains of a day by shard, each in order; `heads` were read before the items of this page."""

    day: str
    now: int
    keep_days: int
    heads: tuple[ChainHead, ...]
    items: tuple[ChainedRecord, ...]
    cursor: str | None


class AuditOperations:
    def __init__(self, request: Request, audit: ReadAudit, cursors: Cursors) -> None:
        self._request = request
        self._audit = audit
        self._cursors = cursors

    @answers(AuditList, media=(JSON, CSV))
    def list_audit(
        self,
        from_: Annotated[str, Query(alias="from", max_length=64)] = "-7d",
        to: Annotated[str | None, Query(max_length=64)] = None,
        subject: Annotated[str | None, Query(max_length=400)] = None,
        principal: Annotated[str | None, Query(min_length=1, max_length=200)] = None,
        action: Annotated[str | None, Query(pattern=r"^[a-z][a-z0-9_.-]{0,63}$")] = None,
        format: Annotated[Literal["json", "csv"], Query()] = "json",  # noqa: A002 - what the API calls it
        limit: Annotated[int, Query(ge=1, le=200)] = 50,
        cursor: Cursor = None,
    ) -> Answer:
        """Changes made through the API, newest first."""
        now = self._audit.clock.now_ms()
        who = self._request.who
        page = self._audit.entries(
            who,
            AuditRequest(
                start=moment("from", from_, now),
                end=now + 1 if to is None else moment("to", to, now),
                asked=(from_, to or ""),
                subject=None if subject is None else _subject(subject),
                principal=principal,
                action=action,
                cursor=self._cursors.open(cursor, who, _LIST),
                limit=limit,
            ),
        )
        more = self._cursors.close(page.cursor, who, _LIST)
        if format == "csv" or self._request.prefers_csv:
            return csv_answer(_COLUMNS, map(_row, page.entries), cursor=more)
        return answer(AuditList(page.start, page.end, page.entries, more))

    @answers(AuditChains)
    def audit_chains(
        self,
        day: Annotated[str, Path(max_length=20)],
        limit: Annotated[int, Query(ge=1, le=500)] = 200,
        cursor: Cursor = None,
    ) -> Answer:
        """The hash chains of a UTC day, for whoever checks that no entry was edited or removed."""
        who = self._request.who
        page = self._audit.chains(who, _day(day), limit, self._cursors.open(cursor, who, _CHAINS))
        return answer(
            AuditChains(
                day,
                self._audit.clock.now_ms(),
                self._audit.keep_days,
                tuple(
                    ChainHead(shard, head.seq, head.hash, head.at, head.keep_days) for shard, head in page.heads.items()
                ),
                tuple(_record(one.shard, one.record) for one in page.records),
                self._cursors.close(page.cursor, who, _CHAINS),
            )
        )


def _record(shard: str, record: Record) -> ChainedRecord:
    return ChainedRecord(shard, record.key, record.subject, record.hash, record.body)


def _subject(text: str) -> Subject:
    kind, colon, name = text.partition(":")
    if not (kind and colon and name):
        raise RequestError("subject", "a kind and an id such as device:pump-7", shown(text))
    return Subject(kind, name)


def _day(text: str) -> str:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        day = None
    if day is None or day.isoformat() != text:
        raise RequestError("day", "a UTC day such as 2026-03-01", shown(text))
    return text


def _row(entry: AuditEntry) -> tuple[Any, ...]:
    return (
        entry.at,
        entry.who.id,
        entry.who.kind,
        entry.who.name,
        entry.action,
        entry.subject.kind,
        entry.subject.id,
        entry.before,
        entry.after,
        entry.request_id,
        entry.source,
        entry.day,
        entry.shard,
        entry.seq,
    )
