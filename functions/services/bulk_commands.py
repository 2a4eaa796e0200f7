"""One command for many devices: asked for at once, sent page by page, each device with a result of its own."""

from collections.abc import Callable, Mapping

import msgspec

from contract.errors import shown
from contract.models import DeviceModel
from functions.domain import ulids
from functions.domain.access import Permission, Principal, Reach
from functions.domain.audit import Actor, Note
from functions.domain.bulk_commands import (
    MAX_NAMED,
    PAGE,
    Bulk,
    BulkCounts,
    BulkPage,
    BulkRow,
    Selection,
    Stage,
    counted,
)
from functions.domain.command_work import CancelBulk, SendBulk
from functions.domain.commands import Command, NewCommand, Requester, Status
from functions.domain.cursors import seal, unseal
from functions.domain.devices import Device, DeviceFilter
from functions.errors import (
    CommandsError,
    ConflictError,
    CursorError,
    NotFoundError,
    RateLimitError,
    RequestError,
    ReusedKeyError,
    StateError,
)
from functions.ports import BulkStore, Clock, CommandQueue, CommandStore, DeviceRegistry, LivePublisher
from functions.services.commands import Asked, Creating, check_against, check_bounds, digest_of
from functions.services.dispatch import Dispatch, told
from functions.services.gate import missing

_FINAL_AFTER_MS = 24 * 3_600_000
"""So long after its end a bulk is counted for the last time; a device may have had something to say until then."""
_ROWS = 100


class BulkView(msgspec.Struct, frozen=True):
    bulk: Bulk
    counts: BulkCounts


class BulkRows(msgspec.Struct, frozen=True):
    rows: tuple[BulkRow, ...]
    cursor: str | None


class BulkCommands:
    """What people ask of bulks."""

    def __init__(
        self,
        *,
        store: BulkStore,
        models: Mapping[str, DeviceModel],
        queue: CommandQueue,
        clock: Clock,
        chance: Callable[[], bytes],
    ) -> None:
        self._store = store
        self._models = models
        self._queue = queue
        self._chance = chance
        self.clock = clock

    def send(self, actor: Actor, asked: Asked, selection: Selection, key: str | None = None) -> BulkView:
        """Begun, not done: devices are gone through afterwards. With a `key` used before, the one made then.

        Raises RequestError, ReusedKeyError.
        """
        check_bounds(asked)
        _check_selection(selection)
        self._check_possible(asked, selection)
        now = self.clock.now_ms()
        who = actor.principal
        bulk = Bulk(
            id=ulids.new(now, self._chance()) if key is None else digest_of("bulk", who.id, key),
            name=asked.name,
            parameters=asked.parameters,
            selection=selection,
            reach=who.reach(Permission.COMMANDS_SEND),
            created_at=now,
            expires_at=now + asked.life_ms,
            timeout_ms=asked.timeout_ms,
            by=Requester(who.id, who.name),
        )
        kept = self._store.create_bulk(bulk, [_note(actor, "command.bulk", bulk, now)])
        if (kept.name, kept.parameters, kept.selection) != (bulk.name, bulk.parameters, bulk.selection):
            raise ReusedKeyError("Idempotency-Key: expected a new key for a new request, got that of another bulk")
        if kept.stage is Stage.SENDING:
            # Also for one that was there: the invocation that made it may have died before this line.
            self._queue.put(SendBulk(bulk=kept.id))
        return self._view(kept)

    def show(self, who: Principal, id: str) -> BulkView:  # noqa: A002 - its name everywhere
        """Raises NotFoundError for a bulk of somebody else, unless `who` reads the commands of every device."""
        return self._view(self._read(who, Permission.COMMANDS_READ, id))

    def devices(self, who: Principal, id: str, limit: int, cursor: str | None) -> BulkRows:  # noqa: A002 - its name
        """By device, as each is now; only those whose commands `who` may read. Raises NotFoundError, CursorError."""
        self._read(who, Permission.COMMANDS_READ, id)
        after = None if cursor is None else str(unseal(cursor, ("bulk", id), (str,))[0])
        if after is not None and not after.isascii():
            raise CursorError(after)
        page: BulkPage = self._store.rows(id, limit, after)
        now, reach = self.clock.now_ms(), who.reach(Permission.COMMANDS_READ)
        rows = tuple(row.at(now) for row in page.rows if _shows(row, reach))
        return BulkRows(rows, None if page.after is None else seal(("bulk", id), (page.after,)))

    def cancel(self, actor: Actor, id: str) -> BulkView:  # noqa: A002 - its name everywhere
        """No device more, and what was not sent yet is taken back. Idempotent; raises NotFoundError, ConflictError."""
        while True:
            bulk = self._read(actor.principal, Permission.COMMANDS_SEND, id)
            now = self.clock.now_ms()
            if now >= bulk.expires_at:
                raise ConflictError(f"the bulk {id} cannot be cancelled: its commands expired")
            written: Bulk | None = bulk
            if bulk.stage is not Stage.CANCELLED:
                becomes = msgspec.structs.replace(bulk, stage=Stage.CANCELLED)
                written = self._store.save_bulk(becomes, [_note(actor, "command.bulk.cancel", bulk, now)])
            if written is not None:
                self._queue.put(CancelBulk(bulk=id))
                return self._view(written)

    def _read(self, who: Principal, permission: Permission, id: str) -> Bulk:  # noqa: A002 - its name everywhere
        bulk = self._store.read_bulk(id)
        if bulk is None or not (bulk.by.id == who.id or who.reach(permission).everything):
            raise NotFoundError(f"there is no bulk {shown(id)}, or you may not see it")
        return bulk

    def _view(self, bulk: Bulk) -> BulkView:
        now = self.clock.now_ms()
        if bulk.final is not None:
            by_status = {name: count for name, count in bulk.final.items() if name in list(Status)}
            counts = BulkCounts(bulk.final["devices"], bulk.final["refused"], by_status, settled=True)
            return BulkView(bulk, counts)
        counts = counted(self._store.all_rows(bulk.id), now)
        late = now > bulk.expires_at + bulk.timeout_ms + _FINAL_AFTER_MS
        # One that was cancelled may get rows of a page that was under way.
        if (counts.settled and bulk.stage is Stage.SENT) or (late and bulk.stage is not Stage.SENDING):
            final = {"devices": counts.devices, "refused": counts.refused, **counts.by_status}
            # What it spares is a count; if somebody else is at it, the next reader does it.
            self._store.save_bulk(msgspec.structs.replace(bulk, final=final))
        return BulkView(bulk, counts)

    def _check_possible(self, asked: Asked, selection: Selection) -> None:
        """At least one model must take it; which devices do shows when they are gone through."""
        if selection.model is not None:
            model = self._models.get(selection.model)
            if model is None:
                raise RequestError("model", f"one of {', '.join(sorted(self._models))}", shown(selection.model))
            check_against(model, asked.name, asked.parameters)
            return
        candidates = [model for model in self._models.values() if asked.name in model.actuators]
        if not candidates:
            known = sorted({name for model in self._models.values() for name in model.actuators})
            raise RequestError("name", f"a command of some model: {', '.join(known)}", shown(asked.name))
        problems: list[RequestError] = []
        for model in candidates:
            try:
                check_against(model, asked.name, asked.parameters)
            except RequestError as exc:
                problems.append(exc)
        if len(problems) == len(candidates):
            raise problems[0]


class SendBulks:
    """What the commands function does of bulks. At least once: a command that is there already is not made again."""

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
    ) -> None:
        self._bulks = bulks
        self._commands = commands
        self._registry = registry
        self._creating = creating
        self._dispatch = dispatch
        self._queue = queue
        self._live = live
        self._clock = clock

    def send(self, work: SendBulk) -> int:
        """One page of devices; how many. Raises CommandsError where some of them must be tried again."""
        bulk = self._bulks.read_bulk(work.bulk)
        if bulk is None or bulk.stage is Stage.CANCELLED:
            return 0
        rows, after = self._page(bulk, work.after)
        failed = ""
        for thing, device in rows:
            try:
                self._send_one(bulk, thing, device)
            except (CommandsError, StateError) as exc:
                failed = str(exc)
        if failed:
            raise CommandsError(f"the bulk {bulk.id}: {failed}")
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

    def _page(self, bulk: Bulk, after: str | None) -> tuple[list[tuple[str, Device | None]], str | None]:
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


def _check_selection(selection: Selection) -> None:
    by_filter = selection.group is not None or selection.model is not None
    if bool(selection.devices) == by_filter:
        got = "both" if by_filter else "neither"
        raise RequestError("devices", "either `devices` or `group` and `model`, one of which may be left out", got)
    if len(selection.devices) > MAX_NAMED:
        raise RequestError("devices", f"at most {MAX_NAMED}", str(len(selection.devices)))
    if len(set(selection.devices)) < len(selection.devices):
        raise RequestError("devices", "each device once", "one twice")


def _shows(row: BulkRow, reach: Reach) -> bool:
    """A device that got no command because its maker may not see it has no group here, and tells nothing."""
    return reach.covers(row.thing, row.group) or (row.command is None and not row.group)


def _note(actor: Actor, action: str, bulk: Bulk, now: int) -> Note:
    return Note(
        actor=actor,
        action=action,
        subject_kind="bulk",
        subject_id=bulk.id,
        at=now,
        after={"name": bulk.name, "parameters": bulk.parameters, "selection": msgspec.to_builtins(bulk.selection)},
    )
