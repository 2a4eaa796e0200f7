"""Where the rows of a series may lie in time, in a few spans: what lies outside them is surely new."""

from bisect import bisect_right

MAX_SPANS = 8


class Occupancy:
    """Spans grow in the direction of time, so live data and a backfill beside it stay two spans."""

    def __init__(self) -> None:
        self._spans: dict[int, list[int]] = {}  # by series: first, last, first, last, … ascending

    def cover(self, sid: int, first: int, last: int) -> None:
        """The one span of a series of which only this is known."""
        self._spans[sid] = [first, last]

    def claim(self, sid: int, time: int) -> bool:
        """Whether no row can be there yet; from now on there may be."""
        spans = self._spans.get(sid)
        if spans is None:
            self._spans[sid] = [time, time]
            return True
        if time > spans[-1]:
            spans[-1] = time
            return True
        # Odd: behind a first moment and not behind its last one.
        place = bisect_right(spans, time)
        if place % 2 or (place and spans[place - 1] == time):
            return False
        if place:
            spans[place - 1] = time
            return True
        spans[0:0] = [time, time]
        if len(spans) > 2 * MAX_SPANS:
            _join_closest(spans)
        return True


def _join_closest(spans: list[int]) -> None:
    gaps = range(1, len(spans) - 1, 2)
    closest = min(gaps, key=lambda index: spans[index + 1] - spans[index])
    del spans[closest : closest + 2]
