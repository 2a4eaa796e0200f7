"""How far back and ahead a store reaches: the same promise from every store, whatever its own clean-up does."""

import msgspec

from functions.domain.series import Point, Rejected

AHEAD_MS = 86_400_000
"""Beyond a day ahead no store looks or takes anything, which bounds every reading by the retention."""


class Horizon(msgspec.Struct, frozen=True):
    now: int
    retention_ms: int

    @property
    def oldest(self) -> int:
        return max(0, self.now - self.retention_ms)

    @property
    def end(self) -> int:
        return self.now + AHEAD_MS

    def clamp(self, start: int, end: int) -> tuple[int, int]:
        """The part of `[start, end)` that may be read; empty when the start is not before the end."""
        return max(start, self.oldest), min(end, self.end)

    def refusal(self, point: Point) -> Rejected | None:
        if point.ts < self.oldest:
            days = self.retention_ms // 86_400_000
            return Rejected(point, "expired", f"expected a ts of the last {days} days, got {point.ts}")
        if point.ts >= self.end:
            return Rejected(point, "future", f"expected a ts of at most a day ahead, got {point.ts}")
        return None
