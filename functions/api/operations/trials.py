"""Tests of rules: what comes of a device, and what is to become of its alarm."""

from typing import Annotated, Any

import msgspec
from aws_lambda_powertools.event_handler.openapi.params import Body
from pydantic import BaseModel, ConfigDict, Field

from contract.models import Severity
from contract.rules import Moment
from contract.rules.trial import Outcome
from contract.telemetry import Value
from functions.api.answer import Answer, answer, answers
from functions.api.request import Request
from functions.services.rule_trials import MAX_TESTS, Trials

MAX_STEPS = 200
"""Of each test, and of the lines about it."""


class RulesToTest(BaseModel):
    """Tests as files of tests have them, of the `rules` here or of installed ones that they name."""

    model_config = ConfigDict(extra="forbid", strict=True)

    rules: list[dict[str, Any]] = Field(default=[], max_length=MAX_TESTS)
    tests: list[dict[str, Any]] = Field(min_length=1, max_length=MAX_TESTS)


class TestStepView(msgspec.Struct, frozen=True):
    """What became of the alarm; `value` is of the rule's first metric, `why` the tree that decided it."""

    kind: Moment
    at: int
    severity: Severity
    since: int
    value: Value | None
    why: dict[str, Any]


class RuleTestView(msgspec.Struct, frozen=True):
    """`differences` are lines for people: `=` as expected, `-` only expected, `+` only came, `?` more about it."""

    test: str
    rule: str
    passed: bool
    steps: tuple[TestStepView, ...]
    differences: tuple[str, ...]


class RuleTestsView(msgspec.Struct, frozen=True):
    passed: bool
    tests: tuple[RuleTestView, ...]


class TrialOperations:
    def __init__(self, request: Request, trials: Trials) -> None:
        self._request = request
        self._trials = trials

    @answers(RuleTestsView)
    def test_rules(self, trial: Annotated[RulesToTest, Body()]) -> Answer:
        """Run tests of rules through the same life cycle as telemetry. Nothing is kept."""
        outcomes = self._trials.run(self._request.who, trial.rules, trial.tests)
        return answer(RuleTestsView(all(one.passed for one in outcomes), tuple(map(_view, outcomes))))


def _view(one: Outcome) -> RuleTestView:
    return RuleTestView(
        test=one.trial.name,
        rule=one.trial.rule.id,
        passed=one.passed,
        steps=tuple(
            TestStepView(step.kind, step.at, step.severity, step.since, step.last, step.why)
            for step in one.steps[:MAX_STEPS]
        ),
        differences=one.differences[:MAX_STEPS],
    )
