"""What the parts of a compiled condition share: the instant that is judged, what is remembered, what may be skipped."""

from collections.abc import Callable, Mapping
from math import inf
from typing import Any, Final, NamedTuple, TypeAlias

from contract.conditions import is_reserved
from contract.telemetry import Value

__all__ = [
    "ANYTHING",
    "NEVER",
    "NOWHERE",
    "VERDICTS",
    "Box",
    "Moment",
    "Node",
    "Read",
    "Sample",
    "Slots",
    "Verdict",
]

NEVER: Final = 2**63
ANYTHING: Final = "*"
"""In place of a metric: whatever the device says."""
NOWHERE: Final = (inf, -inf)
"""The interval in which no number is."""

Verdict: TypeAlias = bool | None
Sample: TypeAlias = tuple[int, Value | None]
"""When a metric last came, and as what: None is a value that must not be relied on."""
VERDICTS: Final = {True: "true", False: "false", None: "unknown"}


class Moment:
    """One instant of an evaluation: what is known at it, what has just come, and when something will be due next."""

    __slots__ = ("at", "due", "fixed", "heard", "samples", "seen", "silences", "slots")

    def __init__(
        self, at: int, slots: list[Any], samples: Mapping[str, Sample], seen: Mapping[str, Any], *, heard: bool
    ) -> None:
        """`seen` are the metrics that came now with a value; `heard` says whether the device said anything."""
        self.at = at
        self.slots = slots
        self.samples = samples
        self.seen = seen
        self.heard = heard
        self.due = NEVER
        self.fixed = NEVER
        self.silences: dict[str, int] = {}

    def wake(self, at: int) -> None:
        """See to it that there is an evaluation at a later instant."""
        self.due = min(self.due, at)
        self.fixed = min(self.fixed, at)

    def wake_unless_heard(self, at: int, metric: str, silence: int) -> None:
        """The same, unless another sample comes before: `at` is a `silence` after the last one of the metric.

        ANYTHING stands for any metric.
        """
        self.due = min(self.due, at)
        self.silences[metric] = min(self.silences.get(metric, silence), silence)


class Box:
    """Which samples may be skipped: of each metric the open interval within which a number changes nothing.

    A value that equals the last one changes nothing either, whatever its type, unless its metric is `loud`. `deaf` is
    whether any sample at all changes something.
    """

    __slots__ = ("bounds", "deaf", "loud")

    def __init__(self) -> None:
        self.bounds: dict[str, tuple[float, float]] = {}
        self.loud: set[str] = set()
        self.deaf = False

    def within(self, metric: str, low: float, high: float) -> None:
        known = self.bounds.get(metric)
        if known is not None:
            low, high = max(low, known[0]), min(high, known[1])
        self.bounds[metric] = (low, high)


class Node(NamedTuple):
    """A part of a condition.

    `judge` may write slots, and again at the same moment with nothing new it changes none; `explain` gives JSON;
    `narrow` leaves in the box only what changes neither this part's verdict nor what it remembers.
    """

    judge: Callable[[Moment], Verdict]
    explain: Callable[[Moment], dict[str, Any]]
    narrow: Callable[[Moment, Box], None]


Read: TypeAlias = Callable[[Moment], Value | None]


class Slots:
    """What conditions that are compiled together remember: JSON values, never changed in place."""

    def __init__(self, stale_after_ms: int | None) -> None:
        self.initial: list[Any] = []
        self.updates: list[Callable[[Moment], None]] = []
        """To be run at each moment before anything is judged."""
        self.kept: set[int] = set()
        """Slots of what was measured rather than judged: they stay when a judgement begins anew."""
        self.stale_after = stale_after_ms
        self.shared: dict[tuple[Any, ...], Any] = {}
        """What several conditions may use together, such as the rate of a metric over a window."""

    def add(self, initial: Any, *, kept: bool = False) -> int:
        self.initial.append(initial)
        if kept:
            self.kept.add(len(self.initial) - 1)
        return len(self.initial) - 1

    def latest(self, metric: str) -> Read:
        """The last value of a metric; None if there is none to rely on, or it is too old."""
        stale_after = None if is_reserved(metric) else self.stale_after
        if stale_after is None:

            def read_any(moment: Moment) -> Value | None:
                sample = moment.samples.get(metric)
                return None if sample is None else sample[1]

            return read_any

        def read(moment: Moment) -> Value | None:
            sample = moment.samples.get(metric)
            if sample is None or sample[1] is None:
                return None
            expires = sample[0] + stale_after
            if moment.at >= expires:
                return None
            moment.wake_unless_heard(expires, metric, stale_after)
            return sample[1]

        return read
