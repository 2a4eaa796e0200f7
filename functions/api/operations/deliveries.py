"""What was done about alarms: whom they were told, what devices were told to do, and what became of each attempt."""

from typing import Annotated, Any, Literal

import msgspec
from aws_lambda_powertools.event_handler.openapi.params import Path, Query

from contract.models import Severity
from functions.api.answer import Answer, answer, answers
from functions.api.cursors import Cursors
from functions.api.parameters import Cursor
from functions.api.request import Request
from functions.domain.deliveries import (
    Attempt,
    Delivery,
    Digest,
    Escalate,
    Notice,
    Order,
    State,
    Trial,
    Wanted,
)
from functions.services.deliveries import Deliveries, WithAttempts

_Delivery = Annotated[str, Path(max_length=140)]
_Alarm = Annotated[str, Path(max_length=80)]
_Limit = Annotated[int, Query(ge=1, le=100)]
_State = Literal["PENDING", "DELIVERED", "FAILED", "MUTED", "DIGESTED"]
_StateFilter = Annotated[_State | None, Query()]
_Reason = Literal[
    "maintenance",
    "parent_offline",
    "cleared",
    "acknowledged",
    "late",
    "superseded",
    "out_of_scope",
    "below_severity",
    "quiet_hours",
    "limit",
    "no_recipient",
    "refused",
    "given_up",
]
_Outcome = Literal["unknown", "delivered", "failed", "refused", "superseded"]
_RecipientFilter = Annotated[str | None, Query(max_length=63)]
_Kind = Literal["notice", "command", "desire", "escalation", "digest", "test"]


class DeliveryView(msgspec.Struct, frozen=True, kw_only=True):
    """One thing to be done. `alarm`, `step`, `moment`, `device`, `rule` and `severity` are of the step of an alarm that
    it is for, null where it is for none.

    `recipient` is who is told; `actuator` with `parameters` what is commanded; `desired` what is set; `after_ms` and
    `recipients` of an escalation. `reason` is why it was muted, gathered or failed, or waits; `digest` the delivery in
    which it is told. `message_id` is the header `webhook-id`, the same at each attempt.
    """

    id: str
    kind: _Kind
    state: _State
    reason: _Reason | None
    note: str
    alarm: str | None
    step: int | None
    moment: str | None
    device: str | None
    group: str | None
    rule: str | None
    severity: Severity | None
    recipient: str | None
    recipients: tuple[str, ...] | None
    after_ms: int | None
    actuator: str | None
    parameters: dict[str, Any] | None
    desired: dict[str, Any] | None
    digest: str | None
    message_id: str
    attempt_count: int
    created_at: int
    next_at: int | None
    closed_at: int | None


class AttemptView(msgspec.Struct, frozen=True):
    """`status` is that of HTTP. An attempt without an end died on the way, or is being made."""

    number: int
    at: int
    ended_at: int | None
    outcome: _Outcome
    status: int | None
    note: str


class WaitView(msgspec.Struct, frozen=True):
    """Why nobody was to be told, and when that was found first."""

    reason: _Reason
    at: int
    note: str


class DeliveryDetail(DeliveryView, frozen=True, kw_only=True):
    """With every attempt at it and the first of its waits, in their order."""

    attempts: tuple[AttemptView, ...]
    waits: tuple[WaitView, ...]


class DeliveriesView(msgspec.Struct, frozen=True):
    """A page may be short, even empty, and have a cursor."""

    items: tuple[DeliveryView, ...]
    cursor: str | None


class DeliveryOperations:
    def __init__(self, request: Request, deliveries: Deliveries, cursors: Cursors) -> None:
        self._request = request
        self._deliveries = deliveries
        self._cursors = cursors

    @answers(DeliveriesView)
    def list_deliveries(
        self,
        state: _StateFilter = None,
        recipient: _RecipientFilter = None,
        limit: _Limit = 100,
        cursor: Cursor = None,
    ) -> Answer:
        """What was done about alarms of devices that I may see, newest first."""
        who = self._request.who
        inner = self._cursors.open(cursor, who, "list_deliveries")
        wanted = None if state is None else State(state)
        page = self._deliveries.listed(who, wanted, recipient, limit, inner)
        items = tuple(map(delivery_view, page.deliveries))
        return answer(DeliveriesView(items, self._cursors.close(page.cursor, who, "list_deliveries")))

    @answers(DeliveriesView)
    def alarm_deliveries(self, alarm: _Alarm, limit: _Limit = 100, cursor: Cursor = None) -> Answer:
        """What was done about an alarm, that of its newest step first."""
        who = self._request.who
        inner = self._cursors.open(cursor, who, "alarm_deliveries")
        page = self._deliveries.of_alarm(who, alarm, limit, inner)
        items = tuple(map(delivery_view, page.deliveries))
        return answer(DeliveriesView(items, self._cursors.close(page.cursor, who, "alarm_deliveries")))

    @answers(DeliveryDetail)
    def show_delivery(self, delivery: _Delivery) -> Answer:
        """A delivery with every attempt at it."""
        return answer(_detail(self._deliveries.show(self._request.who, delivery)))

    @answers(DeliveryView, status=202, problems=("conflict",))
    def replay_delivery(self, delivery: _Delivery) -> Answer:
        """Try one that failed anew: its id stays, so whoever has it takes it for the same."""
        return answer(delivery_view(self._deliveries.replay(self._request.actor, delivery)), status=202)


def delivery_view(delivery: Delivery) -> DeliveryView:
    return DeliveryView(**_fields(delivery))


def _detail(found: WithAttempts) -> DeliveryDetail:
    return DeliveryDetail(
        **_fields(found.delivery),
        attempts=tuple(map(_attempt, found.attempts)),
        waits=tuple(WaitView(wait.reason.value, wait.at, wait.note) for wait in found.delivery.waits),
    )


def _attempt(attempt: Attempt) -> AttemptView:
    return AttemptView(
        attempt.number, attempt.at, attempt.ended_at, attempt.outcome.value, attempt.status, attempt.note
    )


def _fields(delivery: Delivery) -> dict[str, Any]:
    about, task = delivery.about, delivery.task
    return {
        "id": delivery.id,
        "kind": _KINDS[type(task)],
        "state": delivery.state.value,
        "reason": delivery.reason.value if delivery.reason else None,
        "note": delivery.note,
        "alarm": about.alarm if about else None,
        "step": about.step if about else None,
        "moment": about.kind.value if about else None,
        "device": about.thing if about else None,
        "group": delivery.group if about else None,
        "rule": about.rule if about else None,
        "severity": about.severity if about else None,
        "recipient": delivery.recipient,
        "recipients": task.recipients if isinstance(task, Escalate) else None,
        "after_ms": task.after_ms if isinstance(task, Escalate) else _unacknowledged_ms(task),
        "actuator": task.actuator if isinstance(task, Order) else None,
        "parameters": task.parameters if isinstance(task, Order) else None,
        "desired": task.desired if isinstance(task, Wanted) else None,
        "digest": delivery.digest,
        "message_id": delivery.message_id,
        "attempt_count": delivery.attempts,
        "created_at": delivery.created_at,
        "next_at": None if delivery.state.closed else delivery.next_at,
        "closed_at": delivery.closed_at,
    }


def _unacknowledged_ms(task: object) -> int | None:
    return task.unacknowledged_ms if isinstance(task, Notice) else None


_KINDS: dict[type, _Kind] = {
    Notice: "notice",
    Order: "command",
    Wanted: "desire",
    Escalate: "escalation",
    Digest: "digest",
    Trial: "test",
}
