"""What a rule is: what it watches for on which devices, how bad that is, and what is to be done about it."""

from typing import Any, Final, Literal, TypeAlias, get_args

import msgspec

from contract.conditions import Condition
from contract.identity import METRIC_PATTERN, THING_PATTERN
from contract.models import Severity

__all__ = [
    "MAX_ACTIONS",
    "MAX_DESCRIPTION_CHARS",
    "MAX_ESCALATIONS",
    "MAX_FLAPS",
    "MAX_MESSAGE_CHARS",
    "MAX_PARAMETERS_BYTES",
    "MAX_RECIPIENTS",
    "MAX_TITLE_CHARS",
    "MOMENTS",
    "RULE_PATTERN",
    "Action",
    "Band",
    "Command",
    "Desire",
    "Escalation",
    "Flapping",
    "Moment",
    "Notify",
    "Rule",
]

RULE_PATTERN: Final = rf"{THING_PATTERN}(?::{METRIC_PATTERN})?"
"""An id of one's own, or `{model}:{key}` for the rule that stands in place of a model's own."""
MAX_ACTIONS: Final = 16
MAX_DESCRIPTION_CHARS: Final = 2_000
MAX_ESCALATIONS: Final = 5
MAX_FLAPS: Final = 20
MAX_MESSAGE_CHARS: Final = 500
"""Of a message's template."""
MAX_PARAMETERS_BYTES: Final = 4_096
"""Of a command's parameters or a desired state, as JSON."""
MAX_RECIPIENTS: Final = 20
MAX_TITLE_CHARS: Final = 120

Moment: TypeAlias = Literal["raised", "escalated", "downgraded", "flapping", "cleared"]
MOMENTS: Final[tuple[Moment, ...]] = get_args(Moment)


class Notify(msgspec.Struct, frozen=True, kw_only=True, tag_field="do", tag="notify"):
    """Tell recipients, by their ids."""

    recipients: tuple[str, ...]
    on: tuple[Moment, ...] = ("raised", "escalated", "cleared")


class Command(msgspec.Struct, frozen=True, kw_only=True, tag_field="do", tag="command"):
    """Command an actuator of the device."""

    actuator: str
    parameters: dict[str, Any] = {}
    on: tuple[Moment, ...] = ("raised",)


class Desire(msgspec.Struct, frozen=True, kw_only=True, tag_field="do", tag="desire"):
    """Merge this into the desired state of the device."""

    desired: dict[str, Any]
    on: tuple[Moment, ...] = ("raised",)


Action: TypeAlias = Notify | Command | Desire


class Escalation(msgspec.Struct, frozen=True, kw_only=True):
    """Whom to tell if nobody has acknowledged the alarm `after_ms` after it was raised."""

    after_ms: int
    recipients: tuple[str, ...]


class Flapping(msgspec.Struct, frozen=True, kw_only=True):
    """An alarm that was raised `times` times within `within_ms` flaps: it stays until it was clear for `within_ms`."""

    times: int
    within_ms: int


class Band(msgspec.Struct, frozen=True, kw_only=True):
    """One severity of a rule: it begins when `when` becomes true.

    It ends when `when` is false; with a `clear` of its own, when that is true and `when` is not.
    """

    severity: Severity
    when: Condition
    clear: Condition | None = None


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """A rule as it is installed. Its alarm is active while any band is, and as severe as the worst of those.

    `scope` is `*`, `model:{model}`, `group:{path}` (with the groups below it) or `device:{thing}`. `bands` stand worst
    first; they may only be empty where a model's own rule is disabled.
    """

    id: str
    title: str
    scope: str
    bands: tuple[Band, ...]
    description: str = ""
    enabled: bool = True
    stale_after_ms: int | None = None
    flapping: Flapping | None = None
    message: str = ""
    """A template (see `contract.rules.templates`); empty for the title."""
    actions: tuple[Action, ...] = ()
    escalation: tuple[Escalation, ...] = ()
