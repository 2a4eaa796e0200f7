"""Messages of which nothing comes but that they are a device's last ones: most of them, and cheap.

Whatever is unusual about one leaves all of the device to the long way, which comes to the same.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import msgspec

from contract.glance import (
    ENVELOPE_MEMBERS,
    MAX_BYTES,
    MAX_MEMBERS,
    READING_MEMBERS,
    Glance,
    Reading,
    anything,
    numbers,
)
from contract.models import DEFAULT_LATENESS_MS, DeviceModel, Metric
from contract.telemetry import Value
from functions.domain.engine.codec import NONE_SKIPPED, Head, encode, head_of
from functions.domain.engine.losses import HOUR_MS
from functions.domain.ingest import FUTURE_MS, Assessed, Incoming
from functions.domain.series import Point
from functions.domain.state import WINDOW, Boot, Counters, DeviceState, Latest, Observation

if TYPE_CHECKING:
    from functions.domain.engine.program import Program
    from functions.domain.engine.quiet import Shape

_SEEN: Final = (1 << WINDOW) - 1
_UNSURE: Final = frozenset({"stale", "bad"})
_Read = Callable[[bytes], Glance[Any]]


class Spared(msgspec.Struct, frozen=True):
    """`after` is the state of the device once all of these messages are stored."""

    after: DeviceState
    messages: Sequence[Incoming]
    found: Sequence[Glance[Value]]
    model: DeviceModel | None

    def assessed(self) -> list[Assessed]:
        """The messages with the points that they add."""
        known = {} if self.model is None else self.model.metrics
        return [_assessed(message, glance, known) for message, glance in zip(self.messages, self.found, strict=True)]


def spared(
    messages: Sequence[Incoming], state: DeviceState, program: "Program", attributes: Mapping[str, str]
) -> Spared | None:
    """None where something may come of one of them. Raises ValueError for a damaged state."""
    if not state.rules or not state.boots or state.pending:
        return None
    head, heard = head_of(state), state.boots[-1]
    if (
        head is None
        or head.quiet is None
        or head.program != program.fingerprint
        or heard.boot != head.boot
        or heard.high + 1 != head.next
        or (program.told and head.told != program.told_of(state.presence, attributes))
    ):
        return None
    for read in (numbers, anything):
        try:
            return _in_any_order(messages, state, head, program, read)
        except msgspec.ValidationError:
            continue
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            break
    return None


def _in_any_order(
    messages: Sequence[Incoming], state: DeviceState, head: Head, program: "Program", read: _Read
) -> Spared | None:
    found = _passed_over(messages, state, head, program, read)
    if found is None and len(messages) > 1:
        ordered = sorted(messages, key=lambda message: message.received_at)
        found = None if ordered == [*messages] else _passed_over(ordered, state, head, program, read)
    return found


def _passed_over(  # noqa: C901, PLR0911, PLR0912 - one loop that looks at each message once: a fleet's time goes here
    messages: Sequence[Incoming], state: DeviceState, head: Head, program: "Program", read: _Read
) -> Spared | None:
    model, quiet, latest = program.model, program.quiet(head.quiet or b""), state.latest
    lateness_ms = DEFAULT_LATENESS_MS if model is None else model.lateness_ms
    hour, end, due, boot, seq, sent = head.hour, head.hour + HOUR_MS, head.due, head.boot, head.next, head.sent
    mark = max([one.ts for one in latest.values()], default=0) if head.mark == NONE_SKIPPED else head.mark
    last = max(head.last, mark)
    derives, patience, until, mixed = quiet.derives, quiet.patience, head.until, read is not numbers
    shape: Shape | None = None
    reading: Reading[Value] | None = None
    newest: list[tuple[Shape, Reading[Value]]] = []
    found: list[Glance[Value]] = []
    metrics: tuple[str, ...] = ()
    points = unmodeled = count = strange = 0
    for message in messages:
        data, received_at = message.data, message.received_at
        glance = read(data)
        m = glance.m
        if glance.seq != seq or glance.boot != boot or not hour <= received_at < end or (derives and len(m) != 1):
            return None
        seq += 1
        colons = ENVELOPE_MEMBERS
        for each in m:
            ts, values = each.ts, each.values
            if (named := tuple(values)) != metrics or mixed:
                others = tuple([one for one in named if type(values[one]) is not float]) if mixed else ()
                if shape is not None and reading is not None:
                    newest.append((shape, reading))
                metrics, shape = named, quiet.shape(named, others)
                if shape is None or not shape.stays(values, latest):
                    return None
                count, strange = len(named), len(shape.unmodeled)
            if (
                shape is None
                or not last < ts < until
                or not received_at - lateness_ms <= ts <= received_at + FUTURE_MS
                or not shape.check(values)
            ):
                return None
            colons += count + READING_MEMBERS
            if each.q:
                if each.q in _UNSURE:
                    return None
                colons += 1
            last, reading = ts, each
            if patience:
                until = ts + patience if ts + patience < due else due  # noqa: FURB136 - three times as fast
            points += count
            unmodeled += strange
        if data.count(b":") != colons or colons > MAX_MEMBERS or len(data) > MAX_BYTES:
            return None
        if derives and shape is not None and shape.derived and reading is not None:
            if (full := shape.with_derived(reading.values)) is None:
                return None
            points += len(full) - count
            reading = Reading(reading.ts, full, reading.q)
            glance = Glance(1, boot, glance.seq, glance.sent, (reading,))
        if (at := glance.sent) > sent:
            sent = at if at <= received_at else max(sent, received_at)
        found.append(glance)
    if shape is not None and reading is not None:
        newest.append((shape, reading))
    moved = _moved(latest, newest)
    if moved is None:
        return None
    head.next, head.sent, head.mark, head.last, head.until = seq, sent, mark, last, until
    return Spared(_after(state, head, moved, len(found), points, unmodeled), messages, found, model)


def _moved(
    latest: Mapping[str, Latest], newest: Sequence[tuple["Shape", Reading[Value]]]
) -> Mapping[str, Latest] | None:
    """None where one of the metrics had a value of another type before, or none, and may need more room."""
    moved = dict(latest)
    for shape, reading in newest:
        ts, quality, unmodeled = reading.ts, reading.q or "good", shape.unmodeled
        for metric, value in reading.values.items():
            known = latest.get(metric)
            if known is None or type(known.value) is not type(value):
                return None
            moved[metric] = Latest(ts, value, quality, metric in unmodeled)
    return moved


def _after(
    state: DeviceState, head: Head, latest: Mapping[str, Latest], messages: int, points: int, unmodeled: int
) -> DeviceState:
    head.received += messages
    heard, known = state.boots[-1], state.counters
    seen = heard.seen << messages | (1 << messages) - 1
    return msgspec.structs.replace(
        state,
        latest=latest,
        boots=(*state.boots[:-1], Boot(heard.boot, heard.high + messages, seen & _SEEN)),
        counters=Counters(
            known.messages + messages, known.points + points, known.duplicates, known.late, known.unmodeled + unmodeled
        ),
        rules=encode(head),
    )


def _assessed(message: Incoming, glance: Glance[Value], known: Mapping[str, Metric]) -> Assessed:
    thing, received_at, points = message.thing, message.received_at, list[Point]()
    for reading in glance.m:
        quality = reading.q or "good"
        points += [
            Point(thing, metric, reading.ts, value, quality, late=False, received_at=received_at, fresh=True)
            for metric, value in reading.values.items()
        ]
    unmodeled = frozenset([point.metric for point in points if point.metric not in known])
    return Assessed(message, Observation(glance.boot, glance.seq, tuple(points), unmodeled, sent=glance.sent))
