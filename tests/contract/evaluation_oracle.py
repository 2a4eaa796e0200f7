"""What a rule must do, computed at every instant from the whole history: no state is kept, nothing scheduled."""

from functools import cache
from operator import eq, ge, gt, le, lt, ne

from contract.conditions import AllOf, AnyOf, Comparison, NoData, Not

TESTS = {"above": gt, "below": lt, "at_least": ge, "at_most": le, "equals": eq, "not_equals": ne}


def kind(value):
    return "number" if type(value) in (int, float) else type(value)


class Oracle:
    """`history` is instant → {metric: value, or None if it must not be relied on}; every integer is an instant."""

    def __init__(self, history, stale_after=None):
        self.history = history
        self.stale_after = stale_after
        # The same question has the same answer; without this, nested durations ask it exponentially often.
        self.judge = cache(self.judge)
        self.raw = cache(self.raw)
        self.operand = cache(self.operand)

    def transitions(self, when, clear, start, end):
        """(kind, instant) of everything up to and including `end`."""
        found, fired = [], None
        for t in range(start, end + 1):
            holds = self.judge(when, start, t, first=True)
            if fired is None:
                if holds is True:
                    fired = t
                    found.append(("fired", t))
            elif holds is False if clear is None else holds is not True and self.judge(clear, fired, t, first=False):
                fired = None
                found.append(("cleared", t))
        return found

    def judge(self, node, begin, t, *, first):
        """The verdict at `t` of a judgement that began at `begin`; `first`: whether data of that instant is new."""
        raw = [self.raw(node, begin, u, first=first) for u in range(begin, t + 1)]
        if isinstance(node, NoData) or not node.for_ms:
            return raw[-1]
        reached, run = False, 0
        for verdict in raw:
            if verdict is None:
                run = 0
            elif verdict:
                run += 1
                reached = reached or run > node.for_ms
            else:
                reached, run = False, 0
        return None if raw[-1] is None else reached

    def raw(self, node, begin, t, *, first):
        match node:
            case Comparison():
                return self.comparison(node, begin, t, first=first)
            case NoData():
                came = [u for u in range(begin if first else begin + 1, t + 1) if self.came(node.metric, u)]
                return t - max(came, default=begin) >= node.for_ms
            case Not():
                verdict = self.judge(node.part, begin, t, first=first)
                return None if verdict is None else not verdict
        verdicts = [self.judge(part, begin, t, first=first) for part in node.parts]
        if isinstance(node, AllOf):
            return False if False in verdicts else None if None in verdicts else True
        assert isinstance(node, AnyOf)
        return True if True in verdicts else None if None in verdicts else False

    def comparison(self, node, begin, t, *, first):
        held, run, verdict = False, 0, None
        for u in range(begin, t + 1):
            value = self.operand(node, u)
            if value is None or kind(value) != kind(node.threshold):
                verdict = None
                run = run if run >= node.count else 0
                continue
            far = node.until if held and node.until is not None else node.threshold
            held = TESTS[node.operator](value, far)
            new = self.came(node.metric, u) and (first or u > begin)
            run = run + new if held else 0
            verdict = held if node.count == 1 else run >= node.count
        return verdict

    def operand(self, node, t):
        times = [u for u in self.history if u <= t and node.metric in self.history[u]]
        if not times:
            return None
        last = max(times)
        value = self.history[last][node.metric]
        if value is None or (self.stale_after is not None and t - last >= self.stale_after):
            return None
        if node.rate_over_ms is None:
            return value
        if kind(value) != "number" or t - last >= node.rate_over_ms:
            return None
        window = range(last - node.rate_over_ms, last + 1)
        first = min(u for u in times if u in window and kind(self.history[u][node.metric]) == "number")
        if 2 * (last - first) < node.rate_over_ms:
            return None
        return (value - self.history[first][node.metric]) * 1000 / (last - first)

    def came(self, metric, t):
        values = self.history.get(t, {})
        if metric is None:
            return any(value is not None for value in values.values())
        return values.get(metric) is not None
