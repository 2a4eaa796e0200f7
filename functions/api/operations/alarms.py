# ruff: noqa: A002 - parameters are called what the API calls them
"""Alarms: what rules found, who has looked at it, and what became of it."""

from typing import Annotated, Any, Literal

import msgspec
from aws_lambda_powertools.event_handler.openapi.params import Body, Path, Query
from pydantic import BaseModel, ConfigDict, Field

from contract.identity import parse_group, parse_thing
from contract.models import Severity
from contract.telemetry import Value
from functions.api.answer import Answer, answer, answers
from functions.api.cursors import Cursors
from functions.api.parameters import Cursor, Name, Thing, rule_id
from functions.api.request import Request
from functions.api.times import moment
from functions.domain.access import By
from functions.domain.alarms import MAX_COMMENT_CHARS, Alarm, Clearing, Step, Transition
from functions.services.alarms import Alarms, AlarmsRequest
from functions.services.bulk_alarms import BulkAlarms, Doing, Done

MAX_AT_ONCE = 100

_Id = Annotated[str, Path(max_length=80)]
_Limit = Annotated[int, Query(ge=1, le=100)]
_Time = Annotated[str | None, Query(max_length=64)]
_State = Literal["active", "cleared"]
_Found = Literal["raised", "escalated", "downgraded", "flapping", "cleared"]
_Did = Literal["acknowledged", "unacknowledged", "assigned", "commented", "moved", "lost"]


class AssignAlarm(BaseModel):
    """To a user, by his id or `me`, or with null to nobody."""

    model_config = ConfigDict(extra="forbid", strict=True)

    assignee: str | None = Field(max_length=64)


class CommentOnAlarm(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    text: str = Field(min_length=1, max_length=2 * MAX_COMMENT_CHARS)


class AlarmsBulk(BaseModel):
    """The same done with many alarms; `assignee` belongs to `assign` alone."""

    model_config = ConfigDict(extra="forbid", strict=True)

    action: Literal["acknowledge", "unacknowledge", "assign", "clear"]
    alarms: list[Annotated[str, Field(max_length=80)]] = Field(min_length=1, max_length=MAX_AT_ONCE)
    assignee: str | None = Field(default=None, max_length=64)


class AlarmPerson(msgspec.Struct, frozen=True):
    id: str
    name: str


class AlarmAcknowledgement(msgspec.Struct, frozen=True):
    at: int
    by: AlarmPerson | None


class AlarmSummary(msgspec.Struct, frozen=True, kw_only=True):
    """An alarm without its comments.

    `first`, `last` and `peak` are values of what its rule watches, as of its newest transition, or of now where it is
    shown alone; `count` is how often it was raised, more than once only where it flaps. `raised_at` and `cleared_at`
    are in the time of the data.
    """

    id: str
    device: str
    group: str
    rule: str
    rule_version: int
    severity: Severity
    state: _State
    title: str
    message: str
    raised_at: int
    updated_at: int
    cleared_at: int | None
    clearing: Clearing | None
    flapping: bool
    first: Value | None
    last: Value | None
    peak: Value | None
    count: int
    acknowledged: AlarmAcknowledgement | None
    assignee: AlarmPerson | None
    comment_count: int
    version: int


class AlarmComment(msgspec.Struct, frozen=True):
    at: int
    by: AlarmPerson
    text: str


class AlarmView(AlarmSummary, frozen=True, kw_only=True):
    """An alarm as it stands, with its comments."""

    comments: tuple[AlarmComment, ...]


class AlarmTransition(msgspec.Struct, frozen=True):
    """What the rule found at `at`, in the time of the data.

    `values` are what it went by, null where unknown; `why` is the trace: each part of the condition with its verdict.
    """

    step: int
    at: int
    severity: Severity
    message: str
    values: dict[str, Value | None]
    first: Value | None
    last: Value | None
    peak: Value | None
    count: int
    rule_version: int
    clearing: Clearing | None
    why: dict[str, Any]


class AlarmStep(msgspec.Struct, frozen=True):
    """One entry of an alarm's history, `version` the alarm's from then on: a transition, or what somebody did."""

    version: int
    at: int
    kind: _Found | _Did
    by: AlarmPerson | None
    text: str | None
    assignee: AlarmPerson | None
    group: str | None
    transition: AlarmTransition | None


class AlarmDetail(AlarmView, frozen=True, kw_only=True):
    """With its history, newest first; `cursor` goes on to what is older."""

    history: tuple[AlarmStep, ...]
    cursor: str | None


class AlarmsView(msgspec.Struct, frozen=True):
    """A page may be short, even empty, and have a cursor."""

    items: tuple[AlarmSummary, ...]
    cursor: str | None


class AlarmsOpen(msgspec.Struct, frozen=True):
    """How many active alarms there are of each severity."""

    critical: int
    major: int
    minor: int
    warning: int
    info: int


class AlarmsSummary(msgspec.Struct, frozen=True):
    """Of active alarms. `capped`: the worst ones were counted, a thousand at most, and there may be more."""

    open: AlarmsOpen
    unacknowledged: int
    unassigned: int
    capped: bool


class AlarmDone(msgspec.Struct, frozen=True):
    """One alarm as it is now, or what kind of `problem` there was, as problem documents call it."""

    id: str
    alarm: AlarmSummary | None
    problem: str | None
    detail: str | None


class AlarmsBulkView(msgspec.Struct, frozen=True):
    items: tuple[AlarmDone, ...]


class AlarmOperations:
    def __init__(self, request: Request, alarms: Alarms, bulk: BulkAlarms, cursors: Cursors) -> None:
        self._request = request
        self._alarms = alarms
        self._bulk = bulk
        self._cursors = cursors

    @answers(AlarmsView)
    def list_alarms(
        self,
        state: Annotated[_State, Query()] = "active",
        severity: Annotated[Severity | None, Query()] = None,
        acknowledged: Annotated[bool | None, Query()] = None,
        group: Name = None,
        rule: Annotated[str | None, Query(max_length=200)] = None,
        assignee: Annotated[str | None, Query(max_length=64)] = None,
        from_: Annotated[str, Query(alias="from", max_length=64)] = "-7d",
        to: _Time = None,
        limit: _Limit = 50,
        cursor: Cursor = None,
    ) -> Answer:
        """Alarms that you may see: active ones worst first, then newest; cleared ones by when they were, newest first.

        `from` and `to` are of cleared ones alone.
        """
        now, who = self._alarms.clock.now_ms(), self._request.who
        request = AlarmsRequest(
            cleared=state == "cleared",
            limit=limit,
            start=moment("from", from_, now),
            end=now + 1 if to is None else moment("to", to, now),
            asked=(from_, to or ""),
            group=None if group is None else parse_group(group),
            severity=severity,
            rule=None if rule is None else rule_id(rule),
            acknowledged=acknowledged,
            assignee=assignee,
            cursor=self._cursors.open(cursor, who, "list_alarms"),
        )
        page = self._alarms.listed(who, request)
        items = tuple(map(_summary, page.alarms))
        return answer(AlarmsView(items, self._cursors.close(page.cursor, who, "list_alarms")))

    @answers(AlarmsSummary)
    def alarms_summary(self, group: Name = None) -> Answer:
        """How many active alarms there are that you may see, by severity, and what is still to be done about them."""
        found = self._alarms.tally(self._request.who, None if group is None else parse_group(group))
        return answer(
            AlarmsSummary(
                AlarmsOpen(**{str(one): count for one, count in found.open.items()}),
                found.unacknowledged,
                found.unassigned,
                found.capped,
            )
        )

    @answers(AlarmsView)
    def device_alarms(
        self,
        id: Thing,
        state: Annotated[Literal["active", "cleared", "all"], Query()] = "all",
        limit: _Limit = 50,
        cursor: Cursor = None,
    ) -> Answer:
        """A device's alarms, newest first."""
        who = self._request.who
        inner = self._cursors.open(cursor, who, "device_alarms")
        page = self._alarms.of_device(who, parse_thing(id), state, limit, inner)
        items = tuple(map(_summary, page.alarms))
        return answer(AlarmsView(items, self._cursors.close(page.cursor, who, "device_alarms")))

    @answers(AlarmDetail, etag=True)
    def show_alarm(self, alarm: _Id, limit: _Limit = 20, cursor: Cursor = None) -> Answer:
        """An alarm with its history: each transition with what the rule went by, and what people did."""
        who = self._request.who
        found = self._alarms.show(who, alarm, limit, self._cursors.open(cursor, who, "show_alarm"))
        more = self._cursors.close(self._alarms.history_cursor(found), who, "show_alarm")
        detail = AlarmDetail(**_fields(found.alarm), history=tuple(map(_step, found.history.steps)), cursor=more)
        return answer(detail, etag=found.alarm.version)

    @answers(AlarmView, etag=True)
    def acknowledge_alarm(self, alarm: _Id) -> Answer:
        """Say that somebody has seen it. It stays with whoever was first."""
        return _changed(self._alarms.acknowledge(self._request.actor, alarm, self._request.if_match()))

    @answers(AlarmView, etag=True)
    def unacknowledge_alarm(self, alarm: _Id) -> Answer:
        """Take an acknowledgement back, so that it is looked at again."""
        return _changed(self._alarms.unacknowledge(self._request.actor, alarm, self._request.if_match()))

    @answers(AlarmView, etag=True, problems=("conflict",))
    def clear_alarm(self, alarm: _Id) -> Answer:
        """Clear it by hand. Its rule must come true anew from here, and is another alarm then."""
        return _changed(self._alarms.clear(self._request.actor, alarm, self._request.if_match()))

    @answers(AlarmView, etag=True)
    def assign_alarm(self, alarm: _Id, to: Annotated[AssignAlarm, Body()]) -> Answer:
        """Give it to somebody who may see it, or to nobody."""
        version = self._request.if_match()
        return _changed(self._alarms.assign(self._request.actor, alarm, to.assignee, version))

    @answers(AlarmView, status=201, etag=True)
    def comment_on_alarm(self, alarm: _Id, comment: Annotated[CommentOnAlarm, Body()]) -> Answer:
        """Add a comment."""
        changed = self._alarms.comment(self._request.actor, alarm, comment.text)
        return answer(AlarmView(**_fields(changed)), status=201, etag=changed.version)

    @answers(AlarmsBulkView)
    def change_alarms(self, bulk: Annotated[AlarmsBulk, Body()]) -> Answer:
        """The same with many alarms, each by itself: what became of each is in the answer."""
        done = self._bulk.do(self._request.actor, Doing(bulk.action), bulk.alarms, bulk.assignee)
        return answer(AlarmsBulkView(tuple(map(_done, done))))


def _changed(alarm: Alarm) -> Answer:
    return answer(AlarmView(**_fields(alarm)), etag=alarm.version)


def _person(by: By | None) -> AlarmPerson | None:
    return None if by is None else AlarmPerson(by.id, by.name)


def _summary(alarm: Alarm) -> AlarmSummary:
    return AlarmSummary(**_common(alarm))


def _fields(alarm: Alarm) -> dict[str, Any]:
    comments = tuple(AlarmComment(one.at, AlarmPerson(one.by.id, one.by.name), one.text) for one in alarm.comments)
    return {**_common(alarm), "comments": comments}


def _common(alarm: Alarm) -> dict[str, Any]:
    seen = alarm.acknowledged_at
    same = ("group", "rule", "rule_version", "severity", "title", "message", "raised_at", "updated_at", "cleared_at")
    found = ("clearing", "flapping", "first", "last", "peak", "count", "version")
    return {
        **{name: getattr(alarm, name) for name in (*same, *found)},
        "id": alarm.id,
        "device": alarm.thing,
        "state": "active" if alarm.active else "cleared",
        "acknowledged": None if seen is None else AlarmAcknowledgement(seen, _person(alarm.acknowledged_by)),
        "assignee": _person(alarm.assignee),
        "comment_count": len(alarm.comments),
    }


def _step(step: Step) -> AlarmStep:
    return AlarmStep(
        version=step.version,
        at=step.at,
        kind=step.kind,  # type: ignore[arg-type] # a word of either kind of step
        by=_person(step.by),
        text=step.text,
        assignee=_person(step.assignee),
        group=step.group,
        transition=None if step.found is None else _transition(step.found),
    )


def _transition(found: Transition) -> AlarmTransition:
    return AlarmTransition(
        step=found.step,
        at=found.at,
        severity=found.severity,
        message=found.message,
        values=dict(found.values),
        first=found.first,
        last=found.last,
        peak=found.peak,
        count=found.count,
        rule_version=found.rule_version,
        clearing=found.clearing,
        why=dict(found.why),
    )


def _done(done: Done) -> AlarmDone:
    return AlarmDone(done.id, None if done.alarm is None else _summary(done.alarm), done.problem, done.detail)
