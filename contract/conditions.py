"""Conditions: what a rule waits for, as data, in one language for device models, the edge and the cloud."""

from typing import Literal, TypeAlias, Union

import msgspec

from contract.telemetry import Value

__all__ = ["AllOf", "AnyOf", "Comparison", "Condition", "NoData", "Not", "Operator"]

Operator: TypeAlias = Literal["above", "below", "at_least", "at_most", "equals", "not_equals"]


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """A metric, or its change per second over a window, beside a threshold."""

    metric: str
    operator: Operator
    threshold: Value
    clear: float | None = None
    rate_over_ms: int | None = None
    count: int = 1
    for_ms: int = 0


class NoData(msgspec.Struct, frozen=True, kw_only=True):
    """Nothing came for so long: of one metric, or of the whole device."""

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


Condition: TypeAlias = Union[Comparison, NoData, AllOf, AnyOf, Not]  # noqa: UP007 - msgspec reads it late
