"""What may be skipped behind the time at which something would be due, as long as data comes in time."""

from math import inf

from hypothesis import given, settings

from contract._moments import ANYTHING, is_reserved
from contract.conditions import parse
from contract.evaluation import Evaluator
from tests.contract.test_evaluation import END, histories, is_quiet, run, stale_afters, trees


class Sparing:
    """A rule that is shown nothing that may be skipped; `spared` counts what was, `patient` what only patience lets."""

    def __init__(self, evaluator):
        self.evaluator = evaluator
        self.state = evaluator.start(0)
        self.skipped, self.heard = {}, None
        self.found = []
        self.spared = self.patient = 0

    def see(self, at, values):
        if self.may_skip(at, values):
            self.spared += 1
            self.patient += self.state.due is not None and at >= self.state.due
            self.skipped |= {metric: (at, value) for metric, value in values.items()}
            if any(value is not None and not is_reserved(metric) for metric, value in values.items()):
                self.heard = at
            return
        self.catch_up()
        self.state, found = self.evaluator.observe(self.state, at, values)
        self.found += found

    def may_skip(self, at, values):
        quiet = self.evaluator.quiet(self.state)
        asked = {each: value for each, value in values.items() if value is None or each in self.evaluator.metrics}
        last = {metric: sample[1] for metric, sample in (self.state.samples | self.skipped).items()}
        return at < self.limit() and quiet is not None and is_quiet(quiet, asked, last)

    def limit(self):
        fixed, silences = self.evaluator.patience(self.state)
        ends = [inf if fixed is None else fixed]
        for metric, silence in silences.items():
            heard = self.heard if metric == ANYTHING else self.skipped.get(metric, (None,))[0]
            ends.append(self.state.due if heard is None else heard + silence)
        return min(ends)

    def catch_up(self):
        self.state, found = self.evaluator.catch_up(self.state, self.skipped, self.heard)
        assert found == ()
        self.skipped, self.heard = {}, None

    def end(self, at=END):
        self.catch_up()
        self.state, found = self.evaluator.advance(self.state, at + 1)
        return self.found + list(found)


@settings(max_examples=150)
@given(trees, trees | trees.map(lambda _: None), histories, stale_afters)
def test_skipping_with_patience_changes_nothing(when, clear, history, stale_after):
    evaluator = Evaluator(when, clear, stale_after_ms=stale_after)
    rule = Sparing(evaluator)
    for at in sorted(history):
        rule.see(at, history[at])
    assert rule.end() == run(evaluator, history)


def test_a_device_that_goes_on_reporting_is_looked_at_no_more():
    for document in ({"no_data": True, "for_ms": 300}, {"no_data": True, "metric": "t", "for_ms": 300}):
        rule = Sparing(Evaluator(parse(document)))
        for at in range(0, 10_000, 100):
            rule.see(at, {"t": 1.0})
        assert rule.patient > 90
        assert [each.at for each in rule.end(20_000)] == [10_200]


def test_a_metric_that_stays_fresh_is_looked_at_no_more():
    rule = Sparing(Evaluator(parse({"metric": "t", "above": 5}), stale_after_ms=300))
    for at in range(0, 10_000, 100):
        rule.see(at, {"t": 1.0})
    assert rule.patient > 90
    rule.see(10_000, {"t": 6.0})
    assert [(each.kind, each.at) for each in rule.found] == [("fired", 10_000)]
