"""The mean of a window that samples enter and leave in order, at a constant cost, without subtracting.

A running sum from which the oldest sample is subtracted keeps the rounding errors of all that ever passed, and one huge
sample swallows the small ones for good. Here the sum is of two halves: the newer one grows sample by sample, and when
the older one is used up, the newer is summed anew from its end, once for each sample on average.
"""


class RunningMean:
    """First in, first out."""

    def __init__(self) -> None:
        self._newer: list[float] = []
        self._newer_sum = 0.0
        self._older_sums: list[float] = []  # the last is the sum of all of the older half

    def add(self, value: float) -> None:
        self._newer.append(value)
        self._newer_sum += value

    def drop_oldest(self) -> None:
        """Raises IndexError if there is none."""
        if not self._older_sums:
            total = 0.0
            for value in reversed(self._newer):
                total += value
                self._older_sums.append(total)
            self._newer.clear()
            self._newer_sum = 0.0
        self._older_sums.pop()

    def clear(self) -> None:
        self._newer.clear()
        self._newer_sum = 0.0
        self._older_sums.clear()

    def value(self) -> float:
        """The mean; infinite or NaN if a sum overflows. Raises ZeroDivisionError if there is nothing."""
        older = self._older_sums[-1] if self._older_sums else 0.0
        return (older + self._newer_sum) / (len(self._older_sums) + len(self._newer))
