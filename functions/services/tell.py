"""What recipients are told: whether one is told now, later together with others, or not; and the message."""

from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from contract.models import SEVERITIES, Severity
from functions.domain import messages
from functions.domain.alarms import TransitionKind
from functions.domain.deliveries import (
    FIRST_TRY_MS,
    TOLD,
    Answer,
    Delivery,
    Digest,
    Gathered,
    Notice,
    Reason,
    State,
    Trial,
)
from functions.domain.messages import Message
from functions.domain.planning import GATHERED, over
from functions.domain.recipients import Channel, Recipient
from functions.ports.alarms import AlarmStore
from functions.ports.clock import Clock
from functions.ports.deliveries import DeliveryStore, RecipientStore, Sender
from functions.ports.requests import RateBuckets

_TO_THE_END: Final = frozenset({TransitionKind.DOWNGRADED, TransitionKind.FLAPPING, TransitionKind.CLEARED})
"""What is told to whoever was told of the alarm, however little is left of it."""


class Gather(msgspec.Struct, frozen=True):
    """It is to be told in a digest, one that is made now `at` that time."""

    reason: Reason
    at: int


class Ready(msgspec.Struct, frozen=True):
    """An attempt can be made, by `send`, at the delivery as it is now."""

    delivery: Delivery
    send: Callable[[], Answer]


Prepared = Ready | Gather | Delivery
"""A delivery is what it becomes without an attempt."""


class Telling:
    def __init__(
        self,
        *,
        deliveries: DeliveryStore,
        recipients: RecipientStore,
        alarms: AlarmStore,
        senders: Mapping[Channel, Sender],
        buckets: RateBuckets,
        clock: Clock,
    ) -> None:
        self._deliveries = deliveries
        self._recipients = recipients
        self._alarms = alarms
        self._senders = senders
        self._buckets = buckets
        self._clock = clock

    def prepare(self, delivery: Delivery) -> Prepared:
        """Raises DeliveriesError, AlarmsError, RatesError."""
        now = self._clock.now_ms()
        name = delivery.recipient or ""
        recipient = self._recipients.find([name]).get(name)
        if recipient is None:
            return delivery.failed(Reason.NO_RECIPIENT, now, f"there is no recipient {name!r}")
        match delivery.task:
            case Notice():
                return self._notice(delivery, recipient, now)
            case Digest():
                return self._digest(delivery, recipient, now)
            case Trial():
                return self._ready(delivery, recipient, messages.trial(delivery))
        raise ValueError(f"{delivery.id}: expected something to tell, got {type(delivery.task).__name__}")

    def _notice(self, delivery: Delivery, recipient: Recipient, now: int) -> Prepared:
        about = delivery.about
        if about is None:
            raise ValueError(f"{delivery.id}: expected a step of an alarm, got none")
        if not recipient.covers(about.thing, delivery.group):
            return delivery.muted(Reason.OUT_OF_SCOPE, now, f"{recipient.id} is told of {recipient.scope}")
        if not recipient.wants(about.severity) and not (about.kind in _TO_THE_END and self._told_before(delivery)):
            return delivery.muted(
                Reason.BELOW_SEVERITY, now, f"{recipient.id} is told of {recipient.minimum} and worse"
            )
        unheard = self._unheard(delivery, recipient, now) if about.kind is TransitionKind.CLEARED else None
        if unheard is not None:
            return unheard
        quiet = recipient.quiet.until(now, about.severity) if recipient.quiet else None
        if quiet is not None:
            return _later(delivery, recipient, Reason.QUIET_HOURS, now, quiet)
        if not delivery.admitted:
            wait_ms = self._wait_ms(recipient, now)
            if wait_ms:
                later = max(wait_ms, recipient.digest_ms or 0)
                return _later(delivery, recipient, Reason.LIMIT, now, now + later)
        return self._ready(delivery.admit(), recipient, messages.notice(delivery))

    def _digest(self, delivery: Delivery, recipient: Recipient, now: int) -> Prepared:
        if delivery.gathers:
            self._drop_what_is_over(delivery, now)
        _, told = self._gathered(delivery)
        if not told:
            return delivery.muted(Reason.CLEARED, now, "all of it has ended")
        quiet = recipient.quiet.until(now, _worst(told)) if recipient.quiet else None
        if quiet is not None:
            return delivery.waiting(quiet, now)
        if not delivery.admitted:
            wait_ms = self._wait_ms(recipient, now)
            if wait_ms:
                return delivery.waiting(now + wait_ms, now)
        sender = self._senders[recipient.channel]
        # Read again once the attempt is in the ledger: until then more may be gathered.
        return Ready(delivery.admit(), lambda: sender.send(recipient, self._digested(delivery)))

    def _digested(self, delivery: Delivery) -> Message:
        found, told = self._gathered(delivery)
        return messages.digest(delivery, told, more=found.more, over=len(found.deliveries) - len(told))

    def _gathered(self, delivery: Delivery) -> tuple[Gathered, list[Delivery]]:
        """What was gathered, and what of it is left to tell."""
        found = self._deliveries.gathered(delivery, GATHERED)
        return found, [one for one in found.deliveries if one.state is State.DIGESTED]

    def _drop_what_is_over(self, delivery: Delivery, now: int) -> None:
        """Before the first attempt, so that all attempts tell the same. Idempotent."""
        gathered = self._deliveries.gathered(delivery, GATHERED).deliveries
        places = {(one.about.thing, one.about.number) for one in gathered if one.about}
        active = set()
        for thing, number in sorted(places):
            alarm = self._alarms.read(thing, number)
            if alarm is not None and alarm.active:
                active.add((thing, number))
        ended = over(gathered, active)
        for one in gathered:
            if one.id in ended and one.state is State.DIGESTED:
                self._deliveries.save(one, one.muted(Reason.CLEARED, now, "it ended before its digest was sent"))

    def _told_before(self, delivery: Delivery) -> bool:
        states = {one.state for one in self._before(delivery)}
        return not states.isdisjoint(TOLD)

    def _unheard(self, delivery: Delivery, recipient: Recipient, now: int) -> Delivery | None:
        """What becomes of an end if he was to be told of the alarm, and never was, or that is not decided yet.

        None for whoever is to be told of its end alone.
        """
        before = self._before(delivery)
        held = [one.next_at for one in before if one.is_held]
        if held:
            # At its next look that one finds that the alarm is over, or else it was told just now.
            at = max(now, *held) + FIRST_TRY_MS
            return delivery.waiting(at, now, f"until it is decided whether {recipient.id} is told of the alarm")
        if {one.state for one in before} == {State.MUTED}:
            return delivery.muted(Reason.CLEARED, now, f"{recipient.id} was not told of the alarm before it ended")
        return None

    def _before(self, delivery: Delivery) -> list[Delivery]:
        """What he was to be told of earlier steps of the same alarm."""
        about = delivery.about
        if about is None:
            return []
        page = self._deliveries.of_alarm(about.thing, about.number, GATHERED, None)
        return [
            one
            for one in page.deliveries
            if one.id != delivery.id
            and one.recipient == delivery.recipient
            and one.about is not None
            and one.about.step < about.step
        ]

    def _wait_ms(self, recipient: Recipient, now: int) -> int:
        """0 where another message is within the recipient's limit; then it has been counted."""
        hourly = recipient.hourly
        if hourly is None:
            return 0
        taken = self._buckets.take(f"recipient:{recipient.id}", 1, hourly, now)
        return 0 if taken.tokens else max(1, -(-taken.wait_us // 1000))

    def _ready(self, delivery: Delivery, recipient: Recipient, message: Message) -> Ready:
        sender = self._senders[recipient.channel]
        return Ready(delivery, lambda: sender.send(recipient, message))


def _later(delivery: Delivery, recipient: Recipient, reason: Reason, now: int, at: int) -> Prepared:
    if recipient.digest_ms is None:
        return delivery.muted(reason, now)
    return Gather(reason, at)


def _worst(told: list[Delivery]) -> Severity | None:
    return min((one.severity for one in told if one.severity), key=SEVERITIES.index, default=None)
