"""All that is known of a device at one moment, and what that says of it."""

from collections.abc import Mapping
from typing import Final

import msgspec

from functions.domain.presence import Presence, Status
from functions.domain.state import DeviceState

SILENT_INTERVALS: Final = 3
"""A device that is online is stale when it had no reading for so many intervals of its model."""


class DeviceStatus(msgspec.Struct, frozen=True):
    """`quarantined`: how many messages were quarantined for each reason, the newest received at `quarantined_at`.

    `agent_version` is what its agent said of itself when it last booted.
    """

    state: DeviceState = DeviceState()
    presence: Presence = Presence()
    quarantined: Mapping[str, int] = {}
    quarantined_at: int | None = None
    agent_version: str | None = None

    @property
    def read_at(self) -> int | None:
        """The time of its newest reading, by the device; None where there was none."""
        return max((one.ts for one in self.state.latest.values()), default=None)

    @property
    def seen_at(self) -> int | None:
        """When anything of it was last received: telemetry, good or not, or a connect; None for never.

        Of a device that was not heard since the release that began to write it down, its newest reading tells.
        """
        heard = self.read_at if self.state.seen_at is None else self.state.seen_at
        connects = [one.connected_at for one in self.presence.sessions]
        return max((at for at in (heard, self.quarantined_at, *connects) if at is not None), default=None)

    def stale_from(self, interval_ms: int | None) -> int | None:
        """From when on it is stale unless a reading comes; None where it is not online or `interval_ms` is not known.

        One that has just connected is given the same time for its first reading.
        """
        if interval_ms is None or self.presence.status is not Status.ONLINE:
            return None
        return max(self.read_at or 0, self.presence.since or 0) + SILENT_INTERVALS * interval_ms

    def is_stale(self, interval_ms: int | None, now: int) -> bool:
        begins = self.stale_from(interval_ms)
        return begins is not None and now > begins
