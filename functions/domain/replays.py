"""A quarantined message taken up again: what of it can be stored by today's model, and what stays wrong with it."""

from collections.abc import Mapping
from typing import Final

import msgspec

from contract import telemetry
from contract.errors import EnvelopeError
from contract.models import DeviceModel
from functions.domain.engine.codec import settled
from functions.domain.ingest import Fault, Incoming, Origin, assess
from functions.domain.quarantine import Outcome, Quarantined
from functions.domain.series import Point
from functions.domain.state import DeviceState, Room

_WHOLE: Final = frozenset({"malformed", "too_large", "unsupported_version"})
"""Reasons for which a message was not read at all, so that it was never counted."""
_OTHERS: Final[Mapping[Origin, str]] = {"event": "an event of the device", "command": "an answer to a command"}


class Kept(msgspec.Struct, frozen=True):
    """An entry with what its replay needs: metric and time of what is stored of it, and how often it was settled."""

    thing: str
    entry: Quarantined
    stored: frozenset[tuple[str, int]]
    revision: int

    @property
    def key(self) -> str:
        """By which the device's state knows that this replay was counted."""
        return f"{self.entry.id}#{self.revision}"


class Reassessed(msgspec.Struct, frozen=True):
    """`points` are those that were not stored before. `first`: the message was never counted as one."""

    boot: str
    seq: int
    points: tuple[Point, ...]
    faults: tuple[Fault, ...]
    unmodeled: frozenset[str]
    first: bool

    @property
    def outcome(self) -> Outcome:
        if not self.faults:
            return Outcome.STORED
        return Outcome.PARTLY if self.points else Outcome.REFUSED

    def without(self, rejected: Mapping[Point, Fault]) -> "Reassessed":
        """The same after a store refused some of the points."""
        return msgspec.structs.replace(
            self,
            points=tuple(point for point in self.points if point not in rejected),
            faults=(*self.faults, *(rejected[point] for point in self.points if point in rejected)),
        )


class Settlement(msgspec.Struct, frozen=True):
    """What became of a replay; `faults` are those that are left, `stored` is all that is stored of the message now."""

    outcome: Outcome
    at: int
    faults: tuple[Fault, ...]
    stored: frozenset[tuple[str, int]]
    points: int


def obstacle(entry: Quarantined) -> str | None:
    """Why no model and no release can mend the message, or why there is nothing left to be done."""
    if entry.replay is not None and entry.replay.outcome is Outcome.STORED:
        return "all of it is stored since it was replayed"
    if entry.origin in _OTHERS:
        return f"it is {_OTHERS[entry.origin]}, and only telemetry can be replayed"
    if entry.truncated:
        return f"only the first {len(entry.raw)} of its {entry.size} bytes were kept"
    try:
        telemetry.decode(entry.raw)
    except EnvelopeError as exc:
        return f"its bytes are no telemetry that can be read, and no model mends that: {exc}"
    return None


def reassess(kept: Kept, model: DeviceModel | None, state: DeviceState) -> Reassessed | None:
    """The message by today's model and state, as of its own receipt; None where it cannot be read.

    It was received when it was: what the device said of the same instants since then stands.
    """
    entry = kept.entry
    message = Incoming(entry.id, kept.thing, entry.received_at, entry.raw)
    (one,) = assess([message], model, msgspec.structs.replace(state, boots=()), Room(state.latest))
    seen = one.observation
    if seen is None:
        return None
    # None is called fresh: an invocation that died may have written it.
    points = tuple(
        msgspec.structs.replace(point, fresh=False)
        for point in one.points
        if (point.metric, point.ts) not in kept.stored
    )
    first = all(fault.reason in _WHOLE for fault in entry.faults) and not state.has_seen(seen.boot, seen.seq)
    return Reassessed(seen.boot, seen.seq, points, one.faults, seen.unmodeled, first)


def settlement(kept: Kept, found: Reassessed, now: int) -> Settlement:
    stored = kept.stored | {(point.metric, point.ts) for point in found.points}
    return Settlement(found.outcome, now, found.faults, stored, len(found.points))


def state_with(state: DeviceState, kept: Kept, found: Reassessed) -> DeviceState:
    """The state once these points are stored, each replay counted once; the same one if there is nothing to learn."""
    first = (found.boot, found.seq) if found.first else None
    after = state.with_replay(kept.key, found.points, found.unmodeled, first)
    # What rules are still to see of `latest` is what it was before.
    return after if after is state else msgspec.structs.replace(after, rules=settled(state))
