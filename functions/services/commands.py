"""Commands as people and apps send them, follow them and take them back."""

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from hashlib import blake2b
from typing import Any, Literal

import msgspec

from contract import schema
from contract.errors import shown
from contract.models import DeviceModel
from functions.domain import ulids
from functions.domain.access import Permission, Principal
from functions.domain.audit import Actor, Note
from functions.domain.command_work import WAITING
from functions.domain.commands import (
    MAX_LIFE_MS,
    MAX_OPEN,
    MAX_PARAMETERS_BYTES,
    MAX_TIMEOUT_MS,
    MIN_LIFE_MS,
    Behind,
    Command,
    NewCommand,
    Requester,
    Status,
)
from functions.domain.cursors import seal, unseal
from functions.domain.devices import Device
from functions.domain.fences import Fence, Passed
from functions.errors import (
    CommandsError,
    ConflictError,
    CursorError,
    NotFoundError,
    RateLimitError,
    RequestError,
    ReusedKeyError,
)
from functions.ports.clock import Clock
from functions.ports.commands import CommandQueue, CommandStore
from functions.ports.live import LivePublisher
from functions.services.dispatch import told
from functions.services.gate import Gate

Wanted = Status | Literal["open", "all"]

_SCANNED = 1000
"""Commands that one page of a filtered list looks at."""
_SCANNED_AT_ONCE = 100
_LONGEST_WAIT_S = 3600


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What a command is to do and how long it may take: `life_ms` to be delivered, `timeout_ms` from then on."""

    name: str
    parameters: dict[str, Any]
    life_ms: int
    timeout_ms: int


class Listed(msgspec.Struct, frozen=True):
    commands: tuple[Command, ...]
    cursor: str | None


class Creating:
    """Makes a command of a device; what single ones and those of a bulk have in common."""

    def __init__(
        self,
        *,
        store: CommandStore,
        models: Mapping[str, DeviceModel],
        live: LivePublisher,
        clock: Clock,
        chance: Callable[[], bytes],
        attempts: Iterable[int],
    ) -> None:
        self._store = store
        self._models = models
        self._live = live
        self._clock = clock
        self._chance = chance
        self._attempts = attempts

    def check(self, device: Device, name: str, parameters: dict[str, Any]) -> None:
        """Raises RequestError where the device's model has no such command or it takes other parameters."""
        if device.decommissioned:
            raise ConflictError(f"{device.thing} is decommissioned: it is sent no commands")
        model = self._models.get(device.model)
        if model is None:
            raise ConflictError(f"the model {device.model!r} is not known here, so its commands cannot be checked")
        check_against(model, name, parameters)

    def check_room(self, thing: str) -> None:
        """Raises RateLimitError where too many wait already. Two at once may both find the last place."""
        now = self._clock.now_ms()
        waiting = [command for command in self._store.open(thing) if not command.at(now).closed]
        if len(waiting) >= MAX_OPEN:
            ends = min(command.deadline or now for command in waiting)
            wait_s = min(_LONGEST_WAIT_S, max(1, -(-(ends - now) // 1000)))
            raise RateLimitError(
                f"{thing} has {len(waiting)} commands that are not closed, and may have {MAX_OPEN}", wait_s
            )

    def create(self, new: NewCommand, once: str | None, note: Callable[[Command], Note] | None = None) -> Command:
        made = self._create(new, once, note)
        if isinstance(made, Passed):
            raise CommandsError(f"creating a command of {new.thing}: expected no fence, got one at {made.order}")
        return made

    def create_in_turn(
        self, new: NewCommand, once: str, fence: Fence, note: Callable[[Command], Note]
    ) -> Command | Passed:
        """As `create`, unless something has passed the `fence` before that is not this very command."""
        return self._create(new, once, note, fence)

    def _create(
        self,
        new: NewCommand,
        once: str | None,
        note: Callable[[Command], Note] | None,
        fence: Fence | None = None,
    ) -> Command | Passed:
        after = None
        for _ in self._attempts:
            command = new.with_id(ulids.new(self._clock.now_ms(), self._chance(), after=after))
            kept = self._store.create(command, once=once, fence=fence, notes=[note(command)] if note else [])
            if isinstance(kept, Passed):
                return kept
            if not isinstance(kept, Behind):
                if kept.id == command.id:
                    self._live.publish([told(kept)])
                return kept
            after = kept.last
        raise CommandsError(f"{new.thing} was given other commands at every attempt")


class Commands:
    def __init__(
        self,
        *,
        store: CommandStore,
        gate: Gate,
        creating: Creating,
        queue: CommandQueue,
        live: LivePublisher,
        clock: Clock,
    ) -> None:
        self._store = store
        self._gate = gate
        self._creating = creating
        self._queue = queue
        self._live = live
        self.clock = clock

    def send(self, actor: Actor, thing: str, asked: Asked, key: str | None = None) -> Command:
        """A new command, or with a `key` that the caller used before the one that it made then.

        Raises NotFoundError, ForbiddenError, RequestError, ConflictError, RateLimitError, ReusedKeyError.
        """
        check_bounds(asked)
        device = self._gate.device(actor.principal, Permission.COMMANDS_SEND, thing)
        once = None if key is None else digest_of(actor.principal.id, key)
        if once is not None and (known := self._store.once(thing, once)) is not None:
            return _same(known, asked)
        self._creating.check(device, asked.name, asked.parameters)
        self._creating.check_room(thing)
        now = self.clock.now_ms()
        new = NewCommand(
            thing=thing,
            group=device.group,
            name=asked.name,
            parameters=asked.parameters,
            created_at=now,
            expires_at=now + asked.life_ms,
            timeout_ms=asked.timeout_ms,
            by=Requester(actor.principal.id, actor.principal.name),
        )
        command = self._creating.create(new, once, lambda made: _sent_note(actor, made))
        # If this fails the command stands all the same, and the sweep finds it within half a minute.
        with suppress(CommandsError):
            self._queue.wake(thing, WAITING, now)
        return _same(command, asked)

    def show(self, who: Principal, thing: str, id: str) -> Command:  # noqa: A002 - its name everywhere
        """As it is now. Raises NotFoundError, ForbiddenError."""
        self._gate.device(who, Permission.COMMANDS_READ, thing)
        return self._read(thing, id).at(self.clock.now_ms())

    def listed(self, who: Principal, thing: str, wanted: Wanted, limit: int, cursor: str | None) -> Listed:
        """Newest first, as they are now. With a status a page may be short, or empty, and have more behind it."""
        self._gate.device(who, Permission.COMMANDS_READ, thing)
        question = ("commands", thing, str(wanted))
        before = None
        if cursor is not None:
            (before,) = map(str, unseal(cursor, question, (str,)))
            _check_ulid(before, cursor)
        found, more = self._open(thing, limit, before) if wanted == "open" else self._all(thing, wanted, limit, before)
        return Listed(tuple(found), None if more is None else seal(question, (more,)))

    def cancel(self, actor: Actor, thing: str, id: str) -> Command:  # noqa: A002 - its name everywhere
        """Raises ConflictError once anything was sent: from then on only the device knows. Idempotent."""
        self._gate.device(actor.principal, Permission.COMMANDS_SEND, thing)
        while True:
            command = self._read(thing, id)
            now = self.clock.now_ms()
            if command.status is Status.CANCELLED:
                return command
            becomes = command.cancelled(now, f"by {actor.principal.name}")
            if becomes is None:
                current = command.at(now)
                state = f"is {current.status}" if current.closed else "was already sent, and the device may act on it"
                raise ConflictError(f"command {id} cannot be cancelled: it {state}")
            # Each turn somebody else has moved the command, and it can move only a few times.
            written = self._store.save(command, becomes, [_cancelled_note(actor, command, now)])
            if written is not None:
                self._live.publish([told(written)])
                return written

    def _read(self, thing: str, id: str) -> Command:  # noqa: A002 - its name everywhere
        command = self._store.read(thing, id)
        if command is None:
            raise NotFoundError(f"{thing} has no command {shown(id)}")
        return command

    def _open(self, thing: str, limit: int, before: str | None) -> tuple[list[Command], str | None]:
        now = self.clock.now_ms()
        current = [command.at(now) for command in reversed(self._store.open(thing))]
        left = [one for one in current if not one.closed and (before is None or one.id < before)]
        return left[:limit], left[limit - 1].id if len(left) > limit else None

    def _all(self, thing: str, wanted: Wanted, limit: int, before: str | None) -> tuple[list[Command], str | None]:
        now = self.clock.now_ms()
        found: list[Command] = []
        scanned = 0
        # Of a rare status many are looked at for one.
        at_once = limit if wanted == "all" else max(limit, _SCANNED_AT_ONCE)
        while scanned < _SCANNED:
            page = self._store.page(thing, at_once, before)
            for command in page.commands:
                current = command.at(now)
                if wanted in {"all", current.status}:
                    found.append(current)
                before = command.id
                if len(found) == limit:
                    last = command is page.commands[-1]
                    return found, None if last and page.before is None else before
            scanned += len(page.commands)
            before = page.before
            if before is None:
                return found, None
        return found, before


def check_bounds(asked: Asked) -> None:
    """What holds for every command; raises RequestError."""
    _within("expires_in_s", asked.life_ms, MIN_LIFE_MS, MAX_LIFE_MS)
    _within("timeout_s", asked.timeout_ms, 1000, MAX_TIMEOUT_MS)
    size = len(msgspec.json.encode(asked.parameters))
    if size > MAX_PARAMETERS_BYTES:
        raise RequestError("parameters", f"at most {MAX_PARAMETERS_BYTES} bytes of JSON", f"{size} bytes")


def check_against(model: DeviceModel, name: str, parameters: dict[str, Any]) -> None:
    """Raises RequestError where the model has no such command, or one with other parameters."""
    actuator = model.actuators.get(name)
    if actuator is None:
        known = ", ".join(sorted(model.actuators)) or "none, for it has no actuators"
        raise RequestError("name", f"a command of the model {model.name}: {known}", shown(name))
    for wrong in schema.violations(actuator.parameters, parameters):
        raise RequestError(f"parameters.{wrong.field}" if wrong.field else "parameters", wrong.expected, wrong.got)


def digest_of(*parts: str) -> str:
    return blake2b("\0".join(parts).encode(), digest_size=16).hexdigest()


def _within(field: str, value_ms: int, least_ms: int, most_ms: int) -> None:
    if not least_ms <= value_ms <= most_ms:
        raise RequestError(field, f"{least_ms // 1000} to {most_ms // 1000} seconds", f"{value_ms / 1000:g}")


def _same(known: Command, asked: Asked) -> Command:
    if (known.name, known.parameters) != (asked.name, asked.parameters):
        raise ReusedKeyError("Idempotency-Key: expected a new key for a new command, got that of another command")
    return known


def _check_ulid(text: str, cursor: str) -> None:
    try:
        ulids.time_of(text)
    except ValueError as exc:
        raise CursorError(cursor) from exc


def _sent_note(actor: Actor, command: Command) -> Note:
    after = {"command": command.id, "name": command.name, "parameters": command.parameters}
    return Note(
        actor=actor,
        action="command.send",
        subject_kind="device",
        subject_id=command.thing,
        at=command.created_at,
        after={**after, "expires_at": command.expires_at},
    )


def _cancelled_note(actor: Actor, command: Command, now: int) -> Note:
    return Note(
        actor=actor,
        action="command.cancel",
        subject_kind="device",
        subject_id=command.thing,
        at=now,
        before={"command": command.id, "status": command.status},
        after={"command": command.id, "status": Status.CANCELLED},
    )
