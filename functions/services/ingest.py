"""Stores a batch of telemetry messages. Every step may be repeated: what was done already changes nothing.

    decode → read state → assess → history → quarantine → lake → rules → state → tell those who watch

The state comes last and is conditional on what was read, so a message counts as seen once all else is done with it.
The lake, which alone keeps every copy, comes as late as can be: what waits for its store is not appended each time.
When another invocation was faster with a device, that device's messages go through again from the state on, but not
into the lake.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from contract import ingest as wrapper
from contract.errors import DocumentError
from contract.ingest import LakeLine
from functions.domain.ingest import Assessed, Fault, Incoming, assess, inputs_of, state_after
from functions.domain.live import latest_event
from functions.domain.quarantine import Outcome
from functions.domain.spared import assess_usual, spared
from functions.errors import AdapterError, LakeError, PartialWriteError, QuarantineError, QueueMessageError, StoreError
from functions.ports.live import LivePublisher
from functions.ports.logs import Quarantine
from functions.ports.telemetry import Lake, TelemetryStore
from functions.services.engine import Engine, RulesBehindError
from functions.services.replay import ReplayQuarantined
from functions.services.rulebook import Rulebook, Standing

if TYPE_CHECKING:
    from contract.models import DeviceModel
    from functions.domain.series import Point, Rejected
    from functions.domain.state import Change, DeviceState


class Report(msgspec.Struct):
    """What became of a batch. `failed` are ids to deliver again; `problems` says why, each once."""

    failed: set[str] = msgspec.field(default_factory=set)
    problems: list[str] = msgspec.field(default_factory=list)
    messages: int = 0
    points: int = 0
    duplicates: int = 0
    late: int = 0
    quarantined: Counter[str] = msgspec.field(default_factory=Counter)
    replayed: Counter[Outcome] = msgspec.field(default_factory=Counter)
    transitions: Counter[str] = msgspec.field(default_factory=Counter)
    refused: set[tuple[str, str]] = msgspec.field(default_factory=set)
    """Devices, each with a rule that their state has no room for."""
    alone: list[str] = msgspec.field(default_factory=list)
    """Devices whose messages could not be read together, each with why: a bug, though nothing was lost by it."""

    def fail(self, ids: Iterable[str], problem: Exception | str) -> None:
        self.failed.update(ids)
        if str(problem) not in self.problems:
            self.problems.append(str(problem))

    def count(self, one: Assessed) -> None:
        seen = one.observation
        self.messages += seen is not None and not seen.duplicate
        self.duplicates += seen is not None and seen.duplicate
        self.points += len(one.points)
        self.late += sum(point.late for point in one.points)
        if one.entry is not None:
            self.quarantined.update(one.entry.reasons)


_Batch = dict[str, list[Incoming]]


class Ingest:
    def __init__(
        self,
        *,
        lake: Lake,
        store: TelemetryStore,
        quarantine: Quarantine,
        engine: Engine,
        rulebook: Rulebook,
        attempts: Iterable[int],
        live: LivePublisher,
        replays: ReplayQuarantined,
    ) -> None:
        self._lake = lake
        self._store = store
        self._quarantine = quarantine
        self._engine = engine
        self._rulebook = rulebook
        self._attempts = attempts
        self._live = live
        self._replays = replays

    def take(self, bodies: Mapping[str, bytes | str]) -> Report:
        """Queue bodies by the id that the queue gave each."""
        report = Report()
        batch: _Batch = {}
        again: dict[str, tuple[str, str]] = {}
        for message in _decoded(bodies, report, again):
            batch.setdefault(message.thing, []).append(message)
        self._store_batch(batch, report)
        if again:  # they are no device's messages of now, and come behind those
            replayed = self._replays.take(again)
            report.replayed.update(replayed.outcomes)
            for id_, problem in replayed.failed.items():
                report.fail([id_], problem)
        return report

    def _store_batch(self, batch: _Batch, report: Report) -> None:
        if not batch:
            return
        in_lake: set[str] = set()
        try:
            for _ in self._attempts:
                batch = self._store_devices(batch, in_lake, report)
                if not batch:  # before the next turn, which would wait
                    return
        except AdapterError as exc:
            report.fail(_ids(batch), exc)
            return
        report.fail(_ids(batch), "the state of a device was written by others at every attempt")

    def _store_devices(self, batch: _Batch, in_lake: set[str], report: Report) -> _Batch:
        """Returns the devices whose state somebody else wrote meanwhile, to do again."""
        states = self._engine.read([*batch])
        standings = self._rulebook.standings(states)
        looks: dict[str, _Look] = {}
        assessed = {
            thing: _assessed(some, standings[thing], states[thing], looks, report) for thing, some in batch.items()
        }
        first = {thing: assessed[thing] for thing in looks}
        assessed = self._into_history(assessed, report)
        assessed = self._recounted(assessed, report)
        assessed = self._into_quarantine(assessed, report)
        assessed = self._into_lake(assessed, in_lake, report)
        # All of a device's messages go the long way if anything became of one of them meanwhile.
        looks = {thing: one for thing, one in looks.items() if _are_same(first[thing], assessed[thing])}
        changes, behind = self._evaluated(states, standings, assessed, looks, report)
        if behind:
            self._rulebook.snapshot(consistent=True)
        saved = self._engine.save(changes)
        for thing, why in saved.failed.items():
            report.fail((one.message.id for one in assessed[thing]), why)
        for thing, some in assessed.items():
            if thing not in saved.conflicts and thing not in saved.failed and thing not in behind:
                for one in some:
                    report.count(one)
        stored = changes.keys() - saved.conflicts - saved.failed.keys()
        for thing in stored:
            report.transitions.update(str(found.kind) for found in changes[thing].transitions)
        self._live.publish(
            [
                event
                for thing in stored
                if (event := latest_event(thing, states[thing].latest, changes[thing].state.latest)) is not None
            ]
        )
        return {thing: [one.message for one in assessed[thing]] for thing in saved.conflicts | behind}

    def _evaluated(
        self,
        states: "Mapping[str, DeviceState]",
        standings: Mapping[str, Standing],
        assessed: dict[str, list[Assessed]],
        looks: Mapping[str, "_Look"],
        report: Report,
    ) -> "tuple[dict[str, Change], set[str]]":
        """What becomes of each device of which something was learned, and those whose rules are known better elsewhere.

        These are done again, as after a conflict.
        """
        changes, behind = {}, set()
        for thing, some in assessed.items():
            before, look = states[thing], looks.get(thing)
            start, after = (before, state_after(before, some)) if look is None else (look.start, look.after)
            if after is start:
                if start is not before:
                    changes[thing] = self._engine.spared(before, _heard(after, some))
                continue
            inputs, duplicates = inputs_of(some if look is None else some[look.spared :])
            try:
                change, refused = self._engine.change(
                    thing, start, _heard(after, some), standings[thing], inputs, duplicates=duplicates
                )
            except RulesBehindError:
                behind.add(thing)
                continue
            except Exception as exc:  # noqa: BLE001 - a bug that one device trips must not hold up all others
                report.fail((one.message.id for one in some), f"the rules of {thing}: {type(exc).__name__}: {exc}")
                assessed[thing] = []
                continue
            changes[thing] = change
            report.refused.update((thing, rule) for rule in refused)
        return changes, behind

    def _into_history(self, assessed: dict[str, list[Assessed]], report: Report) -> dict[str, list[Assessed]]:
        points = [point for some in assessed.values() for one in some for point in one.points]
        if not points:
            return assessed
        lost: set[Point] = set()
        try:
            rejected: Sequence[Rejected] = self._store.write(points)
        except PartialWriteError as exc:
            rejected = exc.rejected
            lost = {points[position] for position in exc.failed}
            ids = (one.message.id for some in assessed.values() for one in some if not lost.isdisjoint(one.points))
            report.fail(ids, exc)
        faults = {one.point: Fault(one.reason, one.detail, one.point.metric, one.point.ts) for one in rejected}
        return {
            thing: [one.without(faults) for one in some if lost.isdisjoint(one.points)]
            for thing, some in assessed.items()
        }

    def _recounted(self, assessed: dict[str, list[Assessed]], report: Report) -> dict[str, list[Assessed]]:
        """Of messages seen before: another copy may have been written when nobody had seen either."""
        again = [point for some in assessed.values() for one in some for point in one.again]
        if not again:
            return assessed
        try:
            self._store.recount(again)
        except StoreError as exc:
            report.fail((one.message.id for some in assessed.values() for one in some if one.again), exc)
            return {thing: [one for one in some if not one.again] for thing, some in assessed.items()}
        return assessed

    def _into_quarantine(self, assessed: dict[str, list[Assessed]], report: Report) -> dict[str, list[Assessed]]:
        faulty = [(one, entry) for some in assessed.values() for one in some if (entry := one.entry) is not None]
        if not faulty:
            return assessed
        try:
            self._quarantine.put([entry for _, entry in faulty])
        except QuarantineError as exc:
            failed = {faulty[position][0].message.id for position in exc.failed}
            report.fail(failed, exc)
            return {thing: [one for one in some if one.message.id not in failed] for thing, some in assessed.items()}
        return assessed

    def _into_lake(
        self, assessed: dict[str, list[Assessed]], in_lake: set[str], report: Report
    ) -> dict[str, list[Assessed]]:
        """`in_lake` are the ids of messages that are there already, and of those that come there now."""
        messages = [one.message for some in assessed.values() for one in some if one.message.id not in in_lake]
        lines = [LakeLine(thing=one.thing, received_at=one.received_at, data=one.data) for one in messages]
        failed: set[str] = set()
        try:
            if lines:
                self._lake.append(lines)
        except LakeError as exc:
            failed = {messages[position].id for position in exc.failed}
            report.fail(failed, exc)
        in_lake.update(one.id for one in messages if one.id not in failed)
        return {thing: [one for one in some if one.message.id not in failed] for thing, some in assessed.items()}


def _decoded(bodies: Mapping[str, bytes | str], report: Report, again: dict[str, tuple[str, str]]) -> list[Incoming]:
    """Messages of devices; what is to be taken up again goes into `again` instead, as thing and entry by its id."""
    messages = []
    for id_, body in bodies.items():
        try:
            message = wrapper.decode(body)
        except DocumentError as exc:
            report.fail([id_], QueueMessageError(f"not a message of the topic rule: {exc}"))
            continue
        if message.replay:
            again[id_] = (message.thing, message.replay)
            continue
        messages.append(Incoming(id_, message.thing, message.received_at, message.data))
    return messages


class _Look(NamedTuple):
    """What was found of a device's messages: nothing comes of the first `spared` ones, which lead to `start`."""

    spared: int
    start: "DeviceState"
    after: "DeviceState"


def _assessed(
    messages: list[Incoming], standing: Standing, state: "DeviceState", looks: dict[str, _Look], report: Report
) -> list[Assessed]:
    try:
        tags = {} if standing.device is None else standing.device.tags
        spare = spared(messages, state, standing.program, tags)
        first, start, rest = ([], state, messages) if spare is None else (spare.assessed(), spare.after, spare.rest)
        assessed, after = assess_usual(rest, start, standing.program) if rest else ([], start)
    except Exception as exc:  # noqa: BLE001 - a bug that one message trips must hold up no other
        report.alone.append(f"{messages[0].thing}: {type(exc).__name__}: {exc}")
        return _assessed_alone(messages, standing.model, state, report)
    looks[messages[0].thing] = _Look(len(first), start, after)
    return first + assessed


def _assessed_alone(
    messages: list[Incoming], model: "DeviceModel | None", state: "DeviceState", report: Report
) -> list[Assessed]:
    """One after the other, without those that trip the bug."""
    assessed: list[Assessed] = []
    for message in sorted(messages, key=lambda message: message.received_at):
        try:
            (one,) = assess([message], model, state)
            state = state_after(state, [one])
        except Exception as exc:  # noqa: BLE001 - as above
            report.fail([message.id], f"{type(exc).__name__}: {exc}")
        else:
            assessed.append(one)
    return assessed


def _heard(state: "DeviceState", some: list[Assessed]) -> "DeviceState":
    return state.heard_at(max([one.message.received_at for one in some]))


def _are_same(some: list[Assessed], others: list[Assessed]) -> bool:
    return len(some) == len(others) and all(one is other for one, other in zip(some, others, strict=True))


def _ids(batch: _Batch) -> Iterable[str]:
    return (message.id for some in batch.values() for message in some)
