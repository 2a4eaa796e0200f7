"""What is kept to be looked up: quarantine, device events, the audit."""

from collections.abc import Iterator, Sequence
from typing import Protocol

from contract.audit import AuditHead, Record
from contract.audit_export import Part
from functions.domain.audit import AuditFilter, AuditPage, ChainsPage, Note
from functions.domain.events import DeviceEvent, EventFilter, EventPage
from functions.domain.ingest import QuarantineEntry
from functions.domain.quarantine import NoticePage, Quarantined, QuarantinePage


class Quarantine(Protocol):
    def put(self, entries: Sequence[QuarantineEntry]) -> None:
        """Keep each entry once and count each of its reasons once, however often it is put.

        The same bytes received until `quarantine.REPEAT_MS` after an entry are no other.
        Raises QuarantineError naming the positions of entries that could not be kept.
        """
        ...

    def page(self, thing: str, limit: int, cursor: str | None) -> QuarantinePage:
        """Newest first; a page ends before it grows beyond about 1 MB. Raises CursorError."""
        ...

    def entry(self, thing: str, entry: str) -> Quarantined | None:
        """The one with this id, if it is still kept."""
        ...

    def of_day(self, day: str, limit: int, cursor: str | None) -> NoticePage:
        """Entries of all devices that were received on a day (UTC, `2025-11-24`). Raises CursorError."""
        ...


class Journal(Protocol):
    """For changes outside our tables; a repository keeps its own notes, each together with what it changes."""

    def record(self, note: Note) -> None:
        """Raises AuditError, and then nothing is kept."""
        ...


class AuditLog(Protocol):
    """The audit as it is read."""

    def page(self, wanted: AuditFilter, limit: int, cursor: str | None) -> AuditPage:
        """Newest first. Raises CursorError, AuditError."""
        ...

    def chains_of(self, day: str, limit: int, cursor: str | None) -> ChainsPage:
        """Everything of a day, as it stands and unchecked. Raises CursorError, AuditError."""
        ...

    def heads_of(self, days: Sequence[str]) -> dict[tuple[str, str], AuditHead]:
        """The head of each chain of these days, by day and shard. Raises AuditError."""
        ...

    def records(self, day: str, shard: str, after: str = "") -> Iterator[Record]:
        """A chain in order, behind the key `after`. Raises AuditError."""
        ...


class AuditArchive(Protocol):
    """Where the audit is exported to: what is there is never written again. Every method raises ArchiveError."""

    def newest_closed(self) -> str | None:
        """The last day that has a manifest."""
        ...

    def parts(self, day: str) -> list[Part]: ...

    def keep(self, key: str, data: bytes) -> None:
        """Idempotent: what is there under this name stays as it is."""
        ...


class EventLog(Protocol):
    def append(self, event: DeviceEvent) -> None:
        """Keep a device's event, once for the same bytes. Idempotent."""
        ...

    def page(self, wanted: EventFilter, limit: int, cursor: str | None) -> EventPage:
        """Raises CursorError."""
        ...
