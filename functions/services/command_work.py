"""The commands function: answers of devices, devices that came back, what is due, and bulks. One queue for all."""

from collections import Counter
from collections.abc import Callable, Sequence

from contract import documents
from contract.documents import InternalEvent
from contract.errors import DocumentError
from functions.domain import command_work
from functions.domain.command_work import ONLINE, TICKS_S, WAITING, CancelBulk, SendBulk, Sweep, Tick
from functions.errors import AdapterError, QueueMessageError
from functions.ports.clock import Clock
from functions.ports.commands import CommandQueue, CommandStore
from functions.services.dispatch import Dispatch
from functions.services.hear_commands import HearCommands
from functions.services.send_bulks import SendBulks

SWEPT = 25
"""Commands that a sweep takes of a shard at a time; what is left goes on in a message of its own."""
Report = Counter[str]


class CommandWork:
    """`side_by_side` runs a function of each item, several at a time."""

    def __init__(
        self,
        *,
        store: CommandStore,
        hear: HearCommands,
        dispatch: Dispatch,
        bulks: SendBulks,
        queue: CommandQueue,
        clock: Clock,
        side_by_side: Callable[[Callable[[str], Report], Sequence[str]], list[Report]],
    ) -> None:
        self._store = store
        self._hear = hear
        self._dispatch = dispatch
        self._bulks = bulks
        self._queue = queue
        self._clock = clock
        self._side_by_side = side_by_side

    def take(self, body: bytes | str) -> Report:
        """One queue body, of whatever kind; what came of it, to be counted. Raises QueueMessageError, AdapterError."""
        event = _event_of(body)
        if event is not None:
            return self._sent(event.thing)
        try:
            work = command_work.decode(body)
        except QueueMessageError:
            heard = self._hear.take(body)
            return Counter({heard or "quarantined": 1})
        match work:
            case Tick():
                for delay_s in TICKS_S:
                    self._queue.put(Sweep(), delay_s=delay_s)
                return Counter()
            case Sweep():
                return self._sweep(work)
            case SendBulk():
                return Counter(bulk_devices=self._bulks.send(work))
            case CancelBulk():
                return Counter(bulk_cancelled=self._bulks.cancel(work))

    def _sent(self, thing: str) -> Report:
        done = self._dispatch.run(thing)
        return Counter(published=done.published, unpublished=done.failed, closed=done.closed)

    def _sweep(self, work: Sweep) -> Report:
        until = self._clock.now_ms() if work.until is None else work.until
        shards = self._store.shards() if work.shard is None else (work.shard,)
        things: dict[str, None] = {}
        for shard in shards:
            page = self._store.due(shard, until, work.after, SWEPT)
            things.update(dict.fromkeys(due.thing for due in page.found))
            if page.after is not None:
                self._queue.put(Sweep(shard=shard, until=until, after=page.after))
        reports = self._side_by_side(self._swept, list(things))
        return sum(reports, Counter(due=len(things)))

    def _swept(self, thing: str) -> Report:
        try:
            return self._sent(thing)
        except AdapterError:
            # It stays due, so the next sweep comes back to it; the others must not wait for it.
            return Counter(unswept=1)


def _event_of(body: bytes | str) -> InternalEvent | None:
    try:
        event = documents.decode(InternalEvent, body.encode() if isinstance(body, str) else body)
    except (DocumentError, UnicodeEncodeError):
        return None
    return event if event.kind in {ONLINE, WAITING} else None
