"""The audit as administrators read it."""

import msgspec

from contract.audit import AuditEntry, Subject
from functions.domain.access import Permission, Principal, Target, demand
from functions.domain.audit import AuditFilter, ChainsPage
from functions.domain.cursors import seal, unseal
from functions.errors import RequestError
from functions.ports.clock import Clock
from functions.ports.logs import AuditLog

MAX_RANGE_MS = 400 * 86_400_000


class AuditRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked for. `asked` spells the range as the caller did: the cursor belongs to that."""

    start: int
    end: int
    asked: tuple[str, str]
    subject: Subject | None = None
    principal: str | None = None
    action: str | None = None
    cursor: str | None = None
    limit: int


class AuditAnswer(msgspec.Struct, frozen=True):
    """`start` and `end` are those of the first page, so that a relative range does not slide between pages."""

    start: int
    end: int
    entries: tuple[AuditEntry, ...]
    cursor: str | None


class ReadAudit:
    """Whoever reads the audit reads all of it: it speaks of people and keys as well as of devices."""

    def __init__(self, log: AuditLog, clock: Clock, *, keep_days: int) -> None:
        self._log = log
        self.clock = clock
        self.keep_days = keep_days

    def entries(self, who: Principal, request: AuditRequest) -> AuditAnswer:
        """Newest first. Raises ForbiddenError, CursorError, RequestError, AuditError."""
        demand(who, Permission.AUDIT_READ, Target())
        subject = (request.subject.kind, request.subject.id) if request.subject else None
        question = ("list-audit", request.asked, subject, request.principal, request.action)
        start, end, inner = request.start, request.end, None
        if request.cursor is not None:
            position = unseal(request.cursor, question, (int, int, str))
            start, end, inner = int(position[0]), int(position[1]), str(position[2])
        if start > end:
            raise RequestError("from", "a time not after `to`", f"{start} after {end}")
        if end - start > MAX_RANGE_MS:
            raise RequestError("from", "at most 400 days before `to`", f"{(end - start) // 86_400_000} days")
        wanted = AuditFilter(
            start=start, end=end, subject=request.subject, principal=request.principal, action=request.action
        )
        page = self._log.page(wanted, request.limit, inner)
        cursor = None if page.cursor is None else seal(question, (start, end, page.cursor))
        return AuditAnswer(start, end, page.entries, cursor)

    def chains(self, who: Principal, day: str, limit: int, cursor: str | None) -> ChainsPage:
        """A day's chains as they stand, for whoever checks them. Raises ForbiddenError, CursorError, AuditError."""
        demand(who, Permission.AUDIT_READ, Target())
        return self._log.chains_of(day, limit, cursor)
