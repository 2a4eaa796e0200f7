"""Messages of which nothing comes but that they are a device's last ones: most of them, and cheap.

Whatever is unusual about one leaves it, and what is behind it, to the long way, which comes to the same.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

import msgspec

from contract.glance import Glance, Reading
from contract.models import DeviceModel, Metric
from functions.domain.engine.codec import MAX_PASSED, NONE_SKIPPED, Head, encode, head_of
from functions.domain.engine.inputs import AHEAD_MS
from functions.domain.engine.lag import heard
from functions.domain.engine.losses import HOUR_MS
from functions.domain.engine.shapes import Kind, Shape, Usual, items_of
from functions.domain.ingest import FUTURE_MS, Assessed, Incoming, assess, state_after
from functions.domain.series import Point
from functions.domain.state import WINDOW, Boot, Counters, DeviceState, Latest, Observation

if TYPE_CHECKING:
    from contract.telemetry import Quality
    from functions.domain.engine.program import Program
    from functions.domain.engine.quiet import Quiet

_SEEN: Final = (1 << WINDOW) - 1


class Spared(msgspec.Struct, frozen=True):
    """`after` is the state of the device once these messages are stored. `rest` are those that come behind them."""

    after: DeviceState
    messages: Sequence[Incoming]
    found: Sequence[Glance[Any]]
    model: DeviceModel | None
    rest: Sequence[Incoming]

    def assessed(self) -> list[Assessed]:
        """The messages with the points that they add."""
        known = {} if self.model is None else self.model.metrics
        return [_assessed(message, glance, known) for message, glance in zip(self.messages, self.found, strict=True)]


def spared(
    messages: Sequence[Incoming], state: DeviceState, program: "Program", attributes: Mapping[str, str]
) -> Spared | None:
    """The first messages, as long as nothing comes of them; None if something may come of the very first.

    Raises ValueError for a damaged state.
    """
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
    quiet = program.quiet(head.quiet)
    found = _passed_over(messages, state, head, quiet)
    if len(messages) > 1 and (found is None or found.rest):
        ordered = sorted(messages, key=lambda message: message.received_at)
        if ordered != [*messages]:
            return _passed_over(ordered, state, head, quiet)
    return found


def assess_usual(
    messages: Sequence[Incoming], state: DeviceState, program: "Program"
) -> tuple[list[Assessed], DeviceState]:
    """As `assess`, also with the state once they are stored: of messages that are as most are at one look too.

    Something may come of them where rules look at them.
    """
    ordered = sorted(messages, key=lambda message: message.received_at)
    usual = _as_usual(ordered, state, program.ruleless) if state.boots else None
    if usual is None:
        assessed = assess(ordered, program.model, state)
        return assessed, state_after(state, assessed)
    if not usual.rest:
        return usual.assessed(), usual.after
    others = assess(usual.rest, program.model, usual.after)
    return usual.assessed() + others, state_after(usual.after, others)


def _as_usual(messages: Sequence[Incoming], state: DeviceState, quiet: "Quiet") -> Spared | None:
    """The first messages that are new, newer than all before them, and numbers as the model wants them."""
    latest, heard = state.latest, state.boots[-1]
    found, kinds = quiet.look(messages, latest)
    last, seq = max([one.ts for one in latest.values()], default=0), heard.high + 1
    for message, glance in zip(messages, found):  # noqa: B905 - as many as were found
        received_at, m = message.received_at, glance.m
        if glance.seq != seq or glance.boot != heard.boot or not last < m[0].ts >= received_at - quiet.lateness_ms:
            break
        if not _follow(m, received_at + FUTURE_MS + 1, 0):
            break
        seq, last = seq + 1, m[-1].ts
    count = seq - heard.high - 1
    found, kinds = found[:count], kinds[:count]
    moved, points, unmodeled = _moved(latest, found, kinds) if count else (None, 0, 0)
    if moved is None:
        return None
    after = _after(state, state.rules, moved, count, points, unmodeled)
    return Spared(after, messages[:count], found, quiet.model, messages[count:])


def _passed_over(  # noqa: C901, PLR0912 - one loop that looks at each message once: a fleet's time goes here
    messages: Sequence[Incoming], state: DeviceState, head: Head, quiet: "Quiet"
) -> Spared | None:
    latest, lateness_ms, patience = state.latest, quiet.lateness_ms, quiet.patience
    found, kinds = quiet.look(messages, latest)
    boot, due, seq, sent, until, last = head.boot, head.due, head.next, head.sent, head.until, head.last
    hour, end, passed, before = head.hour, head.hour + HOUR_MS, head.passed, head.next - head.received
    lag, step = head.lag, quiet.step_ms
    lags = bool(lag.ms or lag.since)
    if (mark := head.mark) == NONE_SKIPPED:
        mark = max([one.ts for one in latest.values()], default=0)
        last = max(last, mark)
    for message, glance in zip(messages, found):  # noqa: B905 - as many as were found
        received_at, m = message.received_at, glance.m
        ts = m[0].ts
        if (
            glance.seq != seq
            or glance.boot != boot
            or not last < ts < until
            or not -AHEAD_MS <= received_at - ts <= lateness_ms
            or received_at < hour
        ):
            break
        if len(m) > 1:
            if not _follow(m, min(due, received_at + AHEAD_MS + 1), patience):
                break
            ts = m[-1].ts
        at, told = glance.sent, lag
        if (lags or received_at - at >= step) and (
            (at if at <= received_at else received_at) >= sent  # noqa: FURB136 - three times as fast
        ):
            told = heard(lag, received_at, at, step=step, most=lateness_ms)
            if told.ms != lag.ms or (
                lag.since and (not told.since or told.least < lag.least)
            ):  # what is due may have to be found earlier
                break
            lags = bool(told.ms or told.since)
        if received_at >= end:
            if len(passed) == MAX_PASSED:
                break
            passed = (*passed, (hour, seq - before))
            before, hour = seq, received_at - received_at % HOUR_MS
            end = hour + HOUR_MS
        last, lag = ts, told
        seq += 1
        if patience:
            until = last + patience if last + patience < due else due  # noqa: FURB136 - three times as fast
        if at > sent:
            sent = at if at <= received_at else max(sent, received_at)
    rest: Sequence[Incoming] = ()
    if (count := seq - head.next) < len(messages):
        messages, rest, found, kinds = messages[:count], messages[count:], found[:count], kinds[:count]
        if not count:
            return None
    moved, points, unmodeled = _moved(latest, found, kinds)
    if moved is None:
        return None
    head = Head(  # by place, which takes half the time of setting those that became others
        head.v, head.program, boot, seq, sent, hour, seq - before, due, until, mark, last,
        head.quiet, head.rest, head.told, head.revision, passed, lag,
    )  # fmt: skip
    return Spared(_after(state, encode(head), moved, count, points, unmodeled), messages, found, quiet.model, rest)


def _follow(readings: Sequence[Reading[Any]], end: int, patience: int) -> bool:
    """Whether each comes after the one before it, and none too late."""
    longest = patience or end
    return readings[-1].ts < end and all(0 < after.ts - before.ts < longest for before, after in pairwise(readings))


def _moved(
    latest: Mapping[str, Latest], found: Sequence[Glance[Any]], kinds: Sequence[Kind]
) -> tuple[Mapping[str, Latest] | None, int, int]:
    """The last values after all these; how many there are, and how many of metrics that the model does not know.

    None where one of the metrics had a value of another type before, or none, and may need more room.
    """
    kind, count = kinds[0], len(kinds)
    if isinstance(kind, Usual) and kinds.count(kind) == count:
        reading = found[-1].m[-1]
        try:
            return kind.renew(latest, reading.values, reading.ts), count * kind.points, count * kind.unmodeled
        except KeyError:
            return None, 0, 0
    points, unmodeled = sum([one.points for one in kinds]), sum([one.unmodeled for one in kinds])
    return _moved_by_each(latest, found, kinds), points, unmodeled


def _moved_by_each(
    latest: Mapping[str, Latest], found: Sequence[Glance[Any]], kinds: Sequence[Kind]
) -> Mapping[str, Latest] | None:
    moved = dict(latest)
    newest: dict[Shape, Reading[Any]] = {}
    for glance, kind in zip(found, kinds, strict=True):
        newest.update(zip(kind.shapes, glance.m, strict=True))
    for shape, reading in sorted(newest.items(), key=lambda one: one[1].ts):
        for metric, value in items_of(reading.values):
            known = latest.get(metric)
            if known is None or type(known.value) is not type(value):
                return None
            moved[metric] = Latest(reading.ts, value, reading.q or "good", metric in shape.unmodeled)
    return moved


def _after(
    state: DeviceState, rules: bytes, latest: Mapping[str, Latest], messages: int, points: int, unmodeled: int
) -> DeviceState:
    (*others, heard), known = state.boots, state.counters
    seen = heard.seen
    if seen != _SEEN:
        seen = (seen << messages | (1 << messages) - 1) & _SEEN
    return msgspec.structs.replace(
        state,
        latest=latest,
        boots=(*others, Boot(heard.boot, heard.high + messages, seen)),
        counters=Counters(
            known.messages + messages, known.points + points, known.duplicates, known.late, known.unmodeled + unmodeled
        ),
        rules=rules,
    )


def _assessed(message: Incoming, glance: Glance[Any], known: Mapping[str, Metric]) -> Assessed:
    thing, received_at, points = message.thing, message.received_at, list[Point]()
    for reading in glance.m:
        quality: Quality = reading.q or "good"
        points += [
            Point(thing, metric, reading.ts, value, quality, late=False, received_at=received_at, fresh=True)
            for metric, value in items_of(reading.values)
        ]
    unmodeled = frozenset([point.metric for point in points if point.metric not in known])
    return Assessed(message, Observation(glance.boot, glance.seq, tuple(points), unmodeled, sent=glance.sent))
