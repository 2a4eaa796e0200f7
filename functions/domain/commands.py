"""A command's life: what was tried, what was heard, and what the clock says of it.

Pure. What time changes (`EXPIRED`, `TIMED_OUT`) is worked out by `Command.at`, so that a reader sees it at the moment
and not when somebody gets round to writing it. `TRANSITIONS` is the whole of what may follow what; docs/commands.md
draws it.

The device's word outranks the clock: a result that comes after `TIMED_OUT` replaces it. Nothing replaces a result.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final, NamedTuple, Self, TypeVar

import msgspec

MAX_OPEN: Final = 100
"""Commands of one device that may wait at a time; the agent itself remembers 64."""
MIN_LIFE_MS: Final = 1000
DEFAULT_LIFE_MS: Final = 60_000
MAX_LIFE_MS: Final = 24 * 3_600_000
"""The agent refuses what could act later than a day from now."""
DEFAULT_TIMEOUT_MS: Final = 120_000
MAX_TIMEOUT_MS: Final = 900_000
"""The agent ends what it does after 15 minutes."""
MAX_PARAMETERS_BYTES: Final = 8192
MAX_RESULT_BYTES: Final = 8192
MAX_ATTEMPTS_KEPT: Final = 20
"""The first and the newest ones; all are counted."""
FIRST_TRY_MS: Final = 5000
"""A command that nobody has tried to send after so long is tried by the sweep: its wake-up was lost."""
RESEND_MS: Final = (15_000, 30_000, 60_000, 120_000, 300_000)
"""How long after each attempt an unanswered command is sent again, while the device is connected."""


class Status(StrEnum):
    CREATED = "CREATED"
    SENT = "SENT"
    DELIVERED = "DELIVERED"
    IN_PROGRESS = "IN_PROGRESS"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    REJECTED = "REJECTED"
    TIMED_OUT = "TIMED_OUT"
    EXPIRED = "EXPIRED"
    CANCELLED = "CANCELLED"

    @property
    def closed(self) -> bool:
        return self not in OPEN


OPEN: Final = frozenset({Status.CREATED, Status.SENT, Status.DELIVERED, Status.IN_PROGRESS})
RESULTS: Final = frozenset({Status.SUCCEEDED, Status.FAILED, Status.REJECTED, Status.EXPIRED})
"""What a device may say as its last word."""


class Source(StrEnum):
    """Who says so: somebody through the API, the cloud by its clock and its own doing, or the device."""

    API = "api"
    CLOUD = "cloud"
    DEVICE = "device"


_HEARD: Final = frozenset({Status.DELIVERED, Status.IN_PROGRESS}) | RESULTS
_NONE: Final[Mapping[Source, frozenset[Status]]] = {}

TRANSITIONS: Final[Mapping[Status, Mapping[Source, frozenset[Status]]]] = {
    Status.CREATED: {
        Source.API: frozenset({Status.CANCELLED}),
        Source.CLOUD: frozenset({Status.SENT, Status.EXPIRED, Status.TIMED_OUT}),
        # An answer may overtake the note that it was sent.
        Source.DEVICE: _HEARD,
    },
    Status.SENT: {Source.CLOUD: frozenset({Status.TIMED_OUT}), Source.DEVICE: _HEARD},
    Status.DELIVERED: {
        Source.CLOUD: frozenset({Status.TIMED_OUT}),
        Source.DEVICE: frozenset({Status.IN_PROGRESS}) | RESULTS,
    },
    Status.IN_PROGRESS: {Source.CLOUD: frozenset({Status.TIMED_OUT}), Source.DEVICE: RESULTS},
    Status.TIMED_OUT: {Source.DEVICE: RESULTS},
    Status.SUCCEEDED: _NONE,
    Status.FAILED: _NONE,
    Status.REJECTED: _NONE,
    Status.EXPIRED: _NONE,
    Status.CANCELLED: _NONE,
}


class Requester(msgspec.Struct, frozen=True):
    """Who asked for it: a principal's id and name at that time."""

    id: str
    name: str


class Step(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing that was done or heard. `at` is the device's own time, `received_at` ours.

    One that came too late or out of turn to move the status is kept with `moved` false. `late` is a result that came
    after the command had been given up.
    """

    status: Status
    received_at: int
    source: Source
    at: int | None = None
    note: str | None = None
    moved: bool = True
    late: bool = False


class Outcome(StrEnum):
    """Of an attempt to publish; `UNKNOWN` while it is under way, and for ever if the function died meanwhile."""

    UNKNOWN = "unknown"
    PUBLISHED = "published"
    FAILED = "failed"


class Attempt(msgspec.Struct, frozen=True, omit_defaults=True):
    at: int
    outcome: Outcome = Outcome.UNKNOWN
    note: str | None = None


class Progress(msgspec.Struct, frozen=True):
    """The newest that the device told on the way."""

    at: int
    received_at: int
    result: dict[str, Any] | None = None


class Response(msgspec.Struct, frozen=True, kw_only=True):
    """What a device says of a command, once it is bounded and known to be its own."""

    status: Status
    at: int
    received_at: int
    result: dict[str, Any] | None = None
    note: str | None = None


class Heard(StrEnum):
    """What a response was worth."""

    MOVED = "moved"
    PROGRESS = "progress"
    REPEATED = "repeated"
    KEPT = "kept"
    """News that came out of turn: in the ledger, without moving the status."""
    CONTRADICTED = "contradicted"
    """Another last word after the last word: in the ledger, and the first one stands."""
    REFUSED = "refused"
    """It was never sent, so no device can answer it."""


class Listening(NamedTuple):
    command: "Command"
    heard: Heard


class Command(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`id` is a ULID: of two commands of a device the lesser is done first. Times are ms since the epoch.

    `version` is that of the stored item. `group` is the device's when the command was made. `try_at` says when the
    sweep is to look whether it can be sent; None while it waits for the device or another command.
    """

    id: str
    thing: str
    group: str
    name: str
    parameters: dict[str, Any]
    created_at: int
    expires_at: int
    timeout_ms: int
    by: Requester
    steps: tuple[Step, ...]
    version: int = 0
    bulk: str | None = None
    attempts: tuple[Attempt, ...] = ()
    attempted: int = 0
    try_at: int | None = None
    progress: Progress | None = None
    result: dict[str, Any] | None = None
    reason: str | None = None

    @property
    def status(self) -> Status:
        return next(step.status for step in reversed(self.steps) if step.moved)

    @property
    def closed(self) -> bool:
        return self.status.closed

    @property
    def unanswered(self) -> bool:
        """Whether it may still have to be published, again or for the first time."""
        return self.status in {Status.CREATED, Status.SENT}

    @property
    def updated_at(self) -> int:
        last = max(step.received_at for step in self.steps)
        return max(last, self.progress.received_at) if self.progress else last

    @property
    def deadline(self) -> int | None:
        """When the clock will close it if nothing is heard; None once it is closed."""
        if self.unanswered:
            return self.expires_at
        if self.closed:
            return None
        first = next(step.received_at for step in self.steps if step.moved and step.source is Source.DEVICE)
        return first + self.timeout_ms

    @property
    def at_deadline(self) -> Status | None:
        """What it will be then: what was never sent can never act."""
        if self.closed:
            return None
        return Status.TIMED_OUT if self.attempted else Status.EXPIRED

    @property
    def due(self) -> int | None:
        """When the sweep must look at it; None once it is closed."""
        deadline = self.deadline
        if deadline is None or self.try_at is None or not self.unanswered:
            return deadline
        return min(deadline, self.try_at)

    def at(self, now: int) -> Self:
        """As it is at that moment, whether or not anybody has written it down."""
        deadline, then = self.deadline, self.at_deadline
        if deadline is None or then is None or now < deadline:
            return self
        note = {
            (Status.EXPIRED, True): "the device was not reached before it expired",
            (Status.TIMED_OUT, True): "it was sent, and nothing was heard before it expired",
        }.get((then, self.unanswered), f"no result within {self.timeout_ms / 1000:g} s of its delivery")
        return _stepped(self, Step(status=then, received_at=deadline, source=Source.CLOUD, note=note))

    def attempting(self, now: int) -> Self:
        """Before it is published. Raises ValueError where it must not be: closed, answered or expired."""
        if not self.at(now).unanswered:
            raise ValueError(f"command {self.id} is {self.at(now).status}: it must not be sent")
        resend = RESEND_MS[min(self.attempted, len(RESEND_MS) - 1)]
        attempts = (*self.attempts, Attempt(now))
        if len(attempts) > MAX_ATTEMPTS_KEPT:
            attempts = (attempts[0], *attempts[-MAX_ATTEMPTS_KEPT + 1 :])
        return msgspec.structs.replace(
            self, attempts=attempts, attempted=self.attempted + 1, try_at=now + resend, version=self.version
        )

    def published(self, attempt_at: int, now: int, outcome: Outcome, note: str | None = None) -> Self:
        """After an attempt, whatever was heard meanwhile; SENT only where nothing was and it has not expired."""
        attempts = tuple(
            msgspec.structs.replace(one, outcome=outcome, note=note) if one.at == attempt_at else one
            for one in self.attempts
        )
        noted = msgspec.structs.replace(self, attempts=attempts)
        if outcome is not Outcome.PUBLISHED or self.at(now).status is not Status.CREATED:
            return noted
        return _stepped(noted, Step(status=Status.SENT, received_at=now, source=Source.CLOUD))

    def parked(self) -> Self:
        """It waits for the device, or for the command before it; nobody need look before its deadline."""
        return msgspec.structs.replace(self, try_at=None)

    def cancelled(self, now: int, note: str | None = None) -> Self | None:
        """None where it cannot be any more: it was sent, or is closed."""
        current = self.at(now)
        if current.status is not Status.CREATED or current.attempted:
            return None
        return _stepped(self, Step(status=Status.CANCELLED, received_at=now, source=Source.API, note=note))

    def heard(self, response: Response) -> Listening:
        """After what a device says; idempotent, and in any order the same last word for the same first result."""
        if not self.attempted:
            return Listening(self, Heard.REFUSED)
        current = self.at(response.received_at)
        if response.status in TRANSITIONS[current.status].get(Source.DEVICE, frozenset()):
            return Listening(_moved(current, response), Heard.MOVED)
        if response.status is Status.IN_PROGRESS and current.status is Status.IN_PROGRESS:
            newer = self.progress is None or response.at > self.progress.at
            told = msgspec.structs.replace(self, progress=_progress(response)) if newer else self
            return Listening(told, Heard.PROGRESS if newer else Heard.REPEATED)
        if any(step.status is response.status and step.source is Source.DEVICE for step in self.steps):
            return Listening(self, Heard.REPEATED)
        step = _step(response, moved=False)
        kept = msgspec.structs.replace(current, steps=(*current.steps, step))
        return Listening(kept, Heard.CONTRADICTED if response.status in RESULTS else Heard.KEPT)


_Of = TypeVar("_Of", bound=Command)


def _stepped(command: _Of, step: Step) -> _Of:
    resting = step.status.closed or step.source is Source.DEVICE
    try_at = None if resting else command.try_at
    return msgspec.structs.replace(command, steps=(*command.steps, step), try_at=try_at)


def _moved(command: _Of, response: Response) -> _Of:
    given_up = next((step.received_at for step in command.steps if step.status is Status.TIMED_OUT), None)
    late = given_up is not None and response.received_at >= given_up
    moved = _stepped(command, _step(response, late=late))
    if response.status is Status.IN_PROGRESS:
        return msgspec.structs.replace(moved, progress=_progress(response))
    if response.status in RESULTS:
        return msgspec.structs.replace(moved, result=response.result, reason=response.note)
    return moved


def _step(response: Response, *, moved: bool = True, late: bool = False) -> Step:
    return Step(
        status=response.status,
        received_at=response.received_at,
        source=Source.DEVICE,
        at=response.at,
        note=response.note,
        moved=moved,
        late=late,
    )


def _progress(response: Response) -> Progress:
    return Progress(response.at, response.received_at, response.result)


class NewCommand(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked for, checked against the device's model, before it has an id."""

    thing: str
    group: str
    name: str
    parameters: dict[str, Any]
    created_at: int
    expires_at: int
    timeout_ms: int
    by: Requester
    bulk: str | None = None

    def with_id(self, ulid: str) -> Command:
        return Command(
            **msgspec.structs.asdict(self),
            id=ulid,
            steps=(Step(status=Status.CREATED, received_at=self.created_at, source=Source.API),),
            try_at=self.created_at + FIRST_TRY_MS,
        )


class Behind(msgspec.Struct, frozen=True):
    """Why a new command was not kept: the device has one with the id `last`, which is greater."""

    last: str


class CommandPage(msgspec.Struct, frozen=True):
    """Newest first. `before` is the id to go on before; None at the end."""

    commands: tuple[Command, ...]
    before: str | None


class Due(msgspec.Struct, frozen=True, order=True):
    """An open command whose time has come."""

    due: int
    thing: str
    id: str


class DuePage(msgspec.Struct, frozen=True):
    """`after` is where to go on; None at the end."""

    found: tuple[Due, ...]
    after: str | None
