"""Maintenance windows as operators keep them, each over a scope that is theirs."""

from collections.abc import Callable, Iterable
from typing import Any

from contract.errors import shown
from functions.domain import ulids
from functions.domain.access import Permission, Principal, Target, demand, parse_scope, target_of
from functions.domain.audit import Actor, Note
from functions.domain.cursors import seal, unseal
from functions.domain.maintenance import MAX_WINDOWS, Window, check_times, parse_reason
from functions.errors import ConflictError, NotFoundError, RequestError
from functions.ports.clock import Clock
from functions.ports.deliveries import WindowStore
from functions.ports.devices import DeviceFinder
from functions.services.gate import Gate

_SCANNED = 500
"""Windows that one page of somebody who may not see all looks at."""
_AT_ONCE = 100
_ATTEMPTS = 5


class Maintenance:
    def __init__(
        self,
        *,
        windows: WindowStore,
        registry: DeviceFinder,
        gate: Gate,
        clock: Clock,
        chance: Callable[[], bytes],
    ) -> None:
        self._windows = windows
        self._registry = registry
        self._gate = gate
        self._clock = clock
        self._chance = chance

    def create(self, actor: Actor, scope: str, start: int | None, end: int, reason: str) -> Window:
        """From now on where no `start` is given. Raises RequestError, NotFoundError, ForbiddenError, ConflictError."""
        now = self._clock.now_ms()
        parsed = parse_scope(scope)
        thing = target_of(parsed).thing
        if thing is not None:
            self._gate.device(actor.principal, Permission.MAINTENANCE_WRITE, thing)
        else:
            demand(actor.principal, Permission.MAINTENANCE_WRITE, target_of(parsed))
        begin = now if start is None else start
        check_times(begin, end, now)
        if len(self._windows.ahead(now, MAX_WINDOWS)) >= MAX_WINDOWS:
            raise ConflictError(f"{MAX_WINDOWS} maintenance windows are not over yet, and there may be no more")
        window = Window(
            id=ulids.new(now, self._chance()),
            scope=parsed,
            start=begin,
            end=end,
            reason=parse_reason(reason),
            by=actor.principal.by,
            created_at=now,
        )
        return self._windows.create(window, _note(actor, "create", window, now, after=_described(window)))

    def listed(
        self, who: Principal, limit: int, cursor: str | None, *, ahead: bool
    ) -> tuple[tuple[Window, ...], str | None]:
        """Newest first, or those that are not over, the first to end first. Raises CursorError."""
        if ahead:
            return self._ahead(who, limit, cursor)
        question = ("maintenance",)
        before = None
        if cursor is not None:
            (before,) = map(str, unseal(cursor, question, (str,)))
        seen: list[Window] = []
        scanned = 0
        while scanned < _SCANNED:
            page = self._windows.page(_AT_ONCE, before)
            for window in self._seen(who, page.windows):
                seen.append(window)
                if len(seen) == limit:
                    last = page.before is None and window is page.windows[-1]
                    return tuple(seen), None if last else seal(question, (window.id,))
            scanned += len(page.windows)
            before = page.before
            if before is None:
                return tuple(seen), None
        return tuple(seen), seal(question, (before or "",))

    def _ahead(self, who: Principal, limit: int, cursor: str | None) -> tuple[tuple[Window, ...], str | None]:
        question = ("maintenance", "ahead")
        after = (0, "")
        if cursor is not None:
            end, last = unseal(cursor, question, (int, str))
            after = (int(end), str(last))
        found = [one for one in self._windows.ahead(self._clock.now_ms(), MAX_WINDOWS) if (one.end, one.id) > after]
        seen = list(self._seen(who, found))
        page = seen[:limit]
        return tuple(page), seal(question, (page[-1].end, page[-1].id)) if len(seen) > limit else None

    def show(self, who: Principal, id: str) -> Window:  # noqa: A002 - its name everywhere
        """Raises NotFoundError."""
        window = self._windows.read(_checked(id))
        if window is None or not list(self._seen(who, [window])):
            raise NotFoundError(f"there is no maintenance window {shown(id)}, or you may not see it")
        return window

    def end(self, actor: Actor, id: str) -> Window:  # noqa: A002 - its name everywhere
        """From now on it holds no more. Idempotent. Raises NotFoundError, ForbiddenError."""
        for _ in range(_ATTEMPTS):
            window = self.show(actor.principal, id)
            demand(actor.principal, Permission.MAINTENANCE_WRITE, self._targets([window])[window.id])
            now = self._clock.now_ms()
            becomes = window.ended(actor.principal.by, now)
            if becomes is window:
                return window
            note = _note(actor, "end", window, now, before={"to": window.end}, after={"to": becomes.end})
            kept = self._windows.save(window, becomes, note)
            if kept is not None:
                return kept
        raise ConflictError("the maintenance window was changed by others at every attempt")

    def _seen(self, who: Principal, windows: Iterable[Window]) -> Iterable[Window]:
        some = list(windows)
        targets = self._targets(some)
        return (one for one in some if who.may(Permission.MAINTENANCE_READ, targets[one.id]))

    def _targets(self, windows: Iterable[Window]) -> dict[str, Target]:
        """What each is about; a device with the group that it is in by now."""
        some = list(windows)
        things = {thing for one in some if (thing := target_of(one.scope).thing) is not None}
        devices = self._registry.find(things) if things else {}
        return {
            one.id: Target(thing, devices[thing].group)
            if (thing := target_of(one.scope).thing) in devices and thing is not None
            else target_of(one.scope)
            for one in some
        }


def _checked(id: str) -> str:  # noqa: A002 - its name everywhere
    try:
        ulids.time_of(id)
    except ValueError as exc:
        raise RequestError("window", "the id of a maintenance window", shown(id)) from exc
    return id


def _note(
    actor: Actor,
    verb: str,
    window: Window,
    now: int,
    *,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
) -> Note:
    return Note(
        actor=actor,
        action=f"maintenance.{verb}",
        subject_kind="maintenance",
        subject_id=window.id,
        at=now,
        before=before,
        after=after,
    )


def _described(window: Window) -> dict[str, Any]:
    return {"scope": window.scope, "from": window.start, "to": window.end, "reason": window.reason}
