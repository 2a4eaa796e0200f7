"""The actions function: transitions to act on, deliveries to attempt, and what is due. One queue for all."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final, Protocol, TypeVar

from functions.domain import alarm_work
from functions.domain.alarm_work import TICKS_S, Act, Deliver, SweepDeliveries, SweepOutbox, Tick
from functions.domain.deliveries import LEASE_MS, Due
from functions.errors import AdapterError
from functions.ports.alarms import ActionsQueue, Outbox
from functions.ports.clock import Clock
from functions.ports.deliveries import DeliveryStore
from functions.services.act import Acting
from functions.services.deliver import Delivering

SWEPT: Final = 25
"""What a sweep takes of a shard at a time; the rest goes on in a message of its own."""
Report = Counter[str]
_Item = TypeVar("_Item")


class SideBySide(Protocol):
    """Runs a function of each item, several at a time."""

    def __call__(self, call: Callable[[_Item], Report], items: Sequence[_Item]) -> list[Report]: ...


class ActionsWork:
    def __init__(
        self,
        *,
        outbox: Outbox,
        deliveries: DeliveryStore,
        acting: Acting,
        delivering: Delivering,
        queue: ActionsQueue,
        clock: Clock,
        side_by_side: SideBySide,
    ) -> None:
        self._outbox = outbox
        self._deliveries = deliveries
        self._acting = acting
        self._delivering = delivering
        self._queue = queue
        self._clock = clock
        self._side_by_side = side_by_side

    def take(self, body: bytes | str) -> Report:
        """One queue body, of whatever kind; what came of it, to be counted. Raises QueueMessageError, AdapterError."""
        work = alarm_work.decode_actions(body)
        match work:
            case Tick():
                return self._tick()
            case Act():
                return self._act(work)
            case Deliver():
                return self._delivering.attempt(work.id)
            case SweepOutbox():
                return self._sweep_outbox(work)
            case SweepDeliveries():
                return self._sweep_deliveries(work)

    def _tick(self) -> Report:
        self._queue.put(SweepOutbox())
        for delay_s in TICKS_S:
            self._queue.put(SweepDeliveries(), delay_s=delay_s)
        return Counter()

    def _act(self, work: Act) -> Report:
        made = self._acting.act(work)
        return Counter(planned=made) if made is not None else Counter(over=1)

    def _sweep_outbox(self, work: SweepOutbox) -> Report:
        until = self._clock.now_ms() if work.until is None else work.until
        found: list[Act] = []
        for shard in self._outbox.shards() if work.shard is None else (work.shard,):
            page = self._outbox.due(shard, until, work.after, SWEPT)
            found += [Act(thing=thing, number=number, step=step) for thing, number, step in page.places]
            if page.after is not None:
                self._queue.put(SweepOutbox(shard=shard, until=until, after=page.after))
        return sum(self._side_by_side(self._found, found), Counter(left_behind=len(found)))

    def _sweep_deliveries(self, work: SweepDeliveries) -> Report:
        until = self._clock.now_ms() if work.until is None else work.until
        found: list[Due] = []
        for shard in self._deliveries.shards() if work.shard is None else (work.shard,):
            page = self._deliveries.due(shard, until, work.after, SWEPT)
            found += page.found
            if page.after is not None:
                self._queue.put(SweepDeliveries(shard=shard, until=until, after=page.after))
        return sum(self._side_by_side(self._due, found), Counter(due=len(found)))

    def _found(self, work: Act) -> Report:
        try:
            return self._act(work)
        except AdapterError:
            # It stays in the outbox, so the next sweep comes back to it; the others must not wait for it.
            return Counter(unswept=1)

    def _due(self, due: Due) -> Report:
        """A receiver may be slow, so each has a message of its own; until that has had its time the next sweep leaves
        it alone.
        """
        try:
            if self._deliveries.defer(due, self._clock.now_ms() + LEASE_MS):
                self._queue.put(Deliver(id=due.id))
        except AdapterError:
            return Counter(unswept=1)
        return Counter()
