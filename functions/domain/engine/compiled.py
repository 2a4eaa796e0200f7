"""A rule with its program, which is compiled once in a process however many devices and sets of rules it is for."""

from typing import Final

from contract.conditions import is_reserved
from contract.rules import Rule
from contract.rules.lifecycle import RuleProgram, RuleState
from functions.domain.engine.inputs import InstalledRule
from functions.domain.state import Wanted

MAX_PROGRAMS: Final = 4_000


class Compiled:
    """`asked` are the metrics that a rule asks for or its message shows, `told` attributes and presence likewise.

    `idle` says that nothing comes of it before it sees the first sample of what it asks for.
    """

    def __init__(self, installed: InstalledRule) -> None:
        self.rule = installed.rule
        self.id = installed.rule.id
        self.version = installed.version
        self.program = _program(installed.rule)
        self.fingerprint = self.program.fingerprint
        self.device_wide = self.program.device_wide
        self.told = frozenset(name for name in self.program.metrics if is_reserved(name))
        self.asked = self.program.metrics - self.told
        self.wanted = Wanted(installed.rule.actions, installed.rule.escalation)
        begun = self.program.start(0)
        first, _ = self.program.advance(begun, 1)
        self.idle = not self.told and self.is_inert(begun, first)

    def is_inert(self, begun: RuleState, now: RuleState) -> bool:
        """Whether the rule, as it stands after it was looked at, is as good as not begun."""
        return (
            now.alarm is None
            and self.program.next_due(now) is None
            and now.evaluation.slots == begun.evaluation.slots
            and now.evaluation.fired == begun.evaluation.fired
        )


_programs: dict[int, RuleProgram] = {}


def _program(rule: Rule) -> RuleProgram:
    """Known by the object, which its program keeps, so that no other one takes its place."""
    known = _programs.get(id(rule))
    if known is None:
        if len(_programs) >= MAX_PROGRAMS:
            _programs.clear()
        known = _programs[id(rule)] = RuleProgram(rule)
    return known
