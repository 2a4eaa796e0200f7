"""The ledger of commands, and the broker that carries them."""

from collections.abc import Iterator, Sequence
from typing import Protocol

from contract.documents import CommandRequest
from functions.domain.audit import Note
from functions.domain.bulk_commands import Bulk, BulkPage, BulkRow
from functions.domain.command_work import Work
from functions.domain.commands import Behind, Command, CommandPage, DuePage
from functions.domain.fences import Fence, Passed


class CommandStore(Protocol):
    """The ledger of commands. Raises CommandsError where it cannot be read or written now."""

    def create(
        self, command: Command, *, once: str | None = None, fence: Fence | None = None, notes: Sequence[Note] = ()
    ) -> Command | Behind | Passed:
        """Keep a new command with its notes; `Behind` when the device has one with a greater id.

        With `once` there is one command of the device by that name: if there is one already, it is answered and
        nothing is written. With a `fence` that something has passed before, that is the answer. A command of a bulk
        also gets its row there.
        """
        ...

    def read(self, thing: str, id: str) -> Command | None:  # noqa: A002 - its name everywhere
        """As it stands now."""
        ...

    def once(self, thing: str, once: str) -> Command | None:
        """The command of that name, if there is one."""
        ...

    def open(self, thing: str) -> list[Command]:
        """Those that are not closed, by id, as they stand now."""
        ...

    def save(self, was: Command, becomes: Command, notes: Sequence[Note] = ()) -> Command | None:
        """Write it, with its place among what is open and due, if it still is as it was read; None when it is not."""
        ...

    def page(self, thing: str, limit: int, before: str | None) -> CommandPage: ...

    def due(self, shard: str, until: int, after: str | None, limit: int) -> DuePage:
        """What is due by `until`, the longest due first; may be some moments old."""
        ...

    def shards(self) -> Sequence[str]:
        """Those that `due` is spread over."""
        ...


class BulkStore(Protocol):
    """Commands for many devices. Raises CommandsError where it cannot be read or written now."""

    def create_bulk(self, bulk: Bulk, notes: Sequence[Note]) -> Bulk:
        """Keep it; if there is one of that id, it is answered and nothing is written."""
        ...

    def read_bulk(self, id: str) -> Bulk | None: ...  # noqa: A002 - its name everywhere

    def save_bulk(self, becomes: Bulk, notes: Sequence[Note] = ()) -> Bulk | None:
        """Write it if its version is still what was read; None when it is not."""
        ...

    def put_row(self, bulk: str, row: BulkRow) -> None:
        """Keep the row of a device that gets no command, if it has none."""
        ...

    def rows(self, bulk: str, limit: int, after: str | None) -> BulkPage: ...

    def all_rows(self, bulk: str, *, consistent: bool = False) -> Iterator[BulkRow]:
        """In any order; may be some moments old unless it is to be `consistent`, which costs twice as much."""
        ...


class CommandBroker(Protocol):
    def publish(self, thing: str, request: CommandRequest) -> None:
        """Hand it to the broker, which says nothing of the device. Raises CommandsError."""
        ...


class CommandQueue(Protocol):
    """Messages to the commands function. Raises CommandsError."""

    def wake(self, thing: str, kind: str, at: int, *, delay_s: int = 0) -> None:
        """Have it see what can be sent to a device; `kind` is ONLINE or WAITING."""
        ...

    def put(self, work: Work, *, delay_s: int = 0) -> None: ...
