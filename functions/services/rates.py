"""How much a principal may ask for. A busy one's tokens are taken in chunks, so that most requests write nothing."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from functions.domain.rates import Limit
from functions.errors import RateLimitError, RatesError
from functions.ports.clock import Clock
from functions.ports.requests import RateBuckets

LEASE_MS: Final = 5_000
"""How long tokens that were taken may be used: what is left then is lost."""
LEFT_ALONE_MS: Final = 5_000
"""How long buckets that did not answer are not asked again."""
CHUNK_OF_BURST: Final = 8
"""A process takes at most this part of the burst at once, so that a few processes together do not empty a bucket."""
MAX_PRINCIPALS: Final = 1_000

_MS_US = 1_000
_SECOND_MS = 1_000


@dataclass(slots=True)
class _Held:
    """What this process has of a principal's tokens, or until when it has none."""

    tokens: int = 0
    chunk: int = 0
    until_ms: int = 0
    refused_until_ms: int = 0


class Rates:
    """One for a process. Where the buckets do not answer, everybody is let in: `failing` is told of it.

    Throttles of the gateway still hold then, and an API that stops because it cannot count would be worse.
    """

    def __init__(self, buckets: RateBuckets, limit: Limit, clock: Clock, failing: Callable[[RatesError], None]) -> None:
        self._buckets = buckets
        self._limit = limit
        self._clock = clock
        self._failing = failing
        self._held: dict[str, _Held] = {}
        self._ask_again_ms = 0

    def admit(self, principal: str) -> None:
        """Raises RateLimitError, which says when to come again."""
        now = self._clock.now_ms()
        held = self._held.get(principal) or self._room_for(principal)
        if held.tokens and now < held.until_ms:
            held.tokens -= 1
        elif now < held.refused_until_ms:
            raise self._refusal(held.refused_until_ms - now)
        elif now >= self._ask_again_ms:
            self._take(principal, held, now)

    def _take(self, principal: str, held: _Held, now: int) -> None:
        most = max(1, self._limit.burst // CHUNK_OF_BURST)
        # Whoever used up a chunk within its time will use up a bigger one.
        held.chunk = min(most, held.chunk * 2) if held.chunk and now < held.until_ms else 1
        held.tokens = 0
        try:
            taken = self._buckets.take(principal, held.chunk, self._limit, now)
        except RatesError as exc:
            self._ask_again_ms = now + LEFT_ALONE_MS
            self._failing(exc)
            return
        if not taken.tokens:
            held.chunk = 0
            held.refused_until_ms = now - (-taken.wait_us // _MS_US)
            raise self._refusal(held.refused_until_ms - now)
        held.tokens = taken.tokens - 1
        held.until_ms = now + LEASE_MS

    def _room_for(self, principal: str) -> _Held:
        if len(self._held) >= MAX_PRINCIPALS:
            self._held.pop(next(iter(self._held)))
        return self._held.setdefault(principal, _Held())

    def _refusal(self, wait_ms: int) -> RateLimitError:
        seconds = max(1, -(-wait_ms // _SECOND_MS))
        limit = self._limit
        return RateLimitError(
            f"you may make {limit.per_second} requests a second, and {limit.burst} at once after a pause; "
            f"ask again in {seconds} s",
            seconds,
        )
