"""Time, injected: what the wall says, what has elapsed, and waiting."""

import asyncio
import heapq
import itertools
import time
from functools import cache
from pathlib import Path
from typing import Protocol

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_TIMESYNCD_MARK = Path("/run/systemd/timesync/synchronized")


class Clock(Protocol):
    """Where every part of the agent gets its time from."""

    def wall_ms(self) -> int:
        """Milliseconds since the Unix epoch. May jump either way when the device's clock is set."""
        ...

    def monotonic(self) -> float:
        """Seconds since some fixed moment. Never goes back."""
        ...

    def boot_ms(self) -> int:
        """Milliseconds since the machine was booted, suspended time included. Never goes back while it runs."""
        ...

    def machine_boot(self) -> str:
        """Which start of the machine this is: two values of `boot_ms` compare only where this is the same."""
        ...

    def kernel_synced(self) -> bool:
        """Whether the kernel says that a time service keeps the wall clock right. A person who sets it ends that."""
        ...

    async def sleep(self, seconds: float) -> None: ...


class SystemClock:
    """The clocks of the machine, which must run Linux."""

    def wall_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def monotonic(self) -> float:
        return time.monotonic()

    def boot_ms(self) -> int:
        return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000

    def machine_boot(self) -> str:
        return _machine_boot(_BOOT_ID)

    def kernel_synced(self) -> bool:
        """As `adjtimex` has it; where a sandbox forbids that call, whether systemd-timesyncd has ever synchronised."""
        from device_agent.time.kernel import is_synchronised

        try:
            return is_synchronised()
        except OSError:
            return _TIMESYNCD_MARK.exists()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


@cache
def _machine_boot(boot_id: Path) -> str:
    """The kernel's id of this boot; where it cannot be read, the moment of booting by the wall, to 10 s."""
    try:
        return boot_id.read_text(encoding="ascii").strip()
    except OSError:
        # Stands still from here on (cached), but another process started after a step of the clock sees another boot:
        # then times are estimated that need not be, and none is wrong.
        booted_ms = time.time_ns() // 1_000_000 - time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000
        return f"booted-{booted_ms // 10_000}"


class ManualClock:
    """A clock that moves only when it is told to; whoever sleeps on it wakes in order of the time due.

    The machine was booted `boot_ms` ago, and its wall clock is right.
    """

    def __init__(self, wall_ms: int = 1_764_000_000_000, *, boot_ms: int = 60_000) -> None:
        self._wall_ms = wall_ms
        self._elapsed = 0.0
        self._booted_at = -boot_ms / 1000
        self._boots = 0
        self._synced = True
        self._order = itertools.count()
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []

    def wall_ms(self) -> int:
        return self._wall_ms + round(self._elapsed * 1000)

    def monotonic(self) -> float:
        return self._elapsed

    def boot_ms(self) -> int:
        return round((self._elapsed - self._booted_at) * 1000)

    def machine_boot(self) -> str:
        return f"{self._boots:08x}-0000-4000-8000-000000000000"

    def kernel_synced(self) -> bool:
        return self._synced

    def set_wall_ms(self, wall_ms: int) -> None:
        """Step the wall clock, as NTP or a person would; elapsed time is untouched, and so is `kernel_synced`."""
        self._wall_ms = wall_ms - round(self._elapsed * 1000)

    def set_synced(self, synced: bool) -> None:  # noqa: FBT001 - reads well where it is called
        self._synced = synced

    def reboot(self, wall_ms: int | None = None, *, synced: bool = False) -> None:
        """Start the machine anew: boot time from 0, another id, the wall clock at `wall_ms` if given."""
        self._boots += 1
        self._booted_at = self._elapsed
        self._synced = synced
        if wall_ms is not None:
            self.set_wall_ms(wall_ms)

    @property
    def sleepers(self) -> int:
        return sum(not future.done() for _, _, future in self._sleepers)

    async def sleep(self, seconds: float) -> None:
        future = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._elapsed + max(0.0, seconds), next(self._order), future))
        await future

    async def advance(self, seconds: float) -> None:
        """Let `seconds` pass; whatever falls due within them happens in its order."""
        end = self._elapsed + seconds
        await _let_others_run()
        while self._sleepers and self._sleepers[0][0] <= end:
            due, _, future = heapq.heappop(self._sleepers)
            self._elapsed = max(self._elapsed, due)
            if not future.done():
                future.set_result(None)
            await _let_others_run()
        self._elapsed = end


async def _let_others_run() -> None:
    for _ in range(10):
        await asyncio.sleep(0)
