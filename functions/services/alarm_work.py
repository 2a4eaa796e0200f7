"""The alarms function: whatever has rules looked at besides a message of the device itself. One queue for all."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Protocol

from functions.domain import alarm_work
from functions.domain.access import EVERYTHING, Reach
from functions.domain.alarm_work import TICKS_S, Refresh, SweepTimers, Tick, Wake
from functions.domain.devices import DeviceFilter
from functions.errors import AdapterError, QueueMessageError
from functions.ports.alarms import AlarmsQueue, TimerIndex
from functions.ports.clock import Clock
from functions.ports.devices import DeviceRegistry

SWEPT = 25
"""Devices that a sweep takes of a shard at a time; what is left goes on in a message of its own."""
REFRESHED = 100
"""Devices of a scope that are evaluated at a time."""
SWEEP_MS = 20_000
"""So long a sweep begins with further devices; then the next one is there, and does not compete with it."""
Report = Counter[str]


class Evaluating(Protocol):
    def run(self, thing: str, *, fresh: bool) -> Report:
        """Where its rules stand now; `fresh` when the registry may say something new of it. Raises AdapterError."""
        ...


class AlarmWork:
    """`side_by_side` runs a function of each item, several at a time."""

    def __init__(
        self,
        *,
        timers: TimerIndex,
        evaluate: Evaluating,
        registry: DeviceRegistry,
        queue: AlarmsQueue,
        clock: Clock,
        side_by_side: Callable[[Callable[[str], Report], Sequence[str]], list[Report]],
    ) -> None:
        self._timers = timers
        self._evaluate = evaluate
        self._registry = registry
        self._queue = queue
        self._clock = clock
        self._side_by_side = side_by_side

    def take(self, body: bytes | str) -> Report:
        """One queue body, of whatever kind; what came of it, to be counted. Raises QueueMessageError, AdapterError."""
        match alarm_work.decode_alarms(body):
            case Tick():
                for delay_s in TICKS_S:
                    self._queue.put(SweepTimers(), delay_s=delay_s)
                return Counter()
            case SweepTimers() as sweep:
                return self._sweep(sweep)
            case Wake() as wake:
                return self._evaluate.run(wake.thing, fresh=True) + Counter(woken=1)
            case Refresh() as refresh:
                return self._refresh(refresh)

    def _sweep(self, sweep: SweepTimers) -> Report:
        """Never fails: what is left over stays due, and the next sweep begins with it, in twenty seconds."""
        until = self._clock.now_ms() if sweep.until is None else sweep.until
        shards = self._timers.shards() if sweep.shard is None else (sweep.shard,)
        after, report, things = sweep.after, Report(), dict[str, None]()
        for shard in shards:
            try:
                page = self._timers.due(shard, until, after, SWEPT)
                things.update(dict.fromkeys(page.things))
                if page.after is not None:
                    self._queue.put(SweepTimers(shard=shard, until=until, after=page.after))
            except AdapterError:
                report["unswept_shards"] += 1
        report["due"] += len(things)
        over = self._clock.now_ms() + SWEEP_MS
        return sum(self._side_by_side(lambda thing: self._swept(thing, over), list(things)), report)

    def _swept(self, thing: str, over: int) -> Report:
        if self._clock.now_ms() >= over:
            return Report(unswept=1)
        try:
            return self._evaluate.run(thing, fresh=False)
        except AdapterError:
            # It stays due, so the next sweep comes back to it; the others must not wait for it.
            return Report(unswept=1)

    def _refresh(self, refresh: Refresh) -> Report:
        wanted = _devices_of(refresh.scope)
        page = self._registry.page(wanted, REFRESHED, refresh.after)
        things = [device.thing for device in page.devices]
        report = sum(self._side_by_side(self._refreshed, things), Report(refreshed=len(things)))
        # Last, so that a message which comes again goes over one page again and not over all that follow.
        if page.cursor is not None:
            self._queue.put(Refresh(scope=refresh.scope, reason=refresh.reason, after=page.cursor))
        return report

    def _refreshed(self, thing: str) -> Report:
        try:
            return self._evaluate.run(thing, fresh=True)
        except AdapterError:
            self._queue.put(Wake(thing=thing))
            return Report(unrefreshed=1)


def _devices_of(scope: str) -> DeviceFilter:
    """Raises QueueMessageError for what is no scope."""
    kind, _, name = scope.partition(":")
    everywhere = Reach(everything=True)
    match kind:
        case "*" if scope == EVERYTHING:
            return DeviceFilter(reach=everywhere)
        case "model" if name:
            return DeviceFilter(reach=everywhere, model=name)
        case "group" if name:
            return DeviceFilter(reach=everywhere, group=name)
        case "device" if name:
            return DeviceFilter(reach=Reach(things=(name,)))
    raise QueueMessageError(f"scope: expected *, model:…, group:… or device:…, got {scope[:100]!r}")
