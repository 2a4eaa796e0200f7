"""A bound on how often something may happen."""

from device_agent.clock import Clock


class TokenBucket:
    """`rate` a second over time, `burst` at once: no second has more than the sum of both."""

    def __init__(self, clock: Clock, *, rate: float, burst: int) -> None:
        self._clock = clock
        self._rate = rate
        self._burst = burst
        self._tokens = float(burst)
        self._at = clock.monotonic()

    def take(self) -> None:
        """Count one, also where there was none left: then the next must wait longer."""
        self._refill()
        self._tokens -= 1

    @property
    def wait_s(self) -> float:
        """Until one may be taken; 0 if now."""
        self._refill()
        # A hair less than one is one: the clock's fractions do not add up exactly.
        return 0.0 if self._tokens > 1 - 1e-6 else (1 - self._tokens) / self._rate

    def _refill(self) -> None:
        now = self._clock.monotonic()
        self._tokens = min(float(self._burst), self._tokens + (now - self._at) * self._rate)
        self._at = now
