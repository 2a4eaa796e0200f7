"""Commands in memory: the ledger as DynamoDB keeps it, and a broker and a queue that only take note."""

from collections.abc import Iterator, Sequence

import msgspec

from contract.documents import CommandRequest
from functions.adapters.memory_audit import MemoryJournal
from functions.domain.audit import Note
from functions.domain.bulk_commands import Bulk, BulkPage, BulkRow
from functions.domain.command_work import Work
from functions.domain.commands import Behind, Command, CommandPage, Due, DuePage
from functions.domain.fences import Fence, Passed
from functions.errors import CommandsError

_ONE_SHARD = "00"


class MemoryCommands:
    """Both the ledger of commands and that of bulks."""

    def __init__(self, journal: MemoryJournal | None = None) -> None:
        self.journal = journal or MemoryJournal()
        self.commands: dict[tuple[str, str], Command] = {}
        self.bulks: dict[str, Bulk] = {}
        self.fences: dict[tuple[str, str], str] = {}
        self._once: dict[tuple[str, str], str] = {}
        self._rows: dict[tuple[str, str], BulkRow] = {}

    def create(
        self, command: Command, *, once: str | None = None, fence: Fence | None = None, notes: Sequence[Note] = ()
    ) -> Command | Behind | Passed:
        if once is not None and (known := self.once(command.thing, once)) is not None:
            return known
        if fence is not None and (passed := self.fences.get((command.thing, fence.name), "")) >= fence.order:
            return Passed(fence.name, passed)
        last = max((ulid for thing, ulid in self.commands if thing == command.thing), default="")
        if last >= command.id:
            return Behind(last)
        if once is not None:
            self._once[command.thing, once] = command.id
        if fence is not None:
            self.fences[command.thing, fence.name] = fence.order
        return self._write(command, notes)

    def read(self, thing: str, id: str) -> Command | None:  # noqa: A002 - as the port has it
        return self.commands.get((thing, id))

    def once(self, thing: str, once: str) -> Command | None:
        known = self._once.get((thing, once))
        return None if known is None else self.commands[thing, known]

    def open(self, thing: str) -> list[Command]:
        found = [command for (of, _), command in self.commands.items() if of == thing and not command.closed]
        return sorted(found, key=lambda command: command.id)

    def save(self, was: Command, becomes: Command, notes: Sequence[Note] = ()) -> Command | None:
        if self.commands[was.thing, was.id].version != was.version:
            return None
        return self._write(becomes, notes)

    def page(self, thing: str, limit: int, before: str | None) -> CommandPage:
        ids = sorted((ulid for of, ulid in self.commands if of == thing and ulid < (before or "~")), reverse=True)
        page = ids[:limit]
        return CommandPage(
            tuple(self.commands[thing, ulid] for ulid in page), page[-1] if page and len(ids) > limit else None
        )

    def due(self, shard: str, until: int, after: str | None, limit: int) -> DuePage:
        if shard != _ONE_SHARD:
            return DuePage((), None)
        waiting = {
            f"{command.due:013d}#{command.thing}#{command.id}": Due(command.due, command.thing, command.id)
            for command in self.commands.values()
            if command.due is not None and command.due <= until
        }
        keys = sorted(key for key in waiting if after is None or key > after)
        page = keys[:limit]
        return DuePage(tuple(waiting[key] for key in page), page[-1] if page and len(keys) > limit else None)

    def shards(self) -> Sequence[str]:
        return (_ONE_SHARD,)

    def create_bulk(self, bulk: Bulk, notes: Sequence[Note]) -> Bulk:
        if bulk.id in self.bulks:
            return self.bulks[bulk.id]
        return self._write_bulk(bulk, notes)

    def read_bulk(self, id: str) -> Bulk | None:  # noqa: A002 - as the port has it
        return self.bulks.get(id)

    def save_bulk(self, becomes: Bulk, notes: Sequence[Note] = ()) -> Bulk | None:
        if self.bulks[becomes.id].version != becomes.version:
            return None
        return self._write_bulk(becomes, notes)

    def put_row(self, bulk: str, row: BulkRow) -> None:
        self._rows.setdefault((bulk, row.thing), row)

    def rows(self, bulk: str, limit: int, after: str | None) -> BulkPage:
        found = sorted(thing for of, thing in self._rows if of == bulk and (after is None or thing > after))
        page = found[:limit]
        return BulkPage(
            tuple(self._rows[bulk, thing] for thing in page), page[-1] if page and len(found) > limit else None
        )

    def all_rows(self, bulk: str, *, consistent: bool = False) -> Iterator[BulkRow]:  # noqa: ARG002 - always is
        return iter([row for (of, _), row in self._rows.items() if of == bulk])

    def _write(self, command: Command, notes: Sequence[Note]) -> Command:
        written = msgspec.structs.replace(command, version=command.version + 1)
        self.commands[command.thing, command.id] = written
        if written.bulk is not None:
            self._rows[written.bulk, written.thing] = BulkRow.of(written)
        self.journal.append(*notes)
        return written

    def _write_bulk(self, bulk: Bulk, notes: Sequence[Note]) -> Bulk:
        self.bulks[bulk.id] = msgspec.structs.replace(bulk, version=bulk.version + 1)
        self.journal.append(*notes)
        return self.bulks[bulk.id]


class MemoryCommandBroker:
    """Keeps what was published, unless it `fails`."""

    def __init__(self) -> None:
        self.published: list[tuple[str, CommandRequest]] = []
        self.fails = False

    def publish(self, thing: str, request: CommandRequest) -> None:
        if self.fails:
            raise CommandsError(f"publishing command {request.id} to {thing}: refused")
        self.published.append((thing, request))


class MemoryCommandQueue:
    def __init__(self) -> None:
        self.wakes: list[tuple[str, str, int]] = []
        self.work: list[tuple[Work, int]] = []

    def wake(self, thing: str, kind: str, at: int, *, delay_s: int = 0) -> None:  # noqa: ARG002 - nothing waits here
        self.wakes.append((thing, kind, at))

    def put(self, work: Work, *, delay_s: int = 0) -> None:
        self.work.append((work, delay_s))
