"""Bulks as the commands function goes through them: devices to be sent to, rows to be cancelled, a page at a time."""

from collections.abc import Callable, Sequence

import msgspec

from functions.domain.bulk_commands import PAGE, Bulk, BulkRow, Stage
from functions.domain.command_work import CancelBulk, SendBulk
from functions.domain.commands import Command, NewCommand, Status
from functions.domain.devices import Device, DeviceFilter
from functions.errors import CommandsError, ConflictError, RateLimitError, RequestError, StateError
from functions.ports.clock import Clock
from functions.ports.commands import BulkStore, CommandQueue, CommandStore
from functions.ports.devices import DeviceRegistry
from functions.ports.live import LivePublisher
from functions.services.commands import Creating, digest_of
from functions.services.dispatch import Dispatch, told
from functions.services.gate import missing

_ROWS = 100


Row = tuple[str, Device | None]
"""A device of a bulk, with its entry where it has one."""


class SendBulks:
    """What the commands function does of bulks. At least once: a command that is there already is not made again.

    `side_by_side` runs a function of each item, several at a time: a page must not take a message's whole time.
    """

    def __init__(
        self,
        *,
        bulks: BulkStore,
        commands: CommandStore,
        registry: DeviceRegistry,
        creating: Creating,
        dispatch: Dispatch,
        queue: CommandQueue,
        live: LivePublisher,
        clock: Clock,
        side_by_side: Callable[[Callable[[Row], str], Sequence[Row]], list[str]],
    ) -> None:
        self._bulks = bulks
        self._commands = commands
        self._registry = registry
        self._creating = creating
        self._dispatch = dispatch
        self._queue = queue
        self._live = live
        self._clock = clock
        self._side_by_side = side_by_side

    def send(self, work: SendBulk) -> int:
        """One page of devices; how many. Raises CommandsError where some of them must be tried again."""
        bulk = self._bulks.read_bulk(work.bulk)
        if bulk is None or bulk.stage is Stage.CANCELLED:
            return 0
        rows, after = self._page(bulk, work.after)
        failed = [problem for problem in self._side_by_side(lambda row: self._tried(bulk, *row), rows) if problem]
        if failed:
            raise CommandsError(f"the bulk {bulk.id}: {len(failed)} of {len(rows)} devices: {failed[0]}")
        if after is not None:
            self._queue.put(SendBulk(bulk=bulk.id, after=after))
        else:
            self._end(bulk)
        return len(rows)

    def cancel(self, work: CancelBulk) -> int:
        """One page of rows; how many commands were taken back."""
        page = self._bulks.rows(work.bulk, _ROWS, work.after)
        cancelled = sum(self._cancel_one(row) for row in page.rows if row.status is Status.CREATED)
        if page.after is not None:
            self._queue.put(CancelBulk(bulk=work.bulk, after=page.after))
        return cancelled

    def _page(self, bulk: Bulk, after: str | None) -> tuple[list[Row], str | None]:
        named = bulk.selection.devices
        if named:
            first = int(after or 0)
            some = named[first : first + PAGE]
            found = self._registry.find(some)
            return [(thing, found.get(thing)) for thing in some], str(first + PAGE) if first + PAGE < len(
                named
            ) else None
        wanted = DeviceFilter(reach=bulk.reach, group=bulk.selection.group, model=bulk.selection.model)
        page = self._registry.page(wanted, PAGE, after)
        return [(device.thing, device) for device in page.devices], page.cursor

    def _tried(self, bulk: Bulk, thing: str, device: Device | None) -> str:
        """Empty, or why it must be tried again: the others of the page do not wait for it."""
        try:
            self._send_one(bulk, thing, device)
        except (CommandsError, StateError) as exc:
            return str(exc)
        return ""

    def _send_one(self, bulk: Bulk, thing: str, device: Device | None) -> None:
        if device is None or not bulk.reach.covers(thing, device.group):
            # Its group is not told: to whoever asked, the device does not exist.
            self._bulks.put_row(bulk.id, BulkRow(thing=thing, group="", problem=str(missing(thing))))
            return
        once = digest_of("bulk", bulk.id)
        if self._commands.once(thing, once) is None and (problem := self._problem(bulk, device)) is not None:
            self._bulks.put_row(bulk.id, BulkRow(thing=thing, group=device.group, problem=problem))
            return
        new = NewCommand(
            thing=thing,
            group=device.group,
            name=bulk.name,
            parameters=bulk.parameters,
            created_at=bulk.created_at,
            expires_at=bulk.expires_at,
            timeout_ms=bulk.timeout_ms,
            by=bulk.by,
            bulk=bulk.id,
        )
        self._creating.create(new, once)
        self._dispatch.run(thing)

    def _problem(self, bulk: Bulk, device: Device) -> str | None:
        try:
            self._creating.check(device, bulk.name, bulk.parameters)
            self._creating.check_room(device.thing)
        except (RequestError, ConflictError, RateLimitError) as exc:
            return str(exc)
        return None

    def _cancel_one(self, row: BulkRow) -> bool:
        command: Command | None = self._commands.read(row.thing, row.command) if row.command else None
        if command is None:
            return False
        becomes = command.cancelled(self._clock.now_ms(), "its bulk was cancelled")
        # Where somebody else is at it, it is being sent.
        written = None if becomes is None else self._commands.save(command, becomes)
        if written is None:
            return False
        self._live.publish([told(written)])
        return True

    def _end(self, bulk: Bulk) -> None:
        """Where somebody else has written it meanwhile, it was cancelled, or ended by another copy of this message."""
        self._bulks.save_bulk(msgspec.structs.replace(bulk, stage=Stage.SENT))
