"""One attempt at a delivery. It is in the ledger before it is made, so a function that dies leaves a trace of it, and
the sweep makes another one; the receiver knows by the message's id what he has taken already.
"""

from collections import Counter
from collections.abc import Callable

from functions.domain.alarms import Alarm, TransitionKind
from functions.domain.deliveries import (
    MAX_NOTE_CHARS,
    Answer,
    Attempt,
    Delivery,
    Escalate,
    Notice,
    Order,
    Outcome,
    Reason,
    State,
    Wanted,
)
from functions.domain.fences import Passed
from functions.domain.planning import GATHERED, escalated, superseded, undoes
from functions.errors import AdapterError
from functions.ports.alarms import ActionsQueue, AlarmStore
from functions.ports.clock import Clock
from functions.ports.deliveries import DeliveryStore
from functions.services.act import send
from functions.services.act_on_device import ActOnDevice
from functions.services.muting import Muted, Muting
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
        late = self._muting.late(delivery)
        if late is not None:
            return delivery.muted(late.reason, self._clock.now_ms(), late.note)
        muted = self._muting.now(delivery)
        if isinstance(delivery.task, Order | Wanted):
            if muted is None or undoes(delivery, self._of_its_alarm(delivery)):
                return Ready(delivery, lambda: self._acted(delivery))
            return delivery.muted(muted.reason, self._clock.now_ms(), muted.note)
        if muted is not None or delivery.is_held:
            waits = self._held(delivery, muted)
            if waits is not None:
                return waits
        return self._telling.prepare(delivery)

    def _held(self, delivery: Delivery, muted: Muted | None) -> Delivery | None:
        """What becomes of a notice while nobody is to be told, or at the end of that; None where it is told now."""
        now, about = self._clock.now_ms(), delivery.about
        if about is None:
            return None
        if about.kind is TransitionKind.CLEARED:
            return delivery.muted(muted.reason, now, muted.note) if muted else None
        why = f"while nobody was to be told, {muted.note if muted else delivery.note}"
        alarm = self._alarms.read(about.thing, about.number)
        if alarm is None or not alarm.active:
            return delivery.muted(Reason.CLEARED, now, f"it ended {why}")
        if alarm.acknowledged and isinstance(delivery.task, Notice) and delivery.task.unacknowledged_ms is not None:
            return delivery.muted(Reason.ACKNOWLEDGED, now, _by(alarm))
        if superseded(delivery, self._of_its_alarm(delivery)):
            return delivery.muted(Reason.SUPERSEDED, now, f"the same happened again {why}")
        return delivery.held(muted.reason, now, muted.until, muted.note) if muted else None

    def _of_its_alarm(self, delivery: Delivery) -> tuple[Delivery, ...]:
        about = delivery.about
        if about is None:
            return ()
        return self._deliveries.of_alarm(about.thing, about.number, GATHERED, None).deliveries

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
            return self._report(self._deliveries.save(delivery, delivery.muted(Reason.ACKNOWLEDGED, now, _by(alarm))))
        muted = self._muting.now(delivery)
        if muted is not None:
            held = delivery.held(muted.reason, now, muted.until, muted.note)
            return self._report(self._deliveries.save(delivery, held))
        if delivery.is_held and isinstance(delivery.task, Escalate):
            # Nobody could have acknowledged what nobody was told of.
            resumed = delivery.resumed(now + delivery.task.after_ms, now)
            return self._report(self._deliveries.save(delivery, resumed))
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


def _by(alarm: Alarm) -> str:
    return f"by {alarm.acknowledged_by.name if alarm.acknowledged_by else ''}"
