"""What was lost of a device's messages on the way, by hour of their receipt.

A message is lost once nobody waits for it any more; should it come after all, it is late instead. What has no message
behind it is not missed.
"""

from collections.abc import Iterable
from typing import Final

import msgspec

HOUR_MS: Final = 3_600_000
MAX_HOURS: Final = 48
MAX_GAPS: Final = 32
"""How many gaps are remembered, so that what comes of them is taken off what was lost; the newest ones."""


class HourlyLoss(msgspec.Struct, frozen=True, kw_only=True):
    """Messages of the hour that begins at `hour` (ms). `received` has the late ones, and no duplicates."""

    hour: int
    received: int = 0
    duplicates: int = 0
    late: int = 0
    lost: int = 0

    @property
    def share(self) -> float:
        """How much of what was sent is lost, from 0 to 1."""
        return self.lost / (self.received + self.lost) if self.lost else 0.0


class Hour(msgspec.Struct, array_like=True):
    hour: int
    received: int = 0
    duplicates: int = 0
    late: int = 0
    lost: int = 0


class Gap(msgspec.Struct, frozen=True, array_like=True):
    """Numbers from `first` to `last` of a boot that were given up, and the hour in which they count as lost."""

    boot: str
    first: int
    last: int
    hour: int


class Losses:
    """The counts of a device, at work."""

    def __init__(self, hours: Iterable[Hour] = (), gaps: Iterable[Gap] = ()) -> None:
        self._hours = {one.hour: one for one in hours}
        self._gaps = list(gaps)

    @property
    def hours(self) -> tuple[Hour, ...]:
        return tuple(sorted(self._hours.values(), key=lambda one: one.hour)[-MAX_HOURS:])

    @property
    def gaps(self) -> tuple[Gap, ...]:
        return tuple(self._gaps)

    def received(self, at: int, count: int = 1) -> None:
        self._of(at).received += count

    def duplicate(self, at: int) -> None:
        self._of(at).duplicates += 1

    def late(self, boot: str, seq: int, at: int) -> None:
        """A received message that nobody waited for."""
        self._of(at).late += 1
        for index, gap in enumerate(self._gaps):
            if gap.boot == boot and gap.first <= seq <= gap.last:
                rest = [
                    Gap(boot, first, last, gap.hour)
                    for first, last in ((gap.first, seq - 1), (seq + 1, gap.last))
                    if first <= last
                ]
                self._gaps[index : index + 1] = rest
                del self._gaps[:-MAX_GAPS]
                if gap.hour in self._hours:
                    self._hours[gap.hour].lost -= 1
                return

    def lost(self, boot: str, first: int, last: int, at: int) -> None:
        """Numbers that are given up when that of the time of receipt `at`, which is behind them, goes on."""
        hour = self._of(at)
        hour.lost += last - first + 1
        self._gaps.append(Gap(boot, first, last, hour.hour))
        del self._gaps[:-MAX_GAPS]

    def _of(self, at: int) -> Hour:
        start = at - at % HOUR_MS
        hour = self._hours.get(start)
        if hour is None:
            hour = self._hours[start] = Hour(start)
            while len(self._hours) > MAX_HOURS:
                del self._hours[min(self._hours)]
        return hour
