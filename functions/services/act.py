"""Plans what is done about a transition: its entry in the outbox becomes deliveries, in one transaction."""

from contextlib import suppress
from typing import Final

from functions.domain.alarm_work import Act, Deliver
from functions.domain.deliveries import SENT_DELAYED_MS, Delivery
from functions.domain.outbox import OutboxEntry
from functions.domain.planning import GATHERED, owed, owes, planned
from functions.errors import AlarmsError
from functions.ports.alarms import ActionsQueue, Outbox
from functions.ports.clock import Clock
from functions.ports.deliveries import DeliveryStore
from functions.ports.devices import DeviceFinder

_SECOND_MS: Final = 1_000


class Acting:
    def __init__(
        self,
        *,
        outbox: Outbox,
        deliveries: DeliveryStore,
        registry: DeviceFinder,
        queue: ActionsQueue,
        clock: Clock,
    ) -> None:
        self._outbox = outbox
        self._deliveries = deliveries
        self._registry = registry
        self._queue = queue
        self._clock = clock

    def act(self, work: Act) -> int | None:
        """How many deliveries were planned; None where somebody has planned them. Idempotent.

        Raises AlarmsError, RegistryError, DeliveriesError: then the entry stands, and the next sweep finds it.
        """
        entry = self._outbox.read(work.thing, work.number, work.step)
        if entry is None:
            return None
        now = self._clock.now_ms()
        device = self._registry.find([work.thing]).get(work.thing)
        made = planned(entry, device.name if device else work.thing, now, self._owed(entry))
        if not self._deliveries.plan((work.thing, work.number, work.step), made):
            return None
        send(self._queue, [one for one in made if one.next_at <= now], now)
        return len(made)

    def _owed(self, entry: OutboxEntry) -> list[str]:
        if not owes(entry):
            return []
        about = entry.transition
        return owed(entry, self._deliveries.of_alarm(about.thing, about.number, GATHERED, None).deliveries)


def send(queue: ActionsQueue, deliveries: list[Delivery], now: int) -> None:
    """Messages for these at the time of their next attempt. Where one is lost, or cannot wait so long, the sweep comes
    to it.
    """
    by_delay: dict[int, list[Deliver]] = {}
    for one in deliveries:
        wait_ms = max(0, one.next_at - now)
        if wait_ms <= SENT_DELAYED_MS:
            # Up, so that it is never too early.
            by_delay.setdefault(-(-wait_ms // _SECOND_MS), []).append(Deliver(id=one.id))
    for delay_s, work in by_delay.items():
        with suppress(AlarmsError):
            queue.put(*work, delay_s=delay_s)
