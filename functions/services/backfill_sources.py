"""Reads what is to be moved, a slice at a time: bounded in points, days of devices and time, whatever a piece holds."""

from collections import Counter
from collections.abc import Iterable, Iterator

import msgspec

from contract.backfill import CopyRequest, Damage, Position
from contract.errors import DocumentError
from contract.ingest import LakeLine, decode_line
from functions.domain.ingest import Assessed, Incoming, assess
from functions.domain.series import Point
from functions.domain.state import Boundless, DeviceState
from functions.errors import DamagedObjectError
from functions.ports.clock import Clock
from functions.ports.telemetry import LakeReader, TelemetryStore
from functions.services.backfill_reading import DAY_MS, DayOfDevice, Span
from functions.services.rulebook import Rulebook

READ_MS = 60_000
"""An invocation of a minute or two shows progress, and seldom meets what cuts long idle connections."""
MAX_DEVICE_DAYS = 20_000
"""Each is a row of the answer, which Lambda bounds at 6 MB."""
MAX_BAD_LINES = 20
"""So many are named, all are counted."""

_BATCH_LINES = 1000
_BATCH_BYTES = 1_000_000


class Slice(msgspec.Struct):
    """What was read, the points of each message together, and from where to go on.

    `whole` are days of devices of which everything was read that the source holds within a time of the day.
    """

    of_messages: list[tuple[Point, ...]] = []
    points: int = 0
    next: Position | None = None
    lines: int = 0
    outside: int = 0
    bad_lines: int = 0
    damage: list[Damage] = []
    messages: int = 0
    duplicates: int = 0
    faults: Counter[str] = msgspec.field(default_factory=Counter)
    device_days: set[DayOfDevice] = set()
    whole: dict[DayOfDevice, Span] = {}

    def add(self, points: tuple[Point, ...]) -> None:
        self.of_messages.append(points)
        self.points += len(points)
        self.device_days.update((point.device, point.ts // DAY_MS) for point in points)

    def damaged(self, damage: Damage) -> None:
        if damage.line is None or self.bad_lines <= MAX_BAD_LINES:
            self.damage.append(damage)


class _Bounds:
    """When a slice holds enough."""

    def __init__(self, clock: Clock, max_points: int) -> None:
        self._clock = clock
        self._until = clock.now_ms() + READ_MS
        self._max_points = max_points

    def reached(self, read: Slice) -> bool:
        return (
            read.points >= self._max_points
            or len(read.device_days) >= MAX_DEVICE_DAYS
            or self._clock.now_ms() >= self._until
        )


class StoreSource:
    def __init__(self, store: TelemetryStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def read(self, request: CopyRequest) -> Slice:
        """Raises StoreError, CursorError."""
        piece, position = request.piece, request.position
        start, end = max(request.since, piece.day), min(request.until, piece.day + DAY_MS)
        read, bounds = Slice(), _Bounds(self._clock, request.max_points)
        day = piece.day // DAY_MS
        for item, device in enumerate(piece.devices):
            if item < position.item or start >= end:
                continue
            first = cursor = position.cursor if item == position.item else None
            while True:
                page = self._store.export(device, start, end, cursor)
                read.add(page.points)
                cursor = page.cursor
                if first is None and cursor is None:
                    read.whole[device, day] = (start, min(end, (day + 1) * DAY_MS))
                following = Position(item, cursor=cursor) if cursor else Position(item + 1)
                if bounds.reached(read) and following.item < len(piece.devices):
                    read.next = following
                    return read
                if cursor is None:
                    break
        return read


class LakeSource:
    """Raw messages become points as ingest made them: by the same rules, at the time of their receipt."""

    def __init__(self, lake: LakeReader, rulebook: Rulebook, clock: Clock) -> None:
        self._lake = lake
        self._rulebook = rulebook
        self._clock = clock

    def read(self, request: CopyRequest) -> Slice:
        """Raises LakeReadError, RegistryError. What cannot be read is named in the slice and stops nothing."""
        read, bounds = Slice(), _Bounds(self._clock, request.max_points)
        states: dict[str, DeviceState] = {}
        batch: list[LakeLine] = []
        size = 0
        for position, line in self._lines(request, read):
            if len(batch) >= _BATCH_LINES or size >= _BATCH_BYTES:
                self._add(batch, states, read)
                batch, size = [], 0
                if bounds.reached(read):
                    read.next = position
                    return read
            message = _decoded(line, request, position, read)
            if message is not None:
                batch.append(message)
                size += len(message.data)
        self._add(batch, states, read)
        return read

    def _lines(self, request: CopyRequest, read: Slice) -> Iterator[tuple[Position, bytes]]:
        for item, key in enumerate(request.piece.objects):
            if item < request.position.item:
                continue
            first = request.position.line if item == request.position.item else 0
            try:
                for number, line in enumerate(self._lake.lines(key, first), first):
                    yield Position(item, number), line
            except DamagedObjectError as exc:
                read.damaged(Damage(key, str(exc)))

    def _add(self, batch: list[LakeLine], states: dict[str, DeviceState], read: Slice) -> None:
        of_things: dict[str, list[Incoming]] = {}
        for line in batch:
            of_things.setdefault(line.thing, []).append(Incoming("", line.thing, line.received_at, line.data))
        models = self._rulebook.models_of(of_things)
        for thing, messages in of_things.items():
            state = states.get(thing, DeviceState())
            # What ingest had room for, it had room for beside a state that is not known here.
            assessed = assess(messages, models[thing], state, Boundless())
            states[thing] = _having_seen(state, assessed)
            for one in assessed:
                read.add(one.points)
                read.messages += one.observation is not None and not one.observation.duplicate
                read.duplicates += one.observation is not None and one.observation.duplicate
                read.faults.update(fault.reason for fault in one.faults)


def _having_seen(state: DeviceState, assessed: Iterable[Assessed]) -> DeviceState:
    """The state with the numbers of these messages, by which repeated ones are known; values do not matter here."""
    for one in assessed:
        if one.observation is not None:
            state = state.with_observation(msgspec.structs.replace(one.observation, points=()))
    return state


def _decoded(line: bytes, request: CopyRequest, position: Position, read: Slice) -> LakeLine | None:
    if not line.strip():
        return None
    read.lines += 1
    try:
        message = decode_line(line)
    except DocumentError as exc:
        read.bad_lines += 1
        read.damaged(Damage(request.piece.objects[position.item], str(exc), position.line))
        return None
    if not request.since <= message.received_at < request.until:
        read.outside += 1
        return None
    return message
