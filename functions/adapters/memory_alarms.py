"""Alarms in memory: what the tables hold of them, as the ports read and change it. The reference of their suite."""

from collections.abc import Iterable, Sequence

from functions.adapters.dynamodb_alarm_items import day_place, open_place
from functions.adapters.memory import MemoryWorld
from functions.adapters.memory_audit import MemoryJournal
from functions.domain.alarms import Alarm, AlarmFilter, AlarmPage, AlarmTally, Step, StepKind, StepPage
from functions.domain.audit import Note
from functions.domain.cursors import seal, unseal
from functions.domain.outbox import ACT_WITHIN_MS, OutboxEntry, OutboxPage, TimersPage

_ONE_SHARD = "00"


class MemoryAlarms:
    """Alarms, timers and the outbox of a world, into which its state store writes."""

    def __init__(self, world: MemoryWorld, journal: MemoryJournal | None = None) -> None:
        self._kept = world.alarms
        self._world = world
        self.journal = journal or MemoryJournal()

    def read(self, thing: str, number: int) -> Alarm | None:
        return next((one for one in self._all() if (one.thing, one.number) == (thing, number)), None)

    def active(self, thing: str) -> list[Alarm]:
        found = [alarm for (of, _), alarm in self._kept.active.items() if of == thing]
        return sorted(found, key=lambda alarm: -alarm.number)

    def cleared(self, thing: str, limit: int, before: int | None) -> list[Alarm]:
        found = [alarm for (of, _), alarm in self._kept.cleared.items() if of == thing]
        left = [alarm for alarm in found if before is None or alarm.number < before]
        return sorted(left, key=lambda alarm: -alarm.number)[:limit]

    def tally(self, wanted: AlarmFilter, most: int) -> AlarmTally:
        page = self.page(wanted, most, None)
        found = ((one.severity, one.acknowledged, one.assignee is not None) for one in page.alarms)
        return AlarmTally.of(found, capped=page.cursor is not None)

    def page(self, wanted: AlarmFilter, limit: int, cursor: str | None) -> AlarmPage:
        place = day_place if wanted.cleared else open_place
        found = [one for one in self._all() if wanted.matches(one) and wanted.reach.covers(one.thing, one.group)]
        keyed = sorted(((place(one), one) for one in found), key=lambda pair: pair[0], reverse=wanted.cleared)
        if cursor is not None:
            after = str(unseal(cursor, wanted.question, (str,))[0])
            keyed = [pair for pair in keyed if (pair[0] < after if wanted.cleared else pair[0] > after)]
        page = keyed[:limit]
        more = len(keyed) > limit
        return AlarmPage(
            tuple(alarm for _, alarm in page), seal(wanted.question, (page[-1][0],)) if more and page else None
        )

    def history(self, thing: str, number: int, limit: int, before: int | None) -> StepPage:
        steps = self._kept.history.get((thing, number), [])
        left = [step for step in reversed(steps) if before is None or step.version < before]
        return StepPage(tuple(left[:limit]), left[limit - 1].version if len(left) > limit else None)

    def save(self, was: Alarm, becomes: Alarm, step: Step, notes: Sequence[Note] = ()) -> bool:
        if self.read(was.thing, was.number) != was:
            return False
        if becomes.active:
            self._kept.active[becomes.thing, becomes.rule] = becomes
        else:
            self._kept.cleared[becomes.thing, becomes.number] = becomes
        self._kept.add(becomes.thing, becomes.number, step)
        self.journal.append(*notes)
        return True

    def move(self, thing: str, group: str, now: int) -> list[Alarm]:
        moved = [alarm.moved_to(group, now) for alarm in self.active(thing) if alarm.group != group]
        for alarm in moved:
            self._kept.active[thing, alarm.rule] = alarm
            step = Step(version=alarm.version, at=now, did=StepKind.MOVED, group=group)
            self._kept.add(thing, alarm.number, step)
        return moved

    def _all(self) -> Iterable[Alarm]:
        return [*self._kept.active.values(), *self._kept.cleared.values()]


class MemoryTimers:
    def __init__(self, world: MemoryWorld) -> None:
        self._world = world

    def due(self, shard: str, until: int, after: str | None, limit: int) -> TimersPage:
        if shard != _ONE_SHARD:
            return TimersPage((), None)
        armed = {thing: state.armed for thing, state in self._world.states.items()}
        waiting = sorted((f"{at:013d}#{thing}", thing) for thing, at in armed.items() if at is not None and at <= until)
        left = [(key, thing) for key, thing in waiting if after is None or key > after]
        page = left[:limit]
        return TimersPage(tuple(thing for _, thing in page), page[-1][0] if len(left) > limit else None)

    def shards(self) -> Sequence[str]:
        return (_ONE_SHARD,)


class MemoryOutbox:
    def __init__(self, world: MemoryWorld) -> None:
        self.entries = world.alarms.outbox

    def read(self, thing: str, number: int, step: int) -> OutboxEntry | None:
        return self.entries.get((thing, number, step))

    def due(self, shard: str, until: int, after: str | None, limit: int) -> OutboxPage:
        if shard != _ONE_SHARD:
            return OutboxPage((), None)
        waiting = sorted(
            (f"{entry.at + ACT_WITHIN_MS:013d}#{thing}#{number:08d}#{step:04d}", (thing, number, step))
            for (thing, number, step), entry in self.entries.items()
            if entry.at + ACT_WITHIN_MS <= until
        )
        left = [(key, place) for key, place in waiting if after is None or key > after]
        page = left[:limit]
        return OutboxPage(tuple(place for _, place in page), page[-1][0] if len(left) > limit else None)

    def shards(self) -> Sequence[str]:
        return (_ONE_SHARD,)
