"""The rules of a device at work."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

from contract.evaluation import Evaluator, State, Transition
from contract.models import Severity
from device_agent.pipeline.stages import SURE
from device_agent.rules.settings import Action, EdgeRule, RulesSettings
from device_agent.sensors import Reading

Act: TypeAlias = Callable[[str, dict[str, Any], str], None]
"""`act(actuator, parameters, source)`: starts a command and does not wait for it."""
Event: TypeAlias = Callable[[str, dict[str, Any], int], None]
"""`event(kind, data, at)`: `at` is boot time in ms."""


@dataclass(frozen=True)
class RuleStatus:
    """How a rule stands. `since` is the boot time (ms) at which it fired, None while it has not; `why` as in events."""

    name: str
    severity: Severity
    since: int | None
    why: dict[str, Any]


@dataclass
class RunningRule:
    """A rule and where it stands."""

    rule: EdgeRule
    evaluator: Evaluator
    state: State


class Rules:
    """All rules. They know nothing until readings come: what a metric is after a restart is unknown."""

    def __init__(
        self,
        settings: RulesSettings,
        *,
        now: int,
        act: Act,
        event: Event,
        log: logging.Logger | logging.LoggerAdapter[logging.Logger],
        previous: "Rules | None" = None,
    ) -> None:
        """`now` is boot time in ms. A rule that `previous` has with the same conditions goes on where it is.

        Of one that had fired there and does not go on, `rule_cleared` is told with a reason; its actions are not done.
        """
        self._act = act
        self._event = event
        self._log = log
        kept = {} if previous is None else previous.states
        self._running = [self._start(rule, now, kept) for rule in settings.rules]
        going_on = {running.rule.name for running in self._running if running.state.since is not None}
        for running in previous.running if previous is not None else ():
            if running.state.since is not None and running.rule.name not in going_on and running.rule.event:
                self._tell(running.rule, "rule_cleared", now, {"reason": "the rule was changed or taken away"})

    @property
    def running(self) -> list[RunningRule]:
        return self._running

    @property
    def states(self) -> dict[tuple[str, str], State]:
        """By the rule's name and the fingerprint of its conditions."""
        return {(running.rule.name, running.evaluator.rule): running.state for running in self._running}

    def observe(self, reading: Reading) -> None:
        """Take what came out of the pipeline. Never raises: an action that does is logged."""
        values = reading.values if reading.quality in SURE else dict.fromkeys(reading.values)
        for running in self._running:
            evaluator = running.evaluator
            if not evaluator.device_wide and evaluator.metrics.isdisjoint(values):
                continue
            running.state, transitions = evaluator.observe(running.state, reading.at, values)
            for transition in transitions:
                self._follow(running.rule, transition)

    def tick(self, now: int) -> None:
        """Do what was due before boot time `now` (ms): durations, and data that did not come."""
        for running in self._running:
            running.state, transitions = running.evaluator.advance(running.state, now)
            for transition in transitions:
                self._follow(running.rule, transition)

    def next_due(self) -> int | None:
        """The earliest `now` at which `tick` has something to do; None if only a reading can change something."""
        dues = [running.evaluator.next_due(running.state) for running in self._running]
        return min((due for due in dues if due is not None), default=None)

    def status(self) -> tuple[RuleStatus, ...]:
        return tuple(
            RuleStatus(
                running.rule.name,
                running.rule.severity,
                running.state.since,
                running.evaluator.explain(running.state),
            )
            for running in self._running
        )

    def _start(self, rule: EdgeRule, now: int, kept: dict[tuple[str, str], State]) -> RunningRule:
        evaluator = Evaluator(rule.when, rule.clear, stale_after_ms=rule.stale_after_ms)
        return RunningRule(rule, evaluator, kept.get((rule.name, evaluator.rule)) or evaluator.start(now))

    def _follow(self, rule: EdgeRule, transition: Transition) -> None:
        """Act first: what is said about it can wait."""
        for action in rule.on_fire if transition.kind == "fired" else rule.on_clear:
            self._do(rule, action)
        self._log.info("rule %s %s: %s", rule.name, transition.kind, transition.values)
        if rule.event:
            lasted = {} if transition.kind == "fired" else {"lasted_ms": transition.at - transition.since}
            self._tell(
                rule,
                f"rule_{transition.kind}",
                transition.at,
                {"values": transition.values, "why": transition.why, **lasted},
            )

    def _do(self, rule: EdgeRule, action: Action) -> None:
        try:
            self._act(action.actuator, dict(action.parameters), f"rule:{rule.name}")
        except Exception:  # noqa: BLE001 - whatever an actuator does, the other actions and rules go on
            self._log.exception("rule %s: %s cannot be commanded", rule.name, action.actuator)

    def _tell(self, rule: EdgeRule, kind: str, at: int, data: dict[str, Any]) -> None:
        try:
            self._event(kind, {"rule": rule.name, "title": rule.title, "severity": rule.severity, **data}, at)
        except Exception:  # noqa: BLE001 - a rule goes on without its event
            self._log.exception("rule %s: the event %s cannot be recorded", rule.name, kind)
