"""Alarms: what a rule found, what became of it, and who has looked at it. Pure; times are ms since the epoch.

An alarm is one occurrence: it is raised, may change its severity, and is cleared once; what is raised after that is
another one. At most one is active for each device and rule. Independently of that, somebody has acknowledged it or not.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final

import msgspec

from contract.models import Severity
from contract.telemetry import Value

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
    by: str
    text: str


class Alarm(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is kept of an alarm. `version` counts its changes; the engine owns what it found, people own the rest.

    `group` is where the device was when the alarm was raised or last moved; lists and scopes go by it.
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
    acknowledged_by: str | None = None
    assignee: str | None = None
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


def alarm_id(thing: str, number: int) -> str:
    """`pump-7.42`: no look-up is needed to find the device of an alarm."""
    return f"{thing}.{number}"
