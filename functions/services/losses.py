"""What was lost of a device's messages, hour by hour."""

from typing import Final

import msgspec

from functions.domain.access import Permission, Principal
from functions.domain.engine.codec import losses
from functions.domain.engine.losses import HOUR_MS, MAX_HOURS, HourlyLoss
from functions.ports.clock import Clock
from functions.ports.telemetry import StateStore
from functions.services.gate import Gate, missing

WINDOW_MS: Final = MAX_HOURS * HOUR_MS


class Loss(msgspec.Struct, frozen=True):
    """The hours from the first in which the device was heard within the window until now, the newest first."""

    hours: tuple[HourlyLoss, ...]
    total: HourlyLoss


class ReadLosses:
    def __init__(self, gate: Gate, states: StateStore, clock: Clock) -> None:
        self._gate = gate
        self._states = states
        self._clock = clock

    def of(self, who: Principal, thing: str) -> Loss:
        """Raises NotFoundError, ForbiddenError, StateError."""
        device = self._gate.heard(who, Permission.TELEMETRY_READ, thing)
        state = self._states.read([thing])[thing]
        if device is None and not state.version:
            raise missing(thing)
        now = self._clock.now_ms()
        current = now - now % HOUR_MS
        known = {one.hour: one for one in losses(state) if current - WINDOW_MS < one.hour <= current}
        first = min(known, default=current + HOUR_MS)
        hours = tuple(known.get(hour, HourlyLoss(hour=hour)) for hour in range(current, first - 1, -HOUR_MS))
        total = HourlyLoss(
            hour=first,
            received=sum(one.received for one in hours),
            duplicates=sum(one.duplicates for one in hours),
            late=sum(one.late for one in hours),
            lost=sum(one.lost for one in hours),
        )
        return Loss(hours, total)
