"""From a condition to closures that judge it, three-valued: True, False, or None where it cannot be known.

All that a judgement remembers stands in slots: JSON values of the evaluation's state, never changed in place.
"""

from collections.abc import Callable, Mapping
from operator import eq, ge, gt, le, lt, ne
from typing import Any, Final, NamedTuple, TypeAlias, assert_never

from contract.conditions import AllOf, AnyOf, Comparison, Condition, NoData, Not, Operator, to_document
from contract.models import type_of
from contract.telemetry import Value

__all__ = ["NEVER", "Compiler", "Moment", "Node", "Sample", "Verdict"]

NEVER: Final = 2**63
RATE_SLICES: Final = 32
"""A rate keeps one sample for each such part of its window, so that its state is bounded."""

Verdict: TypeAlias = bool | None
Sample: TypeAlias = tuple[int, Value | None]
"""When a metric last came, and as what: None is a value that must not be relied on."""

_TESTS: Final[dict[Operator, Callable[[Any, Any], bool]]] = {
    "above": gt,
    "below": lt,
    "at_least": ge,
    "at_most": le,
    "equals": eq,
    "not_equals": ne,
}
_VERDICTS: Final = {True: "true", False: "false", None: "unknown"}


class Moment:
    """One instant of an evaluation: what is known at it, what has just come, and when something will be due next."""

    __slots__ = ("at", "due", "heard", "samples", "seen", "slots")

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

    def wake(self, at: int) -> None:
        """See to it that there is an evaluation at a later instant."""
        self.due = min(self.due, at)


class Node(NamedTuple):
    """`judge` may write slots, and again at the same moment with nothing new it changes none; `explain` gives JSON."""

    judge: Callable[[Moment], Verdict]
    explain: Callable[[Moment], dict[str, Any]]


_Read: TypeAlias = Callable[[Moment], Value | None]


class Compiler:
    """Compiles conditions that share one list of slots; `slots` is how that begins."""

    def __init__(self, stale_after_ms: int | None) -> None:
        self.slots: list[Any] = []
        self.updates: list[Callable[[Moment], None]] = []
        """To be run at each moment before anything is judged."""
        self.kept: set[int] = set()
        """Slots of what was measured rather than judged: they stay when a judgement begins anew."""
        self._stale_after = stale_after_ms
        self._rates: dict[tuple[str, int], _Read] = {}

    def compile(self, condition: Condition) -> Node:
        match condition:
            case Comparison():
                node = self._comparison(condition)
            case NoData():
                return self._no_data(condition)
            case AllOf():
                node = self._junction(condition.parts, "all", decisive=False)
            case AnyOf():
                node = self._junction(condition.parts, "any", decisive=True)
            case Not():
                node = self._negation(condition.part)
            case _:
                assert_never(condition)
        return self._lasting(node, condition.for_ms) if condition.for_ms else node

    def _slot(self, initial: Any) -> int:
        self.slots.append(initial)
        return len(self.slots) - 1

    def _comparison(self, condition: Comparison) -> Node:
        read = self._latest(condition.metric)
        if condition.rate_over_ms is not None:
            read = self._rate(condition.metric, condition.rate_over_ms)
        test, threshold, until = _TESTS[condition.operator], condition.threshold, condition.until
        kind = type_of(threshold)
        slot = self._slot(initial=False) if until is not None else None  # whether it held

        def judge_value(moment: Moment) -> Verdict:
            value = read(moment)
            if value is None or type_of(value) != kind:
                return None
            if slot is None:
                return test(value, threshold)
            holds = moment.slots[slot] = test(value, until if moment.slots[slot] else threshold)
            return holds

        judge: Callable[[Moment], Verdict] = judge_value
        if condition.count > 1:
            judge = self._counted(judge_value, condition.metric, condition.count)
        shown = to_document(condition)
        shown.pop("for_ms", None)

        def explain(moment: Moment) -> dict[str, Any]:
            told = {**shown, "verdict": _VERDICTS[judge(moment)]}
            if (sample := moment.samples.get(condition.metric)) is not None:
                told |= {"value": sample[1], "age_ms": moment.at - sample[0]}
            if condition.rate_over_ms is not None:
                told["rate"] = read(moment)
            return told

        return Node(judge, explain)

    def _latest(self, metric: str) -> _Read:
        stale_after = self._stale_after

        def read(moment: Moment) -> Value | None:
            sample = moment.samples.get(metric)
            if sample is None or sample[1] is None or stale_after is None:
                return None if sample is None else sample[1]
            expires = sample[0] + stale_after
            if moment.at >= expires:
                return None
            moment.wake(expires)
            return sample[1]

        return read

    def _rate(self, metric: str, window: int) -> _Read:
        """Per second, from the first sample in the window to the last, at least half a window apart."""
        if (metric, window) in self._rates:
            return self._rates[metric, window]
        slot = self._slot([])
        self.kept.add(slot)
        width = max(1, window // RATE_SLICES)
        latest = self._latest(metric)

        def update(moment: Moment) -> None:
            if metric not in moment.seen:
                return
            at, value = moment.samples[metric]
            if value is None or type_of(value) != "number":
                return
            kept = [pair for pair in moment.slots[slot] if pair[0] >= at - window]
            if not kept or kept[-1][0] // width != at // width:
                kept.append([at, value])
            moment.slots[slot] = kept

        def read(moment: Moment) -> Value | None:
            value, kept = latest(moment), moment.slots[slot]
            if not isinstance(value, float | int) or isinstance(value, bool) or not kept:
                return None
            at = moment.samples[metric][0]
            span = at - kept[0][0]
            if 2 * span < window or moment.at >= at + window:
                return None
            moment.wake(at + window)
            rate: float = (value - kept[0][1]) * 1000 / span
            return rate

        self.updates.append(update)
        self._rates[metric, window] = read
        return read

    def _counted(self, judge: Callable[[Moment], Verdict], metric: str, count: int) -> Callable[[Moment], Verdict]:
        slot = self._slot(0)

        def judge_counted(moment: Moment) -> Verdict:
            holds, seen = judge(moment), moment.slots[slot]
            if holds is None:
                moment.slots[slot] = count if seen == count else 0
                return None
            if not holds:
                seen = 0
            elif metric in moment.seen:
                seen = min(seen + 1, count)
            moment.slots[slot] = seen
            return bool(seen == count)

        return judge_counted

    def _lasting(self, node: Node, for_ms: int) -> Node:
        slot = self._slot(None)  # since when it holds; True once that was for long enough

        def judge(moment: Moment) -> Verdict:
            holds, since = node.judge(moment), moment.slots[slot]
            if holds is None:
                moment.slots[slot] = True if since is True else None
                return None
            if not holds:
                moment.slots[slot] = None
                return False
            if since is True:
                return True
            if since is None:
                since = moment.slots[slot] = moment.at
            if moment.at - since >= for_ms:
                moment.slots[slot] = True
                return True
            moment.wake(since + for_ms)
            return False

        def explain(moment: Moment) -> dict[str, Any]:
            told = {**node.explain(moment), "for_ms": for_ms, "verdict": _VERDICTS[judge(moment)]}
            since = moment.slots[slot]
            return told if since is None or since is True else {**told, "held_ms": moment.at - since}

        return Node(judge, explain)

    def _no_data(self, condition: NoData) -> Node:
        slot = self._slot(None)  # when data last came, or when this was first looked at
        metric, for_ms = condition.metric, condition.for_ms

        def judge(moment: Moment) -> Verdict:
            last = moment.slots[slot]
            if last is None or (moment.heard if metric is None else metric in moment.seen):
                last = moment.slots[slot] = moment.at
            if moment.at - last >= for_ms:
                return True
            moment.wake(last + for_ms)
            return False

        def explain(moment: Moment) -> dict[str, Any]:
            verdict = _VERDICTS[judge(moment)]
            return {**to_document(condition), "verdict": verdict, "silent_ms": moment.at - moment.slots[slot]}

        return Node(judge, explain)

    def _junction(self, parts: tuple[Condition, ...], word: str, *, decisive: bool) -> Node:
        """`decisive` is the verdict of one part that decides it, whatever the others are."""
        nodes = [self.compile(part) for part in parts]
        judges = [node.judge for node in nodes]

        def judge(moment: Moment) -> Verdict:
            verdicts = [judge(moment) for judge in judges]  # every part, since each remembers
            if decisive in verdicts:
                return decisive
            return None if None in verdicts else not decisive

        def explain(moment: Moment) -> dict[str, Any]:
            return {word: [node.explain(moment) for node in nodes], "verdict": _VERDICTS[judge(moment)]}

        return Node(judge, explain)

    def _negation(self, part: Condition) -> Node:
        node = self.compile(part)

        def judge(moment: Moment) -> Verdict:
            verdict = node.judge(moment)
            return None if verdict is None else not verdict

        def explain(moment: Moment) -> dict[str, Any]:
            return {"not": node.explain(moment), "verdict": _VERDICTS[judge(moment)]}

        return Node(judge, explain)
