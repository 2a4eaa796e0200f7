"""Token buckets in memory."""

from functions.domain.rates import Bucket, Taken, take


class MemoryRateBuckets:
    """`asked` counts the calls."""

    def __init__(self) -> None:
        self.asked = 0
        self._full_at: dict[str, int] = {}

    def take(self, principal: str, wanted: int, limit: Bucket, now_ms: int) -> Taken:
        self.asked += 1
        taken, self._full_at[principal] = take(self._full_at.get(principal, 0), now_ms * 1000, wanted, limit)
        return taken
