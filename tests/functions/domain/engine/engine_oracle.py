"""What rules find in the messages of a device, the plain way: in order, one after the other, nothing spared."""

from contract.rules.lifecycle import RuleProgram

BEGINNING = 1_764_000_000_000


class Oracle:
    """Every rule sees every sample at its time, after whatever was due before; `found` are its transitions in short."""

    def __init__(self, rules):
        self.programs = {rule.id: RuleProgram(rule) for rule in sorted(rules, key=lambda rule: rule.id)}
        self.states = {}
        self.alarms = {}
        self.number = 0
        self.found = []

    def see(self, at, values):
        if not self.states:
            self.states = {id_: program.start(at) for id_, program in self.programs.items()}
        self.wait(at)
        for id_, program in self.programs.items():
            self.states[id_], steps = program.observe(self.states[id_], at, values)
            self.follow(id_, steps)

    def wait(self, until):
        while (first := self.first_due()) is not None and first[0] < until:
            due, id_ = first
            self.states[id_], steps = self.programs[id_].advance(self.states[id_], due + 1)
            self.follow(id_, steps)

    def first_due(self):
        dues = ((self.programs[id_].next_due(state), id_) for id_, state in self.states.items())
        return min(((due - 1, id_) for due, id_ in dues if due is not None), default=None)

    def follow(self, id_, steps):
        for step in steps:
            if step.kind == "raised":
                self.number += 1
                self.alarms[id_] = [self.number, -1]
            self.alarms[id_][1] += 1
            self.found.append((id_, *self.alarms[id_], *map(step.__getattribute__, FIELDS)))


FIELDS = ("kind", "at", "since", "severity", "first", "last", "peak", "count", "values", "why")


def in_short(transitions):
    return [(one.rule, one.number, one.step, *map(one.__getattribute__, FIELDS)) for one in transitions]
