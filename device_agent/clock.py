"""Time, injected: what the wall says, what has elapsed, and waiting."""

import asyncio
import heapq
import itertools
import time
from typing import Protocol


class Clock(Protocol):
    """Where every part of the agent gets its time from."""

    def wall_ms(self) -> int:
        """Milliseconds since the Unix epoch. May jump either way when the device's clock is set."""
        ...

    def monotonic(self) -> float:
        """Seconds since some fixed moment. Never goes back."""
        ...

    async def sleep(self, seconds: float) -> None: ...


class SystemClock:
    """The clocks of the machine."""

    def wall_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class ManualClock:
    """A clock that moves only when it is told to; whoever sleeps on it wakes in order of the time due."""

    def __init__(self, wall_ms: int = 1_764_000_000_000) -> None:
        self._wall_ms = wall_ms
        self._elapsed = 0.0
        self._order = itertools.count()
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []

    def wall_ms(self) -> int:
        return self._wall_ms + round(self._elapsed * 1000)

    def monotonic(self) -> float:
        return self._elapsed

    def set_wall_ms(self, wall_ms: int) -> None:
        """Step the wall clock, as NTP or a person would; elapsed time is untouched."""
        self._wall_ms = wall_ms - round(self._elapsed * 1000)

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
