"""Exponential backoff with full jitter: a fleet that lost its broker does not come back in one wave."""

from random import Random


class Backoff:
    """Delays drawn evenly from zero to a ceiling that doubles from `first_s` up to `most_s`, at least `least_s`."""

    def __init__(self, random: Random, *, first_s: float = 1.0, most_s: float = 300.0, least_s: float = 0.0) -> None:
        self._random = random
        self._first_s = first_s
        self._most_s = most_s
        self._least_s = least_s
        self._ceiling_s = first_s

    def next_s(self) -> float:
        delay = max(self._least_s, self._random.uniform(0.0, self._ceiling_s))
        self._ceiling_s = min(self._most_s, self._ceiling_s * 2)
        return delay

    def reset(self) -> None:
        self._ceiling_s = self._first_s
