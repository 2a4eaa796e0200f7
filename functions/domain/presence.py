"""Whether a device is connected, from lifecycle events that arrive more than once and in any order.

Each connection begins once and ends once, so what is known is a set of connections, here called sessions, and
adding an event to it is idempotent and commutative. (A persistent MQTT session is one connection after the other:
it keeps its identifier, so a connection is that with the version.) The device is where its newest session is: the
one that connected last. A disconnect whose session is not the newest (the broker closes the old connection after a
reconnect took its place) says nothing about the device, and one that overtook its own connect is remembered until
that comes. `version` breaks ties of the same millisecond only: AWS starts it again after about an hour offline, so
a smaller one is not older. Then a session that lives on has a connection of a version that it had before, and the
newer one stands in the place of the older.

A disconnect is believed only when it lasts: `status` turns offline through `settled`, some time later.
"""

from enum import StrEnum
from typing import Self

import msgspec

SETTLE = "presence_settles"
"""The kind of the internal event that asks to settle; its data names the `session`."""
MAX_SESSIONS = 8


class Status(StrEnum):
    ONLINE = "online"
    OFFLINE = "offline"
    UNKNOWN = "unknown"


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """One MQTT session. Times are ms since the epoch, None while that event has not come."""

    id: str
    version: int = 0
    connected_at: int | None = None
    disconnected_at: int | None = None
    reason: str | None = None

    def order(self) -> tuple[int, int, int, str]:
        """By connect; sessions known by their disconnect alone come before all, among themselves by that."""
        return (
            -1 if self.connected_at is None else self.connected_at,
            -1 if self.disconnected_at is None or self.connected_at is not None else self.disconnected_at,
            self.version,
            self.id,
        )

    def merged(self, other: Self) -> "Session":
        """What both know. The later claim about each stands, and what ended before it began is an older connection."""
        last = max((self, other), key=lambda one: (one.disconnected_at or -1, one.reason or ""))
        connected_at = max((one.connected_at for one in (self, other) if one.connected_at is not None), default=None)
        over = connected_at is None or (last.disconnected_at is not None and last.disconnected_at >= connected_at)
        return Session(
            id=self.id,
            version=max(self.version, other.version),
            connected_at=connected_at,
            disconnected_at=last.disconnected_at if over else None,
            reason=last.reason if over else None,
        )


class Presence(msgspec.Struct, frozen=True, kw_only=True):
    """`status` is what people see, since `since`; `revision` is that of the stored item, 0 when there is none."""

    revision: int = 0
    status: Status = Status.UNKNOWN
    since: int | None = None
    reason: str | None = None
    sessions: tuple[Session, ...] = ()

    @property
    def newest(self) -> Session | None:
        return max(self.sessions, key=Session.order, default=None)

    @property
    def connected(self) -> bool:
        """Whether the newest session is up, before any debounce."""
        newest = self.newest
        return newest is not None and newest.connected_at is not None and newest.disconnected_at is None

    @property
    def unsettled(self) -> Session | None:
        """The session that ended while the device is not yet shown offline for it."""
        newest = self.newest
        if newest is None or newest.disconnected_at is None:
            return None
        if self.status is Status.OFFLINE and self.since == newest.disconnected_at:
            return None
        return newest

    def observed(self, event: Session) -> Self:
        """After one lifecycle event, given as the session that it tells of."""
        known = next((one for one in self.sessions if one.id == event.id), None)
        merged = event if known is None else known.merged(event)
        others = [one for one in self.sessions if one.id != event.id]
        sessions = tuple(sorted([*others, merged], key=Session.order)[-MAX_SESSIONS:])
        result = msgspec.structs.replace(self, sessions=sessions)
        newest = result.newest
        if (
            newest is not None
            and result.connected
            and (self.status, self.since) != (Status.ONLINE, newest.connected_at)
        ):
            return msgspec.structs.replace(result, status=Status.ONLINE, since=newest.connected_at, reason=None)
        return result

    def settled(self, session: str) -> Self:
        """After the debounce time of a disconnect: offline, if that session is still the newest and still ended."""
        ended = self.unsettled
        if ended is None or ended.id != session:
            return self
        return msgspec.structs.replace(self, status=Status.OFFLINE, since=ended.disconnected_at, reason=ended.reason)
