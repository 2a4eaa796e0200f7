"""Sets of ids that are mostly runs."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable


class IdRanges:
    """A set of ids, kept as disjoint ranges with both ends included; it grows and never shrinks."""

    def __init__(self, pairs: Iterable[tuple[int, int]] = ()) -> None:
        self._first: list[int] = []
        self._last: list[int] = []
        for first, last in pairs:
            self.add(first, last)

    def add(self, first: int, last: int) -> None:
        """Add first…last; nothing if last is below first."""
        if last < first:
            return
        # The ranges from `low` up to `high` overlap the new one or touch it.
        low = bisect_left(self._last, first - 1)
        high = bisect_right(self._first, last + 1)
        if low < high:
            first, last = min(first, self._first[low]), max(last, self._last[high - 1])
        self._first[low:high] = [first]
        self._last[low:high] = [last]

    def __contains__(self, identifier: int) -> bool:
        at = bisect_left(self._last, identifier)
        return at < len(self._last) and self._first[at] <= identifier

    def count(self, first: int, last: int) -> int:
        """How many of first…last are in the set."""
        total = 0
        for at in range(bisect_left(self._last, first), bisect_right(self._first, last)):
            total += min(last, self._last[at]) - max(first, self._first[at]) + 1
        return total

    def next_absent(self, identifier: int) -> int:
        """The lowest id that is not in the set, from `identifier` on."""
        at = bisect_left(self._last, identifier)
        if at < len(self._last) and self._first[at] <= identifier:
            return self._last[at] + 1
        return identifier

    def pairs(self, limit: int | None = None) -> list[tuple[int, int]]:
        """The ranges; with a limit the lowest and then the widest of them, in order."""
        pairs = list(zip(self._first, self._last, strict=True))
        if limit is None or len(pairs) <= limit:
            return pairs
        widest = sorted(pairs[1:], key=lambda pair: pair[0] - pair[1])[: limit - 1]
        return [pairs[0], *sorted(widest)]
