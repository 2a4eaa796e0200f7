"""Conditions at work: when a rule fires and when it clears, by the time of its data.

Pure: a state and what is new give another state and the transitions between them. The same data in the same order
gives the same transitions at the same times, however often and wherever `advance` was called in between.

What is due at an instant happens at it, after the data of that instant: `advance(now)` does what was due before `now`.

Unknown is a metric that never came, whose last value must not be relied on, that is older than `stale_after_ms`, or
that is of another type than its threshold. A rate is unknown over less than half of its window, and once its window has
passed without a sample. Unknown neither fires nor clears:
- `all` with a part that is false is false, `any` with one that is true is true; else one unknown part makes them
  unknown, as it does `not`;
- a duration or count that runs begins anew after it; one that was reached stays so, and hysteresis stays as it was;
- `no_data` is never unknown: it counts from the last data, or from the start.
"""

import zlib
from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

import msgspec

from contract._verdicts import NEVER, Compiler, Moment, Node, Sample
from contract.conditions import Condition, metrics_of, to_document
from contract.errors import DocumentError, shown
from contract.telemetry import Value

__all__ = ["Evaluator", "State", "Transition", "TransitionKind", "decode_state", "encode_state"]

TransitionKind: TypeAlias = Literal["fired", "cleared"]


class State(msgspec.Struct, frozen=True, kw_only=True):
    """Where a rule stands, for its own evaluator. Times are in ms of whatever clock the data has."""

    rule: str
    """A fingerprint of the conditions that it belongs to."""
    at: int
    """The instant of the last evaluation."""
    due: int | None
    """When something changes by itself, if no data comes before."""
    since: int | None = None
    """When it fired; None while it has not, or has cleared."""
    samples: dict[str, Sample]
    slots: list[Any]


class Transition(msgspec.Struct, frozen=True, kw_only=True):
    """A rule fired or cleared. `why` is the tree that decided it: each part with its verdict, value and threshold."""

    kind: TransitionKind
    at: int
    since: int
    """When it fired."""
    values: dict[str, Value | None]
    why: dict[str, Any]


class Evaluator:
    """A rule, compiled once. It fires when `when` becomes true.

    It clears when `when` is false; with a `clear` of its own, when that is true and `when` is not. `clear` looks at
    what happens from the firing on: its durations, counts and silences begin there.
    """

    def __init__(self, when: Condition, clear: Condition | None = None, *, stale_after_ms: int | None = None) -> None:
        compiler = Compiler(stale_after_ms)
        self._when = compiler.compile(when)
        own = len(compiler.slots)
        self._clear = compiler.compile(clear) if clear is not None else None
        self._updates = tuple(compiler.updates)
        self._initial = tuple(compiler.slots)
        self._anew = tuple(slot for slot in range(own, len(compiler.slots)) if slot not in compiler.kept)
        asked = {*metrics_of(when), *(metrics_of(clear) if clear is not None else ())}
        self.device_wide: bool = None in asked
        """Whether data of any metric matters, since some part waits for the whole device to fall silent."""
        self.metrics: frozenset[str] = frozenset(metric for metric in asked if metric is not None)
        documents = [to_document(when), None if clear is None else to_document(clear), stale_after_ms]
        self.rule: str = f"{zlib.crc32(msgspec.json.encode(documents)):08x}"

    def start(self, now: int) -> State:
        """Nothing is known yet; the first evaluation is due at once."""
        return State(rule=self.rule, at=now, due=now, samples={}, slots=list(self._initial))

    def observe(
        self, state: State, at: int, values: Mapping[str, Value | None]
    ) -> tuple[State, tuple[Transition, ...]]:
        """Take data of time `at`, after what was due before it; None is a value that must not be relied on.

        Of each metric, data that is not newer than what came already is ignored. Data older than the last evaluation
        (of another metric, or of something due) is judged at that.
        """
        state, transitions = self.advance(state, at)
        fresh: dict[str, Sample] = {}
        for metric in self.metrics & values.keys():
            known = state.samples.get(metric)
            if known is None or at > known[0]:
                fresh[metric] = (at, values[metric])
        heard = self.device_wide and any(value is not None for value in values.values())
        if not fresh and not heard:
            return state, transitions
        state, found = self._step(state, max(at, state.at), fresh, heard=heard)
        return state, transitions + found

    def advance(self, state: State, now: int) -> tuple[State, tuple[Transition, ...]]:
        """Do what was due before `now`. Again with the same `now`: nothing."""
        transitions: tuple[Transition, ...] = ()
        while state.due is not None and state.due < now:
            state, found = self._step(state, state.due, {}, heard=False)
            transitions += found
        return state, transitions

    def next_due(self, state: State) -> int | None:
        """The earliest `now` at which `advance` has something to do."""
        return None if state.due is None else state.due + 1

    def explain(self, state: State) -> dict[str, Any]:
        """How each part of `when`, and of `clear` if it fired, stood at the last evaluation."""
        moment = Moment(state.at, list(state.slots), state.samples, {}, heard=False)
        told = {"when": self._when.explain(moment)}
        if self._clear is not None and state.since is not None:
            told["clear"] = self._clear.explain(moment)
        return told

    def _step(
        self, state: State, at: int, fresh: dict[str, Sample], *, heard: bool
    ) -> tuple[State, tuple[Transition, ...]]:
        samples = {**state.samples, **fresh} if fresh else state.samples
        seen = {metric: sample for metric, sample in fresh.items() if sample[1] is not None}
        moment = Moment(at, list(state.slots), samples, seen, heard=heard)
        for update in self._updates:
            update(moment)
        when, since = self._when.judge(moment), state.since
        found: tuple[Transition, ...] = ()
        if since is None:
            if when:
                since = at
                for slot in self._anew:
                    moment.slots[slot] = self._initial[slot]
                found = (self._transition("fired", since, moment, self._when),)
        elif self._clear is None:
            if when is False:
                found, since = (self._transition("cleared", since, moment, self._when),), None
        elif self._clear.judge(moment) and not when:
            found, since = (self._transition("cleared", since, moment, self._clear),), None
        if found and since is not None and self._clear is not None:
            quiet = Moment(at, moment.slots, samples, {}, heard=False)
            self._clear.judge(quiet)
            moment.wake(quiet.due)
        due = None if moment.due == NEVER else moment.due
        state = State(rule=state.rule, at=at, due=due, since=since, samples=samples, slots=moment.slots)
        return state, found

    def _transition(self, kind: TransitionKind, since: int, moment: Moment, why: Node) -> Transition:
        quiet = Moment(moment.at, list(moment.slots), moment.samples, {}, heard=False)
        values = {metric: sample[1] for metric, sample in sorted(moment.samples.items())}
        return Transition(kind=kind, at=moment.at, since=since, values=values, why=why.explain(quiet))


def encode_state(state: State) -> bytes:
    """The state as JSON that `decode_state` reads back equal."""
    return msgspec.json.encode(state)


def decode_state(raw: bytes, evaluator: Evaluator) -> State:
    """Read a state; raises DocumentError for one that is none, or belongs to other conditions."""
    try:
        state = msgspec.json.decode(raw, type=State)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise DocumentError(None, "the state of a rule", str(error), "not_json") from error
    if state.rule != evaluator.rule:
        raise DocumentError("rule", f"{evaluator.rule}, the conditions that it is for", shown(state.rule))
    return state
