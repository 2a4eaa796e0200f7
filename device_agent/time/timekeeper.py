"""Turns the machine's boot time into UTC, and keeps the word that was given with it (docs/adr/0012).

While the kernel says that its clock is synchronised, UTC is boot time plus an offset that is measured. In a start of
the machine that has not been synchronised yet, it is an estimate that never falls behind what is known for certain,
and what was recorded by it is corrected as soon as the time is known, unless it was sent before.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from device_agent.clock import Clock
from device_agent.config.table import Table
from device_agent.errors import QueueError
from device_agent.queue import Priority
from device_agent.time.machine_boots import AHEAD_RESERVE_MS, MachineBoots, Settled, Stamp

if TYPE_CHECKING:
    from device_agent.storage import Storage

RELEASED_MS = 1_761_955_200_000
"""2025-11-01: no agent is older. Left as it is when a newer one is released, it only becomes a weaker floor."""
FORGET_AHEAD_MS = 15 * 60 * 1000
"""How far time may step back before it is followed: what was further ahead, the cloud has quarantined."""
HOLD_MS = 24 * 3600 * 1000
"""How long boot time alone is trusted after the last synchronisation: at a crystal's 50 ppm it is 4.3 s off by then."""
JITTER_MS = 5
"""Differences of wall and boot time up to this are the reading of two clocks one after the other, and no step."""
OBSERVE_S = 1.0
SAVE_S = 300.0
_SECTION = "clock"
_READ_TRIES = 5


@dataclass(frozen=True)
class ClockSettings:
    """Whom to ask whether the time is right, and how long telemetry waits for it over a connection."""

    sync: Literal["kernel", "system"] = "kernel"
    wait_s: float = 120.0


def parse_clock(table: Table) -> ClockSettings:
    """Read `[clock]`."""
    sync = table.choice("sync", ("kernel", "system"), default="kernel")
    return ClockSettings(
        sync="system" if sync == "system" else "kernel",
        wait_s=table.duration("wait_s", minimum=0, maximum=86_400, default=120.0),
    )


@dataclass(frozen=True, slots=True)
class Offset:
    """UTC in ms is boot time plus `ms`. The same object stands as long as nothing changes."""

    ms: int
    synced: bool
    final: bool
    """Whether what is recorded by it keeps it: false only before the machine's first synchronisation."""
    after: int | None = None
    """UTC that may have been told before time was set back by less than 15 minutes: what comes next must be later."""


class Timekeeper:
    """The device's one source of UTC. `open` comes before everything else, `run` keeps it true."""

    def __init__(
        self,
        settings: ClockSettings,
        *,
        clock: Clock,
        storage: "Storage",
        log: logging.LoggerAdapter[logging.Logger],
        not_before_ms: int = 0,
    ) -> None:
        """`not_before_ms`: since when the device's certificate is valid, in UTC; it cannot be earlier than that."""
        self._settings = settings
        self._clock = clock
        self._storage = storage
        self._log = log
        self._floor = max(RELEASED_MS, not_before_ms)
        self._boots = MachineBoots(clock.machine_boot())
        self._offset = Offset(0, synced=False, final=False)
        self._opened = False
        self._doubted = False
        self._told: list[int] = []
        """UTC of what was told last; several where it may be any of them. Nothing that a step only passed by."""
        self._reserve_ms = 0
        """By so much the truth may be before `_told`: it is from the state of an earlier process."""
        self._followed = False
        """Whether time was set back so far behind `_told` that the next reading need not come after it."""
        self._saving = asyncio.Lock()
        self._waited_ms = 0
        self._waiting: tuple[int, int] | None = None

    async def open(self) -> None:
        """Take up what earlier starts have left, and look at the clocks."""
        try:
            state = await self._storage.read_state(_SECTION)
        except QueueError as error:
            self._log.warning("what was known of the time cannot be read: %s", error)
            state = None
        newest = {}
        for priority in Priority:
            for message in await self._storage.newest(priority, 1):
                newest[priority] = message.id
        self._boots = MachineBoots.from_state(state, self._clock.machine_boot(), newest)
        self._opened = True
        self._observe(first=True)
        await self._save_logged()

    async def run(self, beat: Callable[[], None]) -> None:
        """Look at the clocks every second, and store what must outlive this process, for ever."""
        last_save = self._clock.monotonic()
        while True:
            beat()
            await self._clock.sleep(OBSERVE_S)
            self.observe()
            now = self._clock.monotonic()
            if now - last_save >= SAVE_S or (self._boots.unsaved and now - last_save >= OBSERVE_S):
                last_save = now
                await self._save_logged()

    async def close(self) -> None:
        """Store what time it is: the next start goes on from here, be it without any clock."""
        self._boots.leave()
        await self._save_logged()

    def observe(self) -> None:
        """Look at the clocks now. Only what this finds changes `offset`."""
        self._observe(first=False)

    def offset(self) -> Offset:
        """By which to tell something now: from here on, telemetry may have been told by it."""
        if self._offset.final and not self._boots.current.telling:
            self._boots.told_by_latest()
            if self._followed:
                self._told, self._reserve_ms, self._followed = [], 0, False
        return self._offset

    @property
    def synced(self) -> bool:
        return self._offset.synced

    def wall_ms(self) -> int:
        """UTC in ms, as well as it is known. Never goes back but for a synchronisation."""
        return self._clock.boot_ms() + self._offset.ms

    def told(self, ts: int) -> None:
        """Telemetry was recorded with a time that is not later than `Offset.after` by enough to be the present."""
        self._told_until(ts)
        self._boots.told_ahead(ts)

    async def commit(self) -> None:
        """Store what has changed, so that no later process tells earlier times; if the disk refuses, it is logged."""
        if self._boots.unsaved:
            await self._save_logged()

    async def settle(
        self, stamp: Stamp, priority: Priority, message: int, *, connected_at: int | None
    ) -> Settled | None:
        """By which offset the queue's message of this id goes out, now and every time; None while it should wait.

        What was recorded before the first synchronisation waits for that, be it that it is urgent or `wait_s` of
        connection have passed: then it goes out as estimated for good. `connected_at` is boot time in ms.

        Raises:
            QueueError: the decision could not be stored, so the message must not go out yet.
        """
        if stamp.final:
            return Settled(stamp.offset, estimated=False)
        while True:
            may_wait = priority != Priority.URGENT and not self._has_waited(connected_at)
            settled = self._boots.settle(stamp, priority, message, may_wait=may_wait)
            if settled is None or not self._boots.unsaved:
                if settled is not None and settled.estimated:
                    self._boots.told(stamp, priority, message)
                return settled
            await self._save()

    def _has_waited(self, connected_at: int | None) -> bool:
        """Adds up for how long there was a connection, over which the time could have been learnt."""
        now = self._clock.boot_ms()
        if self._waiting is not None and self._waiting[0] != connected_at:
            since, until = self._waiting
            self._waited_ms += until - since
            self._waiting = None
        lasted = 0
        if connected_at is not None:
            self._waiting = (connected_at, now)
            lasted = now - connected_at
        return self._waited_ms + lasted >= 1000 * self._settings.wait_s

    def _observe(self, *, first: bool) -> None:
        synced, wall, boot = self._read_clocks()
        old = self._offset
        if first:
            self._told, self._reserve_ms = self._boots.may_have_told(boot), AHEAD_RESERVE_MS
        if synced:
            ms = wall - boot
            if not first and old.synced and abs(ms - old.ms) <= JITTER_MS:
                ms = old.ms
            unmeasured = self._boots.current.first is None
            telling = self._boots.current.telling or not any(self._told)
            keeps = self._boots.synchronised(ms, boot, forget_ahead_ms=FORGET_AHEAD_MS)
            if unmeasured:
                self._told_as_estimated(ms, boot, first=first, keeps=keeps)
            elif not first and ms != old.ms and telling:
                # It may have been told until now. By an offset that nobody asked for, nothing can have been.
                self._told_until(boot + old.ms)
            new = Offset(ms, synced=True, final=True, after=self._after(old, ms, boot, first=first))
        elif self._boots.current.latest is not None:
            ms = self._boots.current.latest
            held = boot - self._boots.current.synced_at <= HOLD_MS
            new = Offset(ms, synced=held, final=True, after=self._after(old, ms, boot, first=first))
        else:
            new = Offset(self._boots.estimated(wall, boot, self._floor), synced=False, final=False)
        if new != old:
            self._offset = new
            self._tell(old, new, first=first)

    def _read_clocks(self) -> tuple[bool, int, int]:
        """Whether the wall clock is right, it, and boot time, read so that no step can fall between them unseen."""
        trusted = self._settings.sync == "system" or self._clock.kernel_synced()
        best: tuple[int, int, int] | None = None
        for _ in range(_READ_TRIES):
            before = self._clock.boot_ms()
            wall = self._clock.wall_ms()
            took = self._clock.boot_ms() - before
            if best is None or took < best[0]:
                best = (took, wall, before)
            if took <= 1:
                break
        if trusted and self._settings.sync == "kernel":
            trusted = self._clock.kernel_synced()
        assert best is not None  # noqa: S101 - the loop runs at least once
        _, wall, boot = best
        if trusted and wall < self._floor:
            if not self._doubted:
                self._log.error("the clock is said to be right at %d, but it is later than %d", wall, self._floor)
            self._doubted, trusted = True, False
        elif trusted:
            self._doubted = False
        return trusted, wall, boot

    def _told_until(self, ts: int) -> None:
        if ts > max(self._told, default=0):
            self._told, self._reserve_ms = [ts], 0
        else:
            self._told = [max(self._told)]

    def _told_as_estimated(self, ms: int, boot: int, *, first: bool, keeps: bool) -> None:
        """What was recorded until the first synchronisation is corrected to be before now, or keeps its estimate."""
        estimate = self._boots.current.estimate
        if estimate is None:
            return
        told = [boot + ms, boot + estimate] if keeps and estimate > ms else [boot + ms]
        self._told = [*self._told, *told] if first else told

    def _after(self, old: Offset, ms: int, boot: int, *, first: bool) -> int | None:
        """Up to which UTC telemetry may have been told, where that is ahead of now by less than is followed."""
        now = boot + ms
        if not first and old.final and ms == old.ms:
            return old.after if old.after is not None and old.after > now else None
        horizon = now + FORGET_AHEAD_MS + self._reserve_ms
        ahead = [ts for ts in self._told if now < ts <= horizon]
        # Not forgotten before something else is told: a step forward may bring time close to it again.
        self._followed = any(ts > horizon for ts in self._told)
        return max(ahead, default=None)

    def _tell(self, old: Offset, new: Offset, *, first: bool) -> None:
        if first or new.synced != old.synced:
            state = "synchronised" if new.synced else "estimated"
            self._log.info("time is %s: %d ms since the epoch", state, self.wall_ms())
        elif new.ms != old.ms:
            self._log.warning("time was set by %+d ms", new.ms - old.ms)

    async def _save(self) -> None:
        async with self._saving:
            state, version = self._boots.to_state(self.wall_ms(), self._told, reserve_ms=round(1000 * SAVE_S))
            await self._storage.write_state(_SECTION, state)
            self._boots.saved(version)

    async def _save_logged(self) -> None:
        try:
            await self._save()
        except QueueError as error:
            # As text: a handler that keeps its records would keep the error's frames, and what they were to store.
            self._log.warning("what is known of the time cannot be stored: %s", str(error))
