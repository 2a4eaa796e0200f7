"""What a rule must do, computed at every instant from the whole history: no state is kept, nothing scheduled."""

from functools import cache
from operator import eq, ge, gt, le, lt, ne

from contract._geofences import is_in
from contract.conditions import AllOf, AnyOf, Changes, Comparison, Geofence, NoData, Not, Operand

TESTS = {"above": gt, "below": lt, "at_least": ge, "at_most": le, "equals": eq, "not_equals": ne}


def kind(value):
    return "number" if type(value) in (int, float) else type(value)


class Oracle:
    """`history` is instant → {metric: value, or None if it must not be relied on}; every integer is an instant."""

    def __init__(self, history, stale_after=None):
        self.history = history
        self.stale_after = stale_after
        self.start = 0
        # The same question has the same answer; without this, nested durations ask it exponentially often.
        self.judge = cache(self.judge)
        self.raw = cache(self.raw)
        self.value = cache(self.value)
        self.times = cache(self.times)
        self.aggregate = cache(self.aggregate)

    def transitions(self, when, clear, start, end):
        """(kind, instant) of everything up to and including `end`."""
        found, fired = [], None
        self.start = start
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
        leaf = {Comparison: self.comparison, Changes: self.changes, NoData: self.no_data, Geofence: self.geofence}
        if type(node) in leaf:
            return leaf[type(node)](node, begin, t, first=first)
        if isinstance(node, Not):
            verdict = self.judge(node.part, begin, t, first=first)
            return None if verdict is None else not verdict
        verdicts = [self.judge(part, begin, t, first=first) for part in node.parts]
        if isinstance(node, AllOf):
            return False if False in verdicts else None if None in verdicts else True
        assert isinstance(node, AnyOf)
        return True if True in verdicts else None if None in verdicts else False

    def geofence(self, node, begin, t, *, first):
        here = self.value(node.latitude, t), self.value(node.longitude, t)
        return is_in(node.area, here) is node.inside if all(kind(x) == "number" for x in here) else None

    def no_data(self, node, begin, t, *, first):
        came = [u for u in range(begin if first else begin + 1, t + 1) if self.came(node.metric, u)]
        return t - max(came, default=begin) >= node.for_ms

    def comparison(self, node, begin, t, *, first):
        held, run, last, reached, verdict = False, 0, [], False, None
        for u in range(begin, t + 1):
            verdict = self.single(node, u, held)
            if verdict is None:
                run, last = (run if run >= node.count else 0), (last if reached else [])
                continue
            held = verdict
            new = self.came(node.metric, u) and (first or u > begin)
            run = run + new if held else 0
            last = [*last, held][-(node.of or 1) :] if new else last
            reached = sum(last) >= node.count
            if node.of is not None:
                verdict = reached
            elif node.count > 1:
                verdict = run >= node.count
        return verdict

    def single(self, node, t, held):
        """Of the comparison at an instant alone, given whether it held before."""
        if held and node.until is not None:
            beside = node.until
        elif isinstance(node.threshold, Operand):
            beside = self.value(node.threshold.sample, t)
            if node.threshold.plus:
                beside = beside + node.threshold.plus if kind(beside) == "number" else None
        else:
            beside = node.threshold
        if beside is None or (node.operator not in ("equals", "not_equals") and kind(beside) != "number"):
            return None
        test = TESTS[node.operator]
        if node.aggregate is not None:
            verdicts = {test(value, beside) for value in self.aggregate(node.metric, node.aggregate, node.over_ms, t)}
            verdicts |= {test(value, beside) for value in self.around(node, beside, t)}
            return verdicts.pop() if kind(beside) == "number" and len(verdicts) == 1 else None
        value = self.value(node.metric, t) if node.rate_over_ms is None else self.rate(node, t)
        return None if value is None or kind(value) != kind(beside) else test(value, beside)

    def value(self, metric, t):
        times = self.times(metric, t)
        if not times:
            return None
        value = self.history[times[-1]][metric]
        stale = self.stale_after is not None and t - times[-1] >= self.stale_after and metric[0] != "@"
        return None if stale else value

    def times(self, metric, t):
        return [u for u in sorted(self.history) if u <= t and metric in self.history[u]]

    def rate(self, node, t):
        value, times = self.value(node.metric, t), self.times(node.metric, t)
        if kind(value) != "number" or t - times[-1] >= node.rate_over_ms:
            return None
        window = range(times[-1] - node.rate_over_ms, times[-1] + 1)
        first = min(u for u in times if u in window and kind(self.history[u][node.metric]) == "number")
        if 2 * (times[-1] - first) < node.rate_over_ms:
            return None
        return (value - self.history[first][node.metric]) * 1000 / (times[-1] - first)

    def aggregate(self, metric, aggregate, window, t):
        """What it may be: nothing if that is unknown, one value, or besides it what is named by `around`."""
        if aggregate != "count" and kind(self.value(metric, t)) != "number":
            return ()
        samples = [self.history[u][metric] for u in self.times(metric, t) if u > t - window]
        numbers = [value for value in samples if kind(value) == "number"]
        complete = t >= self.start + window
        if aggregate == "count":
            return (sum(value is not None for value in samples),)
        if aggregate in ("sum", "avg") and not complete:
            return ()
        if not numbers:
            return (0,) if aggregate == "sum" else ()
        extent = max(numbers) - min(numbers)
        mean = sum(numbers) / len(numbers)
        return (
            {"sum": sum(numbers), "avg": mean, "min": min(numbers), "max": max(numbers), "range": extent}[aggregate],
        )

    def around(self, node, beside, t):
        """What else it may be, since what came before the start is not known."""
        least = self.aggregate(node.metric, node.aggregate, node.over_ms, t)
        if t >= self.start + node.over_ms or not least or kind(beside) != "number":
            return []
        more = [beside - 0.5, beside, beside + 0.5, 1e9, -1e9]
        return [each for each in more if (each < least[0] if node.aggregate == "min" else each > least[0])]

    def changes(self, node, begin, t, *, first):
        if self.value(node.metric, t) is None:
            return None
        *before, last = [u for u in self.times(node.metric, t) if self.history[u][node.metric] is not None]
        if not before or last < begin or (last == begin and not first):
            return None
        one, other = self.history[before[-1]][node.metric], self.history[last][node.metric]
        asked = [(node.before, one), (node.after, other)]
        as_asked = all(wanted is None or (kind(wanted), wanted) == (kind(came), came) for wanted, came in asked)
        return as_asked and (kind(one), one) != (kind(other), other)

    def came(self, metric, t):
        values = self.history.get(t, {})
        if metric is None:
            return any(value is not None and name[0] != "@" for name, value in values.items())
        return values.get(metric) is not None
