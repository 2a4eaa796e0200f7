"""Waiting between attempts: exponential, capped and jittered, with time and chance injected."""

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import inf


@dataclass(frozen=True, kw_only=True)
class Backoff:
    """`for _ in backoff:` gives at most `attempts` turns and waits before each but the first.

    Each loop has `within_s` seconds of `monotonic` for all its turns: none begins later, and none waits beyond that.
    """

    attempts: int = 6
    base_s: float = 0.05
    cap_s: float = 2.0
    within_s: float = inf
    sleep: Callable[[float], None] = time.sleep
    chance: Callable[[], float] = random.random
    monotonic: Callable[[], float] = time.monotonic

    def __iter__(self) -> Iterator[int]:
        end = self.monotonic() + self.within_s
        for attempt in range(self.attempts):
            if attempt:
                # Full jitter: callers that were refused together must not come back together. 2**16 is beyond any cap.
                wait = self.chance() * min(self.cap_s, self.base_s * 2 ** min(attempt, 16))
                if self.monotonic() + wait >= end:
                    return
                self.sleep(wait)
            yield attempt
