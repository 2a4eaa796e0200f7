"""All rules of a device at work, in one pass over its state."""

from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING, Final

from contract.rules.lifecycle import Step
from contract.telemetry import Value
from functions.domain.alarms import Clearing, Transition, TransitionKind
from functions.domain.engine.at_work import RuleAtWork, merged
from functions.domain.engine.codec import MAX_RULES_BYTES, NEVER, Allowance, Head, Rest, Running, allowance_of, encode
from functions.domain.engine.compiled import Compiled
from functions.domain.engine.inputs import Values

if TYPE_CHECKING:
    from functions.domain.engine.program import Program
    from functions.domain.state import Wanted

_ROOM_BYTES: Final = MAX_RULES_BYTES * 3 // 4
"""What is taken up once there was not enough: the rules that go on may remember more as time goes."""


class Work:
    """`rules` are those that have begun, in the order in which they did.

    `known` is what rules were last told of attributes and presence, `metrics` are those that came last. `transitions`
    are what was found, in order.
    """

    def __init__(self, program: "Program", head: Head, rest: Rest, *, alarms: int, thing: str, name: str) -> None:
        self.alarms = alarms
        self.metrics: Collection[str] = allowance_of(head.quiet).silences.keys() if head.quiet else ()
        self.transitions: list[Transition] = []
        self.wanted: dict[str, Wanted] = {}
        self.known: dict[str, tuple[int, Value | None]] = dict(rest.known)
        self.refused = set(rest.refused)
        self.rules: dict[str, RuleAtWork] = {}
        self._gone: list[Running] = []
        self._program = program
        self._thing = thing
        self._name = name or thing
        for kept in rest.running:
            compiled = program.compiled.get(kept.rule)
            if compiled is None or compiled.fingerprint != kept.fingerprint:
                self._gone.append(kept)
            else:
                self.rules[kept.rule] = RuleAtWork(compiled, kept)

    def end_others(self, clock: int) -> None:
        """Clear the alarms of rules that are not in the program, or not as they were; `clock` is the time of day."""
        for gone in self._gone:
            self._end(gone, clock)
        self._gone = []

    def begin(self, at: int) -> None:
        """Rules have come, or are of another version; `at` is in the time of the data."""
        self.refused.clear()
        for rule in self.rules.values():
            rule.version = rule.compiled.version
        for compiled in self._program.prompt:
            if compiled.id not in self.rules:
                self._look_at(compiled, at)

    def tell(self, name: str, at: int, value: Value | None) -> None:
        """An attribute or presence is another."""
        self.known[name] = (at, value)
        for compiled in self._program.told[name]:
            rule = self.rules.get(compiled.id)
            if rule is None:
                self._look_at(compiled, at)
            else:
                self._follow(rule, rule.observe(at, {name: value}))

    def observe(self, at: int, values: Values) -> None:
        self.advance(at)
        self.metrics = values.keys()
        for rule in self._concerned(values, at):
            if not rule.skip(at, values):
                self._follow(rule, rule.observe(at, values))

    def advance(self, until: int) -> None:
        """Do what was due before `until`, whichever rule it is of, in the order of its times."""
        while (due := self.due) < until:
            rule = min((one for one in self.rules.values() if one.due == due), key=lambda one: one.compiled.id)
            if rule.skipped:
                self._follow(rule, rule.catch_up())
            else:
                self._follow(rule, rule.advance(due + 1))

    def reset(self, rule: str, now: int) -> None:
        """A person clears the alarm of a rule, which then must come true anew."""
        for gone in self._gone:
            if gone.rule == rule:
                self._clear(gone, now, Clearing.PERSON)
                self._gone.remove(gone)
                return
        found = self.rules.get(rule)
        if found is not None:
            self._follow(found, found.catch_up())
            self._clear(found.kept(), now, Clearing.PERSON)
            if found.state.alarm is not None:
                found.reset()

    @property
    def due(self) -> int:
        """When the next thing is due, if no more data comes."""
        return min([rule.due for rule in self.rules.values()], default=NEVER)

    def due_whatever_comes(self) -> int:
        """The same, if the metrics that came last go on coming."""
        return min([rule.due_whatever_comes_of(self.metrics) for rule in self.rules.values()], default=NEVER)

    def allowance(self) -> Allowance | None:
        """What all rules together may be spared if those metrics go on coming; None: they must see every sample."""
        found = merged(self.rules.values(), self.metrics)
        if found is None:
            return None
        allowance, loud = found
        within = {
            metric: allowance.bounds[metric]
            for metric in sorted(allowance.bounds.keys() - loud)
            if all(one.id in self.rules or one.id in self.refused for one in self._program.asking[metric])
        }
        return Allowance(within, dict(sorted(allowance.silences.items())))

    def kept(self) -> tuple[tuple[Running, ...], tuple[str, ...]]:
        """What is kept of the rules, and those of them for which there is no room, the newest; they are refused."""
        kept = {one.rule: one for one in self._gone}
        kept |= {id_: rule.kept() for id_, rule in self.rules.items()}
        running = tuple(kept.values())
        if len(encode(running)) <= MAX_RULES_BYTES:
            return running, ()
        sizes = {id_: len(encode(one)) for id_, one in kept.items()}
        total = sum(sizes.values())
        refused: list[str] = []
        newest_first = [*kept][::-1]
        # An alarm outlives what has none.
        for id_ in sorted(newest_first, key=lambda id_: kept[id_].state.alarm is not None):
            if total <= _ROOM_BYTES:
                break
            total -= sizes[id_]
            refused.append(id_)
        return running, tuple(refused)

    def refuse(self, rules: Iterable[str], clock: int) -> None:
        for id_ in rules:
            if id_ in self.rules:
                self._end(self.rules.pop(id_).kept(), clock)
                self.refused.add(id_)
        self.end_others(clock)

    def _concerned(self, values: Values, at: int | None = None) -> list[RuleAtWork]:
        """The rules that ask for one of these metrics; those that have not begun do so now, if `at` says when."""
        found = []
        for compiled in self._program.concerned(values):
            rule = self.rules.get(compiled.id)
            if rule is None and at is not None and compiled.id not in self.refused:
                rule = self.rules[compiled.id] = self._begun(compiled, at)
            if rule is not None:
                found.append(rule)
        return found

    def _begun(self, compiled: Compiled, at: int) -> RuleAtWork:
        rule = RuleAtWork.begun(compiled, at)
        for name in sorted(compiled.told & self.known.keys(), key=lambda name: (self.known[name][0], name)):
            told_at, value = self.known[name]
            self._follow(rule, rule.observe(told_at, {name: value}))
        return rule

    def _look_at(self, compiled: Compiled, at: int) -> None:
        """A rule that has not begun does, if anything comes of it before the first sample."""
        if compiled.id in self.refused:
            return
        rule = self._begun(compiled, at)
        self._follow(rule, rule.advance(at + 1))
        if not compiled.is_inert(compiled.program.start(at), rule.state):
            self.rules[compiled.id] = rule

    def _follow(self, rule: RuleAtWork, steps: tuple[Step, ...]) -> None:
        for step in steps:
            kind = TransitionKind(step.kind)
            if kind is TransitionKind.RAISED:
                self.alarms += 1
                rule.number, rule.step, rule.title = self.alarms, 0, rule.compiled.rule.title
            else:
                rule.step += 1
            self._found(
                Transition(
                    kind=kind,
                    thing=self._thing,
                    rule=rule.compiled.id,
                    rule_version=rule.compiled.version,
                    number=rule.number,
                    step=rule.step,
                    at=step.at,
                    severity=step.severity,
                    title=rule.compiled.rule.title,
                    message=rule.compiled.program.message(step, device=self._thing, name=self._name),
                    since=step.since,
                    values=step.values,
                    first=step.first,
                    last=step.last,
                    peak=step.peak,
                    count=step.count,
                    clearing=Clearing.CONDITION if kind is TransitionKind.CLEARED else None,
                    why=step.why,
                )
            )

    def _end(self, gone: Running, clock: int) -> None:
        if gone.state.alarm is not None:
            self._clear(gone, clock, Clearing.RULE_CHANGED)

    def _clear(self, of: Running, now: int, clearing: Clearing) -> None:
        alarm = of.state.alarm
        if alarm is None:
            return
        of.step += 1
        samples = of.state.evaluation.samples
        self._found(
            Transition(
                kind=TransitionKind.CLEARED,
                thing=self._thing,
                rule=of.rule,
                rule_version=of.version,
                number=of.number,
                step=of.step,
                at=max(now, alarm.since),
                severity=alarm.severity,
                title=of.title,
                message=of.title,
                since=alarm.since,
                values={metric: sample[1] for metric, sample in sorted(samples.items())},
                first=alarm.first,
                last=alarm.last,
                peak=alarm.peak,
                count=alarm.count,
                clearing=clearing,
            )
        )

    def _found(self, transition: Transition) -> None:
        self.transitions.append(transition)
        compiled = self._program.compiled.get(transition.rule)
        if compiled is not None and (compiled.wanted.actions or compiled.wanted.escalation):
            self.wanted[transition.rule] = compiled.wanted
