"""Conditions at work: when a rule fires and when it clears, by the time of its data.

Pure: a state and what is new give another state and the transitions between them. The same data in the same order
gives the same transitions at the same times, however often and wherever `advance` was called in between.

What is due at an instant happens at it, after the data of that instant: `advance(now)` does what was due before `now`.

Unknown is a metric that never came, whose last value must not be relied on, that is older than `stale_after_ms`, or
that is of another type than its threshold; attributes and `online` are never too old. Unknown neither fires nor clears:
- `all` with a part that is false is false, `any` with one that is true is true; else one unknown part makes them
  unknown, as it does `not`;
- a duration or count that runs begins anew after it; one that was reached stays so, and hysteresis stays as it was;
- a comparison with another metric or an attribute is unknown if either is; order is known of numbers only;
- a rate is unknown over less than half of its window, and once its window has passed without a sample;
- an aggregate is of the samples that can be relied on, and unknown while its metric is, save for a `count`, which is
  never; of no sample at all there is a `sum`, 0, but no other. Until its window has passed since the start, what came
  before is not known: `avg` and `sum` are unknown, `count`, `max` and `range` are at least what came and `min` at most
  that, so that some verdicts are certain already. A window ends now and begins with a 32nd part of it;
- `changes` is unknown before a second value;
- a geofence is unknown without a latitude and a longitude that exist;
- `no_data` and `schedule` are never unknown: the one counts from the last data, or from the start.
"""

import zlib
from collections.abc import Iterable, Mapping, Sequence
from math import inf
from typing import Any, Literal, NamedTuple, TypeAlias

import msgspec

from contract._moments import ANYTHING, NEVER, Box, Moment, Node, Sample, Slots
from contract._verdicts import compile_condition
from contract.conditions import Condition, is_reserved, metrics_of, to_document
from contract.errors import DocumentError, shown
from contract.telemetry import Value

__all__ = ["ANYTHING", "Evaluator", "State", "Transition", "TransitionKind", "decode_state", "encode_state"]

TransitionKind: TypeAlias = Literal["fired", "cleared"]


class State(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """Where a rule stands, for its own evaluator. Times are in ms of whatever clock the data has."""

    rule: str
    """A fingerprint of the conditions that it belongs to."""
    at: int
    """The instant of the last evaluation."""
    due: int | None
    """When something changes by itself, if no data comes before."""
    fired: tuple[int | None, ...]
    """When each of its bands fired; None while it has not, or has cleared."""
    samples: dict[str, Sample]
    slots: list[Any]

    @property
    def since(self) -> int | None:
        """When the first band fired that has not cleared."""
        return min((since for since in self.fired if since is not None), default=None)


class Transition(msgspec.Struct, frozen=True, kw_only=True):
    """A rule fired or cleared. `why` is the tree that decided it: each part with its verdict, value and threshold."""

    kind: TransitionKind
    at: int
    since: int
    """When it fired."""
    values: dict[str, Value | None]
    why: dict[str, Any]
    band: int = 0
    """Which of the conditions it was, where there are several."""


class _Band(NamedTuple):
    when: Node
    clear: Node | None
    anew: tuple[int, ...]
    """The slots that begin anew when it fires."""


class Evaluator:
    """A rule, compiled once. It fires when `when` becomes true.

    It clears when `when` is false; with a `clear` of its own, when that is true and `when` is not. `clear` looks at
    what happens from the firing on: its durations, counts and silences begin there.
    """

    def __init__(
        self,
        when: Condition,
        clear: Condition | None = None,
        *,
        more: Sequence[tuple[Condition, Condition | None]] = (),
        also: Iterable[str] = (),
        stale_after_ms: int | None = None,
    ) -> None:
        """`more` are further bands: pairs that see the same data at the same instants, and fire by themselves.

        `also` are metrics that decide nothing, but whose last values its transitions tell.
        """
        pairs = [(when, clear), *more]
        slots, bands, asked = Slots(stale_after_ms), list[_Band](), set[str | None](also)
        for begin, end in pairs:
            node = compile_condition(begin, slots)
            own = len(slots.initial)
            clearing = None if end is None else compile_condition(end, slots)
            anew = tuple(slot for slot in range(own, len(slots.initial)) if slot not in slots.kept)
            bands.append(_Band(node, clearing, anew))
            asked.update(metrics_of(begin), () if end is None else metrics_of(end))
        self._bands = tuple(bands)
        self._updates = tuple(slots.updates)
        self._initial = tuple(slots.initial)
        self.device_wide: bool = None in asked
        """Whether data of any metric matters, since some part waits for the whole device to fall silent."""
        self.metrics: frozenset[str] = frozenset(metric for metric in asked if metric is not None)
        documents = [[to_document(begin), None if end is None else to_document(end)] for begin, end in pairs]
        self.rule: str = f"{zlib.crc32(msgspec.json.encode([documents, stale_after_ms])):08x}"

    def start(self, now: int, samples: Mapping[str, Sample] | None = None) -> State:
        """Nothing is known yet but `samples`; the first evaluation is due at once."""
        return State(
            rule=self.rule,
            at=now,
            due=now,
            fired=(None,) * len(self._bands),
            samples={} if samples is None else dict(samples),
            slots=list(self._initial),
        )

    def observe(
        self, state: State, at: int, values: Mapping[str, Value | None]
    ) -> tuple[State, tuple[Transition, ...]]:
        """Take data of time `at`, after what was due before it; None is a value that must not be relied on.

        Of each metric, data that is not newer than what came already is ignored. Data older than the last evaluation
        (of another metric, or of something due) is judged at that.
        """
        transitions: tuple[Transition, ...] = ()
        if state.due is not None and state.due < at:
            state, transitions = self.advance(state, at)
        samples, fresh = state.samples, dict[str, Sample]()
        for metric in self.metrics:
            if metric in values:
                known = samples.get(metric)
                if known is None or at > known[0]:
                    fresh[metric] = (at, values[metric])
        heard = self.device_wide and any(value is not None and not is_reserved(name) for name, value in values.items())
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

    def quiet(self, state: State) -> Mapping[str, tuple[float, float]] | None:
        """What may be skipped until `state.due`: for each metric the open interval of numbers that change nothing.

        A sample before `due`, and newer than the last of its metric, may be skipped if its metric is in the mapping
        and it is a number within the interval, or of the type and value of the metric's last sample (skipped ones
        included). So may one with a value of a metric that the rule does not ask for. None: nothing may be skipped.

        Of each metric the last skipped sample is to be observed, in the order of their times, before anything else is
        done with the state: then all that comes after it is as if none had been skipped.
        """
        moment, box = Moment(state.at, list(state.slots), state.samples, {}, heard=False), Box()
        for band, since in zip(self._bands, state.fired, strict=True):
            band.when.narrow(moment, box)
            if since is not None and band.clear is not None:
                band.clear.narrow(moment, box)
        if box.deaf:
            return None
        bounds, everywhere = box.bounds, (-inf, inf)
        return {metric: bounds.get(metric, everywhere) for metric in self.metrics - box.loud}

    def patience(self, state: State) -> tuple[int | None, Mapping[str, int]]:
        """More of what `quiet` lets be skipped: also behind `state.due`, as long as that moves away.

        That is before the first time here, when something changes whatever comes, and while no metric of the mapping
        (ANYTHING: the device) was silent for so long as it says. What was skipped is then shown by `catch_up`.
        """
        if state.due is not None and state.due <= state.at:  # it has only begun
            return state.due, {}
        moment = Moment(state.at, list(state.slots), state.samples, {}, heard=False)
        for band, since in zip(self._bands, state.fired, strict=True):
            band.when.judge(moment)
            if since is not None and band.clear is not None:
                band.clear.judge(moment)
        return (None if moment.fixed == NEVER else moment.fixed), moment.silences

    def catch_up(
        self, state: State, skipped: Mapping[str, Sample], heard: int | None
    ) -> tuple[State, tuple[Transition, ...]]:
        """Show what was skipped: of each metric the last sample, and when the device was last heard."""
        fresh = {
            metric: sample
            for metric, sample in skipped.items()
            if metric in self.metrics and (metric not in state.samples or sample[0] > state.samples[metric][0])
        }
        heard = heard if self.device_wide else None
        times = {sample[0] for sample in fresh.values()} | (set() if heard is None else {heard})
        # At once, or one that was heard long ago would seem to be stale when the next one comes.
        state = msgspec.structs.replace(state, samples={**state.samples, **fresh}) if fresh else state
        transitions: tuple[Transition, ...] = ()
        for at in sorted(times):
            seen = {metric: sample for metric, sample in fresh.items() if sample[0] == at}
            state, found = self._step(state, max(at, state.at), seen, heard=at == heard)
            transitions += found
        return state, transitions

    def explain(self, state: State, band: int = 0) -> dict[str, Any]:
        """How each part of `when`, and of `clear` if it fired, stood at the last evaluation."""
        moment, of = Moment(state.at, list(state.slots), state.samples, {}, heard=False), self._bands[band]
        told = {"when": of.when.explain(moment)}
        if of.clear is not None and state.fired[band] is not None:
            told["clear"] = of.clear.explain(moment)
        return told

    def _step(
        self, state: State, at: int, fresh: dict[str, Sample], *, heard: bool
    ) -> tuple[State, tuple[Transition, ...]]:
        samples, seen = state.samples, fresh
        if fresh:
            samples = {**samples, **fresh}
            if any(sample[1] is None for sample in fresh.values()):
                seen = {metric: sample for metric, sample in fresh.items() if sample[1] is not None}
        moment = Moment(at, list(state.slots), samples, seen, heard=heard)
        for update in self._updates:
            update(moment)
        fired, found = state.fired, list[Transition]()
        for index, band in enumerate(self._bands):
            since = fired[index]
            after = self._judge(index, band, since, moment, found)
            if after != since:
                fired = (*fired[:index], after, *fired[index + 1 :])
        due = None if moment.due == NEVER else moment.due
        state = State(rule=state.rule, at=at, due=due, fired=fired, samples=samples, slots=moment.slots)
        return state, tuple(found)

    def _judge(self, index: int, band: _Band, since: int | None, moment: Moment, found: list[Transition]) -> int | None:
        """Since when a band has fired, after this moment; what changed is added to `found`."""
        when = band.when.judge(moment)
        if since is None:
            if not when:
                return None
            for slot in band.anew:
                moment.slots[slot] = self._initial[slot]
            found.append(_transition("fired", moment.at, moment, band.when, index))
            if band.clear is not None:
                quiet = Moment(moment.at, moment.slots, moment.samples, {}, heard=False)
                band.clear.judge(quiet)
                moment.wake(quiet.due)
            return moment.at
        if band.clear is None:
            if when is not False:
                return since
            found.append(_transition("cleared", since, moment, band.when, index))
            return None
        if not band.clear.judge(moment) or when:
            return since
        found.append(_transition("cleared", since, moment, band.clear, index))
        return None


def _transition(kind: TransitionKind, since: int, moment: Moment, why: Node, band: int) -> Transition:
    quiet = Moment(moment.at, list(moment.slots), moment.samples, {}, heard=False)
    values = {metric: sample[1] for metric, sample in sorted(moment.samples.items())}
    return Transition(kind=kind, at=moment.at, since=since, values=values, why=why.explain(quiet), band=band)


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
