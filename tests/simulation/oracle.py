"""Which alarms there must be: one ordered pass over a device's messages, as they were really handled.

Which message came in which pass, and when, is all that it takes from the run: what is handled after its place was given
up is late. The messages themselves, their order and what they mean are the script's.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from tests.simulation.conditions import Band, Facts
from tests.simulation.rules import EXPECTED, FIRST, Expected, rules_of
from tests.simulation.script import LATENESS_MS, Message, lateness_ms

HOLD_MS = 10_000
_MINUTE_MS = 60_000
SURE = frozenset({"good", "estimated"})
_WORST_FIRST = ("critical", "major", "minor", "warning", "info")


class Handled(NamedTuple):
    """One step that was committed: messages that were new, with the receipt of the copy that it was; a tick has `now`.

    `online` is what presence said: (True, False or None for unknown, since when).
    """

    messages: tuple[tuple[Message, int], ...]
    now: int | None
    online: tuple[bool | None, int | None]
    cleared: str | None = None
    """The rule whose alarm somebody cleared at `now`, and nothing else."""
    rules: Mapping[str, int] | None = None
    """The versions of the rules by which it was handled; None for those of the pass before."""


class Step(NamedTuple):
    kind: str
    at: int
    severity: str


def steps(thing: str, passes: Iterable[Handled]) -> dict[str, list[Step]]:
    """By rule, in order."""
    device = _Device(thing)
    for one in passes:
        device.take(one)
    return device.steps


def lags(thing: str, passes: Iterable[Handled], until: int) -> tuple[int, int]:
    """How far the device's clock seemed to be behind at the most, and `until` then. So much later all is found."""
    device = _Device(thing)
    for one in passes:
        device.take(one)
    return device.lag_seen, device.lag(until)


def steps_in_order(thing: str, passes: list[Handled], until: int) -> dict[str, list[Step]] | None:
    """Of one pass over everything in its order; None where something was handled too late for that.

    Without what depends on when the rules were first looked at, or on presence, which is no message of the device.
    """
    device = _Device(thing)
    for one in passes:
        device.take(one)
    if not device.in_time:
        return None
    watches = {
        rule: _Watch(each, [])
        for rule in rules_of(thing)
        if not (each := FIRST[rule]).prompt and each.asks != {"$online"}
    }
    for message in sorted(device.evaluated, key=lambda one: (int((one.boot or "b0")[1:]), one.seq)):
        for watch in watches.values():
            for ts, values in _samples(message):
                watch.see(ts, values)
    for watch in watches.values():
        watch.until(until - HOLD_MS - device.lag(until))
    return {rule: watch.steps for rule, watch in watches.items()}


class _Line:
    """The order of one device: who is next, and who waits."""

    def __init__(self, lateness: int) -> None:
        self.lag_seen = 0
        self._lateness = lateness
        self._lag = 0
        self._greater: list[tuple[int, int]] = []
        self.late: set[tuple[str | None, int]] = set()
        self._boot: str | None = None
        self._next: dict[str | None, int] = {}
        self._sent = 0
        self._waiting: list[tuple[Message, int]] = []

    @property
    def waiting_from(self) -> list[int]:
        """From when on each message that waits tells something."""
        return [min([ts for ts, _ in _samples(message)], default=received_at) for message, received_at in self._waiting]

    def take(self, messages: Iterable[tuple[Message, int]], now: int | None) -> list[Message]:
        ready: list[Message] = []
        for message, received_at in sorted(messages, key=lambda one: (one[1], one[0].sent, one[0].seq)):
            self._time_is(received_at, ready)
            self._clock_of(message, received_at)
            self._handle(message, received_at, ready)
        if now is not None:
            self._time_is(now, ready)
        return ready

    def lag(self, now: int) -> int:
        """How far the device's clock seems to be behind: for a minute also what is not sure yet."""
        if self._greater and now < max(at for at, _ in self._greater) + _MINUTE_MS:
            return self._greater[-1][1]
        return self._lag

    def _clock_of(self, message: Message, received_at: int) -> None:
        """`_greater` are the messages in a row that told of more, none of less than the first of them."""
        if min(message.sent, received_at) < max([self._sent, *(min(one.sent, at) for one, at in self._waiting)]):
            return
        lag = min(max(0, received_at - message.sent), self._lateness) // HOLD_MS * HOLD_MS
        least = self._greater[0][1] if self._greater else self._lateness + 1
        if lag <= self._lag:
            self._lag, self._greater = lag, []
        elif lag < least:
            self._greater = [(received_at, lag)]
        elif received_at - self._greater[0][0] >= _MINUTE_MS:
            self._lag, self._greater = least, []
        else:
            self._greater.append((received_at, least))
        self.lag_seen = max(self.lag_seen, self.lag(received_at))

    def _time_is(self, now: int, ready: list[Message]) -> None:
        """Nobody is waited for longer than the hold."""
        while over := [one for one in self._waiting if one[1] + HOLD_MS <= now]:
            first = min(over, key=lambda one: one[1])
            while first in self._waiting:
                self._go(self._by_order()[0], ready)

    def _handle(self, message: Message, received_at: int, ready: list[Message]) -> None:
        if self._boot is None:
            self._boot = message.boot
        mine = message.boot == self._boot
        if mine and message.seq < self._next.get(message.boot, 0):
            self.late.add((message.boot, message.seq))
        elif mine and message.seq == self._next.get(message.boot, 0):
            self._evaluate(message, received_at, ready)
        elif not mine and min(message.sent, received_at) < self._sent:
            # Of a boot that was over when the one that goes on had begun.
            self.late.add((message.boot, message.seq))
            self._next[message.boot] = max(self._next.get(message.boot, 0), message.seq + 1)
        else:
            self._waiting.append((message, received_at))

    def _evaluate(self, message: Message, received_at: int, ready: list[Message]) -> None:
        self._next[message.boot] = message.seq + 1
        self._sent = max(self._sent, min(message.sent, received_at))
        ready.append(message)
        for one in self._by_order():
            if one[0].boot == self._boot and one[0].seq <= self._next[self._boot]:
                self._go(one, ready)
                return

    def _go(self, one: tuple[Message, int], ready: list[Message]) -> None:
        message, received_at = one
        self._waiting.remove(one)
        self._boot = message.boot
        if message.seq < self._next.get(message.boot, 0):
            self.late.add((message.boot, message.seq))
        else:
            self._evaluate(message, received_at, ready)

    def _by_order(self) -> list[tuple[Message, int]]:
        """First the boot that goes on, then the others as they began."""
        begun: dict[str | None, int] = {}
        for message, received_at in self._waiting:
            sent = min(message.sent, received_at)
            begun[message.boot] = min(begun.get(message.boot, sent), sent)
        return sorted(
            self._waiting,
            key=lambda one: (one[0].boot != self._boot, begun[one[0].boot], one[0].boot or "", one[0].seq),
        )


class _Device:
    def __init__(self, thing: str) -> None:
        self.watches: dict[str, _Watch] = {}
        self.steps: dict[str, list[Step]] = {rule: [] for rule in rules_of(thing)}
        self._line = _Line(lateness_ms(thing))
        self._rules: Mapping[str, int] = {}
        self._first = rules_of(thing)
        self._told: tuple[bool | None, int | None] = (None, None)
        self._told_at: int | None = None
        self._until = 0
        self.evaluated: list[Message] = []
        self.in_time = True
        """Whether each message had its place, and time had not gone on before it came."""

    def lag(self, now: int) -> int:
        return self._line.lag(now)

    @property
    def lag_seen(self) -> int:
        return self._line.lag_seen

    def take(self, one: Handled) -> None:
        if one.cleared is not None:
            self.in_time = False
            if one.now is not None and one.cleared in self.watches:
                self.watches[one.cleared].clear(one.now)
            return
        ready = self._line.take(one.messages, one.now)
        samples = [sample for message in ready for sample in _samples(message)]
        self.evaluated += ready
        self.in_time &= not self._line.late and all(ts >= self._until for ts, _ in samples)
        until = None if one.now is None else one.now - HOLD_MS - self._line.lag(one.now)
        first = samples[0][0] if samples else until
        if first is None:
            return
        told = list(self._change(one, first))
        rules = one.rules or self._rules or self._first
        if rules != self._rules:
            self._change_rules(rules, max([one.now or 0, *(received_at for _, received_at in one.messages)]))
            self._tell(told, None)
            for watch in self.watches.values():
                if watch.rule.prompt:
                    watch.begin(first)
        for ts, values in samples:
            self._tell(told, ts)
            self._time_is(ts)  # a sample says so to each rule
            self._see(ts, values)
        self._tell(told, None)
        if until is None:
            return
        # What is waited for may still say something of the times before it.
        until = min([until, *self._line.waiting_from])
        self._until = max(self._until, until)
        self._time_is(until)

    def _time_is(self, at: int) -> None:
        for watch in self.watches.values():
            watch.until(at)

    def _change_rules(self, rules: Mapping[str, int], clock: int) -> None:
        """A rule of which more than words has changed is another one; the alarm of the one before ends."""
        self.in_time &= rules == self._first
        for rule in [*self.watches]:
            if rule not in rules or EXPECTED[rule, rules[rule]] is not self.watches[rule].rule:
                self.watches.pop(rule).end(clock)
        for rule, version in rules.items():
            if rule not in self.watches:
                self.watches[rule] = _Watch(EXPECTED[rule, version], self.steps[rule])
        self._rules = rules

    def _tell(self, told: list[tuple[int, bool | None]], until: int | None) -> None:
        while told and (until is None or told[0][0] <= until):
            at, value = told.pop(0)
            self._see(at, {"$online": value})

    def _change(self, one: Handled, first: int) -> Iterator[tuple[int, bool | None]]:
        if one.online != self._told:
            self._told = one.online
            at = first if one.online[1] is None else one.online[1]
            self._told_at = at if self._told_at is None else max(at, self._told_at + 1)
            yield self._told_at, one.online[0]

    def _see(self, at: int, values: Mapping[str, Any]) -> None:
        for watch in self.watches.values():
            watch.see(at, values)


class _Watch:
    """One rule of one device."""

    def __init__(self, rule: Expected, steps: list[Step]) -> None:
        self.rule = rule
        self.steps = steps
        self._bands: tuple[Band, ...] = rule.bands()
        self._facts = Facts(rule.stale_after)
        self._began = False
        self._due: int | None = None
        self._severity: str | None = None
        self._since = 0
        self._raised: list[int] = []
        self._flaps = False
        self._clear_since: int | None = None

    def begin(self, at: int) -> None:
        if not self._began:
            self._began = True
            self._facts.at = self._due = at

    def see(self, at: int, values: Mapping[str, Any]) -> None:
        asks = self.rule.asks
        mine = {metric: value for metric, value in values.items() if asks is not None and metric in asks}
        heard = asks is None and "$online" not in values and any(value is not None for value in values.values())
        if not mine and not heard:
            return
        self.begin(at)
        self.until(at)
        known = self._facts.samples
        fresh = {metric: (at, value) for metric, value in mine.items() if metric not in known or at > known[metric][0]}
        if fresh or heard:
            known.update(fresh)
            self._judge(max(at, self._facts.at), {metric for metric in fresh if fresh[metric][1] is not None}, heard)

    def end(self, now: int) -> None:
        if self._severity is not None:
            self._step("cleared", max(now, self._since), self._severity)

    def clear(self, now: int) -> None:
        """By hand: it must come true anew, by what comes from now on."""
        if self._severity is None:
            return
        self.end(now)
        self._bands, self._raised = self.rule.bands(), []
        self._facts.samples.clear()
        self._due = self._facts.at

    def until(self, at: int) -> None:
        """Everything that was due before `at`."""
        while self._due is not None and self._due < at:
            self._judge(self._due, set(), heard=False)

    def _judge(self, at: int, fresh: set[str], heard: bool) -> None:  # noqa: FBT001
        facts = self._facts
        facts.at, facts.fresh, facts.heard, facts.wakes = at, fresh, heard, []
        for band in self._bands:
            band.judge(facts)
        self._follow(at)
        wakes = facts.wakes + ([] if (settled := self._settled()) is None else [settled])
        self._due = min((wake for wake in wakes if wake > at), default=None)

    def _settled(self) -> int | None:
        """When an alarm that flaps will have been clear for long enough."""
        if self._clear_since is None or self.rule.flapping is None:
            return None
        return self._clear_since + self.rule.flapping[1]

    def _follow(self, at: int) -> None:
        fired = [band.severity for band in self._bands if band.fired]
        severity = min(fired, key=_WORST_FIRST.index, default=None)
        if self._severity is None:
            if severity is not None:
                self._raised.append(at)
                self._step("raised", at, severity)
        elif severity is None:
            self._ends(at, self._severity)
        else:
            self._clear_since = None
            worse = _WORST_FIRST.index(severity) - _WORST_FIRST.index(self._severity)
            if worse < 0 or (worse > 0 and not self._flaps):
                self._step("escalated" if worse < 0 else "downgraded", at, severity)

    def _ends(self, at: int, severity: str) -> None:
        if self.rule.flapping is not None:
            times, within = self.rule.flapping
            if self._clear_since is not None:
                if at - self._clear_since >= within:
                    self._raised.clear()
                    self._step("cleared", at, severity)
                return
            if self._flaps or len([one for one in self._raised if one > at - within]) >= times:
                if not self._flaps:
                    self._step("flapping", at, severity)
                self._flaps, self._clear_since = True, at
                return
        self._step("cleared", at, severity)

    def _step(self, kind: str, at: int, severity: str) -> None:
        self.steps.append(Step(kind, at, severity))
        self._since = at if kind == "raised" else self._since
        self._severity = None if kind == "cleared" else severity
        if kind == "cleared":
            self._flaps, self._clear_since = False, None


def _samples(message: Message) -> list[tuple[int, dict[str, Any]]]:
    """What rules see of it: nothing late, nothing that was not kept; what is not sure is unknown."""
    return [
        (reading.ts, {metric: value if reading.quality in SURE else None for metric, value in reading.kept.items()})
        for reading in sorted(message.readings, key=lambda reading: reading.ts)
        if reading.kept and reading.ts >= message.received[0] - LATENESS_MS
    ]
