"""A token bucket for each principal, as one number: the generic cell rate algorithm (GCRA).

The number is the *theoretical arrival time*: when the bucket will be full again. A token moves it on by `1 / rate`; it
may be `burst` tokens ahead of now. (ITU-T I.371, where it polices ATM cells.)
"""

from typing import Protocol

import msgspec

_SECOND_US = 1_000_000


class Bucket(Protocol):
    """A token comes in each `interval_us`; all that fit are as good as `depth_us`."""

    @property
    def interval_us(self) -> int: ...

    @property
    def depth_us(self) -> int: ...


class Limit(msgspec.Struct, frozen=True):
    """`burst` at once, and `per_second` from then on."""

    per_second: int
    burst: int

    @property
    def interval_us(self) -> int:
        return _SECOND_US // self.per_second

    @property
    def depth_us(self) -> int:
        return self.burst * self.interval_us


class Taken(msgspec.Struct, frozen=True):
    """`tokens` that were had, perhaps fewer than wanted. Without any, the next one is there in `wait_us`."""

    tokens: int
    wait_us: int = 0


def take(full_at_us: int, now_us: int, wanted: int, limit: Bucket) -> tuple[Taken, int]:
    """What a bucket that is full at `full_at_us` gives, and when it is full from then on."""
    start = max(full_at_us, now_us)
    room = (now_us + limit.depth_us - start) // limit.interval_us
    tokens = min(wanted, room)
    if tokens <= 0:
        return Taken(0, start + limit.interval_us - limit.depth_us - now_us), full_at_us
    return Taken(tokens), start + tokens * limit.interval_us
