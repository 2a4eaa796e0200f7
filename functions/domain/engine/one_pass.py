"""One pass over the state of a device: what came, what is told, what is due, and what becomes of the state."""

import re
from collections.abc import Iterable, Mapping, Sequence
from math import isfinite
from typing import TYPE_CHECKING, Final

from contract.conditions import ONLINE
from contract.telemetry import Value
from functions.domain.engine.codec import NEVER, Head, Rest, counted, encode, open_rules
from functions.domain.engine.inputs import Input, Values
from functions.domain.engine.order import Order, Place
from functions.domain.engine.outcome import Outcome
from functions.domain.engine.work import Work
from functions.domain.presence import Presence, Status
from functions.domain.state import DeviceState

if TYPE_CHECKING:
    from functions.domain.engine.program import Program

_PRESENT: Final[Mapping[Status, Value | None]] = {Status.ONLINE: True, Status.OFFLINE: False, Status.UNKNOWN: None}
_WORDS: Final[Mapping[str, Value]] = {"true": True, "false": False}
_NUMBER: Final = re.compile(r"[+-]?[0-9]+(?:\.[0-9]*)?(?:[eE][+-]?[0-9]+)?")


class Pass:
    """One pass over a device's state."""

    def __init__(self, program: "Program", thing: str, state: DeviceState, name: str, revision: int = 0) -> None:
        opened = open_rules(state)
        self._head, self._rest = (Head(), Rest()) if opened is None else opened
        self._losses = counted(self._head, self._rest)
        if opened is None:
            # A device that was heard before its order was kept: each boot goes on behind its highest number.
            places = [Place(one.boot, one.high + 1) for one in state.boots]
        else:
            places = [*self._rest.places, *([Place(self._head.boot, self._head.next)] if self._head.boot else ())]
        self._order = Order(
            self._losses,
            program.hold_ms,
            places=places,
            sent=self._head.sent,
            held=self._rest.held,
            lag=self._head.lag,
            lateness_ms=program.lateness_ms,
        )
        self._work = Work(program, self._head, self._rest, alarms=state.alarms, thing=thing, name=name)
        self._program = program
        # What is pending has armed it at once.
        self._armed = None if state.pending else state.armed
        self._begun = self._head.program
        self._last = self._head.last
        self._presence = self._rest.presence
        self._told = self._head.told
        self._revision = max(revision, self._head.revision)
        self._clock = 0

    def take(
        self,
        inputs: Iterable[Input],
        duplicates: Sequence[int],
        now: int | None,
        presence: Presence,
        attributes: Mapping[str, str],
    ) -> None:
        inputs = list(inputs)
        for received_at in duplicates:
            self._losses.duplicate(received_at)
        self._clock = max([one.received_at for one in inputs], default=0) if now is None else now
        samples = [sample for one in self._order.take(inputs, now) for sample in one.samples]
        until = None if now is None else now - self._program.hold_ms - self._order.lag.at(now)
        at = samples[0][0] if samples else until
        if at is not None:
            self._go(samples, self._change_of(at, presence, attributes), at)
        if until is not None:
            held = self._order.known_until
            self._work.advance(until if held is None else min(until, held))

    def reset(self, rule: str, now: int) -> None:
        self._clock = now
        self._work.reset(rule, now)

    def outcome(self, *, ticked: bool) -> Outcome:
        work, order = self._work, self._order
        running, refused = work.kept()
        if refused:
            work.refuse(refused, self._clock)
            running, _ = work.kept()
        current = order.places[-1] if order.places else Place("")
        hours = self._losses.hours
        all_well = not order.held and self._begun == self._program.fingerprint
        allowance = work.allowance() if all_well else None
        head = Head(
            program=self._begun,
            boot=current.boot,
            next=current.next,
            sent=order.sent,
            hour=hours[-1].hour if hours else 0,
            due=work.due_whatever_comes(),
            until=work.due,
            last=self._last,
            quiet=None if allowance is None else encode(allowance),
            rest=encode(
                Rest(
                    places=tuple(order.places[:-1]),
                    held=tuple(order.held),
                    hours=hours,
                    gaps=self._losses.gaps,
                    running=running,
                    presence=self._presence,
                    known=dict(sorted(work.known.items())),
                    refused=tuple(sorted(work.refused)),
                )
            ),
            told=self._told,
            revision=self._revision,
            lag=order.lag,
        )
        return Outcome(
            rules=encode(head),
            alarms=work.alarms,
            armed=self._armed_now(ticked=ticked),
            transitions=tuple(work.transitions),
            wanted=work.wanted,
            refused=refused,
        )

    def _go(self, samples: Sequence[tuple[int, Values]], told: list[tuple[int, str, Value | None]], at: int) -> None:
        work = self._work
        if self._begun != self._program.fingerprint:
            work.end_others(self._clock)
            while told:  # first, so that no rule begins with what was true long ago
                self._tell(told)
            work.begin(at)
            self._begun = self._program.fingerprint
        for ts, values in samples:
            while told and told[0][0] <= ts:
                self._tell(told)
            work.observe(ts, values)
            self._last = max(self._last, ts)
        while told:
            self._tell(told)

    def _tell(self, told: list[tuple[int, str, Value | None]]) -> None:
        at, name, value = told.pop(0)
        self._work.tell(name, at, value)

    def _change_of(
        self, at: int, presence: Presence, attributes: Mapping[str, str]
    ) -> list[tuple[int, str, Value | None]]:
        """What the rules were not told yet, each behind what they were told of the same before."""
        found = []
        for name in self._program.told:
            known = self._work.known.get(name)
            since: int | None = None
            if name == ONLINE:
                value, since = _PRESENT[presence.status], presence.since
                same = (presence.status, since) == self._presence
                self._presence = (presence.status, since)
            else:
                text = attributes.get(name[1:])
                value = None if text is None else attribute_value(text)
                same = _same(None if known is None else known[1], value)
            if not same:
                when = at if since is None else since
                found.append((when if known is None else max(when, known[0] + 1), name, value))
        self._told = self._program.told_of(presence, attributes)
        return sorted(found, key=lambda one: one[:2])

    def _armed_now(self, *, ticked: bool) -> int | None:
        """A timer moves only to an earlier time, or when it was looked at: so a message seldom moves it."""
        due, held, times = self._work.due, self._order.known_until, list[int]()
        if due != NEVER and (held is None or due < held):
            times.append(self._order.lag.passed(due + 1 + self._program.hold_ms))
        # Where there are no rules, what is held waits for the next message: nobody misses it.
        if self._order.due is not None and self._program.compiled:
            times.append(self._order.due)
        needed = min(times, default=None)
        if ticked or needed is None or self._armed is None:
            return needed if ticked or self._armed is None else self._armed
        return min(needed, self._armed)


def attribute_value(text: str) -> Value:
    """What a device's tag is to a rule: a number where it reads as one, true and false, else the text.

    >>> attribute_value("7.5"), attribute_value("true"), attribute_value("7.5 bar")
    (7.5, True, '7.5 bar')
    """
    if text in _WORDS:
        return _WORDS[text]
    if _NUMBER.fullmatch(text) and isfinite(number := float(text)):
        return number
    return text


def _same(one: Value | None, other: Value | None) -> bool:
    return type(one) is type(other) and one == other
