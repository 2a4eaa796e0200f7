"""Which messages of the lake a device had sent before.

A device that lost its connection sends again what was not acknowledged, perhaps hours later. Ingest knew such a message
by its number and stored it once. In a move the first one may lie in another object, copied by another invocation; what
it left in the target tells. Only messages with late points are looked at: of one repeated in time the same would stand.
"""

from collections.abc import Iterable, Mapping, Sequence

from functions.domain.series import Point
from functions.ports.telemetry import TelemetryStore
from functions.services.backfill_reading import DayOfDevice, by_device_day, side_by_side, span, stored

_Identity = tuple[str, str, int]


def repeated_messages(target: TelemetryStore, of_messages: Sequence[Sequence[Point]]) -> frozenset[int]:
    """Positions of messages whose every value the target has from one message received earlier. Raises StoreError."""
    late = [at for at, points in enumerate(of_messages) if any(point.late for point in points)]
    found = _found(target, (point for at in late for point in of_messages[at]))
    return frozenset(at for at in late if _is_repeated(of_messages[at], found))


def _found(target: TelemetryStore, points: Iterable[Point]) -> Mapping[_Identity, Point]:
    days = by_device_day(points)

    def of_day(day: DayOfDevice) -> dict[_Identity, Point]:
        wanted = {_identity(point) for point in days[day]}
        pages = stored(target, day[0], span(days[day]))
        return {_identity(point): point for page in pages for point in page if _identity(point) in wanted}

    return {identity: point for some in side_by_side(of_day, sorted(days)) for identity, point in some.items()}


def _is_repeated(points: Sequence[Point], found: Mapping[_Identity, Point]) -> bool:
    # All of one message and all the same: rather is one message written twice than another one lost.
    others = [found.get(_identity(point)) for point in points]
    receipts = {None if other is None else other.received_at for other in others}
    (first,) = receipts if len(receipts) == 1 else (None,)
    return (
        first is not None
        and first < points[0].received_at
        and all(other and _says_the_same(point, other) for point, other in zip(points, others, strict=True))
    )


def _says_the_same(one: Point, other: Point) -> bool:
    return (type(one.value), one.value, one.quality) == (type(other.value), other.value, other.quality)


def _identity(point: Point) -> _Identity:
    return point.device, point.metric, point.ts
