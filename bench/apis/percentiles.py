"""Many times of one thing as figures."""

import statistics
from collections.abc import Callable, Iterator
from time import perf_counter

from bench.agents.figures import Figure


def percentile(values: list[float], percent: int) -> float:
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]


def percentiles(
    name: str, taken: list[float], peer: str, theirs: list[float], *, p95_goal_ms: float | None = None
) -> Iterator[Figure]:
    """p50, p95 and p99 in ms, each beside the peer's own."""
    for percent in (50, 95, 99):
        value, other = percentile(taken, percent), percentile(theirs, percent)
        goal = p95_goal_ms if percent == 95 else None
        ok = goal is None or value <= goal
        yield Figure(f"{name} p{percent}", value, "ms", f"{peer}: {other:,.1f} ms", value / other, goal, ok)


def timed(call: Callable[[], object], count: int, *, pause: Callable[[], None] = lambda: None) -> list[float]:
    """The same call over and over, each in ms; `pause` between them is not counted."""
    taken = []
    for _ in range(count):
        begun = perf_counter()
        call()
        taken.append((perf_counter() - begun) * 1000)
        pause()
    return taken
