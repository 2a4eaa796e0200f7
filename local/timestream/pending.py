"""What is on its way to DuckDB: entries that wait for the disk, and durable ones that wait to be taken."""

import threading
from collections.abc import Sequence

from local.timestream.catalog import Table
from local.timestream.intake import Entry, Key, Recent, encode
from local.timestream.journal import Journal, Ticket
from local.timestream.model import Policy


class Pending:
    """`changed` is notified when many rows wait."""

    def __init__(self, many: int) -> None:
        self._many = many
        self.changed = threading.Condition()
        self.rows = 0
        self._durable: list[Entry] = []
        self._enqueued: dict[Ticket, Entry] = {}
        self._recent: dict[int, dict[Key, Recent]] = {}

    def __bool__(self) -> bool:
        return bool(self._durable)

    def recent(self, table: Table) -> dict[Key, Recent]:
        """The newest rows of the table that DuckDB lacks; under the table's lock."""
        return self._recent.setdefault(table.id, {})

    def enqueue(self, entry: Entry, journal: Journal) -> None:
        """Under the table's lock, which makes the order of its entries that of their rows."""
        payload = encode(entry)
        with self.changed:  # so that `settled` finds the entry of each ticket that it hears of
            entry.ticket = journal.enqueue(payload)
            self._enqueued[entry.ticket] = entry

    def replayed(self, entry: Entry) -> None:
        """An entry that the journal had."""
        self._durable.append(entry)
        self.rows += len(entry.rows)

    def settled(self, tickets: Sequence[Ticket], durable: bool) -> None:  # noqa: FBT001 - the journal's callback
        with self.changed:
            entries = [self._enqueued.pop(ticket) for ticket in tickets]
            if durable:
                for entry in entries:
                    entry.table.volatile_series.difference_update(entry.series)
                    entry.table.volatile_columns.difference_update(entry.columns)
                    self.rows += len(entry.rows)
                self._durable += entries
                if self.rows >= self._many:
                    self.changed.notify_all()
                return
        for table in {entry.table.id: entry.table for entry in entries}.values():
            self._forget_failed(table)

    def durable(self) -> list[Entry]:
        """In the order of the journal."""
        with self.changed:
            return self._durable.copy()

    def taken(self, entries: Sequence[Entry]) -> None:
        """DuckDB has these, the first ones of `durable`."""
        with self.changed:
            del self._durable[: len(entries)]
            self.rows -= sum(len(entry.rows) for entry in entries)
        for entry in entries:
            recent = self._recent.get(entry.table.id)
            if not recent:
                continue
            with entry.table.lock:
                for row in entry.rows:
                    known = recent.get((row.sid, row.time))
                    if known is not None and known.entry is entry:
                        del recent[row.sid, row.time]

    def forget(self, table: Table) -> None:
        """It was dropped."""
        self._recent.pop(table.id, None)

    def _forget_failed(self, table: Table) -> None:
        """Rows of failed entries no longer count when versions are compared, and those under them do again."""
        with table.lock, self.changed:
            recent = self._recent.get(table.id)
            if recent is None or table.policy is Policy.MERGE:
                return
            recent.clear()
            for entry in (*self._durable, *self._enqueued.values()):
                if entry.table is table:
                    recent.update({(row.sid, row.time): Recent(row.version, row.values, entry) for row in entry.rows})
