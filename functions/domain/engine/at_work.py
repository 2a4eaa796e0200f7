"""One rule at work on one device."""

from collections.abc import Mapping
from math import inf

from contract.rules.lifecycle import RuleState, Step
from contract.telemetry import Value
from functions.domain.engine.codec import HEARD, NEVER, Bounds, Running
from functions.domain.engine.compiled import Compiled
from functions.domain.engine.inputs import Values


class RuleAtWork:
    """`due` is when something comes of the rule by itself, at the earliest: samples that were skipped may move it."""

    __slots__ = (
        "_bounds",
        "_known",
        "compiled",
        "due",
        "number",
        "shown",
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
        self.skipped: dict[str, tuple[int, Value | None]] = dict(kept.skipped)
        self.shown: dict[str, tuple[int, Value | None]] = dict(kept.shown)
        self._bounds = kept.bounds
        self._known = True
        self.state = kept.state
        self.due = self._next_due()

    @classmethod
    def begun(cls, compiled: Compiled, at: int) -> "RuleAtWork":
        state = compiled.program.start(at)
        rule = cls(compiled, Running(compiled.id, compiled.version, compiled.fingerprint, state))
        rule._known = False
        return rule

    @property
    def bounds(self) -> Bounds | None:
        """Within which open interval a number of each metric changes nothing; None: every sample must be seen."""
        if not self._known:
            self._bounds, self._known = self.compiled.program.quiet(self.state), True
            if self._bounds is not None and self.compiled.shown:
                self._bounds = {**self._bounds, **dict.fromkeys(self.compiled.shown, (-inf, inf))}
        return self._bounds

    def kept(self) -> Running:
        return Running(
            self.compiled.id,
            self.version,
            self.compiled.fingerprint,
            self.state,
            self.number,
            self.step,
            self.title,
            None if self.bounds is None else dict(self.bounds),
            self.skipped,
            self.shown,
        )

    def skip(self, at: int, values: Values) -> bool:
        """Pass samples over if nothing comes of them but that they are the last ones."""
        bounds = self.bounds if at < self.due else None
        if bounds is None or not all(
            self._changes_nothing(bounds, metric, at, values[metric])
            for metric in self.compiled.asked
            if metric in values
        ):
            return False
        for metric in self.compiled.asked:
            if metric in values:
                self.skipped[metric] = (at, values[metric])
        if self.compiled.device_wide and any(value is not None for value in values.values()):
            heard = self.skipped.get(HEARD)
            self.skipped[HEARD] = (at if heard is None else max(at, heard[0]), True)
        return True

    def _changes_nothing(self, bounds: Bounds, metric: str, at: int, value: Value | None) -> bool:
        limits = bounds.get(metric)
        known = self.skipped.get(metric) or self.state.evaluation.samples.get(metric) or self.shown.get(metric)
        if limits is None or value is None or (known is not None and at <= known[0]):
            return False
        if type(value) is float and limits[0] < value < limits[1]:
            return True
        return known is not None and type(known[1]) is type(value) and known[1] == value

    def observe(self, at: int, values: Values) -> tuple[Step, ...]:
        steps = self.catch_up()
        self._show(at, values)
        state, found = self.compiled.program.observe(self.state, at, values)
        self._becomes(state)
        return steps + found

    def _show(self, at: int, values: Values) -> None:
        for metric in self.compiled.shown & values.keys():
            known = self.shown.get(metric)
            if known is None or at > known[0]:
                self.shown[metric] = (at, values[metric])

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
        instants: dict[int, dict[str, Value | None]] = {}
        for metric, (at, value) in self.skipped.items():
            instants.setdefault(at, {})[metric] = value
        self.skipped = {}
        steps: tuple[Step, ...] = ()
        state = self.state
        for at, values in sorted(instants.items()):
            self._show(at, values)
            state, found = self.compiled.program.observe(state, at, values)
            steps += found
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
        return NEVER if due is None else due - 1


def merged(rules: Mapping[str, RuleAtWork]) -> tuple[dict[str, tuple[float, float]], set[str]] | None:
    """What changes nothing for any of the rules, and the metrics of which every sample must be seen.

    None where any sample at all must be.
    """
    within: dict[str, tuple[float, float]] = {}
    loud: set[str] = set()
    for rule in rules.values():
        bounds = rule.bounds
        if bounds is None:
            if rule.compiled.device_wide:
                return None
            loud |= rule.compiled.asked
            continue
        for metric in rule.compiled.asked:
            limits = bounds.get(metric)
            if limits is None:
                loud.add(metric)
                continue
            low, high = within.get(metric, limits)
            within[metric] = (max(low, limits[0]), min(high, limits[1]))
    return within, loud
