"""Every port in memory: exact semantics, no durability. For tests of use cases, and as the reference of the suites."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec

from contract.ingest import LakeLine
from functions.domain.alarms import Alarm, Step
from functions.domain.cursors import seal, unseal
from functions.domain.events import DeviceEvent, EventFilter, EventPage
from functions.domain.ingest import QuarantineEntry
from functions.domain.outbox import OutboxEntry, folded
from functions.domain.presence import Presence
from functions.domain.quarantine import (
    REPEAT_MS,
    NoticePage,
    Quarantined,
    QuarantineNotice,
    QuarantinePage,
    Replay,
    digest_of,
    entry_id,
)
from functions.domain.retention import Horizon
from functions.domain.series import (
    Binner,
    Capabilities,
    DevicesPage,
    Point,
    PointsPage,
    RawRow,
    Rejected,
    Row,
    SeriesPage,
    SeriesQuery,
    bin_start,
    newest,
)
from functions.domain.state import Change, DeviceState, Saved
from functions.domain.status import DeviceStatus
from functions.errors import CursorError
from functions.ports.clock import Clock

if TYPE_CHECKING:
    from functions.adapters.memory_audit import MemoryJournal

_EXPORT_POINTS = 1000
_DEVICES = 100


class ManualClock:
    """Time that moves only when told to."""

    def __init__(self, now_ms: int) -> None:
        self.now = now_ms

    def now_ms(self) -> int:
        return self.now


class MemoryTelemetryStore:
    def __init__(self, *, clock: Clock, retention_ms: int) -> None:
        self._clock = clock
        self._retention_ms = retention_ms
        self._points: dict[tuple[str, str, int], Point] = {}

    def capabilities(self) -> Capabilities:
        return Capabilities(name="memory", deletes=True, breaks_ties=True)

    def write(self, points: Sequence[Point]) -> list[Rejected]:
        horizon = self._horizon()
        rejected = [refusal for refusal in map(horizon.refusal, points) if refusal is not None]
        taken = [msgspec.structs.replace(one, fresh=False) for one in points if horizon.refusal(one) is None]
        self._points = newest([*self._points.values(), *taken])
        return rejected

    def recount(self, points: Sequence[Point]) -> None:
        """Nothing to do: what is written again lands on what is there."""

    def series(self, query: SeriesQuery) -> SeriesPage:
        question = (query.device, query.metrics, query.start, query.end, query.bin_ms, query.aggregates)
        start, end = self._horizon().clamp(query.start, query.end)
        points = sorted(
            (
                point
                for point in self._points.values()
                if point.device == query.device and point.metric in query.metrics and start <= point.ts < end
            ),
            key=lambda point: (point.ts, point.metric),
        )
        rows = _raw_rows(points) if query.bin_ms is None else _bin_rows(points, query.bin_ms, query)
        if query.cursor is not None:
            ts, metric = unseal(query.cursor, question, (int, str))
            first = query.start if query.bin_ms is None else bin_start(query.start, query.bin_ms)
            if not first <= int(ts) < query.end:
                raise CursorError(query.cursor)
            rows = [row for row in rows if (row.ts, row.metric) > (ts, metric)]
        page = rows[: query.limit]
        more = len(rows) > query.limit
        return SeriesPage(tuple(page), seal(question, (page[-1].ts, page[-1].metric)) if more else None)

    def export(self, device: str, start: int, end: int, cursor: str | None = None) -> PointsPage:
        question = ("export", device, start, end)
        after = (start, "") if cursor is None else _export_position(cursor, question)
        start, end = self._horizon().clamp(start, end)
        found = sorted(
            (
                point
                for point in self._points.values()
                if point.device == device and start <= point.ts < end and (point.ts, point.metric) > after
            ),
            key=lambda point: (point.ts, point.metric),
        )
        page = found[:_EXPORT_POINTS]
        more = len(found) > len(page)
        return PointsPage(tuple(page), seal(question, (page[-1].ts, page[-1].metric)) if more else None)

    def devices(self, cursor: str | None = None) -> DevicesPage:
        after = "" if cursor is None else str(unseal(cursor, ("telemetry",), (str,))[0])
        oldest = self._horizon().oldest
        found = sorted({point.device for point in self._points.values() if point.ts >= oldest and point.device > after})
        page = found[:_DEVICES]
        return DevicesPage(tuple(page), seal(("telemetry",), (page[-1],)) if len(found) > len(page) else None)

    def delete(self, device: str, start: int, end: int) -> None:
        self._points = {
            key: point for key, point in self._points.items() if point.device != device or not start <= point.ts < end
        }

    def _horizon(self) -> Horizon:
        return Horizon(self._clock.now_ms(), self._retention_ms)


def _export_position(cursor: str, question: tuple[str, str, int, int]) -> tuple[int, str]:
    ts, metric = unseal(cursor, question, (int, str))
    if not question[2] <= int(ts) < question[3]:
        raise CursorError(cursor)
    return int(ts), str(metric)


def _raw_rows(points: Iterable[Point]) -> list[Row]:
    return [RawRow(point.ts, point.metric, point.value, point.quality, point.late) for point in points]


def _bin_rows(points: Iterable[Point], bin_ms: int, query: SeriesQuery) -> list[Row]:
    binner = Binner(bin_ms, query.aggregates)
    for point in points:
        binner.add(point.metric, [point.ts], [point.value])
    return [*binner.complete()]


class AlarmTables:
    """Alarms as they are kept: active ones by device and rule, cleared ones, histories, and what is to be acted on."""

    def __init__(self) -> None:
        self.active: dict[tuple[str, str], Alarm] = {}
        self.cleared: dict[tuple[str, int], Alarm] = {}
        self.history: dict[tuple[str, int], list[Step]] = {}
        self.outbox: dict[tuple[str, int, int], OutboxEntry] = {}

    def add(self, thing: str, number: int, step: Step) -> None:
        self.history.setdefault((thing, number), []).append(step)

    def commit(self, thing: str, entries: Sequence[OutboxEntry]) -> tuple[Alarm, ...]:
        what = folded({rule: alarm for (of, rule), alarm in self.active.items() if of == thing}, entries)
        for rule, alarm in what.active.items():
            self.active.pop((thing, rule), None)
            if alarm is not None:
                self.active[thing, rule] = alarm
        self.cleared |= {(thing, alarm.number): alarm for alarm in what.cleared}
        for number, step in what.steps:
            self.add(thing, number, step)
        self.outbox |= {entry.place: entry for entry in what.entries}
        return what.stages


class MemoryWorld:
    """What the use cases see of devices: state, presence and quarantine counts side by side, as in one item."""

    def __init__(self) -> None:
        self.alarms = AlarmTables()
        self.states: dict[str, DeviceState] = {}
        self.presences: dict[str, Presence] = {}
        self.quarantined: dict[str, dict[str, int]] = {}
        self.quarantined_at: dict[str, int] = {}
        self.agents: dict[str, tuple[int, str]] = {}

    def statuses(self, things: Iterable[str], *, engine: bool = False) -> dict[str, DeviceStatus]:
        return {
            thing: DeviceStatus(
                self._state(thing, engine=engine),
                self.presences.get(thing, Presence()),
                dict(self.quarantined.get(thing, {})),
                self.quarantined_at.get(thing),
                self.agents[thing][1] if thing in self.agents else None,
            )
            for thing in things
            if any(thing in known for known in (self.states, self.presences, self.quarantined, self.agents))
        }

    def _state(self, thing: str, *, engine: bool) -> DeviceState:
        state = self.states.get(thing, DeviceState())
        return state if engine else msgspec.structs.replace(state, rules=b"")


class MemoryStateStore:
    def __init__(self, world: MemoryWorld, journal: "MemoryJournal | None" = None) -> None:
        self._world = world
        self._journal = journal

    def read(self, things: Iterable[str]) -> dict[str, DeviceState]:
        return {thing: self._read(thing) for thing in things}

    def _read(self, thing: str) -> DeviceState:
        settled = msgspec.structs.replace(self._world.presences.get(thing, Presence()), sessions=())
        return msgspec.structs.replace(self._world.states.get(thing, DeviceState()), presence=settled)

    def save(self, changes: Mapping[str, Change]) -> Saved:
        conflicts = set()
        alarms = {}
        for thing, change in changes.items():
            state = change.state
            known = self._world.states.get(thing, DeviceState())
            if known.version != state.version:
                conflicts.add(thing)
                continue
            self._world.states[thing] = msgspec.structs.replace(
                state, version=state.version + 1, pending=(), presence=Presence()
            )
            if entries := change.entries:
                alarms[thing] = self._world.alarms.commit(thing, entries)
            if change.notes:
                if self._journal is None:
                    raise ValueError("journal: expected where notes are kept, got none")
                self._journal.append(*change.notes)
        return Saved(frozenset(conflicts), alarms=alarms)


class MemoryPresenceStore:
    def __init__(self, world: MemoryWorld) -> None:
        self._world = world

    def read(self, thing: str) -> Presence:
        return self._world.presences.get(thing, Presence())

    def save(self, thing: str, presence: Presence) -> bool:
        if self.read(thing).revision != presence.revision:
            return False
        self._world.presences[thing] = msgspec.structs.replace(presence, revision=presence.revision + 1)
        return True


class MemoryQuarantine:
    def __init__(self, world: MemoryWorld) -> None:
        self._world = world
        self.entries: dict[tuple[str, int, bytes], QuarantineEntry] = {}
        self.replays: dict[tuple[str, int, bytes], Replay] = {}
        self._seen: dict[tuple[str, bytes], int] = {}

    def put(self, entries: Sequence[QuarantineEntry]) -> None:
        for entry in entries:
            key = (entry.thing, entry.received_at, entry.raw)
            seen = self._seen.get((entry.thing, entry.raw))
            repeated = seen is not None and entry.received_at < seen + REPEAT_MS
            if key not in self.entries and not repeated:
                self.entries[key] = entry
                self._seen[entry.thing, entry.raw] = entry.received_at
                self._world.quarantined_at[entry.thing] = entry.received_at
                counts = self._world.quarantined.setdefault(entry.thing, {})
                for reason in entry.reasons:
                    counts[reason] = counts.get(reason, 0) + 1

    def page(self, thing: str, limit: int, cursor: str | None) -> QuarantinePage:
        found = sorted((key for key in self.entries if key[0] == thing), key=lambda key: (-key[1], key[2]))
        first = 0 if cursor is None else int(unseal(cursor, ("quarantine", thing), (int,))[0])
        entries = tuple(self._entry(key) for key in found[first : first + limit])
        more = len(found) > first + limit
        return QuarantinePage(entries, seal(("quarantine", thing), (first + limit,)) if more else None)

    def entry(self, thing: str, entry: str) -> Quarantined | None:
        found = (self._entry(key) for key in self.entries if key[0] == thing)
        return next((one for one in found if one.id == entry), None)

    def of_day(self, day: str, limit: int, cursor: str | None) -> NoticePage:
        question = ("quarantine of", day)
        keys = (key for key in self.entries if _day_of(key[1]) == day)
        found = sorted(keys, key=lambda key: (key[1], key[0], digest_of(key[2])), reverse=True)
        first = 0 if cursor is None else int(unseal(cursor, question, (int,))[0])
        notices = tuple(
            QuarantineNotice(thing, entry_id(at, digest_of(raw)), at, self.entries[thing, at, raw].reasons, len(raw))
            for thing, at, raw in found[first : first + limit]
        )
        more = len(found) > first + limit
        return NoticePage(notices, seal(question, (first + limit,)) if more else None)

    def _entry(self, key: tuple[str, int, bytes]) -> Quarantined:
        _, at, raw = key
        name, known = entry_id(at, digest_of(raw)), self.entries[key]
        return Quarantined(
            name,
            at,
            raw,
            len(raw),
            truncated=False,
            faults=known.faults,
            origin=known.origin,
            replay=self.replays.get(key),
        )


def _day_of(ms: int) -> str:
    return f"{datetime.fromtimestamp(ms // 1000, UTC):%Y-%m-%d}"


class MemoryAgentVersions:
    def __init__(self, world: MemoryWorld) -> None:
        self._world = world

    def save(self, thing: str, version: str, at: int) -> None:
        known = self._world.agents.get(thing)
        if known is None or known[0] <= at:
            self._world.agents[thing] = (at, version)


class MemoryEventLog:
    def __init__(self) -> None:
        self._events: dict[tuple[str, int, bytes], DeviceEvent] = {}

    @property
    def events(self) -> list[DeviceEvent]:
        return [*self._events.values()]

    def append(self, event: DeviceEvent) -> None:
        self._events[event.thing, event.at, event.raw] = event

    def page(self, wanted: EventFilter, limit: int, cursor: str | None) -> EventPage:
        question = ("events", wanted.thing, wanted.kind)
        found = sorted(
            (
                ((event.at, digest_of(event.raw)), event)
                for event in self._events.values()
                if event.thing == wanted.thing
                and wanted.start <= event.at < wanted.end
                and wanted.kind in {None, event.kind}
            ),
            key=lambda pair: pair[0],
            reverse=True,
        )
        if cursor is not None:
            before = tuple(unseal(cursor, question, (int, str)))
            found = [pair for pair in found if pair[0] < before]
        page = found[:limit]
        more = len(found) > limit
        return EventPage(tuple(event for _, event in page), seal(question, page[-1][0]) if more else None)


class MemoryLake:
    def __init__(self) -> None:
        self.lines: list[LakeLine] = []

    def append(self, lines: Sequence[LakeLine]) -> None:
        self.lines.extend(lines)


class MemorySettleLater:
    def __init__(self) -> None:
        self.scheduled: list[tuple[str, str]] = []

    def schedule(self, thing: str, session: str) -> None:
        self.scheduled.append((thing, session))
