"""One rule at work on one device."""

from collections.abc import Collection, Iterable, Iterator

from contract.evaluation import ANYTHING
from contract.rules.lifecycle import RuleState, Step
from contract.telemetry import Value
from functions.domain.engine.codec import NEVER, Allowance, Bounds, Running
from functions.domain.engine.compiled import Compiled
from functions.domain.engine.inputs import Values


class RuleAtWork:
    """`due` is when something comes of the rule by itself, with what was skipped; `fixed` when it does in any case."""

    __slots__ = (
        "_allowance",
        "_known",
        "compiled",
        "due",
        "fixed",
        "number",
        "skipped",
        "state",
        "step",
        "title",
        "version",
    )

    def __init__(self, compiled: Compiled, kept: Running) -> None:
        self.compiled = compiled
        self.version = kept.version
        self.number = kept.number
        self.step = kept.step
        self.title = kept.title
        self.skipped = kept.skipped
        self.state = kept.state
        self.fixed = kept.due
        self._allowance = kept.allowance
        self._known = True
        self.due = self._next_due()

    @classmethod
    def begun(cls, compiled: Compiled, at: int) -> "RuleAtWork":
        rule = cls(compiled, Running(compiled.id, compiled.version, compiled.fingerprint, compiled.program.start(at)))
        rule._known = False
        return rule

    @property
    def allowance(self) -> Allowance | None:
        """What may be skipped before `due`; None: every sample must be seen."""
        if not self._known:
            program, self._known = self.compiled.program, True
            bounds = program.quiet(self.state)
            if bounds is None:
                self._allowance = None
            else:
                fixed, silences = program.patience(self.state)
                self.fixed = NEVER if fixed is None else fixed
                self._allowance = Allowance(bounds, silences)
        return self._allowance

    def kept(self) -> Running:
        return Running(
            self.compiled.id,
            self.version,
            self.compiled.fingerprint,
            self.state,
            self.number,
            self.step,
            self.title,
            self.allowance,
            self.fixed,
            self.skipped,
        )

    def skip(self, at: int, values: Values) -> bool:
        """Pass samples over if nothing comes of them but that they are the last ones."""
        allowance = self.allowance if at < self.due else None
        if allowance is None:
            return False
        compiled, skipped = self.compiled, self.skipped
        for metric in compiled.asked:
            if metric in values and not self._changes_nothing(allowance.bounds, metric, at, values[metric]):
                return False
        for metric in compiled.asked:
            if metric in values:
                skipped[metric] = (at, values[metric])
        if compiled.device_wide and any(value is not None for value in values.values()):
            heard = skipped.get(ANYTHING)
            skipped[ANYTHING] = (at if heard is None else max(at, heard[0]), True)
        if allowance.silences:
            self.due = self._next_due()
        return True

    def _changes_nothing(self, bounds: Bounds, metric: str, at: int, value: Value | None) -> bool:
        limits = bounds.get(metric)
        known = self.skipped.get(metric) or self.state.evaluation.samples.get(metric)
        if limits is None or value is None or (known is not None and at <= known[0]):
            return False
        if type(value) is float and limits[0] < value < limits[1]:
            return True
        return known is not None and type(known[1]) is type(value) and known[1] == value

    def observe(self, at: int, values: Values) -> tuple[Step, ...]:
        steps = self.catch_up()
        state, found = self.compiled.program.observe(self.state, at, values)
        self._becomes(state)
        return steps + found

    def advance(self, now: int) -> tuple[Step, ...]:
        """Do what was due before `now`."""
        steps = self.catch_up()
        state, found = self.compiled.program.advance(self.state, now)
        self._becomes(state)
        return steps + found

    def catch_up(self) -> tuple[Step, ...]:
        """See what was skipped; as it was to change nothing, no steps come of it."""
        if not self.skipped:
            return ()
        skipped, self.skipped = self.skipped, {}
        heard, _ = skipped.pop(ANYTHING, (None, None))
        state, steps = self.compiled.program.catch_up(self.state, skipped, heard)
        self._becomes(state)
        return steps

    def reset(self) -> None:
        self.catch_up()
        self._becomes(self.compiled.program.reset(self.state))
        self.number, self.step, self.title = 0, 0, ""

    def _becomes(self, state: RuleState) -> None:
        if state is not self.state:
            self.state, self._known = state, False
        self.due = self._next_due()

    def _next_due(self) -> int:
        due = self.compiled.program.next_due(self.state)
        if due is None:
            return NEVER
        if not self.skipped or self._allowance is None or not self._known:
            return due - 1
        if not self._allowance.silences:
            return self.fixed
        return min([self.fixed, *self._ends(self._allowance, self._allowance.silences.keys())])

    def due_whatever_comes_of(self, metrics: Collection[str]) -> int:
        """When the next thing is due, however often data of these metrics comes."""
        if self.allowance is None:
            return self.due
        if not self.allowance.silences:
            return self.fixed
        others = self.allowance.silences.keys() - metrics - {ANYTHING}
        return min([self.fixed, *self._ends(self.allowance, others)])

    def _ends(self, allowance: Allowance, metrics: Iterable[str]) -> Iterator[int]:
        """When each of these metrics will have been silent for too long; at the earliest where that is not known."""
        for metric in metrics:
            skipped = self.skipped.get(metric)
            due = self.compiled.program.next_due(self.state)
            if skipped is not None:
                yield skipped[0] + allowance.silences[metric]
            elif due is not None:
                yield due - 1


def merged(rules: Iterable[RuleAtWork], metrics: Collection[str]) -> tuple[Allowance, set[str]] | None:
    """What may be skipped for all of the rules together, and the metrics of which every sample must be seen.

    None where any sample at all must be. Only of `metrics` are the silences among it.
    """
    within: dict[str, tuple[float, float]] = {}
    silences: dict[str, int] = {}
    loud: set[str] = set()
    for rule in rules:
        allowance = rule.allowance
        if allowance is None:
            if rule.compiled.device_wide:
                return None
            loud |= rule.compiled.asked
            continue
        for metric, silence in allowance.silences.items():
            if metric == ANYTHING or metric in metrics:
                silences[metric] = min(silence, silences.get(metric, silence))
        for metric in rule.compiled.asked:
            limits = allowance.bounds.get(metric)
            if limits is None:
                loud.add(metric)
                continue
            low, high = within.get(metric, limits)
            within[metric] = (max(low, limits[0]), min(high, limits[1]))
    return Allowance(within, silences), loud
