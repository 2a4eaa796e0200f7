"""What many devices come to, and which of them are worst off. Pure; times are ms since the epoch."""

from collections import Counter
from collections.abc import Iterable, Mapping
from enum import StrEnum
from heapq import nsmallest
from typing import Final

import msgspec

from functions.domain.devices import Device
from functions.domain.engine.losses import HOUR_MS, HourlyLoss
from functions.domain.presence import Status
from functions.domain.state import Counters
from functions.domain.status import DeviceStatus

WORST_DEVICES: Final = 10
LOSSY_SHARE: Final = 0.01
"""A device is lossy when more than this of what it sent in the window is lost."""
RECENT_MS: Final = 86_400_000
"""A quarantined message counts as a trouble of its device for so long."""


class Reason(StrEnum):
    """What is wrong with a device, the worst first."""

    OFFLINE = "offline"
    STALE = "stale"
    LOSSY = "lossy"
    QUARANTINED = "quarantined"


_RANK: Final = {reason: rank for rank, reason in enumerate(Reason)}


class Trouble(msgspec.Struct, frozen=True):
    """`since` when: when it went offline or became stale, the first hour with a loss, the newest quarantined message.

    `count` is how many messages were lost in the window, or were ever quarantined.
    """

    reason: Reason
    since: int | None
    count: int | None = None


class Member(msgspec.Struct, frozen=True):
    """A device with what is known of it. `losses` are its hours of the window, `interval_ms` its model's or None."""

    device: Device
    status: DeviceStatus
    interval_ms: int | None
    losses: tuple[HourlyLoss, ...] = ()

    @property
    def lost(self) -> int:
        return sum(one.lost for one in self.losses)

    @property
    def received(self) -> int:
        return sum(one.received for one in self.losses)

    def troubles(self, now: int) -> tuple[Trouble, ...]:
        """The worst first; none of a device that is well, or that was never connected and never heard."""
        found = (self._presence(now), self._loss(), self._quarantine(now))
        return tuple(one for one in found if one is not None)

    def _presence(self, now: int) -> Trouble | None:
        if self.status.presence.status is Status.OFFLINE:
            return Trouble(Reason.OFFLINE, self.status.presence.since)
        if self.status.is_stale(self.interval_ms, now):
            return Trouble(Reason.STALE, self.status.stale_from(self.interval_ms))
        return None

    def _loss(self) -> Trouble | None:
        lost = self.lost
        if lost <= LOSSY_SHARE * (lost + self.received):
            return None
        return Trouble(Reason.LOSSY, min(one.hour for one in self.losses if one.lost), lost)

    def _quarantine(self, now: int) -> Trouble | None:
        at = self.status.quarantined_at
        if at is None or now - at >= RECENT_MS:
            return None
        return Trouble(Reason.QUARANTINED, at, sum(self.status.quarantined.values()))


class Troubled(msgspec.Struct, frozen=True):
    member: Member
    stale: bool
    troubles: tuple[Trouble, ...]


class FleetSums(msgspec.Struct, frozen=True):
    """Over some devices. `received` and `lost` are messages of the window; `worst` are the worst off, at most ten."""

    devices: int
    statuses: Mapping[Status, int]
    stale: int
    received: int
    lost: int
    counters: Counters
    quarantined: Mapping[str, int]
    worst: tuple[Troubled, ...]


def window_from(now: int) -> int:
    """Losses are counted by the hour. One that has just begun says nothing, so the one before it is in the window."""
    return now - now % HOUR_MS - HOUR_MS


def sums(members: Iterable[Member], now: int) -> FleetSums:
    """`worst`: by the worst trouble of each, then those with more of them, then those that came into it last."""
    devices = stale = received = lost = 0
    statuses: Counter[Status] = Counter()
    quarantined: Counter[str] = Counter()
    counters = Counters()
    troubled: list[Troubled] = []
    for member in members:
        status = member.status
        devices += 1
        statuses[status.presence.status] += 1
        is_stale = status.is_stale(member.interval_ms, now)
        stale += is_stale
        received += member.received
        lost += member.lost
        counters = counters.plus(status.state.counters)
        quarantined.update(status.quarantined)
        if found := member.troubles(now):
            troubled.append(Troubled(member, is_stale, found))
    worst = tuple(nsmallest(WORST_DEVICES, troubled, key=_place))
    return FleetSums(devices, statuses, stale, received, lost, counters, quarantined, worst)


def _place(one: Troubled) -> tuple[int, int, int, str]:
    first = one.troubles[0]
    return _RANK[first.reason], -len(one.troubles), -(first.since or 0), one.member.device.thing
