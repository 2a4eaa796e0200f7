"""Alarms: what a rule found, what became of it, and who has looked at it. Pure; times are ms since the epoch.

An alarm is one occurrence: it is raised, may change its severity, and is cleared once; what is raised after that is
another one. At most one is active for each device and rule. Independently of that, somebody has acknowledged it or not.
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any, Final, Self

import msgspec

from contract.identity import parse_alarm
from contract.models import SEVERITIES, Severity
from contract.telemetry import Value
from functions.domain.access import By, Reach
from functions.domain.devices import inside

MAX_COMMENTS: Final = 50
MAX_COMMENT_CHARS: Final = 1_000
MAX_MESSAGE_CHARS: Final = 500


class TransitionKind(StrEnum):
    """What the engine finds. While an alarm is `flapping` it stays active, and nobody is told of its ups and downs."""

    RAISED = "raised"
    ESCALATED = "escalated"
    DOWNGRADED = "downgraded"
    FLAPPING = "flapping"
    CLEARED = "cleared"


class Clearing(StrEnum):
    """Why an alarm was cleared."""

    CONDITION = "condition"
    PERSON = "person"
    RULE_CHANGED = "rule_changed"
    """Its rule is gone, disabled, or no longer for this device."""


class Transition(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One step of one alarm, as the engine found it. All that comes of it follows from this.

    `(thing, number, step)` identifies it: `number` counts the alarms of a device, `step` the transitions of an alarm,
    from 0. `at` is in the time of the data. `why` is the trace: each node of the condition with its verdict, inputs,
    their ages and what was unknown, as `contract.evaluation` explains it.
    """

    kind: TransitionKind
    thing: str
    rule: str
    rule_version: int
    number: int
    step: int
    at: int
    severity: Severity
    title: str
    message: str
    since: int
    """When the alarm was raised."""
    values: Mapping[str, Value | None] = {}
    first: Value | None = None
    last: Value | None = None
    peak: Value | None = None
    count: int = 1
    """How often it was raised: more than once only while it flaps."""
    clearing: Clearing | None = None
    why: Mapping[str, Any] = {}

    @property
    def alarm(self) -> str:
        return alarm_id(self.thing, self.number)


class Comment(msgspec.Struct, frozen=True, kw_only=True):
    at: int
    by: By
    text: str


class Alarm(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is kept of an alarm. `version` counts its changes; the engine owns what it found, people own the rest.

    `group` is where the device was when the alarm was raised or last moved; lists go by it. `raised_at` and
    `cleared_at` are in the time of the data, `updated_at` is when the newest change was written.
    """

    thing: str
    number: int
    rule: str
    rule_version: int
    group: str
    severity: Severity
    title: str
    message: str
    raised_at: int
    updated_at: int
    step: int
    """Of the newest transition that is in it."""
    version: int = 0
    cleared_at: int | None = None
    clearing: Clearing | None = None
    flapping: bool = False
    first: Value | None = None
    last: Value | None = None
    peak: Value | None = None
    count: int = 1
    acknowledged_at: int | None = None
    acknowledged_by: By | None = None
    assignee: By | None = None
    comments: tuple[Comment, ...] = ()

    @property
    def id(self) -> str:
        return alarm_id(self.thing, self.number)

    @property
    def active(self) -> bool:
        return self.cleared_at is None

    @property
    def acknowledged(self) -> bool:
        return self.acknowledged_at is not None

    @classmethod
    def raised(cls, found: Transition, group: str, now: int) -> Self:
        """As the first transition that is known of it has it; all that is in an alarm is in each of them."""
        first = cls(
            thing=found.thing,
            number=found.number,
            rule=found.rule,
            rule_version=found.rule_version,
            group=group,
            severity=found.severity,
            title=found.title,
            message=found.message,
            raised_at=found.since,
            updated_at=now,
            step=-1,
        )
        return first.after(found, now)

    def after(self, found: Transition, now: int) -> Self:
        """With what the engine found next; again with a transition that is in it: the same."""
        if (found.thing, found.number) != (self.thing, self.number):
            raise ValueError(f"transition: expected one of {self.id}, got one of {found.alarm}")
        if found.step <= self.step:
            return self
        cleared = found.kind is TransitionKind.CLEARED
        return msgspec.structs.replace(
            self,
            rule_version=found.rule_version,
            severity=found.severity,
            title=found.title,
            # A cleared alarm still says what it was of; the values of its end are in its history.
            message=self.message if cleared else found.message,
            updated_at=now,
            step=found.step,
            version=self.version + 1,
            cleared_at=found.at if cleared else None,
            clearing=(found.clearing or Clearing.CONDITION) if cleared else None,
            flapping=found.kind is TransitionKind.FLAPPING or (self.flapping and not cleared),
            first=found.first,
            last=found.last,
            peak=found.peak,
            count=found.count,
        )

    def with_acknowledgement(self, by: By, now: int) -> Self:
        """Once somebody has acknowledged it, it stays his: again changes nothing."""
        return self if self.acknowledged else self._changed(now, acknowledged_at=now, acknowledged_by=by)

    def without_acknowledgement(self, now: int) -> Self:
        return self._changed(now, acknowledged_at=None, acknowledged_by=None) if self.acknowledged else self

    def assigned_to(self, assignee: By | None, now: int) -> Self:
        same = (self.assignee and self.assignee.id) == (assignee and assignee.id)
        return self if same else self._changed(now, assignee=assignee)

    def with_comment(self, by: By, text: str, now: int) -> Self:
        """The caller sees to it that there are fewer than `MAX_COMMENTS`."""
        return self._changed(now, comments=(*self.comments, Comment(at=now, by=by, text=text)))

    def moved_to(self, group: str, now: int) -> Self:
        return self if group == self.group else self._changed(now, group=group)

    def _changed(self, now: int, **what: Any) -> Self:
        return msgspec.structs.replace(self, updated_at=now, version=self.version + 1, **what)


class StepKind(StrEnum):
    """What people do with an alarm; a clearing by hand is a transition as well."""

    ACKNOWLEDGED = "acknowledged"
    UNACKNOWLEDGED = "unacknowledged"
    ASSIGNED = "assigned"
    COMMENTED = "commented"
    MOVED = "moved"
    """Its device is in another group now."""
    LOST = "lost"
    """Cleared because the engine went on with another one: its own state was lost."""


class Step(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One entry of an alarm's history: `version` is the alarm's own from then on, and their order.

    Either a transition that was `found`, with its trace, or what was done (`did`). `at` is when it was written, `by` is
    whoever did it, None for the engine.
    """

    version: int
    at: int
    did: StepKind | None = None
    found: Transition | None = None
    by: By | None = None
    text: str | None = None
    assignee: By | None = None
    group: str | None = None

    @property
    def kind(self) -> str:
        return str(self.did or (self.found and self.found.kind))


class AlarmFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Alarms within `reach`: in `group` and below, of one severity, of one rule, acknowledged or not, of an assignee.

    Active ones, or with `cleared` those that were cleared within `[start, end)`.
    """

    reach: Reach
    cleared: bool = False
    start: int = 0
    end: int = 0
    group: str | None = None
    severity: Severity | None = None
    rule: str | None = None
    acknowledged: bool | None = None
    assignee: str | None = None

    @property
    def question(self) -> tuple[object, ...]:
        """What a cursor belongs to. Not the reach: whoever may see more or less by now may go on."""
        span = (self.start, self.end) if self.cleared else ()
        return ("alarms", self.cleared, *span, self.group, self.severity, self.rule, self.acknowledged, self.assignee)

    def matches(self, alarm: Alarm) -> bool:
        """All but the reach."""
        return (
            (self.group is None or inside(alarm.group, self.group))
            and self.severity in {None, alarm.severity}
            and self.rule in {None, alarm.rule}
            and self.acknowledged in {None, alarm.acknowledged}
            and self.assignee in {None, alarm.assignee and alarm.assignee.id}
            and alarm.active is not self.cleared
            and (alarm.cleared_at is None or self.start <= alarm.cleared_at < self.end)
        )


class AlarmPage(msgspec.Struct, frozen=True):
    """Active ones worst first, then newest; cleared ones by when they were, newest first. May be short, even empty."""

    alarms: tuple[Alarm, ...]
    cursor: str | None


class AlarmTally(msgspec.Struct, frozen=True):
    """How many active alarms there are, by severity and by what is still to be done about them.

    `capped`: there may be more than were counted, and no worse ones.
    """

    open: Mapping[Severity, int]
    unacknowledged: int
    unassigned: int
    capped: bool

    @classmethod
    def of(cls, counted: Iterable[tuple[Severity, bool, bool]], *, capped: bool) -> Self:
        """Of alarms by their severity, whether they are acknowledged, and whether they are somebody's."""
        open_ = dict.fromkeys(SEVERITIES, 0)
        unacknowledged = unassigned = 0
        for severity, acknowledged, assigned in counted:
            open_[severity] += 1
            unacknowledged += not acknowledged
            unassigned += not assigned
        return cls(open_, unacknowledged, unassigned, capped)


class StepPage(msgspec.Struct, frozen=True):
    """Newest first; `before` is the version to go on from."""

    steps: tuple[Step, ...]
    before: int | None


def alarm_id(thing: str, number: int) -> str:
    """`pump-7.42`: no look-up is needed to find the device of an alarm."""
    return f"{thing}.{number}"


def parse_alarm_id(text: str) -> tuple[str, int]:
    """A device and the number of its alarm; raises IdentityError.

    >>> parse_alarm_id("pump-7.42")
    ('pump-7', 42)
    """
    thing, _, number = parse_alarm(text).rpartition(".")
    return thing, int(number)
