"""The life of a rule's alarm on one device: raised, escalated, downgraded, flapping, cleared. Pure, in event time.

    >>> from contract.rules import read_rule
    >>> hot = {"rule": "hot", "scope": "*", "severity": "major", "when": {"metric": "t", "above": 90}}
    >>> program = RuleProgram(read_rule(hot))
    >>> state, steps = program.observe(program.start(0), 5, {"t": 95})
    >>> [(step.kind, step.severity, step.at, step.peak) for step in steps]
    [('raised', 'major', 5, 95)]

An alarm is raised when a first band of its rule fires and cleared when none is left; in between it is as severe as the
worst that has fired. If it would be cleared after it was raised `times` times within `within_ms`, it flaps instead: it
stays, counts how often it is raised, tells only of what is worse than all before, and is cleared once it was clear for
`within_ms`.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from contract._moments import NOWHERE, Sample
from contract.conditions import AllOf, AnyOf, Comparison, Condition, Not, is_reserved
from contract.evaluation import Evaluator, State, Transition
from contract.models import SEVERITIES, Severity
from contract.rules.rule import Moment, Rule
from contract.rules.templates import compile_template
from contract.telemetry import Value

__all__ = ["AlarmState", "RuleProgram", "RuleState", "Step"]

_ESCAPED: Final = re.compile(r"[{}]")
_RISING: Final = ("above", "at_least")
_FALLING: Final = ("below", "at_most")


class AlarmState(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """The alarm that is active. `first`, `last` and `peak` are values of the rule's primary metric since it was raised.

    `clear_since` is since when no band has fired, which only one that flaps outlives.
    """

    since: int
    severity: Severity
    first: Value | None
    last: Value | None
    peak: Value | None
    count: int = 1
    flapping: bool = False
    clear_since: int | None = None


class RuleState(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """Where a rule stands on a device; made of JSON's values. `raised` is when its alarms were, of late."""

    evaluation: State
    alarm: AlarmState | None = None
    raised: tuple[int, ...] = ()


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """What became of an alarm at an instant. `values` are the rule's inputs, `why` the tree that decided it."""

    kind: Moment
    at: int
    severity: Severity
    """As it is now; of one that is cleared, as it was."""
    since: int
    """When the alarm was raised."""
    values: dict[str, Value | None]
    first: Value | None
    last: Value | None
    peak: Value | None
    count: int
    """How often it was raised: more than once only while it flaps."""
    why: dict[str, Any]


Steps = tuple[Step, ...]


class RuleProgram:
    """A rule, compiled once for all devices.

    `metrics` are those that it asks for, among them attributes as `@key` and `$online`; `device_wide` says whether any
    data of the device matters. `fingerprint` stands for all that a state depends on: under the same one it goes on.
    """

    def __init__(self, rule: Rule) -> None:
        """Raises ValueError for a rule without bands, which never does anything."""
        if not rule.bands:
            raise ValueError(f"the rule {rule.id} has no bands")
        first, *more = rule.bands
        self.rule = rule
        self._template = compile_template(rule.message or _ESCAPED.sub(r"\g<0>\g<0>", rule.title))
        self._evaluator = Evaluator(
            first.when,
            first.clear,
            more=[(band.when, band.clear) for band in more],
            also=self._template.metrics | self._template.attributes,
            stale_after_ms=rule.stale_after_ms,
        )
        self._severities = tuple(band.severity for band in rule.bands)
        self._flapping = rule.flapping
        found = next((one for band in rule.bands if (one := _primary(band.when)) is not None), ("", 0))
        self.primary: str | None = found[0] or None
        """The metric that first, last and peak are of: that of the first comparison."""
        self._worse = found[1]
        self.metrics: frozenset[str] = self._evaluator.metrics
        self.device_wide: bool = self._evaluator.device_wide
        self.fingerprint: str = ".".join([self._evaluator.rule, *(f"{SEVERITIES.index(s)}" for s in self._severities)])

    def start(self, now: int) -> RuleState:
        """Nothing is known yet; the first evaluation is due at once."""
        return RuleState(evaluation=self._evaluator.start(now))

    def reset(self, state: RuleState) -> RuleState:
        """As if it began: no alarm, and of what came only the device's attributes are known."""
        known = {name: sample for name, sample in state.evaluation.samples.items() if name.startswith("@")}
        return RuleState(evaluation=self._evaluator.start(state.evaluation.at, known))

    def observe(self, state: RuleState, at: int, samples: Mapping[str, Value | None]) -> tuple[RuleState, Steps]:
        """Take data of time `at`, after what was due before it; see `Evaluator.observe`."""
        state, steps = self.advance(state, at)
        state, found = self._goes_on(state, *self._evaluator.observe(state.evaluation, at, samples))
        return state, steps + found

    def catch_up(self, state: RuleState, skipped: Mapping[str, Sample], heard: int | None) -> tuple[RuleState, Steps]:
        """Show what was skipped; see `Evaluator.catch_up`."""
        return self._goes_on(state, *self._evaluator.catch_up(state.evaluation, skipped, heard))

    def _goes_on(
        self, state: RuleState, evaluation: State, transitions: tuple[Transition, ...]
    ) -> tuple[RuleState, Steps]:
        before, alarm = state.evaluation, state.alarm
        if evaluation is before:
            return state, ()
        if alarm is not None and self.primary is not None:
            sample = evaluation.samples.get(self.primary)
            if sample is not before.samples.get(self.primary) and sample is not None and sample[1] is not None:
                alarm = msgspec.structs.replace(alarm, last=sample[1], peak=self._peak(alarm.peak, sample[1]))
        state = RuleState(evaluation=evaluation, alarm=alarm, raised=state.raised)
        return self._follow(state, transitions) if transitions else (state, ())

    def advance(self, state: RuleState, now: int) -> tuple[RuleState, Steps]:
        """Do what was due before `now`. Again with the same `now`: nothing."""
        steps: Steps = ()
        while (due := self._due(state)) is not None and due < now:
            evaluation, transitions = self._evaluator.advance(state.evaluation, due + 1)
            state = RuleState(evaluation=evaluation, alarm=state.alarm, raised=state.raised)
            if transitions:
                state, found = self._follow(state, transitions)
                steps += found
            if self._quiet_until(state) == due:
                state, found = self._settle(state, due)
                steps += found
        return state, steps

    def next_due(self, state: RuleState) -> int | None:
        """The earliest `now` at which `advance` has something to do."""
        due = self._due(state)
        return None if due is None else due + 1

    def quiet(self, state: RuleState) -> Mapping[str, tuple[float, float]] | None:
        """What may be skipped until `next_due`; see `Evaluator.quiet`. What would move an alarm's peak may not."""
        bounds, alarm, primary = self._evaluator.quiet(state.evaluation), state.alarm, self.primary
        if bounds is None or alarm is None or primary is None or primary not in bounds or not self._worse:
            return bounds
        low, high = bounds[primary]
        if not isinstance(alarm.peak, float | int):
            return {**bounds, primary: NOWHERE}
        if self._worse > 0:
            return {**bounds, primary: (low, min(high, alarm.peak))}
        return {**bounds, primary: (max(low, alarm.peak), high)}

    def patience(self, state: RuleState) -> tuple[int | None, Mapping[str, int]]:
        """How much longer that may be skipped; see `Evaluator.patience`."""
        fixed, silences = self._evaluator.patience(state.evaluation)
        until = self._quiet_until(state)
        return (fixed if until is None else until if fixed is None else min(fixed, until)), silences

    def explain(self, state: RuleState) -> dict[str, Any]:
        """How each part of each band stood at the last evaluation, whether or not anything came of it."""
        bands = [
            {"severity": severity, "fired": fired is not None, **self._evaluator.explain(state.evaluation, index)}
            for index, (severity, fired) in enumerate(zip(self._severities, state.evaluation.fired, strict=True))
        ]
        return {"at": state.evaluation.at, "bands": bands}

    def message(self, step: Step, *, device: str, name: str) -> str:
        """What people are told of a step, by the rule's template."""
        alarm: dict[str, Value | None] = {
            "device": device,
            "name": name,
            "title": self.rule.title,
            "severity": step.severity,
            "first": step.first,
            "last": step.last,
            "peak": step.peak,
        }
        return self._template.render({**step.values, **alarm})

    def _due(self, state: RuleState) -> int | None:
        due, until = state.evaluation.due, self._quiet_until(state)
        return due if until is None else until if due is None else min(due, until)

    def _quiet_until(self, state: RuleState) -> int | None:
        """When an alarm that flaps will have been clear for long enough."""
        alarm = state.alarm
        if alarm is None or self._flapping is None or not alarm.flapping or alarm.clear_since is None:
            return None
        return alarm.clear_since + self._flapping.within_ms

    def _follow(self, state: RuleState, transitions: tuple[Transition, ...]) -> tuple[RuleState, Steps]:
        """What bands that fired and cleared, all at one instant, mean for the alarm."""
        at, fired = state.evaluation.at, state.evaluation.fired
        # Bands stand worst first.
        severity = next((self._severities[index] for index, since in enumerate(fired) if since is not None), None)
        alarm = state.alarm
        if severity is None:
            return (state, ()) if alarm is None else self._end(state, alarm, transitions)
        if alarm is None:
            return self._raise(state, severity, transitions)
        back = alarm.clear_since is not None
        order = SEVERITIES.index(severity) - SEVERITIES.index(alarm.severity)
        told = order < 0 or (order > 0 and not alarm.flapping)
        alarm = msgspec.structs.replace(
            alarm,
            severity=severity if told else alarm.severity,
            count=alarm.count + back,
            clear_since=None,
        )
        state = RuleState(evaluation=state.evaluation, alarm=alarm, raised=state.raised)
        if not told:
            return state, ()
        kind: Moment = "escalated" if order < 0 else "downgraded"
        return state, (self._step(kind, at, alarm, transitions),)

    def _raise(
        self, state: RuleState, severity: Severity, transitions: tuple[Transition, ...]
    ) -> tuple[RuleState, Steps]:
        at = state.evaluation.at
        sample = None if self.primary is None else state.evaluation.samples.get(self.primary)
        value = None if sample is None else sample[1]
        alarm = AlarmState(since=at, severity=severity, first=value, last=value, peak=self._peak(None, value))
        raised: tuple[int, ...] = ()
        if self._flapping is not None:
            raised = (*self._of_late(state, at), at)[-self._flapping.times :]
        state = RuleState(evaluation=state.evaluation, alarm=alarm, raised=raised)
        return state, (self._step("raised", at, alarm, transitions),)

    def _end(self, state: RuleState, alarm: AlarmState, transitions: tuple[Transition, ...]) -> tuple[RuleState, Steps]:
        """No band is left."""
        at = state.evaluation.at
        if self._flapping is None or (not alarm.flapping and len(self._of_late(state, at)) < self._flapping.times):
            state = RuleState(evaluation=state.evaluation, raised=state.raised)
            return state, (self._step("cleared", at, alarm, transitions),)
        began = not alarm.flapping
        alarm = msgspec.structs.replace(alarm, flapping=True, clear_since=at)
        state = RuleState(evaluation=state.evaluation, alarm=alarm, raised=state.raised)
        return state, ((self._step("flapping", at, alarm, transitions),) if began else ())

    def _settle(self, state: RuleState, at: int) -> tuple[RuleState, Steps]:
        """An alarm that flapped has been clear for long enough."""
        if state.alarm is None:
            return state, ()
        values = {metric: sample[1] for metric, sample in sorted(state.evaluation.samples.items())}
        why = self._evaluator.explain(state.evaluation)["when"]
        step = _told("cleared", at, state.alarm, values, why)
        # What is older than this and comes later must not raise an alarm before the last one ended.
        evaluation = msgspec.structs.replace(state.evaluation, at=max(state.evaluation.at, at))
        return RuleState(evaluation=evaluation), (step,)

    def _of_late(self, state: RuleState, at: int) -> tuple[int, ...]:
        within = 0 if self._flapping is None else self._flapping.within_ms
        return tuple(raised for raised in state.raised if raised > at - within)

    def _step(self, kind: Moment, at: int, alarm: AlarmState, transitions: tuple[Transition, ...]) -> Step:
        """With the trace of the worst band that did what the step says."""
        worse = kind in ("raised", "escalated")
        decided = [each for each in transitions if (each.kind == "fired") == worse] or list(transitions)
        because = min(decided, key=lambda each: each.band)
        return _told(kind, at, alarm, because.values, because.why)

    def _peak(self, peak: Value | None, value: Value | None) -> Value | None:
        if not self._worse or isinstance(value, str | bool) or value is None:
            return peak
        if not isinstance(peak, float | int):
            return value
        return max(peak, value) if self._worse > 0 else min(peak, value)


def _told(kind: Moment, at: int, alarm: AlarmState, values: dict[str, Value | None], why: dict[str, Any]) -> Step:
    return Step(
        kind=kind,
        at=at,
        severity=alarm.severity,
        since=alarm.since,
        values=values,
        first=alarm.first,
        last=alarm.last,
        peak=alarm.peak,
        count=alarm.count,
        why=why,
    )


def _primary(condition: Condition) -> tuple[str, int] | None:
    """The metric of the first comparison, and whether more of it is worse (1), less (-1), or neither (0)."""
    match condition:
        case Comparison(metric=metric, operator=operator) if not is_reserved(metric):
            return metric, (operator in _RISING) - (operator in _FALLING)
        case AllOf() | AnyOf():
            return next((found for part in condition.parts if (found := _primary(part)) is not None), None)
        case Not():
            found = _primary(condition.part)
            return None if found is None else (found[0], -found[1])
    return None
