"""Alarms as people read them, and what they do with them."""

from collections.abc import Callable, Iterable
from typing import Final

import msgspec

from contract.errors import shown
from contract.models import Severity
from functions.domain.access import By, Kind, Permission, Principal, Target
from functions.domain.alarms import (
    MAX_COMMENT_CHARS,
    MAX_COMMENTS,
    Alarm,
    AlarmFilter,
    AlarmPage,
    AlarmTally,
    Step,
    StepKind,
    StepPage,
    parse_alarm_id,
)
from functions.domain.audit import Actor, Note
from functions.domain.cursors import seal, unseal
from functions.domain.devices import Device, parse_text
from functions.domain.grants import user_id
from functions.domain.live import alarm_event
from functions.errors import ConflictError, CursorError, NotFoundError, PreconditionError, RequestError
from functions.ports.alarms import AlarmStore
from functions.ports.clock import Clock
from functions.ports.live import LivePublisher
from functions.ports.people import Principals
from functions.services.alarms_at_engine import AtEngine, changed_by_others
from functions.services.gate import Gate

MAX_RANGE_MS: Final = 400 * 86_400_000
MAX_COUNTED: Final = 1_000
"""Of active alarms: a person at whom more stare needs no sum."""
ME: Final = "me"
_AHEAD_MS: Final = 86_400_000

_Becomes = Callable[[Alarm, int], Alarm]


class AlarmsRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked for. `asked` spells the range of cleared ones as the caller did: the cursor belongs to that."""

    cleared: bool
    limit: int
    start: int = 0
    end: int = 0
    asked: tuple[str, str] = ("", "")
    group: str | None = None
    severity: Severity | None = None
    rule: str | None = None
    acknowledged: bool | None = None
    assignee: str | None = None
    cursor: str | None = None


class ShownAlarm(msgspec.Struct, frozen=True):
    alarm: Alarm
    history: StepPage


class Alarms:
    """Whoever may not see a device is told of none of its alarms, in the same words as for one that never was."""

    def __init__(
        self,
        *,
        store: AlarmStore,
        gate: Gate,
        at_engine: AtEngine,
        principals: Principals,
        live: LivePublisher,
        clock: Clock,
        attempts: Callable[[], Iterable[int]],
    ) -> None:
        self._store = store
        self._gate = gate
        self._at_engine = at_engine
        self._principals = principals
        self._live = live
        self.clock = clock
        self._attempts = attempts

    def tally(self, who: Principal, group: str | None) -> AlarmTally:
        """Of active alarms in a group and below, or of all that he may see."""
        wanted = AlarmFilter(reach=who.reach(Permission.ALARMS_READ), group=group)
        return self._store.tally(wanted, MAX_COUNTED)

    def listed(self, who: Principal, request: AlarmsRequest) -> AlarmPage:
        """Active ones worst first, then newest; cleared ones by when they were. Raises CursorError, RequestError."""
        start, end, inner = request.start, request.end, request.cursor
        assignee = who.id if request.assignee == ME else request.assignee and user_id(_sub(request.assignee))
        question = ("list-alarms", request.asked)
        if request.cleared and request.cursor is not None:
            # A relative range must not slide between pages.
            position = unseal(request.cursor, question, (int, int, str))
            start, end, inner = int(position[0]), int(position[1]), str(position[2])
        # Nothing is cleared later, and each day before it would be looked through.
        end = min(end, self.clock.now_ms() + _AHEAD_MS)
        if request.cleared and request.start > request.end:
            raise RequestError("from", "a time not after `to`", f"{request.start} after {request.end}")
        if end - start > MAX_RANGE_MS:
            raise RequestError("from", "at most 400 days before `to`", f"{(end - start) // 86_400_000} days")
        wanted = AlarmFilter(
            reach=who.reach(Permission.ALARMS_READ),
            cleared=request.cleared,
            start=start,
            end=end,
            group=request.group,
            severity=request.severity,
            rule=request.rule,
            acknowledged=request.acknowledged,
            assignee=assignee,
        )
        page = self._store.page(wanted, request.limit, inner)
        if not request.cleared or page.cursor is None:
            return page
        return AlarmPage(page.alarms, seal(question, (start, end, page.cursor)))

    def of_device(self, who: Principal, thing: str, state: str, limit: int, cursor: str | None) -> AlarmPage:
        """`state` is active, cleared or all; newest first. Raises NotFoundError, ForbiddenError, CursorError."""
        self._gate.heard(who, Permission.ALARMS_READ, thing)
        question = ("alarms-of", thing, state)
        before = None
        if cursor is not None:
            (position,) = unseal(cursor, question, (int,))
            before = int(position)
            if not 0 <= before < 10**8:
                raise CursorError(cursor)
        found = self._store.active(thing) if state != "cleared" else []
        found = [alarm for alarm in found if before is None or alarm.number < before]
        if state != "active":
            found += self._store.cleared(thing, limit + 1, before)
        # One that is cleared in between is found in both places.
        newest = {alarm.number: alarm for alarm in sorted(found, key=lambda alarm: alarm.version)}
        page = [newest[number] for number in sorted(newest, reverse=True)]
        more = len(page) > limit
        return AlarmPage(tuple(page[:limit]), seal(question, (page[limit - 1].number,)) if more else None)

    def show(self, who: Principal, id: str, limit: int, cursor: str | None) -> ShownAlarm:  # noqa: A002 - its name
        """With its values of now, and its history with the traces, newest first.

        Raises NotFoundError, ForbiddenError, CursorError.
        """
        alarm, device = self._found(who, Permission.ALARMS_READ, id)
        before = None
        if cursor is not None:
            (position,) = unseal(cursor, _history(id), (int,))
            before = int(position)
        history = self._store.history(alarm.thing, alarm.number, limit, before)
        return ShownAlarm(self._at_engine.up_to_date(alarm, device), history)

    def history_cursor(self, shown_alarm: ShownAlarm) -> str | None:
        before = shown_alarm.history.before
        return None if before is None else seal(_history(shown_alarm.alarm.id), (before,))

    def acknowledge(self, actor: Actor, id: str, if_version: int | None = None) -> Alarm:  # noqa: A002 - its name
        """Idempotent: it stays with whoever was first. Raises NotFoundError, ForbiddenError, PreconditionError."""
        by = actor.principal.by
        return self._change(
            actor, id, if_version, StepKind.ACKNOWLEDGED, lambda alarm, now: alarm.with_acknowledgement(by, now)
        )

    def unacknowledge(self, actor: Actor, id: str, if_version: int | None = None) -> Alarm:  # noqa: A002 - its name
        return self._change(
            actor, id, if_version, StepKind.UNACKNOWLEDGED, lambda alarm, now: alarm.without_acknowledgement(now)
        )

    def assign(self, actor: Actor, id: str, to: str | None, if_version: int | None = None) -> Alarm:  # noqa: A002 - its name
        """To a user who may see the alarm, to whoever asks (`me`), or to nobody. Raises RequestError for any other."""
        alarm, device = self._found(actor.principal, Permission.ALARMS_WRITE, id)
        assignee = None if to is None else self._assignee(actor, to, _place(alarm, device))
        return self._change(
            actor, id, if_version, StepKind.ASSIGNED, lambda one, now: one.assigned_to(assignee, now), assignee=assignee
        )

    def comment(self, actor: Actor, id: str, text: str, if_version: int | None = None) -> Alarm:  # noqa: A002 - its name
        """Raises RequestError for a text that is none, ConflictError where there are too many comments."""
        said, by = parse_comment(text), actor.principal.by

        def commented(alarm: Alarm, now: int) -> Alarm:
            if len(alarm.comments) >= MAX_COMMENTS:
                raise ConflictError(f"{alarm.id} has {MAX_COMMENTS} comments, and may have no more")
            return alarm.with_comment(by, said, now)

        return self._change(actor, id, if_version, StepKind.COMMENTED, commented, text=said)

    def clear(self, actor: Actor, id: str, if_version: int | None = None) -> Alarm:  # noqa: A002 - its name
        """From now on its rule must come true anew, which is another alarm. Idempotent.

        Raises NotFoundError, ForbiddenError, PreconditionError, ConflictError.
        """
        alarm, device = self._found(actor.principal, Permission.ALARMS_WRITE, id)
        for _ in self._attempts():
            _check_version(alarm, if_version)
            if not alarm.active:
                return alarm
            cleared = self._at_engine.clear(actor, alarm, device)
            if cleared is not None:
                return cleared
            alarm, device = self._found(actor.principal, Permission.ALARMS_WRITE, id)
        raise changed_by_others(alarm)

    def _change(
        self,
        actor: Actor,
        id: str,  # noqa: A002 - its name everywhere
        if_version: int | None,
        did: StepKind,
        becomes: _Becomes,
        *,
        text: str | None = None,
        assignee: By | None = None,
    ) -> Alarm:
        was, _ = self._found(actor.principal, Permission.ALARMS_WRITE, id)
        for _ in self._attempts():
            _check_version(was, if_version)
            now = self.clock.now_ms()
            after = becomes(was, now)
            if after is was:
                return was
            step = Step(version=after.version, at=now, did=did, by=actor.principal.by, text=text, assignee=assignee)
            if self._store.save(was, after, step, [_note(actor, did, was, after, text)]):
                self._live.publish([alarm_event(after)])
                return after
            was = self._read(was.thing, was.number)
        raise changed_by_others(was)

    def _found(self, who: Principal, permission: Permission, id: str) -> tuple[Alarm, Device | None]:  # noqa: A002 - its name
        thing, number = parse_alarm_id(id)
        try:
            device = self._gate.heard(who, permission, thing)
        except NotFoundError as exc:
            raise missing(id) from exc
        return self._read(thing, number), device

    def _read(self, thing: str, number: int) -> Alarm:
        alarm = self._store.read(thing, number)
        if alarm is None:
            raise missing(f"{thing}.{number}")
        return alarm

    def _assignee(self, actor: Actor, to: str, place: Target) -> By:
        who = actor.principal
        if to == ME and who.kind is Kind.USER:
            return actor.principal.by
        holder = None if to == ME else self._principals.find(user_id(_sub(to)))
        if holder is None or holder.disabled or not holder.principal.may(Permission.ALARMS_READ, place):
            raise RequestError("assignee", f"{ME}, or the id of a user who may see this alarm", shown(to))
        return By(holder.id, holder.name)


def parse_comment(text: str) -> str:
    """Lines of printable text; raises RequestError."""
    lines = [line.rstrip() for line in text.replace("\r\n", "\n").strip().split("\n")]
    said = "\n".join(lines)
    if not said or len(said) > MAX_COMMENT_CHARS:
        got = f"{len(said)} characters" if said else "nothing"
        raise RequestError("text", f"1 to {MAX_COMMENT_CHARS} characters", got)
    for line in lines:
        if line.strip():
            parse_text("text", line.strip(), MAX_COMMENT_CHARS)
    return said


def missing(id: str) -> NotFoundError:  # noqa: A002 - its name everywhere
    return NotFoundError(f"there is no alarm {id!r}, or you may not see it")


def _sub(user: str) -> str:
    return user.removeprefix("user:")


def _history(id: str) -> tuple[str, str]:  # noqa: A002 - its name everywhere
    return ("alarm-history", id)


def _place(alarm: Alarm, device: Device | None) -> Target:
    return Target(alarm.thing, device.group) if device is not None else Target()


def _check_version(alarm: Alarm, if_version: int | None) -> None:
    if if_version is not None and if_version != alarm.version:
        raise PreconditionError(f"If-Match: expected the version {alarm.version} as of now, got {if_version}")


def _note(actor: Actor, did: StepKind, was: Alarm, after: Alarm, text: str | None) -> Note:
    before, becomes = _sides(was), _sides(after)
    changed = [key for key in becomes if before[key] != becomes[key]]
    said = {} if text is None else {"text": text}
    return Note(
        actor=actor,
        action=_ACTIONS[did],
        subject_kind="device",
        subject_id=was.thing,
        at=after.updated_at,
        before={"alarm": was.id, **{key: before[key] for key in changed}},
        after={"alarm": was.id, **{key: becomes[key] for key in changed}, **said},
    )


_ACTIONS: Final = {
    StepKind.ACKNOWLEDGED: "alarm.acknowledge",
    StepKind.UNACKNOWLEDGED: "alarm.unacknowledge",
    StepKind.ASSIGNED: "alarm.assign",
    StepKind.COMMENTED: "alarm.comment",
}


def _sides(alarm: Alarm) -> dict[str, object]:
    return {
        "acknowledged": alarm.acknowledged,
        "acknowledged_by": alarm.acknowledged_by and alarm.acknowledged_by.name,
        "assignee": alarm.assignee and alarm.assignee.name,
    }
