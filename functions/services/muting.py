"""Whether anything may be done about an alarm now: decided when it is to be done, never when the alarm is found."""

from typing import Final

import msgspec

from contract.errors import IdentityError
from contract.identity import parse_thing
from functions.domain.deliveries import (
    GIVE_UP_MS,
    LATE_ACTION_MS,
    STALE_ACTION_MS,
    Delivery,
    Order,
    Reason,
    Wanted,
)
from functions.domain.devices import Device
from functions.domain.maintenance import Window, holding
from functions.domain.presence import Status
from functions.ports.clock import Clock
from functions.ports.deliveries import WindowReader
from functions.ports.devices import DeviceFinder, PresenceStore

WINDOWS_MS: Final = 5_000
"""How long a window that was made or ended may go unseen here."""
PARENT: Final = "parent"
"""The tag that names the gateway of a device."""


class Muted(msgspec.Struct, frozen=True):
    """`until` is when it ends, if that is known and nobody ends it before."""

    reason: Reason
    note: str
    until: int | None = None


class Muting:
    """One for a process: it remembers the windows that lie ahead."""

    def __init__(
        self, *, windows: WindowReader, registry: DeviceFinder, presences: PresenceStore, clock: Clock
    ) -> None:
        self._windows = windows
        self._registry = registry
        self._presences = presences
        self._clock = clock
        self._ahead: list[Window] = []
        self._read_at: int | None = None

    def late(self, delivery: Delivery) -> Muted | None:
        """Why it is too late for it; None where it is not."""
        about = delivery.about
        if about is None:
            return None
        now = self._clock.now_ms()
        acts = isinstance(delivery.task, Order | Wanted)
        if now - delivery.since >= (LATE_ACTION_MS if acts else GIVE_UP_MS):
            return Muted(Reason.LATE, f"found {(now - delivery.since) // 60_000} minutes ago")
        # When it was planned, so that what is replayed by hand is not late by that.
        unfound_ms = delivery.created_at - about.at
        if unfound_ms >= (STALE_ACTION_MS if acts else GIVE_UP_MS):
            return Muted(Reason.LATE, f"it happened {unfound_ms // 60_000} minutes before it was found")
        return None

    def now(self, delivery: Delivery) -> Muted | None:
        """Why nobody is to be told for the time being; None where nothing stands against it.

        Raises DeliveriesError, RegistryError, StateError.
        """
        about = delivery.about
        if about is None:
            return None
        now = self._clock.now_ms()
        device = self._registry.find([about.thing]).get(about.thing)
        window = holding(self._current(now), about.thing, device.group if device else delivery.group, now)
        if window is not None:
            return Muted(Reason.MAINTENANCE, f"{window.id}: {window.reason}", window.end)
        parent = _parent_of(device)
        if parent is not None and self._presences.read(parent).status is Status.OFFLINE:
            return Muted(Reason.PARENT_OFFLINE, f"its gateway {parent} is offline")
        return None

    def _current(self, now: int) -> list[Window]:
        if self._read_at is None or not 0 <= now - self._read_at < WINDOWS_MS:
            self._ahead = self._windows.holding(now)
            self._read_at = now
        return self._ahead


def _parent_of(device: Device | None) -> str | None:
    named = device.tags.get(PARENT) if device else None
    if device is None or named is None or named == device.thing:
        return None
    try:
        return parse_thing(named)
    except IdentityError:
        return None
