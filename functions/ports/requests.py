"""What the API remembers of its callers."""

from typing import Protocol

from functions.domain.idempotency import Begun, KeptAnswer, KeyedRequest
from functions.domain.rates import Bucket, Taken


class RateBuckets(Protocol):
    def take(self, principal: str, wanted: int, limit: Bucket, now_ms: int) -> Taken:
        """Up to `wanted` tokens of the principal's bucket, at once for everybody who takes. Raises RatesError."""
        ...


class RequestMemory(Protocol):
    """What was asked with an idempotency key, and what was answered. Every method raises IdempotencyError."""

    def begin(self, request: KeyedRequest, owner: str, now: int) -> Begun:
        """Claims the key for `owner` until `now + LEASE_MS`, or says what became of it.

        A claim whose time is over may be taken by the same request again: whoever held it is dead.
        """
        ...

    def finish(self, request: KeyedRequest, owner: str, answer: KeptAnswer | None, now: int) -> None:
        """Keeps the answer for KEPT_MS; None for one that must not be kept. Nothing where the claim is lost."""
        ...

    def abandon(self, request: KeyedRequest, owner: str) -> None:
        """Gives the claim back: nothing was done. Nothing where the claim is lost."""
        ...
