"""What becomes of a device's messages: points to store, faults to quarantine, and what the device's state learns.

Pure: the same messages on the same state give the same answer, so that a batch may be worked through again.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, Self, TypeAlias

import msgspec

from contract import telemetry
from contract.errors import EnvelopeError
from contract.models import DEFAULT_LATENESS_MS, DeviceModel
from contract.telemetry import Envelope, Measurement
from contract.validation import Check, compiled
from functions.domain.derived import derived
from functions.domain.engine.inputs import Input, samples_of
from functions.domain.series import Point, newest
from functions.domain.state import DeviceState, Observation, Room, moves_latest

FUTURE_MS = 15 * 60_000
"""How far ahead of its receipt a point may lie: one from 2099 would freeze `latest`."""

_ENVELOPE_REASONS = {"too_large": "too_large", "unsupported_version": "unsupported_version"}
_VALUE_REASONS = {"wrong_type": "wrong_type"}


class Incoming(msgspec.Struct, frozen=True):
    """A device's message as it came off the queue; `id` is what the queue calls it."""

    id: str
    thing: str
    received_at: int
    data: bytes


class Fault(msgspec.Struct, frozen=True):
    """Why a message, or one value in it, could not be kept."""

    reason: str
    detail: str
    metric: str | None = None
    ts: int | None = None


Origin: TypeAlias = Literal["telemetry", "event", "command"]
"""What a quarantined message was meant to be."""


class QuarantineEntry(msgspec.Struct, frozen=True):
    """A message that could not be kept whole: its raw bytes, every fault, and metric and time of what was kept."""

    thing: str
    received_at: int
    raw: bytes
    faults: tuple[Fault, ...]
    kept: frozenset[tuple[str, int]] = frozenset()
    origin: Origin = "telemetry"

    @property
    def reasons(self) -> tuple[str, ...]:
        """Each reason once, in the order of the faults."""
        return tuple(dict.fromkeys(fault.reason for fault in self.faults))


class Assessed(msgspec.Struct, frozen=True):
    """A message with what it adds and what is wrong with it. No observation: it could not be read at all.

    `again` are the points of one that was seen before. They count nowhere and are not written, but may have been: at
    the same moment as those of another copy, or by an invocation that died.
    """

    message: Incoming
    observation: Observation | None = None
    faults: tuple[Fault, ...] = ()
    again: tuple[Point, ...] = ()

    @property
    def points(self) -> tuple[Point, ...]:
        return self.observation.points if self.observation else ()

    @property
    def entry(self) -> QuarantineEntry | None:
        if not self.faults:
            return None
        kept = frozenset((point.metric, point.ts) for point in self.points)
        return QuarantineEntry(self.message.thing, self.message.received_at, self.message.data, self.faults, kept)

    def without(self, rejected: Mapping[Point, Fault]) -> Self:
        """The same message after a store refused some of its points."""
        if self.observation is None or rejected.keys().isdisjoint(self.points):
            return self
        kept = tuple(point for point in self.points if point not in rejected)
        faults = tuple(rejected[point] for point in self.points if point in rejected)
        observation = msgspec.structs.replace(self.observation, points=kept)
        return msgspec.structs.replace(self, observation=observation, faults=self.faults + faults)


def assess(
    messages: Iterable[Incoming], model: DeviceModel | None, state: DeviceState, room: Room | None = None
) -> list[Assessed]:
    """All messages of one device in a batch, in the order of their receipt; `room` is the state's unless given."""
    assessed = []
    room = Room(state.latest) if room is None else room
    for message in sorted(messages, key=lambda message: message.received_at):
        one = _assess_one(message, model, state, room)
        if one.observation is not None:
            state = state.with_observation(one.observation)
        assessed.append(one)
    return assessed


def state_after(state: DeviceState, assessed: Sequence[Assessed]) -> DeviceState:
    """The device's state once these messages are stored."""
    for one in assessed:
        if one.observation is not None:
            state = state.with_observation(one.observation)
    return state


def inputs_of(assessed: Sequence[Assessed]) -> tuple[list[Input], list[int]]:
    """What the rules may see of messages, and when those were received that were seen before."""
    inputs, duplicates = [], []
    for one in assessed:
        seen, received_at = one.observation, one.message.received_at
        if seen is None:
            continue
        if seen.duplicate:
            duplicates.append(received_at)
        else:
            samples = samples_of(seen.points, received_at)
            inputs.append(Input(seen.boot, seen.seq, seen.sent, received_at, samples))
    return inputs, duplicates


def _assess_one(message: Incoming, model: DeviceModel | None, state: DeviceState, room: Room) -> Assessed:
    try:
        envelope = telemetry.decode(message.data)
    except EnvelopeError as exc:
        return Assessed(message, faults=(Fault(_ENVELOPE_REASONS.get(exc.reason, "malformed"), str(exc)),))
    duplicate = state.has_seen(envelope.boot, envelope.seq)
    if duplicate:
        room = room.apart(state.latest)
    reader = _Reader(message, model, state, room)
    for measurement in envelope.m:
        reader.read(measurement)
    refused = tuple(_value_faults(envelope))
    reader.derive(refused)
    points = tuple(newest(reader.points).values())
    if duplicate:
        return Assessed(message, Observation(envelope.boot, envelope.seq, duplicate=True), again=points)
    faults = (*refused, *reader.faults)
    seen = Observation(envelope.boot, envelope.seq, points, frozenset(reader.unmodeled), sent=envelope.sent)
    return Assessed(message, seen, faults)


def _value_faults(envelope: Envelope) -> Iterable[Fault]:
    for value in envelope.rejected:
        reason = _VALUE_REASONS.get(value.reason, "bad_value")
        yield Fault(reason, f"expected {value.expected}, got {value.got}", value.metric, value.ts)


class _Reader:
    """Makes points of one message's measurements."""

    def __init__(self, message: Incoming, model: DeviceModel | None, state: DeviceState, room: Room) -> None:
        self._message = message
        self._validation = None if model is None else compiled(model)
        self._checks: Mapping[str, Check] = {} if self._validation is None else self._validation.checks
        self._state = state
        self._room = room
        self._lateness_ms = DEFAULT_LATENESS_MS if model is None else model.lateness_ms
        self.points: list[Point] = []
        self.faults: list[Fault] = []
        self.unmodeled: set[str] = set()

    def read(self, measurement: Measurement) -> None:
        ts, received_at = measurement.ts, self._message.received_at
        if ts > received_at + FUTURE_MS:
            detail = f"expected a ts at most {FUTURE_MS} ms after its receipt, got {ts - received_at} ms"
            self.faults.append(Fault("future", detail, None, ts))
            return
        thing, quality, late = self._message.thing, measurement.q, ts < received_at - self._lateness_ms
        latest, knows_all = self._state.latest, self._room.knows_all
        for metric, value in measurement.values.items():
            known = latest.get(metric)
            moves = not late and (known is None or ts > known.ts)
            point = Point(thing, metric, ts, value, quality, late, received_at, moves and knows_all)
            self._take(point, self._checks, moves=moves)

    def derive(self, refused: Iterable[Fault]) -> None:
        """What the model derives from the points so far; `refused` are faults of the message found elsewhere."""
        if self._validation is not None and self._validation.derivations:
            unknown = {(fault.metric, fault.ts) for fault in (*refused, *self.faults) if fault.metric is not None}
            standing = newest(self.points).values()
            for point in derived(self._validation, tuple(standing), unknown):
                moves = moves_latest(self._state.latest, point)
                fresh = moves and self._room.knows_all
                self._take(msgspec.structs.replace(point, fresh=fresh), self._validation.results, moves=moves)

    def _take(self, point: Point, checks: Mapping[str, Check], *, moves: bool) -> None:
        fault = self._fault(point, checks, moves=moves)
        if fault is None:
            self.points.append(point)
        else:
            self.faults.append(fault)

    def _fault(self, point: Point, checks: Mapping[str, Check], *, moves: bool) -> Fault | None:
        check = checks.get(point.metric)
        if check is None:
            self.unmodeled.add(point.metric)
        else:
            rejected = check(point.value)
            if rejected is not None:
                detail = f"expected {rejected.expected}, got {rejected.got}"
                return Fault(rejected.reason, detail, point.metric, point.ts)
        # A late point of a new metric takes no room in the state, but it counts: history is bounded by it.
        fits = self._room.admit(point.metric, point.value) if moves else self._room.admit_name(point.metric)
        if not fits:
            detail = "expected a metric that fits beside the device's other last values, got one too many"
            return Fault("too_many_metrics", detail, point.metric, point.ts)
        return None
