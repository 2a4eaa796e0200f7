"""Takes up quarantined messages again when the queue says so: they are assessed by today's model, and stored once.

    read the entry → assess → history → state → settle the entry

The entry comes last and is settled only as it was read, so that a replay delivered again does the rest of it, or
nothing. The state remembers which replays it counted. Rules see nothing of them: what was late stays late.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import msgspec

from functions.domain.ingest import Fault
from functions.domain.live import latest_event
from functions.domain.quarantine import Outcome
from functions.domain.replays import Kept, Reassessed, obstacle, reassess, settlement, state_with
from functions.domain.state import Change, DeviceState
from functions.errors import AdapterError, StateError
from functions.ports.clock import Clock
from functions.ports.live import LivePublisher
from functions.ports.replays import Replays
from functions.ports.telemetry import TelemetryStore
from functions.services.engine import Engine

if TYPE_CHECKING:
    from functions.services.rulebook import Rulebook


class Replayed(msgspec.Struct):
    """What became of some replays; `failed` are to be delivered again, with the reason by the queue's id."""

    failed: dict[str, AdapterError] = msgspec.field(default_factory=dict)
    outcomes: Counter[Outcome] = msgspec.field(default_factory=Counter)
    points: int = 0


class ReplayQuarantined:
    def __init__(
        self,
        *,
        store: TelemetryStore,
        replays: Replays,
        engine: Engine,
        rulebook: "Rulebook",
        attempts: Iterable[int],
        live: LivePublisher,
        clock: Clock,
    ) -> None:
        self._store = store
        self._replays = replays
        self._engine = engine
        self._rulebook = rulebook
        self._attempts = attempts
        self._live = live
        self._clock = clock

    def take(self, wanted: Mapping[str, tuple[str, str]]) -> Replayed:
        """`wanted` has thing and entry, by the id that the queue gave each message."""
        done = Replayed()
        for id_, (thing, entry) in wanted.items():
            try:
                self._replay(thing, entry, done)
            except AdapterError as exc:
                done.failed[id_] = exc
        return done

    def _replay(self, thing: str, entry: str, done: Replayed) -> None:
        kept = self._replays.read(thing, entry)
        if kept is None or obstacle(kept.entry) is not None:
            return  # expired, or settled by the copy that was delivered first
        model = self._rulebook.models_of([thing])[thing]
        for _ in self._attempts:
            state = self._engine.read([thing])[thing]
            found = reassess(kept, model, state)
            if found is None:
                return
            found = self._stored(found)
            if self._counted(kept, found, state):
                break
        else:
            raise StateError(f"the state of {thing} was written by others at every attempt")
        if self._replays.settle(kept, settlement(kept, found, self._clock.now_ms())):
            done.outcomes[found.outcome] += 1
            done.points += len(found.points)

    def _stored(self, found: Reassessed) -> Reassessed:
        if not found.points:
            return found
        rejected = self._store.write(found.points)
        return found.without(
            {one.point: Fault(one.reason, one.detail, one.point.metric, one.point.ts) for one in rejected}
        )

    def _counted(self, kept: Kept, found: Reassessed, state: DeviceState) -> bool:
        """False when somebody else wrote the state meanwhile."""
        thing = kept.thing
        becomes = state_with(state, kept, found)
        if becomes is state:
            return True
        saved = self._engine.save({thing: Change(state=becomes, armed_before=state.armed, now=self._clock.now_ms())})
        if thing in saved.failed:
            raise StateError(saved.failed[thing])
        if thing in saved.conflicts:
            return False
        told = latest_event(thing, state.latest, becomes.latest)
        if told is not None:
            self._live.publish([told])
        return True
