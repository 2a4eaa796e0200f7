"""What is known of one device: its last values, which messages were seen, its counters. Immutable; folding is pure."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Self

import msgspec

from contract.rules.rule import Action, Escalation
from contract.telemetry import Quality, Value
from functions.domain.access import By
from functions.domain.alarms import Alarm, Transition
from functions.domain.devices import Device
from functions.domain.outbox import OutboxEntry, bounded
from functions.domain.presence import Presence
from functions.domain.series import Point

if TYPE_CHECKING:
    from functions.domain.audit import Note

WINDOW = 512
"""How many of a boot's newest messages are told apart; what is older counts as new and is stored again, unharmed."""
MAX_BOOTS = 8
MAX_METRICS = 400
MAX_REPLAYS = 32
"""So many of the newest replays are known when they are delivered again; later their entries say that it was done."""
MAX_LATEST_BYTES = 58 * 1024
"""Of an item of 64 KB; the rest is room for stream, counters, presence and quarantine counts."""

AT_ONCE = 0
"""When a timer comes up for which something is left to be done."""

# Names of the four members, a timestamp, a quality and DynamoDB's overhead for a map and each member.
_ENTRY_BYTES = 60
_NUMBER_BYTES = 21


class Latest(msgspec.Struct, frozen=True, gc=False):
    """The last value of a metric. `unmodeled`: no model of the device knows the metric."""

    ts: int
    value: Value
    q: Quality
    unmodeled: bool = False


class Boot(msgspec.Struct, frozen=True, gc=False):
    """Messages of one start of the agent: bit `i` of `seen` is the message `high - i`."""

    boot: str
    high: int
    seen: int

    def has(self, seq: int) -> bool:
        behind = self.high - seq
        return 0 <= behind < WINDOW and bool(self.seen >> behind & 1)

    def with_seq(self, seq: int) -> "Boot":
        behind = self.high - seq
        if behind >= WINDOW:
            return self
        if behind >= 0:
            return Boot(self.boot, self.high, self.seen | 1 << behind)
        ahead = min(-behind, WINDOW)
        return Boot(self.boot, seq, (self.seen << ahead | 1) & (1 << WINDOW) - 1)


class Counters(msgspec.Struct, frozen=True, gc=False):
    """Since the device was first heard. `points` counts what was stored, `late` and `unmodeled` are among them."""

    messages: int = 0
    points: int = 0
    duplicates: int = 0
    late: int = 0
    unmodeled: int = 0

    def plus(self, other: "Counters") -> "Counters":
        return Counters(
            self.messages + other.messages,
            self.points + other.points,
            self.duplicates + other.duplicates,
            self.late + other.late,
            self.unmodeled + other.unmodeled,
        )


class Observation(msgspec.Struct, frozen=True):
    """What one message adds to the state. `unmodeled` names those of its metrics that no model knows."""

    boot: str
    seq: int
    points: tuple[Point, ...] = ()
    unmodeled: frozenset[str] = frozenset()
    duplicate: bool = False
    sent: int = 0


class DeviceState(msgspec.Struct, frozen=True):
    """`version` is that of the item it was read from, 0 when there is none; every write moves it.

    `rules` is what the engine keeps of the device, in its own encoding; `alarms` counts the alarms so far. `armed` is
    when the device's timer comes up. `pending` are transitions that are still to be committed, nearly always none.
    `presence` is read with the rest, perhaps without its sessions, and never written with it: it has its own owner.
    So has `device`, the registry's entry in the same item; None for one that is not registered, or not for lists.
    """

    version: int = 0
    latest: Mapping[str, Latest] = {}
    boots: tuple[Boot, ...] = ()
    counters: Counters = Counters()
    rules: bytes = b""
    alarms: int = 0
    armed: int | None = None
    pending: tuple[OutboxEntry, ...] = ()
    presence: Presence = Presence()
    device: Device | None = None
    replays: tuple[str, ...] = ()
    """Keys of the newest replays from the quarantine that were counted."""
    seen_at: int | None = None
    """When its newest telemetry was received; None where nobody wrote that down."""

    def has_seen(self, boot: str, seq: int) -> bool:
        return any(known.boot == boot and known.has(seq) for known in self.boots)

    def heard_at(self, received_at: int) -> Self:
        """With telemetry received then: the newest receipt stands, in whatever order they are told."""
        if self.seen_at is not None and self.seen_at >= received_at:
            return self
        return msgspec.structs.replace(self, seen_at=received_at)

    def with_observation(self, seen: Observation) -> Self:
        """In whatever order messages come, `latest` ends on the newest `ts` and each message counts once."""
        if seen.duplicate:
            return msgspec.structs.replace(self, counters=self.counters.plus(Counters(duplicates=1)))
        added = Counters(
            messages=1,
            points=len(seen.points),
            late=sum([point.late for point in seen.points]),
            unmodeled=sum([point.metric in seen.unmodeled for point in seen.points]) if seen.unmodeled else 0,
        )
        return msgspec.structs.replace(
            self,
            latest=merged(self.latest, seen.points, seen.unmodeled),
            boots=_boots_with(self.boots, seen.boot, seen.seq),
            counters=self.counters.plus(added),
        )

    def with_replay(
        self, key: str, points: tuple[Point, ...], unmodeled: frozenset[str], first: tuple[str, int] | None
    ) -> Self:
        """With points of a message that was quarantined. Of one that was never counted `first` is its boot and seq.

        The same state where there is nothing to learn, or the replay `key` was counted before.
        """
        if key in self.replays or not (points or first):
            return self
        added = Counters(
            messages=int(first is not None),
            points=len(points),
            late=sum(point.late for point in points),
            unmodeled=sum(point.metric in unmodeled for point in points),
        )
        boots = self.boots
        if first is not None:
            # An old boot does not become the newest by it, and one that is not known any more stays forgotten.
            boots = tuple(known.with_seq(first[1]) if known.boot == first[0] else known for known in boots)
        return msgspec.structs.replace(
            self,
            latest=merged(self.latest, points, unmodeled),
            boots=boots,
            counters=self.counters.plus(added),
            replays=(*self.replays, key)[-MAX_REPLAYS:],
        )


class Wanted(msgspec.Struct, frozen=True):
    """What a rule wants done about its alarms."""

    actions: tuple[Action, ...] = ()
    escalation: tuple[Escalation, ...] = ()


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """A device's state as it is to become, with what the engine found: one transaction, or nothing of it.

    `state.version` is what was read, and so is `state.pending`, which is committed first. `armed_before` is the timer
    as it was read. `wanted` has the rules that want something done. `group` is where the device is, `now` the time of
    writing. Of a person's change `by` says whose, and `notes` are kept with it.
    """

    state: DeviceState
    now: int = 0
    transitions: tuple[Transition, ...] = ()
    group: str = ""
    wanted: Mapping[str, Wanted] = {}
    armed_before: int | None = None
    by: By | None = None
    notes: "tuple[Note, ...]" = ()

    @property
    def rearmed(self) -> bool:
        return self.state.armed != self.armed_before

    @property
    def entries(self) -> tuple[OutboxEntry, ...]:
        """All that is to be committed, in order."""
        new = (
            OutboxEntry(
                transition=bounded(found),
                group=self.group,
                at=self.now,
                actions=self.wanted[found.rule].actions if found.rule in self.wanted else (),
                escalation=self.wanted[found.rule].escalation if found.rule in self.wanted else (),
                by=self.by,
            )
            for found in self.transitions
        )
        return (*self.state.pending, *new)


class Saved(msgspec.Struct, frozen=True):
    """What became of states that were to be written; all others were. `failed` says why, by thing.

    `alarms` are, by thing, the alarms as they stood after each transition that was committed, in order: each may be
    told and acted on now.
    """

    conflicts: frozenset[str] = frozenset()
    failed: Mapping[str, str] = {}
    alarms: Mapping[str, tuple[Alarm, ...]] = {}


def merged(latest: Mapping[str, Latest], points: Iterable[Point], unmodeled: frozenset[str]) -> Mapping[str, Latest]:
    """Latest values after `points`: a metric moves only to a newer `ts`, never for a late point; none is forgotten."""
    result: dict[str, Latest] | None = None
    for point in points:
        if not point.late and _moves((result or latest).get(point.metric), point):
            result = dict(latest) if result is None else result
            result[point.metric] = Latest(point.ts, point.value, point.quality, point.metric in unmodeled)
    return latest if result is None else result


def moves_latest(latest: Mapping[str, Latest], point: Point) -> bool:
    return not point.late and _moves(latest.get(point.metric), point)


def _moves(known: Latest | None, point: Point) -> bool:
    return known is None or point.ts > known.ts


def _boots_with(boots: tuple[Boot, ...], boot: str, seq: int) -> tuple[Boot, ...]:
    """The boot heard last stands last; the one not heard for longest is forgotten first."""
    known = next((other for other in boots if other.boot == boot), None)
    heard = Boot(boot, seq, 1) if known is None else known.with_seq(seq)
    return (*(other for other in boots if other.boot != boot), heard)[-MAX_BOOTS:]


class Room:
    """How much more `latest` may take up: bounds the item and a batch, however many metrics a device invents."""

    knows_all = True
    """Whether `latest` tells of every metric that was heard before."""

    def __init__(self, latest: Mapping[str, Latest]) -> None:
        self._names = set(latest)
        self._sizes = {metric: _size(metric, known.value) for metric, known in latest.items()}
        self._bytes = sum(self._sizes.values())

    def apart(self, latest: Mapping[str, Latest]) -> "Room":
        """Another one, in which nothing is taken up from this."""
        return Room(latest)

    def admit(self, metric: str, value: Value) -> bool:
        """Whether the value fits as the metric's last, in which case its room is taken."""
        size, known = _size(metric, value), self._sizes.get(metric, 0)
        if size == known:
            return True
        total = self._bytes + size - known
        grows = size > known
        if (grows and total > MAX_LATEST_BYTES) or not self.admit_name(metric):
            return False
        self._sizes[metric], self._bytes = size, total
        return True

    def admit_name(self, metric: str) -> bool:
        """Whether there may be one more metric of this name, be it without a last value; it counts from now on."""
        if metric not in self._names and len(self._names) >= MAX_METRICS:
            return False
        self._names.add(metric)
        return True


class Boundless(Room):
    """For what was admitted before, when it is read again without the state that it was admitted to."""

    knows_all = False

    def __init__(self) -> None:
        super().__init__({})

    def apart(self, latest: Mapping[str, Latest]) -> Room:  # noqa: ARG002 - the shape of Room
        return self

    def admit(self, metric: str, value: Value) -> bool:  # noqa: ARG002 - the shape of Room
        return True

    def admit_name(self, metric: str) -> bool:  # noqa: ARG002 - the shape of Room
        return True


def _size(metric: str, value: Value) -> int:
    return _ENTRY_BYTES + len(metric) + (len(value.encode()) if type(value) is str else _NUMBER_BYTES)
