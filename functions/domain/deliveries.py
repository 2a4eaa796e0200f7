"""What is done about an alarm, piece by piece: each a delivery, which is attempted until it is done or given up.

Pure; times are ms since the epoch. A delivery's id is made of what it is about, so that whoever plans it, however
often, plans the same one. Its life: PENDING, then one of the others, which stays; only a FAILED one can be replayed.
"""

from collections.abc import Callable
from enum import StrEnum
from hashlib import blake2b
from typing import Any, Final, Self

import msgspec

from contract.models import DEFAULT_LATENESS_MS, Severity
from functions.domain.access import Reach
from functions.domain.alarms import Transition
from functions.domain.delivery_ids import own_id

FIRST_TRY_MS: Final = 30_000
"""A delivery that nobody has tried so long after it was planned is tried by the sweep: its message was lost."""
LEASE_MS: Final = 90_000
"""How long an attempt may take, before another one may be made: the function itself is ended before."""
RETRY_MS: Final = (5_000, 30_000, 120_000, 600_000, 900_000, 3_600_000)
"""How long after each attempt that failed the next one is made; the last of these holds for all further ones."""
MAX_ASKED_MS: Final = 6 * 3_600_000
"""The most that a receiver is left alone for when it asks to be, so that some attempts are left before the end."""
GIVE_UP_MS: Final = 24 * 3_600_000
"""What was found, or replayed, longer ago is told to nobody any more."""
LATE_ACTION_MS: Final = 15 * 60_000
"""A device is not commanded, or wanted otherwise, for what was found longer ago."""
STALE_ACTION_MS: Final = LATE_ACTION_MS + DEFAULT_LATENESS_MS
"""Nor for what had happened so long before it was found: data that is older is late, unless it came back from the dead
letters, where time stands still.
"""
LOOK_MS: Final = 300_000
"""How often one that waits, since nobody is to be told now, is looked at again: a window may end early."""
LATER_LOOK_MS: Final = 3_600_000
"""The same for one that has waited for a day."""
MAX_WAITS: Final = 8
SENT_DELAYED_MS: Final = 900_000
"""How long a message of the queue can wait; what waits longer is found by the sweep."""
MAX_NOTE_CHARS: Final = 300
KEEP_MS: Final = 90 * 86_400_000

_JITTER: Final = 0.2


class State(StrEnum):
    """DIGESTED is one that will be told together with others, in the digest that its `digest` names."""

    PENDING = "PENDING"
    DELIVERED = "DELIVERED"
    FAILED = "FAILED"
    MUTED = "MUTED"
    DIGESTED = "DIGESTED"

    @property
    def closed(self) -> bool:
        return self is not State.PENDING


TOLD: Final = frozenset({State.DELIVERED, State.DIGESTED, State.PENDING})
"""What was told, or still will be."""


class Reason(StrEnum):
    """Why it was muted, gathered or given up, or why one that is PENDING waits."""

    MAINTENANCE = "maintenance"
    PARENT_OFFLINE = "parent_offline"
    CLEARED = "cleared"
    """The alarm ended before a digest told of it, before it was time to escalate, before he was told at all, or while
    nobody was to be told.
    """
    ACKNOWLEDGED = "acknowledged"
    LATE = "late"
    SUPERSEDED = "superseded"
    """A later step of the same rule has acted already, or is what there is to tell."""
    OUT_OF_SCOPE = "out_of_scope"
    BELOW_SEVERITY = "below_severity"
    QUIET_HOURS = "quiet_hours"
    LIMIT = "limit"
    NO_RECIPIENT = "no_recipient"
    REFUSED = "refused"
    """The receiver, or the device's model, does not take it: trying again would change nothing."""
    GIVEN_UP = "given_up"


HELD: Final = frozenset({Reason.MAINTENANCE, Reason.PARENT_OFFLINE})
"""What is PENDING for one of these waits until it is no longer so."""


class Notice(msgspec.Struct, frozen=True, kw_only=True, tag_field="do", tag="notice"):
    """Tell a recipient, of what he is not told otherwise: `unacknowledged_ms` is of an escalation."""

    recipient: str
    unacknowledged_ms: int | None = None


class Order(msgspec.Struct, frozen=True, kw_only=True, tag_field="do", tag="command"):
    """Command an actuator of the device. `index` is the command's place among the actions of its rule."""

    actuator: str
    parameters: dict[str, Any]
    index: int


class Wanted(msgspec.Struct, frozen=True, kw_only=True, tag_field="do", tag="desire"):
    """Merge this into the desired state of the device."""

    desired: dict[str, Any]


class Escalate(msgspec.Struct, frozen=True, kw_only=True, tag_field="do", tag="escalate"):
    """Tell these too, if nobody has acknowledged the alarm by then."""

    level: int
    after_ms: int
    recipients: tuple[str, ...]


class Digest(msgspec.Struct, frozen=True, kw_only=True, tag_field="do", tag="digest"):
    """Tell a recipient what was gathered for him, in his digest of this number."""

    recipient: str
    number: int


class Trial(msgspec.Struct, frozen=True, kw_only=True, tag_field="do", tag="test"):
    """Tell a recipient that this is a test."""

    recipient: str
    by: str


Task = Notice | Order | Wanted | Escalate | Digest | Trial


class Outcome(StrEnum):
    """Of an attempt; `UNKNOWN` while it is under way, and for ever if the function died meanwhile."""

    UNKNOWN = "unknown"
    DELIVERED = "delivered"
    FAILED = "failed"
    REFUSED = "refused"
    """It failed, and would again."""
    SUPERSEDED = "superseded"
    """It was not done, since what came later had been."""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What came of sending something. `status` is that of HTTP; `retry_after_ms` what the receiver asks for."""

    outcome: Outcome
    status: int | None = None
    note: str = ""
    retry_after_ms: int | None = None


class Attempt(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`number` counts from 1. `at` is when it began, `ended_at` when what came of it was written."""

    number: int
    at: int
    outcome: Outcome = Outcome.UNKNOWN
    ended_at: int | None = None
    status: int | None = None
    note: str = ""


class Wait(msgspec.Struct, frozen=True, kw_only=True):
    """Why nobody was to be told, found at `at` first."""

    reason: Reason
    at: int
    note: str


class Delivery(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing to be done, once. `about` is the step of the alarm that it is for, without its trace.

    `name` and `group` are the device's when it was planned. `since` is when what it is about was found, when it was
    last replayed, or until when it has waited: its age counts from there. It is not attempted before `next_at`; the
    sweep comes to it at `due`, None once it is closed.
    `admitted`: it has been counted against the recipient's limit. `digest` is the delivery in which it is told.
    `waits` are its first ones, in order. `version` is that of the stored item.
    """

    id: str
    task: Task
    created_at: int
    since: int
    next_at: int
    due: int | None
    about: Transition | None = None
    group: str = ""
    name: str = ""
    state: State = State.PENDING
    attempts: int = 0
    tried: int = 0
    """Attempts since it was planned or last replayed, by which it is worked out when the next one is made."""
    admitted: bool = False
    reason: Reason | None = None
    note: str = ""
    digest: str | None = None
    closed_at: int | None = None
    waits: tuple[Wait, ...] = ()
    version: int = 0

    @property
    def recipient(self) -> str | None:
        return getattr(self.task, "recipient", None)

    @property
    def severity(self) -> Severity | None:
        return self.about.severity if self.about else None

    @property
    def message_id(self) -> str:
        """The same at each attempt: a receiver knows by it what it has taken already."""
        return f"msg_{blake2b(self.id.encode(), digest_size=16).hexdigest()}"

    @property
    def once(self) -> str:
        """Under this name a device gets a command, however often it is made."""
        return blake2b(f"delivery\0{self.id}".encode(), digest_size=16).hexdigest()

    @property
    def order(self) -> str:
        """Of two steps of the same rule with the same device, the one that came later has the greater one."""
        if self.about is None:
            raise ValueError(f"{self.id}: expected a step of an alarm, got none")
        return f"{self.about.number:08d}#{self.about.step:04d}"

    @property
    def gathers(self) -> bool:
        """Whether it is a digest that others can still be told in."""
        return isinstance(self.task, Digest) and self.state is State.PENDING and self.attempts == 0

    @property
    def is_held(self) -> bool:
        """Whether it waits because nobody was to be told."""
        return self.state is State.PENDING and self.reason in HELD

    def given_up(self, now: int) -> bool:
        """Whether attempts were made for long enough, though none may have come to an end."""
        return self.tried > 0 and now >= self.since + GIVE_UP_MS

    def admit(self) -> Self:
        return msgspec.structs.replace(self, admitted=True)

    def beginning(self, now: int) -> Self:
        """While this attempt lasts nobody makes another one, and if it dies the sweep comes back: later each time."""
        tried = self.tried + 1
        until = now + max(LEASE_MS, RETRY_MS[min(tried, len(RETRY_MS)) - 1])
        return msgspec.structs.replace(
            self, attempts=self.attempts + 1, tried=tried, next_at=until, due=until, reason=None
        )

    def ended(self, now: int, answer: Answer, chance: Callable[[], float]) -> Self:
        match answer.outcome:
            case Outcome.DELIVERED:
                return self._closed(State.DELIVERED, now, None, answer.note)
            case Outcome.REFUSED:
                return self._closed(State.FAILED, now, Reason.REFUSED, answer.note)
            case Outcome.SUPERSEDED:
                return self._closed(State.MUTED, now, Reason.SUPERSEDED, answer.note)
        at = now + retry_in(self.tried, answer.retry_after_ms, chance)
        if at >= self.since + GIVE_UP_MS:
            return self._closed(State.FAILED, now, Reason.GIVEN_UP, answer.note)
        return self.waiting(at, now, answer.note)

    def waiting(self, at: int, now: int, note: str = "") -> Self:
        """Until `at`. Where a message can wait so long it brings it back, and the sweep comes only if that is lost."""
        late = FIRST_TRY_MS if at - now <= SENT_DELAYED_MS else 0
        return msgspec.structs.replace(self, next_at=at, due=at + late, note=note[:MAX_NOTE_CHARS])

    def held(self, reason: Reason, now: int, until: int | None, note: str) -> Self:
        """To be looked at again in a while, or at `until` if that is sooner."""
        note = note[:MAX_NOTE_CHARS]
        waits = self.waits
        if not (self.is_held and waits and (waits[-1].reason, waits[-1].note) == (reason, note)):
            waits = (*waits[: MAX_WAITS - 1], Wait(reason=reason, at=now, note=note))
        at = now + (LOOK_MS if now - waits[0].at < GIVE_UP_MS else LATER_LOOK_MS)
        at = at if until is None else min(at, until)
        return msgspec.structs.replace(self.waiting(at, now, note), reason=reason, since=at, waits=waits)

    def resumed(self, at: int, now: int) -> Self:
        """Nothing mutes it any more, and it is to wait until `at`."""
        return msgspec.structs.replace(self.waiting(at, now), reason=None)

    def muted(self, reason: Reason, now: int, note: str = "") -> Self:
        return self._closed(State.MUTED, now, reason, note)

    def failed(self, reason: Reason, now: int, note: str) -> Self:
        return self._closed(State.FAILED, now, reason, note)

    def done(self, now: int, note: str = "") -> Self:
        return self._closed(State.DELIVERED, now, None, note)

    def gathered(self, digest: str, reason: Reason, now: int) -> Self:
        return msgspec.structs.replace(self._closed(State.DIGESTED, now, reason, ""), digest=digest)

    def replayed(self, now: int) -> Self:
        """As if it were planned now, with its id."""
        return msgspec.structs.replace(
            self,
            state=State.PENDING,
            since=now,
            next_at=now,
            due=now + FIRST_TRY_MS,
            tried=0,
            reason=None,
            note="",
            closed_at=None,
        )

    def _closed(self, state: State, now: int, reason: Reason | None, note: str) -> Self:
        return msgspec.structs.replace(
            self, state=state, closed_at=now, due=None, reason=reason, note=note[:MAX_NOTE_CHARS]
        )


class Due(msgspec.Struct, frozen=True, order=True):
    due: int
    id: str


class DuePage(msgspec.Struct, frozen=True):
    """The longest due first; `after` is where to go on."""

    found: tuple[Due, ...]
    after: str | None


class DeliveryFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Deliveries within `reach`, in one `state`, to one `recipient`. What is about no device takes everything."""

    reach: Reach
    state: State | None = None
    recipient: str | None = None

    @property
    def question(self) -> tuple[object, ...]:
        """What a cursor belongs to. Not the reach: whoever may see more or less by now may go on."""
        return ("deliveries", self.state, self.recipient)

    def matches(self, delivery: Delivery) -> bool:
        thing = delivery.about.thing if delivery.about else None
        return (
            self.reach.covers(thing, delivery.group)
            and self.state in {None, delivery.state}
            and self.recipient in {None, delivery.recipient}
        )


class DeliveryPage(msgspec.Struct, frozen=True):
    """Newest first. May be short, even empty, and have a cursor."""

    deliveries: tuple[Delivery, ...]
    cursor: str | None


class Gathered(msgspec.Struct, frozen=True):
    """What a digest has to tell: up to a bound its deliveries, oldest first, and whether there are `more`."""

    deliveries: tuple[Delivery, ...]
    more: bool = False


def digest_of(recipient: str, number: int, now: int, at: int) -> Delivery:
    """A digest in which deliveries can be gathered, to be sent `at` that time."""
    return Delivery(
        id=own_id(recipient, "digest", number),
        task=Digest(recipient=recipient, number=number),
        created_at=now,
        since=at,
        next_at=at,
        due=at,
    )


def retry_in(tried: int, asked_ms: int | None, chance: Callable[[], float]) -> int:
    """How long to wait after an attempt, the `tried`th, that failed: what the receiver asks for, if that is longer.

    A receiver that asks for more than `MAX_ASKED_MS` is tried sooner, rather than given up for what may be a mistake.
    """
    base = RETRY_MS[min(tried, len(RETRY_MS)) - 1]
    spread = int(base * (1 - _JITTER + 2 * _JITTER * chance()))
    return max(spread, min(asked_ms or 0, MAX_ASKED_MS))
