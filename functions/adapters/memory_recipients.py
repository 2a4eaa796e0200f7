"""Recipients and maintenance windows in memory."""

from collections.abc import Iterable

import msgspec

from functions.adapters.memory_audit import MemoryJournal
from functions.domain.audit import Note
from functions.domain.maintenance import Window, WindowPage
from functions.domain.recipients import Recipient
from functions.errors import DeliveriesError


class MemoryRecipients:
    def __init__(self, journal: MemoryJournal | None = None) -> None:
        self.journal = journal or MemoryJournal()
        self.recipients: dict[str, Recipient] = {}

    def find(self, ids: Iterable[str]) -> dict[str, Recipient]:
        return {one: self.recipients[one] for one in ids if one in self.recipients}

    def all(self) -> list[Recipient]:
        return [self.recipients[one] for one in sorted(self.recipients)]

    def save(self, was: Recipient | None, becomes: Recipient, note: Note) -> Recipient | None:
        if self._version(becomes.id) != (was.version if was else 0):
            return None
        written = msgspec.structs.replace(becomes, version=(was.version if was else 0) + 1)
        self.recipients[written.id] = written
        self.journal.append(note)
        return written

    def delete(self, recipient: Recipient, note: Note) -> bool:
        if self._version(recipient.id) != recipient.version:
            return False
        del self.recipients[recipient.id]
        self.journal.append(note)
        return True

    def _version(self, recipient: str) -> int:
        known = self.recipients.get(recipient)
        return known.version if known else 0


class MemoryWindows:
    def __init__(self, journal: MemoryJournal | None = None) -> None:
        self.journal = journal or MemoryJournal()
        self.windows: dict[str, Window] = {}

    def create(self, window: Window, note: Note) -> Window:
        if window.id in self.windows:
            raise DeliveriesError(f"creating the maintenance window {window.id}: there is one already")
        return self._put(window, 1, note)

    def read(self, id: str) -> Window | None:  # noqa: A002 - as the port has it
        return self.windows.get(id)

    def save(self, was: Window, becomes: Window, note: Note) -> Window | None:
        if self.windows[was.id].version != was.version:
            return None
        return self._put(becomes, was.version + 1, note)

    def page(self, limit: int, before: str | None) -> WindowPage:
        ids = sorted((one for one in self.windows if before is None or one < before), reverse=True)
        page = ids[:limit]
        return WindowPage(tuple(self.windows[one] for one in page), page[-1] if len(ids) > limit else None)

    def ahead(self, now: int, limit: int) -> list[Window]:
        found = [one for one in self.windows.values() if one.end > now]
        return sorted(found, key=lambda one: (one.end, one.id))[:limit]

    def holding(self, now: int) -> list[Window]:
        return self.ahead(now, len(self.windows))

    def _put(self, window: Window, version: int, note: Note) -> Window:
        self.windows[window.id] = msgspec.structs.replace(window, version=version)
        self.journal.append(note)
        return self.windows[window.id]
