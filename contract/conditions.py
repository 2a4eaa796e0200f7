"""Conditions: what a rule waits for, as data, in one language for device models, the edge and the cloud.

    >>> parse({"metric": "temperature", "above": 90, "for_ms": 30000}).operator
    'above'

| written | holds |
|---|---|
| `{"metric": M, "above": X}` | while M is above X; also `below`, `at_least`, `at_most`, `equals`, `not_equals` |
| … `"until": Y` | hysteresis: once it held, X is replaced by Y until it no longer holds |
| … `"rate_over_ms": W` | not M is compared but its change per second over the last W ms |
| … `"count": N` | from the N-th sample in a row on that holds |
| `{"no_data": true, "for_ms": N}` | once nothing came for N ms, with `"metric": M` nothing of M |
| `{"all": […]}`, `{"any": […]}`, `{"not": …}` | as the words say, over any metrics |
| any of them with `"for_ms": N` | once it has held for N ms without a break |

`contract.evaluation` says what "unknown" does to each. What else rules may wait for has its place: a further kind (a
geofence, a schedule) is one more struct in `Condition` with a reader in `_condition_reader` and a compiler in
`_verdicts`; a further operand (an aggregate) is a field of Comparison beside `rate_over_ms`, n of m one beside `count`,
another metric or an attribute one more type of `threshold`.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final, Literal, TypeAlias

import msgspec

from contract.models import Metric
from contract.telemetry import Value

__all__ = [
    "MAX_DEPTH",
    "MAX_DURATION_MS",
    "MAX_NODES",
    "AllOf",
    "AnyOf",
    "Comparison",
    "Condition",
    "NoData",
    "Not",
    "Operator",
    "metrics_of",
    "parse",
    "to_document",
]

MAX_DEPTH: Final = 8
MAX_NODES: Final = 64
MAX_DURATION_MS: Final = 366 * 86_400_000

Operator: TypeAlias = Literal["above", "below", "at_least", "at_most", "equals", "not_equals"]


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """A metric, or with `rate_over_ms` its change per second, beside a threshold."""

    metric: str
    operator: Operator
    threshold: Value
    until: float | None = None
    """Never beyond the threshold: at most that for `above` and `at_least`, at least that for `below` and `at_most`."""
    rate_over_ms: int | None = None
    count: int = 1
    for_ms: int = 0


class NoData(msgspec.Struct, frozen=True, kw_only=True):
    """Nothing came for `for_ms`: of one metric, or without one nothing at all."""

    for_ms: int
    metric: str | None = None


class AllOf(msgspec.Struct, frozen=True, kw_only=True):
    parts: tuple["Condition", ...]
    for_ms: int = 0


class AnyOf(msgspec.Struct, frozen=True, kw_only=True):
    parts: tuple["Condition", ...]
    for_ms: int = 0


class Not(msgspec.Struct, frozen=True, kw_only=True):
    part: "Condition"
    for_ms: int = 0


Condition: TypeAlias = Comparison | NoData | AllOf | AnyOf | Not


def parse(document: Any, metrics: Mapping[str, Metric | None] | None = None) -> Condition:
    """Read a condition; raises ConditionError with every problem and its path.

    `metrics` are the metrics that there are, None for one of which nothing else is known; without it, any will do.
    """
    from contract import _condition_reader  # what only compares conditions does without

    return _condition_reader.read(document, metrics)


def to_document(condition: Condition) -> dict[str, Any]:
    """What `parse` reads back equal; made of JSON's values."""
    document: dict[str, Any]
    match condition:
        case Comparison():
            document = {"metric": condition.metric, condition.operator: condition.threshold}
            if condition.until is not None:
                document["until"] = condition.until
            if condition.rate_over_ms is not None:
                document["rate_over_ms"] = condition.rate_over_ms
            if condition.count > 1:
                document["count"] = condition.count
        case NoData():
            document = {"no_data": True} if condition.metric is None else {"no_data": True, "metric": condition.metric}
        case AllOf():
            document = {"all": [to_document(part) for part in condition.parts]}
        case AnyOf():
            document = {"any": [to_document(part) for part in condition.parts]}
        case Not():
            document = {"not": to_document(condition.part)}
    if condition.for_ms:
        document["for_ms"] = condition.for_ms
    return document


def metrics_of(condition: Condition) -> Iterator[str | None]:
    """Every metric that a condition asks for, perhaps repeatedly; None for the data of the whole device."""
    match condition:
        case Comparison() | NoData():
            yield condition.metric
        case AllOf() | AnyOf():
            for part in condition.parts:
                yield from metrics_of(part)
        case Not():
            yield from metrics_of(condition.part)
