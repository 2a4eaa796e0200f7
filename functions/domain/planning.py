"""Which deliveries come of a transition, of an escalation, and what a digest has left to tell. Pure."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from contract.rules import Command, Desire, Notify
from functions.domain.alarms import Alarm, Transition, TransitionKind
from functions.domain.deliveries import (
    FIRST_TRY_MS,
    TOLD,
    Delivery,
    Escalate,
    Notice,
    Order,
    Reason,
    State,
    Task,
    Wanted,
)
from functions.domain.delivery_ids import delivery_id
from functions.domain.outbox import OutboxEntry

GATHERED: Final = 200
"""Deliveries that a digest looks at; how many more there are is not counted."""


def planned(entry: OutboxEntry, name: str, now: int, told: Iterable[str] = ()) -> list[Delivery]:
    """What is to be done about a transition, each thing once. `name` is the device's, `told` see `owed`."""
    about = entry.transition
    made = [_delivery(entry, name, now, task, *what) for task, *what in _tasks(entry, told)]
    if about.kind is TransitionKind.RAISED:
        for level, one in enumerate(entry.escalation):
            task = Escalate(level=level, after_ms=one.after_ms, recipients=tuple(dict.fromkeys(one.recipients)))
            waits = _delivery(entry, name, now, task, "escalate", str(level))
            at = now + one.after_ms
            made.append(msgspec.structs.replace(waits, next_at=at, due=at))
    return made


def owes(entry: OutboxEntry) -> bool:
    """Whether its rule does not say by itself all who are to be told of an end: see `owed`."""
    return entry.transition.kind is TransitionKind.CLEARED and (bool(entry.escalation) or not entry.actions)


def owed(entry: OutboxEntry, heard: Sequence[Delivery]) -> list[str]:
    """Who is told that an alarm ended though no action says so: those that it escalated to, and all where its rule is
    gone, and what that wanted with it. `heard` are deliveries of the alarm; whoever was not told of it is owed nothing.
    """
    of_rule = {recipient for one in entry.escalation for recipient in one.recipients}
    told = {
        one.recipient: None
        for one in reversed(heard)
        if isinstance(one.task, Notice)
        and one.recipient is not None
        and one.state in TOLD
        and one.about is not None
        and one.about.step < entry.transition.step
    }
    return [recipient for recipient in told if recipient in of_rule or not (entry.actions or entry.escalation)]


def escalated(delivery: Delivery, alarm: Alarm, now: int) -> list[Delivery]:
    """Notices that an alarm, as it is by now, has not been acknowledged."""
    task, about = delivery.task, delivery.about
    if not isinstance(task, Escalate) or about is None:
        raise ValueError(f"{delivery.id}: expected an escalation, got {type(task).__name__}")
    current = msgspec.structs.replace(
        about,
        severity=alarm.severity,
        title=alarm.title,
        message=alarm.message,
        at=now,
        first=alarm.first,
        last=alarm.last,
        peak=alarm.peak,
        count=alarm.count,
    )
    return [
        msgspec.structs.replace(
            delivery,
            id=delivery_id(about.thing, about.number, about.step, "escalated", str(task.level), recipient),
            task=Notice(recipient=recipient, unacknowledged_ms=task.after_ms),
            about=current,
            created_at=now,
            since=now,
            next_at=now,
            due=now + FIRST_TRY_MS,
            attempts=0,
            tried=0,
            reason=None,
            note="",
            waits=(),
            version=0,
        )
        for recipient in task.recipients
    ]


def superseded(notice: Delivery, others: Iterable[Delivery]) -> bool:
    """Whether the recipient is told of a later step of the same kind. `others` are deliveries of the same alarm."""
    about = notice.about
    return about is not None and any(
        one.about.kind is about.kind and one.about.step > about.step
        for one in others
        if one.about is not None and isinstance(one.task, Notice) and one.recipient == notice.recipient
    )


def undoes(action: Delivery, others: Iterable[Delivery]) -> bool:
    """Whether it is what its rule does to the device at the end of an alarm, and may undo what it did before.

    Not where all of that was muted: then there is nothing to undo. `others` are deliveries of the same alarm.
    """
    about = action.about
    if about is None or about.kind is not TransitionKind.CLEARED:
        return False
    before = [
        one for one in others if isinstance(one.task, Order | Wanted) and one.about and one.about.step < about.step
    ]
    return not before or any(one.state is not State.MUTED or one.reason is Reason.SUPERSEDED for one in before)


def over(gathered: Sequence[Delivery], active: Collection[tuple[str, int]]) -> set[str]:
    """Ids of what a digest need not tell, since it has ended. `active` are the alarms that have not.

    Of an alarm that was raised and has ended since nobody was told, nothing is; of one that he knows of, the end is.
    """
    begun = {_alarm(one) for one in gathered if one.about and one.about.kind is TransitionKind.RAISED}
    return {
        one.id
        for one in gathered
        if one.about
        and _alarm(one) not in active
        and (_alarm(one) in begun or one.about.kind is not TransitionKind.CLEARED)
    }


def _alarm(delivery: Delivery) -> tuple[str, int]:
    return (delivery.about.thing, delivery.about.number) if delivery.about else ("", 0)


def _tasks(entry: OutboxEntry, told: Iterable[str]) -> Iterator[tuple[Any, ...]]:
    """Each task with what its id is made of, besides the step."""
    moment = entry.transition.kind.value
    recipients: dict[str, None] = {}
    desired: dict[str, Any] = {}
    for index, action in enumerate(entry.actions):
        if moment not in action.on:
            continue
        match action:
            case Notify():
                recipients.update(dict.fromkeys(action.recipients))
            case Command():
                yield Order(actuator=action.actuator, parameters=action.parameters, index=index), "command", str(index)
            case Desire():
                desired.update(action.desired)
    if desired:
        yield Wanted(desired=desired), "desire"
    recipients.update(dict.fromkeys(told))
    for recipient in recipients:
        yield Notice(recipient=recipient), "notice", recipient


def _delivery(entry: OutboxEntry, name: str, now: int, task: Task, *what: str) -> Delivery:
    about = _without_trace(entry.transition)
    return Delivery(
        id=delivery_id(about.thing, about.number, about.step, *what),
        task=task,
        created_at=now,
        since=entry.at,
        next_at=now,
        due=now + FIRST_TRY_MS,
        about=about,
        group=entry.group,
        name=name,
    )


def _without_trace(about: Transition) -> Transition:
    """It is in the alarm's history, and may be long."""
    nothing: Mapping[str, Any] = {}
    return msgspec.structs.replace(about, why=nothing)
