"""One attempt at a delivery. It is in the ledger before it is made, so a function that dies leaves a trace of it, and
the sweep makes another one; the receiver knows by the message's id what he has taken already.
"""

from collections import Counter
from collections.abc import Callable

from functions.domain.deliveries import (
    MAX_NOTE_CHARS,
    Answer,
    Attempt,
    Delivery,
    Escalate,
    Order,
    Outcome,
    Reason,
    State,
    Wanted,
)
from functions.domain.fences import Passed
from functions.domain.planning import escalated
from functions.errors import AdapterError
from functions.ports.alarms import ActionsQueue, AlarmStore
from functions.ports.clock import Clock
from functions.ports.deliveries import DeliveryStore
from functions.services.act import send
from functions.services.act_on_device import ActOnDevice
from functions.services.muting import Muting
from functions.services.tell import Gather, Prepared, Ready, Telling

Report = Counter[str]


class Delivering:
    def __init__(
        self,
        *,
        deliveries: DeliveryStore,
        alarms: AlarmStore,
        muting: Muting,
        telling: Telling,
        on_device: ActOnDevice,
        queue: ActionsQueue,
        clock: Clock,
        chance: Callable[[], float],
    ) -> None:
        self._deliveries = deliveries
        self._alarms = alarms
        self._muting = muting
        self._telling = telling
        self._on_device = on_device
        self._queue = queue
        self._clock = clock
        self._chance = chance

    def attempt(self, id: str) -> Report:  # noqa: A002 - its name everywhere
        """What came of it, to be counted; nothing is done where it is not time, or somebody else is at it. Idempotent.

        Raises AdapterError where it cannot be decided now: it stays due.
        """
        delivery = self._deliveries.read(id)
        if delivery is None or delivery.state.closed:
            return Counter(over=1)
        now = self._clock.now_ms()
        if now < delivery.next_at:
            return Counter(early=1)
        if delivery.given_up(now):
            failed = delivery.failed(Reason.GIVEN_UP, now, delivery.note or "no attempt came to its end")
            return self._report(self._deliveries.save(delivery, failed))
        if isinstance(delivery.task, Escalate):
            return self._escalate(delivery)
        match self._prepared(delivery):
            case Ready() as ready:
                return self._try(delivery, ready)
            case Gather(reason, at):
                kept = self._deliveries.gather(delivery, reason, self._clock.now_ms(), at)
            case becomes:
                kept = self._deliveries.save(delivery, becomes)
        return self._report(kept)

    def _prepared(self, delivery: Delivery) -> Prepared:
        muted = self._muting.decide(delivery)
        if muted is not None:
            return delivery.muted(muted.reason, self._clock.now_ms(), muted.note)
        if isinstance(delivery.task, Order | Wanted):
            return Ready(delivery, lambda: self._acted(delivery))
        return self._telling.prepare(delivery)

    def _try(self, delivery: Delivery, ready: Ready) -> Report:
        started = self._clock.now_ms()
        attempt = Attempt(number=delivery.attempts + 1, at=started)
        begun = self._deliveries.save(delivery, ready.delivery.beginning(started), attempt=attempt)
        if begun is None:
            return Counter(contended=1)
        try:
            answer = ready.send()
        except AdapterError as exc:
            answer = Answer(outcome=Outcome.FAILED, note=str(exc))
        ended = self._clock.now_ms()
        becomes = begun.ended(ended, answer, self._chance)
        result = Attempt(
            number=attempt.number,
            at=started,
            outcome=answer.outcome,
            ended_at=ended,
            status=answer.status,
            note=answer.note[:MAX_NOTE_CHARS],
        )
        return self._report(self._deliveries.save(begun, becomes, attempt=result))

    def _acted(self, delivery: Delivery) -> Answer:
        done = self._on_device.perform(delivery)
        if isinstance(done, Passed):
            return Answer(outcome=Outcome.SUPERSEDED, note="a later step of the rule has acted already")
        return done

    def _escalate(self, delivery: Delivery) -> Report:
        now, about = self._clock.now_ms(), delivery.about
        alarm = self._alarms.read(about.thing, about.number) if about else None
        if alarm is None or not alarm.active:
            return self._report(self._deliveries.save(delivery, delivery.muted(Reason.CLEARED, now)))
        if alarm.acknowledged:
            by = alarm.acknowledged_by.name if alarm.acknowledged_by else ""
            muted = delivery.muted(Reason.ACKNOWLEDGED, now, f"by {by}")
            return self._report(self._deliveries.save(delivery, muted))
        notices = escalated(delivery, alarm, now)
        done = delivery.done(now, f"told {', '.join(one.recipient or '' for one in notices)}")
        kept = self._deliveries.save(delivery, done, also=notices)
        if kept is not None:
            send(self._queue, notices, now)
        return self._report(kept)

    def _report(self, kept: Delivery | None) -> Report:
        if kept is None:
            return Counter(contended=1)
        if kept.state is State.PENDING:
            send(self._queue, [kept], self._clock.now_ms())
        return Counter({f"deliveries_{kept.state.value.lower()}": 1})
