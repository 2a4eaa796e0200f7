"""What is derived from one message: a pure function of its points, so that order and repetition change nothing."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Final

from contract.derivation import Derivation
from contract.telemetry import QUALITIES, Quality
from contract.validation import Validation
from functions.domain.series import Point

CARRIED_INTERVALS: Final = 2
"""Sensors of a device are not read at the same instant: a value holds for others of its message until it is so old."""

_SURE: Final[frozenset[Quality]] = frozenset({"good", "estimated"})


def derived(
    validation: Validation, points: Sequence[Point], unknown: Collection[tuple[str, int | None]]
) -> Iterator[Point]:
    """Points of derived metrics, unchecked, from one message's `points`, one for each metric and time.

    At each instant that has an input, each metric derived from it is computed with the newest value of its inputs.
    There is none where an input is missing, bad or stale, was refused (`unknown` are metric and time of those), or is
    too old.
    """
    if not validation.derivations:
        return
    carried_ms = CARRIED_INTERVALS * validation.model.interval_ms
    newest: dict[str, Point | None] = {}
    for ts, given in sorted(_instants(validation.inputs, points, unknown).items()):
        newest.update(given)
        changed = set(given)
        for each in validation.derivations:
            if changed.isdisjoint(each.expression.inputs):
                continue
            changed.add(each.metric)
            made = _computed(each, ts, newest, carried_ms)
            # One that is refused is an input of no other.
            sound = made is not None and validation.results[each.metric](made.value) is None
            newest[each.metric] = made if sound else None
            if made is not None:
                yield made


def _instants(
    inputs: Collection[str], points: Sequence[Point], unknown: Collection[tuple[str, int | None]]
) -> dict[int, dict[str, Point | None]]:
    """What the message says of the inputs, by time; None of one that is not to be used."""
    instants: dict[int, dict[str, Point | None]] = {}
    for metric, ts in unknown:
        if ts is not None and metric in inputs:
            instants.setdefault(ts, {})[metric] = None
    for point in points:
        if point.metric in inputs:
            instants.setdefault(point.ts, {})[point.metric] = point if point.quality in _SURE else None
    return instants


def _computed(each: Derivation, ts: int, newest: Mapping[str, Point | None], carried_ms: int) -> Point | None:
    inputs = []
    for name in each.expression.inputs:
        point = newest.get(name)
        if point is None or ts - point.ts > carried_ms:
            return None
        inputs.append(point)
    value = each.expression({point.metric: point.value for point in inputs})
    if value is None:
        return None
    latest = max(inputs, key=lambda point: point.ts)
    quality = max((point.quality for point in inputs), key=QUALITIES.index)
    return Point(latest.device, each.metric, ts, value, quality, latest.late, latest.received_at)
