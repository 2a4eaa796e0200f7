"""One command for many devices, as people ask for it, follow it and take it back."""

from collections.abc import Callable, Mapping

import msgspec

from contract.errors import shown
from contract.models import DeviceModel
from functions.domain import ulids
from functions.domain.access import Permission, Principal, Reach
from functions.domain.audit import Actor, Note
from functions.domain.bulk_commands import (
    MAX_NAMED,
    Bulk,
    BulkCounts,
    BulkPage,
    BulkRow,
    Selection,
    Stage,
    counted,
)
from functions.domain.command_work import CancelBulk, SendBulk
from functions.domain.commands import Requester, Status
from functions.domain.cursors import seal, unseal
from functions.errors import (
    ConflictError,
    CursorError,
    NotFoundError,
    RequestError,
    ReusedKeyError,
)
from functions.ports.clock import Clock
from functions.ports.commands import BulkStore, CommandQueue
from functions.services.commands import Asked, check_against, check_bounds, digest_of

_FINAL_AFTER_MS = 24 * 3_600_000
"""So long after its end a bulk is counted for the last time; a device may have had something to say until then."""


class BulkView(msgspec.Struct, frozen=True):
    bulk: Bulk
    counts: BulkCounts


class BulkRows(msgspec.Struct, frozen=True):
    rows: tuple[BulkRow, ...]
    cursor: str | None


class BulkCommands:
    """Devices are gone through afterwards, by `send_bulks`."""

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
        if _is_final(bulk, counts, now):
            counts = counted(self._store.all_rows(bulk.id, consistent=True), now)
            if _is_final(bulk, counts, now):
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


def _is_final(bulk: Bulk, counts: BulkCounts, now: int) -> bool:
    """One that was cancelled may get rows of a page that was under way, so that it is waited for."""
    late = now > bulk.expires_at + bulk.timeout_ms + _FINAL_AFTER_MS
    return bulk.stage is not Stage.SENDING and (late or (counts.settled and bulk.stage is Stage.SENT))


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
