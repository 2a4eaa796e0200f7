"""What is known of the time of each start of the machine, and what the cloud was told by it. Pure; stored as JSON.

The bytes of a message must never change once they may have reached the broker. A message that was recorded before the
first synchronisation of its machine boot has two sets of bytes that it could go out with, so which of them it was is
kept here, and stored before the first message goes out by it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from device_agent.queue import Priority

MOST_BOOTS = 32
"""So many earlier boots are remembered: the queue would have to hold messages of more than that to be wrong."""
AHEAD_RESERVE_MS = 10_000
"""By so much more than was told ahead of time is stored as told, so that it need not be stored with each reading."""
_ALL = 2**62
_VERSION = 1


class Stamp(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What a message in the queue has its times by: boot time of that boot, and the offset when it was recorded."""

    machine_boot: str
    offset: int
    final: bool


@dataclass(frozen=True, slots=True)
class Settled:
    """By which offset a message goes out, and whether its time is then said to be estimated."""

    offset: int
    estimated: bool


class _Boot(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One start of the machine. Offsets are UTC minus boot time, in ms."""

    id: str
    estimate: int | None = None
    """Fixed by the first question for the time, and the same until the first synchronisation."""
    first: int | None = None
    """As the first synchronisation had it: by this, what was recorded before it is corrected."""
    latest: int | None = None
    telling: bool = False
    """Whether telemetry was told by `latest`, and so perhaps until any moment since."""
    synced_at: int = 0
    """Boot time at which it was synchronised last."""
    told: dict[Priority, int] = {}
    """By priority, the highest id of a message that went out as estimated; in the file, behind that while `open`."""
    open: set[Priority] = set()
    """Priorities of which any message may have gone out as estimated since this was stored."""


class _State(msgspec.Struct, kw_only=True, omit_defaults=True):
    v: int
    seen: int
    """UTC up to which telemetry may have been told when this was stored."""
    also: list[int] = []
    """Earlier times that may be the one up to which it was told instead."""
    until: int
    """No time of a later start may be before this: above `seen` by what may pass until the state is stored again."""
    boots: list[_Boot]


@dataclass
class MachineBoots:
    """Of the current boot, and of earlier ones as long as messages of theirs may be in the queue."""

    machine_boot: str
    seen: int = 0
    """UTC up to which telemetry may have been told, by the state as it was stored last."""
    _also: list[int] = field(default_factory=list)
    _until: int = 0
    _earlier: dict[str, _Boot] = field(default_factory=dict)
    _version: int = 0
    _saved_version: int = 0
    _leaving: bool = False

    def __post_init__(self) -> None:
        mine = self._earlier.pop(self.machine_boot, None)
        self.current = _Boot(id=self.machine_boot) if mine is None else mine

    @classmethod
    def from_state(cls, state: Any, machine_boot: str, newest: Mapping[Priority, int]) -> "MachineBoots":
        """Read what `to_state` wrote; anything else counts as nothing. `newest`: the queue's newest id by priority."""
        try:
            stored = msgspec.convert(state, _State, str_keys=True)
        except msgspec.ValidationError:
            return cls(machine_boot)
        if stored.v != _VERSION:
            return cls(machine_boot)
        for boot in stored.boots:
            # Whatever was in the queue may have been sent by the process that has left this behind.
            boot.told |= {priority: max(newest.get(priority, 0), boot.told.get(priority, 0)) for priority in boot.open}
        # An earlier boot that was never synchronised will never be: its messages stay as they were recorded.
        earlier = {boot.id: boot for boot in stored.boots if boot.first is not None or boot.id == machine_boot}
        return cls(machine_boot, stored.seen, stored.also, stored.until, earlier)

    def to_state(self, now: int, told: Sequence[int], *, reserve_ms: int) -> tuple[Any, int]:
        """The state as JSON at UTC `now`, and which version of it that is. It is stored again within `reserve_ms`.

        `told`: when the last telemetry was told, by its own time; several where it may be any of them.
        """
        boots = [*self._earlier.values()][-MOST_BOOTS:]
        until = now if self._leaving else now + reserve_ms
        if self.current.first is None:
            if self._has_told_telemetry:
                self.seen, self._also = now, []
        elif self.current.telling:
            last = max(told, default=0)
            self.seen, self._also = now, []
            if last > now:
                self.seen = last if self._leaving else last + AHEAD_RESERVE_MS
        else:
            # Nothing is told by this offset before that is stored, so nothing but this can have been told.
            *self._also, self.seen = sorted(set(told)) or [0]
        state = _State(v=_VERSION, seen=self.seen, also=self._also, until=until, boots=[*boots, self.current])
        return msgspec.to_builtins(state, str_keys=True), self._version

    def saved(self, version: int) -> None:
        self._saved_version = max(self._saved_version, version)

    @property
    def unsaved(self) -> bool:
        """Whether a decision is not stored yet: nothing may be sent by it."""
        return self._version != self._saved_version

    def may_have_told(self, boot: int) -> list[int]:
        """When the last telemetry may have been told that an earlier process has left, seen from boot time `boot`."""
        current = self.current
        if current.telling and current.latest is not None:
            return [max(self.seen, boot + current.latest)]
        return [*self._also, self.seen]

    def told_by_latest(self) -> None:
        """Telemetry was told by the offset of the last synchronisation."""
        if not self.current.telling:
            self.current.telling = True
            self._version += 1

    def told_ahead(self, ts: int) -> None:
        """Telemetry of a time later than now was told."""
        if ts > self.seen:
            self._version += 1

    def leave(self) -> None:
        """From now on nothing is told before the state is stored for the last time."""
        self._leaving = True

    def estimated(self, wall: int, boot: int, floor: int) -> int:
        """The offset of a boot that was never synchronised: by the wall clock, unless that is certainly behind."""
        if self.current.estimate is None:
            self.current.estimate = max(wall, floor, self._until) - boot
            self._version += 1
        return self.current.estimate

    def synchronised(self, offset: int, boot: int, *, forget_ahead_ms: int) -> bool:
        """Take a synchronised offset. Returns whether telemetry keeps the times that it had until now."""
        now = self.current
        now.synced_at = boot
        if now.first is not None:
            if now.latest != offset:
                now.latest, now.telling = offset, False
                self._version += 1
            return True
        now.first = now.latest = offset
        self._version += 1
        keeps = self._has_told_telemetry
        now.open = set()
        if keeps and now.estimate is not None and 0 < now.estimate - offset <= forget_ahead_ms:
            # Corrected, the rest would come before what the cloud already has.
            now.told[Priority.TELEMETRY] = _ALL
        return keeps

    @property
    def _has_told_telemetry(self) -> bool:
        """Whether telemetry of this boot may have gone out as estimated."""
        return Priority.TELEMETRY in self.current.told or Priority.TELEMETRY in self.current.open

    def settle(self, stamp: Stamp, priority: Priority, message: int, *, may_wait: bool) -> Settled | None:
        """By which offset a message of an unsynchronised stamp goes out; None to wait, if it may.

        The answer holds once `unsaved` is false, if it is the same then.
        """
        estimated = Settled(stamp.offset, estimated=True)
        if stamp.machine_boot != self.machine_boot:
            boot = self._earlier.get(stamp.machine_boot)
            if boot is None or boot.first is None or message <= boot.told.get(priority, 0):
                return estimated
            return Settled(boot.first, estimated=False)
        if message <= self.current.told.get(priority, 0):
            return estimated
        if self.current.first is not None:
            return Settled(self.current.first, estimated=False)
        if may_wait:
            return None
        if priority not in self.current.open:
            self.current.open = self.current.open | {priority}
            self._version += 1
        return estimated

    def told(self, stamp: Stamp, priority: Priority, message: int) -> None:
        """A message goes out as estimated."""
        if stamp.machine_boot == self.machine_boot:
            told = self.current.told
            told[priority] = max(message, told.get(priority, 0))
