"""Checking the audit from outside: what the API shows of its chains, and what was exported of them."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

import msgspec

from cli.api import Api
from cli.audit_files import Export
from cli.errors import ServerFaultError
from contract.audit import AuditHead, Record, read_entry
from contract.audit_check import Fault, check_against, check_chain, check_link

PAGE: Final = 500
_DAY_MS: Final = 86_400_000


class _Head(msgspec.Struct):
    shard: str
    seq: int
    hash: str
    at: int
    keep_days: int

    @property
    def head(self) -> AuditHead:
        return AuditHead(self.seq, self.hash, self.at, self.keep_days)


class _Item(msgspec.Struct):
    shard: str
    key: str
    subject: str
    hash: str
    body: str


class _Page(msgspec.Struct):
    now: int
    keep_days: int
    heads: list[_Head]
    items: list[_Item]
    cursor: str | None


@dataclass
class DayReport:
    """`expired`: the day is older than entries are kept, so that what is missing says nothing."""

    day: str
    chains: int = 0
    entries: int = 0
    exported: int = 0
    expired: bool = False
    faults: list[Fault] = field(default_factory=list)

    @property
    def result(self) -> str:
        if self.faults:
            return "broken"
        if self.expired:
            return "expired"
        return "intact" if self.entries else "no changes"


class AuditCheck:
    def __init__(self, api: Api, export: Export | None) -> None:
        self._api = api
        self._export = export
        self._heads: dict[str, tuple[dict[str, AuditHead], bool]] = {}

    def days(self, first: str, last: str) -> Iterator[DayReport]:
        day = date.fromisoformat(first)
        while day <= date.fromisoformat(last):
            yield self.day(day.isoformat())
            day += timedelta(days=1)

    def day(self, day: str) -> DayReport:
        """Heads are read before the entries and after them: changes may be made meanwhile."""
        opened: dict[str, AuditHead] | None = None
        chains: dict[str, list[Record]] = {}
        expired = False
        for page in self._pages(day):
            if opened is None:
                opened, expired = _heads(page), _expired(day, page)
            for item in page.items:
                chains.setdefault(item.shard, []).append(Record(item.key, item.subject, item.hash, item.body))
        closed, _ = self._heads_now(day)
        report = DayReport(day, expired=expired)
        report.chains = len({*chains, *(opened or {})})
        report.entries = sum(map(len, chains.values()))
        if not expired:
            for shard in sorted({*chains, *(opened or {}), *closed}):
                records = chains.get(shard, [])
                report.faults += check_chain(day, shard, records, (opened or {}).get(shard), closed.get(shard))
                report.faults += self._link(records)
        if self._export:
            self._against_export(day, chains, report, self._export)
        return report

    def _against_export(self, day: str, chains: dict[str, list[Record]], report: DayReport, export: Export) -> None:
        """What is expired here may still be checked there, by itself, once the day was closed."""
        manifest, parts = export.manifest(day), export.chains(day)
        ends = manifest.chains if manifest else {}
        for shard in sorted({*parts, *ends}):
            exported = parts.get(shard, [])
            report.exported += len(exported)
            if shard in ends:
                report.faults += check_chain(day, shard, exported, ends[shard].head)
            if not report.expired:
                report.faults += check_against(day, shard, exported, chains.get(shard, []))

    def _link(self, records: list[Record]) -> list[Fault]:
        try:
            entry = read_entry(records[0]) if records else None
        except (msgspec.DecodeError, UnicodeError):
            return []  # told already
        if entry is None or entry.link is None:
            return []
        heads, expired = self._heads.get(entry.link.day) or self._heads_now(entry.link.day)
        fault = None if expired else check_link(entry, heads.get(entry.shard))
        return [fault] if fault else []

    def _heads_now(self, day: str) -> tuple[dict[str, AuditHead], bool]:
        page = self._page(day, None, 1)
        self._heads[day] = _heads(page), _expired(day, page)
        return self._heads[day]

    def _pages(self, day: str) -> Iterator[_Page]:
        cursor: str | None = None
        while True:
            page = self._page(day, cursor, PAGE)
            yield page
            if page.cursor is None:
                return
            if page.cursor == cursor or not page.items:
                raise ServerFaultError(f"GET /audit/chains/{day} pages run in a circle.")
            cursor = page.cursor

    def _page(self, day: str, cursor: str | None, limit: int) -> _Page:
        params = [("limit", str(limit)), *([("cursor", cursor)] if cursor else [])]
        document: Any = self._api.get(f"/audit/chains/{day}", params)
        try:
            return msgspec.convert(document, _Page)
        except msgspec.ValidationError as exc:
            raise ServerFaultError(f"GET /audit/chains/{day} answered something else than chains: {exc}.") from exc


def _heads(page: _Page) -> dict[str, AuditHead]:
    return {one.shard: one.head for one in page.heads}


def _expired(day: str, page: _Page) -> bool:
    """Whether entries of the day may have been deleted in their time: by what their own heads say, if there are any."""
    kept = min([one.keep_days for one in page.heads] or [page.keep_days])
    begins = int(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp()) * 1000
    return page.now >= begins + kept * _DAY_MS
