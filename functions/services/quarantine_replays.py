"""Has quarantined messages taken up again: the entry says so at once, what becomes of it is ingest's to find out."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

import msgspec

from contract.ingest import IngestMessage
from functions.domain.access import Permission, Target
from functions.domain.audit import Actor, Note
from functions.domain.quarantine import Quarantined, Replay
from functions.domain.replays import obstacle
from functions.errors import ConflictError, ForbiddenError, NotFoundError, RequestError
from functions.ports.clock import Clock
from functions.ports.devices import StatusReader
from functions.ports.logs import Quarantine
from functions.ports.replays import Replays
from functions.ports.telemetry import TelemetryQueue
from functions.services.gate import Gate, missing

MAX_AT_ONCE: Final = 50
DELAY_S: Final = 6
"""Longer than a function goes on with models that it knew: whoever mends one and replays at once means the new one."""


class ReplayFilter(msgspec.Struct, frozen=True):
    """Entries of a device, of a UTC day, or of a device on a day; with a reason only those that have it."""

    thing: str | None = None
    day: str | None = None
    reason: str | None = None


class Named(msgspec.Struct, frozen=True):
    thing: str
    entry: str
    why: str | None = None


class Begun(msgspec.Struct, frozen=True):
    """A page of replays. `skipped` are entries that cannot be replayed, or need not be, and why."""

    queued: tuple[Named, ...]
    skipped: tuple[Named, ...]
    cursor: str | None


class QuarantineReplays:
    def __init__(
        self,
        *,
        gate: Gate,
        statuses: StatusReader,
        quarantine: Quarantine,
        replays: Replays,
        queue: TelemetryQueue,
        clock: Clock,
    ) -> None:
        self._gate = gate
        self._statuses = statuses
        self._quarantine = quarantine
        self._replays = replays
        self._queue = queue
        self._clock = clock

    def replay(self, actor: Actor, thing: str, entry: str) -> Quarantined:
        """Raises NotFoundError, ForbiddenError, ConflictError for what cannot be mended, TelemetryQueueError."""
        self._require(actor, thing)
        known = self._quarantine.entry(thing, entry)
        if known is None:
            raise _no_entry(thing, entry)
        why = obstacle(known)
        if why is not None:
            raise ConflictError(f"the entry {entry!r} cannot be replayed: {why}")
        begun = self._begin(actor, thing, known)
        if begun is None:
            raise _no_entry(thing, entry)
        return begun

    def replay_many(self, actor: Actor, wanted: ReplayFilter, limit: int, cursor: str | None) -> Begun:
        """A page of a list, newest first. Raises NotFoundError, ForbiddenError, RequestError, CursorError."""
        found, following = self._page(actor, wanted, min(limit, MAX_AT_ONCE), cursor)
        queued: list[Named] = []
        skipped: list[Named] = []
        for thing, known in found:
            why = obstacle(known)
            if why is not None:
                skipped.append(Named(thing, known.id, why))
            elif self._begin(actor, thing, known) is not None:
                queued.append(Named(thing, known.id))
        return Begun(tuple(queued), tuple(skipped), following)

    def _page(
        self, actor: Actor, wanted: ReplayFilter, limit: int, cursor: str | None
    ) -> tuple[Iterator[tuple[str, Quarantined]], str | None]:
        if wanted.thing is not None:
            thing = wanted.thing
            self._require(actor, thing)
            page = self._quarantine.page(thing, limit, cursor)
            return ((thing, one) for one in page.entries if _wants(wanted, one)), page.cursor
        if wanted.day is None:
            raise RequestError("device", "a device, a day, or both", "neither")
        if not actor.principal.may(Permission.QUARANTINE_WRITE, Target()):
            raise ForbiddenError(
                f"the quarantine of a day is of all devices: it needs {Permission.QUARANTINE_WRITE} over everything; "
                "name a device"
            )
        notices = self._quarantine.of_day(wanted.day, limit, cursor)
        named = (one for one in notices.notices if wanted.reason is None or wanted.reason in one.reasons)
        read = ((one.thing, self._quarantine.entry(one.thing, one.id)) for one in named)
        return ((thing, one) for thing, one in read if one is not None), notices.cursor

    def _begin(self, actor: Actor, thing: str, known: Quarantined) -> Quarantined | None:
        now = self._clock.now_ms()
        who = actor.principal
        before = known.replay.points if known.replay else 0
        note = Note(
            actor=actor,
            action="quarantine.replay",
            subject_kind="device",
            subject_id=thing,
            at=now,
            after={"entry": known.id, "reasons": list(dict.fromkeys(fault.reason for fault in known.faults))},
        )
        begun = self._replays.begin(thing, known.id, Replay(now, who.id, who.name, points=before), note)
        if begun is not None:
            self._queue.send(
                IngestMessage(data=b"", thing=thing, received_at=known.received_at, replay=known.id), delay_s=DELAY_S
            )
        return begun

    def _require(self, actor: Actor, thing: str) -> None:
        device = self._gate.heard(actor.principal, Permission.QUARANTINE_WRITE, thing)
        if device is None and thing not in self._statuses.statuses([thing]):
            raise missing(thing)


def _wants(wanted: ReplayFilter, one: Quarantined) -> bool:
    day = f"{datetime.fromtimestamp(one.received_at // 1000, UTC):%Y-%m-%d}"
    reasons = {fault.reason for fault in one.faults}
    return wanted.day in {None, day} and (wanted.reason is None or wanted.reason in reasons)


def _no_entry(thing: str, entry: str) -> NotFoundError:
    return NotFoundError(f"there is no entry {entry!r} in the quarantine of {thing!r}")
