"""Conditions: what a rule waits for, as data, in one language for device models, the edge and the cloud.

    >>> parse({"metric": "temperature", "above": 90, "for": "30s"}).operator
    'above'

| written | holds |
|---|---|
| `{"metric": M, "above": X}` | while M is above X; also `below`, `at_least`, `at_most`, `equals`, `not_equals` |
| … X as `{"metric": N}` or `{"attribute": A}` | … above what these are; `"plus": D` adds D to it |
| … `"until": Y` | hysteresis: once it held, X is replaced by Y until it no longer holds |
| … `"rate_over": W` | not M is compared but its change per second over the last W |
| … `"aggregate": F, "over": W` | … but `avg`, `min`, `max`, `sum`, `count` or `range` of the last W |
| … `"count": N` | from the N-th sample in a row on that holds |
| … `"count": N, "of": L` | while at least N of the last L samples hold |
| `{"attribute": A, "equals": X}` | the same of an attribute; it is a number or boolean if its text is one |
| `{"metric": M, "changes": true}` | while the last M differs from the one before; with `"from"` and `"to"` only so |
| `{"no_data": true, "for": T}` | once nothing came for T, with `"metric": M` nothing of M |
| `{"geofence": {"circle": …}}` | while the device is inside; with `"is": "outside"` outside. Also `{"polygon": […]}` |
| `{"schedule": […], "zone": Z}` | while the wall clock in zone Z shows a time in one of the windows |
| `{"online": true}` | while the device is connected, `false` while it is not |
| `{"all": […]}`, `{"any": […]}`, `{"not": …}` | as the words say, over any metrics |
| any of them with `"for": T` | once it has held for T without a break |

Durations are written as `5m` or, with `_ms` behind the key, in ms. `contract.evaluation` says what "unknown" does to
each. A device knows neither its attributes nor whether it is online, and its rules do not run by a wall clock: what
asks for these is refused at the edge.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final, Literal, TypeAlias

import msgspec

from contract.models import Metric
from contract.telemetry import Value

__all__ = [
    "ATTRIBUTE",
    "DAYS",
    "MAX_DEPTH",
    "MAX_DURATION_MS",
    "MAX_NODES",
    "ONLINE",
    "Aggregate",
    "AllOf",
    "AnyOf",
    "Changes",
    "Circle",
    "Comparison",
    "Condition",
    "Geofence",
    "NoData",
    "Not",
    "Operand",
    "Operator",
    "Polygon",
    "Schedule",
    "Window",
    "fits_the_edge",
    "is_reserved",
    "metrics_of",
    "parse",
    "to_document",
]

MAX_DEPTH: Final = 8
MAX_NODES: Final = 64
MAX_DURATION_MS: Final = 366 * 86_400_000
ATTRIBUTE: Final = "@"
"""What stands before an attribute's key in the name of its sample."""
ONLINE: Final = "$online"
"""The name of the sample that says whether the device is connected."""
DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

Operator: TypeAlias = Literal["above", "below", "at_least", "at_most", "equals", "not_equals"]
Aggregate: TypeAlias = Literal["avg", "min", "max", "sum", "count", "range"]


class Operand(msgspec.Struct, frozen=True, kw_only=True):
    """A threshold that the device itself gives: another metric, or an attribute as `@key`; `plus` is added to it."""

    sample: str
    plus: float = 0.0


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """A metric, an attribute (`@key`), `$online`, or what is computed of one, beside a threshold."""

    metric: str
    operator: Operator
    threshold: Value | Operand
    until: float | None = None
    """Never beyond the threshold: at most that for `above` and `at_least`, at least that for `below` and `at_most`."""
    rate_over_ms: int | None = None
    aggregate: Aggregate | None = None
    over_ms: int | None = None
    """Only with `aggregate`, and always with it."""
    count: int = 1
    of: int | None = None
    """More than `count`; None for so many in a row."""
    for_ms: int = 0


class Changes(msgspec.Struct, frozen=True, kw_only=True):
    """The last sample of a metric differs from the one before; `before` and `after` say which must be which."""

    metric: str
    before: Value | None = None
    after: Value | None = None
    for_ms: int = 0


class NoData(msgspec.Struct, frozen=True, kw_only=True):
    """Nothing came for `for_ms`: of one metric, or without one nothing at all."""

    for_ms: int
    metric: str | None = None


class Circle(msgspec.Struct, frozen=True, kw_only=True):
    """Degrees of WGS 84 and metres."""

    latitude: float
    longitude: float
    radius_m: float


class Polygon(msgspec.Struct, frozen=True, kw_only=True):
    """Corners as (latitude, longitude) in degrees, joined by lines that are straight in these."""

    corners: tuple[tuple[float, float], ...]


class Geofence(msgspec.Struct, frozen=True, kw_only=True):
    area: Circle | Polygon
    inside: bool = True
    latitude: str = "latitude"
    """The metric that it is."""
    longitude: str = "longitude"
    for_ms: int = 0


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """From one time of day to another, in minutes after midnight; where `end` is not later, to that of the next day.

    `days` are those on which it begins, 0 for Monday.
    """

    days: tuple[int, ...]
    start: int
    end: int


class Schedule(msgspec.Struct, frozen=True, kw_only=True):
    """`zone` is of the IANA time zone database."""

    zone: str
    windows: tuple[Window, ...]
    for_ms: int = 0


class AllOf(msgspec.Struct, frozen=True, kw_only=True):
    parts: tuple["Condition", ...]
    for_ms: int = 0


class AnyOf(msgspec.Struct, frozen=True, kw_only=True):
    parts: tuple["Condition", ...]
    for_ms: int = 0


class Not(msgspec.Struct, frozen=True, kw_only=True):
    part: "Condition"
    for_ms: int = 0


Condition: TypeAlias = Comparison | Changes | NoData | Geofence | Schedule | AllOf | AnyOf | Not


def parse(document: Any, metrics: Mapping[str, Metric | None] | None = None, *, edge: bool = False) -> Condition:
    """Read a condition; raises ConditionError with every problem and its path.

    `metrics` are the metrics that there are, None for one of which nothing else is known; without it, any will do.
    `edge` refuses what only the cloud can know.
    """
    from contract import _condition_reader  # what only compares conditions does without

    return _condition_reader.read(document, metrics, edge=edge)


def to_document(condition: Condition) -> dict[str, Any]:
    """What `parse` reads back equal; made of JSON's values."""
    from contract import _condition_writer

    return _condition_writer.write(condition)


def metrics_of(condition: Condition) -> Iterator[str | None]:
    """Every sample that a condition asks for, perhaps repeatedly; None for the data of the whole device."""
    match condition:
        case Comparison():
            yield condition.metric
            if isinstance(condition.threshold, Operand):
                yield condition.threshold.sample
        case Changes() | NoData():
            yield condition.metric
        case Geofence():
            yield condition.latitude
            yield condition.longitude
        case AllOf() | AnyOf():
            for part in condition.parts:
                yield from metrics_of(part)
        case Not():
            yield from metrics_of(condition.part)
        case Schedule():
            return


def is_reserved(sample: str) -> bool:
    """Whether it is no metric but an attribute (`@key`) or `$online`, which are told when they change: never stale."""
    return sample[0] in "@$"


def fits_the_edge(condition: Condition) -> bool:
    """Whether a device can judge it by itself."""
    match condition:
        case Schedule():
            return False
        case AllOf() | AnyOf():
            return all(fits_the_edge(part) for part in condition.parts)
        case Not():
            return fits_the_edge(condition.part)
    return not any(sample is not None and is_reserved(sample) for sample in metrics_of(condition))
