"""Sends a device's commands, one after the other: each once the one before it was delivered or is over.

An attempt is in the ledger before it is made, so a function that dies leaves a trace and never an unknown message. What
was not answered is sent again when the device has come back, and from time to time while it is connected; the device
knows the ids of what it took and does nothing twice.
"""

from collections.abc import Iterable

import msgspec

from contract.documents import CommandRequest
from functions.domain.commands import Command, Outcome
from functions.domain.live import Kind, LiveEvent
from functions.errors import CommandsError
from functions.ports.clock import Clock
from functions.ports.commands import CommandBroker, CommandStore
from functions.ports.devices import PresenceStore
from functions.ports.live import LivePublisher

_NOTE_CHARS = 200


class Dispatched(msgspec.Struct, frozen=True):
    """Commands of one device that were published, could not be, and were closed by the clock."""

    published: int = 0
    failed: int = 0
    closed: int = 0


class Dispatch:
    def __init__(
        self,
        *,
        store: CommandStore,
        presences: PresenceStore,
        broker: CommandBroker,
        live: LivePublisher,
        clock: Clock,
        attempts: Iterable[int],
    ) -> None:
        self._store = store
        self._presences = presences
        self._broker = broker
        self._live = live
        self._clock = clock
        self._attempts = attempts

    def run(self, thing: str) -> Dispatched:
        """Whatever can be done for a device now. Idempotent; raises CommandsError, StateError."""
        open_commands = self._store.open(thing)
        if not open_commands:
            return Dispatched()
        since = self._connected_since(thing)
        published = failed = 0
        over: list[Command] = []
        blocked = since is None
        for command in open_commands:
            current = command.at(self._clock.now_ms())
            if current.closed:
                over.append(command)
            elif not current.unanswered:
                continue
            elif blocked or since is None:
                self._park(command)
            else:
                outcome, after = self._send(command, since)
                published += outcome is Outcome.PUBLISHED
                failed += outcome is Outcome.FAILED
                blocked = after.at(self._clock.now_ms()).unanswered
        # Last: while one of these is open its due time stands, so that an invocation that dies before this line leaves
        # nobody waiting behind it.
        for command in over:
            self._write(command, command.at(self._clock.now_ms()))
        return Dispatched(published, failed, len(over))

    def _connected_since(self, thing: str) -> int | None:
        """Before any debounce: what is sent into a connection that has just ended is lost."""
        presence = self._presences.read(thing)
        newest = presence.newest
        return newest.connected_at if presence.connected and newest is not None else None

    def _send(self, command: Command, since: int) -> tuple[Outcome | None, Command]:
        """No outcome where there is nothing to send yet, or somebody else is at it."""
        now = self._clock.now_ms()
        waited = command.try_at is not None and now >= command.try_at
        if command.attempts and not waited and command.attempts[-1].at >= since:
            return None, command
        begun = self._store.save(command, command.attempting(now))
        if begun is None:
            return None, self._store.read(command.thing, command.id) or command
        outcome, note = self._publish(begun)
        return outcome, self._note_outcome(begun, now, outcome, note)

    def _publish(self, command: Command) -> tuple[Outcome, str | None]:
        request = CommandRequest(
            id=command.id,
            name=command.name,
            parameters=command.parameters,
            created_at=command.created_at,
            expires_at=command.expires_at,
        )
        try:
            self._broker.publish(command.thing, request)
        except CommandsError as exc:
            return Outcome.FAILED, str(exc)[:_NOTE_CHARS]
        return Outcome.PUBLISHED, None

    def _note_outcome(self, command: Command, attempt_at: int, outcome: Outcome, note: str | None) -> Command:
        """SENT, unless an answer was faster."""
        known = command
        for _ in self._attempts:
            becomes = known.published(attempt_at, self._clock.now_ms(), outcome, note)
            written = self._store.save(known, becomes)
            if written is not None:
                if written.status is not known.status:
                    self._live.publish([told(written)])
                return written
            known = self._store.read(command.thing, command.id) or known
        raise CommandsError(f"command {command.id} of {command.thing} was written by others at every attempt")

    def _park(self, command: Command) -> None:
        if command.try_at is not None:
            self._store.save(command, command.parked())

    def _write(self, was: Command, becomes: Command) -> None:
        """If somebody else was faster, the command is not what was looked at; its due time brings it back."""
        written = self._store.save(was, becomes)
        if written is not None:
            self._live.publish([told(written)])


def told(command: Command) -> LiveEvent:
    """What watchers are told of a command's newest step."""
    step = command.steps[-1]
    data = {
        "name": command.name,
        "status": command.status,
        "step": msgspec.to_builtins(step),
        "progress": msgspec.to_builtins(command.progress),
        "result": command.result,
        "reason": command.reason,
    }
    at = command.updated_at
    return LiveEvent(Kind.COMMAND, command.thing, None, at, data, command.id)
