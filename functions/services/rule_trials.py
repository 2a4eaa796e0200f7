"""Tests of rules that somebody sends along: what comes of a device, and what is to become of its alarm."""

import re
from collections.abc import Sequence
from contextlib import suppress
from time import monotonic as seconds
from typing import Any, Final

import msgspec

from contract.errors import RuleError
from contract.rules import RULE_PATTERN, Rule
from contract.rules.trial import Outcome, read_trials, run
from functions.domain.access import Principal
from functions.errors import InvalidDocumentError, NotFoundError, RequestError
from functions.services.rules import Rules

_is_id = re.compile(RULE_PATTERN).fullmatch
Problem = tuple[str, str, str]

MAX_SAMPLES: Final = 100_000
"""Of all tests of a request: they are run while somebody waits."""
MAX_TESTS: Final = 100
MAX_S: Final = 15
"""What all of them may take: a rule may have much to do in a long time, though no data comes."""


class Trials:
    def __init__(self, rules: Rules) -> None:
        self._rules = rules

    def run(self, who: Principal, documents: Sequence[Any], tests: Sequence[Any]) -> list[Outcome]:
        """Of the rules that are sent along, and of installed ones that the tests name. Nothing is kept.

        Raises InvalidDocumentError, RequestError.
        """
        rules = self._read(documents)
        problems: list[Problem] = []
        outcomes: list[Outcome] = []
        samples, end = 0, seconds() + MAX_S

        def in_time() -> None:
            if seconds() > end:
                raise RequestError("tests", f"tests that are done within {MAX_S} s", "more to do")

        for test in tests:
            in_time()
            self._look_up(who, test, rules)
            try:
                trials = read_trials(msgspec.json.encode([test]), "tests", rules)
            except RuleError as exc:
                problems += exc.problems
                continue
            # One by one, since a short text may stand for many samples.
            samples += sum(len(trial.samples) for trial in trials)
            if samples > MAX_SAMPLES:
                raise RequestError("tests", f"at most {MAX_SAMPLES} samples in all", f"more than {MAX_SAMPLES}")
            outcomes += [run(trial, in_time) for trial in (trials if not problems else ())]
        if problems:
            raise InvalidDocumentError(problems)
        return outcomes

    def _look_up(self, who: Principal, test: Any, rules: dict[str, Rule]) -> None:
        """An installed rule that a test names; one that there is not is told of with all else that is wrong."""
        name = test.get("rule") if isinstance(test, dict) else None
        if isinstance(name, str) and name not in rules and _is_id(name):
            with suppress(NotFoundError):
                rules[name] = self._rules.show(who, name).rule

    def _read(self, documents: Sequence[Any]) -> dict[str, Rule]:
        rules: dict[str, Rule] = {}
        problems: list[Problem] = []
        for at, document in enumerate(documents):
            try:
                rule = self._rules.read(document)
            except InvalidDocumentError as exc:
                problems += [
                    (f"rules[{at}].{field}".rstrip("."), expected, got) for field, expected, got in exc.problems
                ]
                continue
            if rule.id in rules:
                problems.append((f"rules[{at}].rule", "another id than the rules before have", rule.id))
            rules[rule.id] = rule
        if problems:
            raise InvalidDocumentError(problems)
        return rules
