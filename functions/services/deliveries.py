"""What was done about alarms, and what failed: to be looked at, and to be tried again."""

from typing import NamedTuple

from contract.errors import shown
from functions.domain.access import Permission, Principal, Target, demand
from functions.domain.alarms import parse_alarm_id
from functions.domain.audit import Actor, Note
from functions.domain.deliveries import Attempt, Delivery, DeliveryFilter, DeliveryPage, State
from functions.errors import ConflictError, NotFoundError
from functions.ports.alarms import ActionsQueue
from functions.ports.clock import Clock
from functions.ports.deliveries import DeliveryStore
from functions.ports.devices import DeviceFinder
from functions.services.act import send
from functions.services.alarms import missing as missing_alarm
from functions.services.gate import Gate


class WithAttempts(NamedTuple):
    delivery: Delivery
    attempts: tuple[Attempt, ...]


class Deliveries:
    def __init__(
        self,
        *,
        deliveries: DeliveryStore,
        registry: DeviceFinder,
        gate: Gate,
        queue: ActionsQueue,
        clock: Clock,
    ) -> None:
        self._deliveries = deliveries
        self._registry = registry
        self._gate = gate
        self._queue = queue
        self._clock = clock

    def listed(
        self, who: Principal, state: State | None, recipient: str | None, limit: int, cursor: str | None
    ) -> DeliveryPage:
        """Raises CursorError."""
        wanted = DeliveryFilter(reach=who.reach(Permission.DELIVERIES_READ), state=state, recipient=recipient)
        return self._deliveries.page(wanted, limit, cursor)

    def of_alarm(self, who: Principal, alarm: str, limit: int, cursor: str | None) -> DeliveryPage:
        """Raises RequestError, NotFoundError, ForbiddenError, CursorError."""
        thing, number = parse_alarm_id(alarm)
        try:
            self._gate.heard(who, Permission.DELIVERIES_READ, thing)
        except NotFoundError as exc:
            raise missing_alarm(alarm) from exc
        return self._deliveries.of_alarm(thing, number, limit, cursor)

    def show(self, who: Principal, id: str) -> WithAttempts:  # noqa: A002 - its name everywhere
        """Raises RequestError, NotFoundError, ForbiddenError."""
        delivery = self._read(who, id, Permission.DELIVERIES_READ)
        return WithAttempts(delivery, self._deliveries.attempts(delivery.id))

    def replay(self, actor: Actor, id: str) -> Delivery:  # noqa: A002 - its name everywhere
        """A failed one begins anew, with its id. Raises ConflictError for one that has not failed."""
        delivery = self._read(actor.principal, id, Permission.DELIVERIES_WRITE)
        if delivery.state is not State.FAILED:
            raise ConflictError(f"the delivery {id} is {delivery.state.value}: only one that FAILED can be replayed")
        now = self._clock.now_ms()
        note = Note(
            actor=actor,
            action="delivery.replay",
            subject_kind="delivery",
            subject_id=delivery.id,
            at=now,
            before={"state": delivery.state.value, "reason": delivery.reason, "attempts": delivery.attempts},
            after={"state": State.PENDING.value},
        )
        replayed = self._deliveries.save(delivery, delivery.replayed(now), notes=[note])
        if replayed is None:
            raise ConflictError(f"the delivery {id} was changed by somebody at the same moment")
        send(self._queue, [replayed], now)
        return replayed

    def _read(self, who: Principal, id: str, permission: Permission) -> Delivery:  # noqa: A002 - its name everywhere
        delivery = self._deliveries.read(id)
        if delivery is None:
            raise _missing(id)
        about = delivery.about
        device = self._registry.find([about.thing]).get(about.thing) if about else None
        # What is about no device is the organisation's.
        target = Target(about.thing, device.group if device else delivery.group) if about else Target()
        if not who.may(permission, target):
            if not who.may(Permission.DEVICES_READ, target):
                raise _missing(id)
            demand(who, permission, target)
        return delivery


def _missing(id: str) -> NotFoundError:  # noqa: A002 - its name everywhere
    return NotFoundError(f"there is no delivery {shown(id)}, or you may not see it")
