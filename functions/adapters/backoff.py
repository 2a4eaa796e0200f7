"""Waiting between attempts: exponential, capped and jittered, with time and chance injected."""

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Backoff:
    """`for _ in backoff:` gives at most `attempts` turns and waits before each but the first."""

    attempts: int = 6
    base_s: float = 0.05
    cap_s: float = 2.0
    sleep: Callable[[float], None] = time.sleep
    chance: Callable[[], float] = random.random

    def __iter__(self) -> Iterator[int]:
        for attempt in range(self.attempts):
            if attempt:
                # Full jitter: callers that were refused together must not come back together.
                self.sleep(self.chance() * min(self.cap_s, self.base_s * 2**attempt))
            yield attempt
