"""Derived metrics of a model: what is computed from other metrics by an expression, in an order in which it can be.

>>> metrics = {
...     "twice": Metric(key="twice", title="Twice", type="number", unit="1", derived="2 * once"),
...     "once": Metric(key="once", title="Once", type="number", unit="1"),
... }
>>> [(each.metric, each.expression({"once": 3.0})) for each in derivations(metrics)]
[('twice', 6.0)]
"""

from collections.abc import Iterator, Mapping
from typing import Final

import msgspec

from contract.errors import ConditionError, ModelError, shown
from contract.expressions import Expression, compile_expression
from contract.models import Metric

__all__ = ["FIELD", "MAX_DERIVED", "Derivation", "derivations"]

FIELD: Final = "fieldline:derived"
"""The term of a property that holds the expression."""
MAX_DERIVED: Final = 20
"""Of a model: a message may have thousands of instants, and each is computed at each."""


class Derivation(msgspec.Struct, frozen=True):
    metric: str
    expression: Expression


def derivations(metrics: Mapping[str, Metric]) -> tuple[Derivation, ...]:
    """Every derived metric, behind those that it is derived from.

    Raises ModelError for an expression that cannot be read, an input that is no number of the model, and a circle.
    """
    derived = [metric for metric in metrics.values() if metric.derived is not None]
    if len(derived) > MAX_DERIVED:
        raise ModelError("properties", f"of at most {MAX_DERIVED} derived metrics", str(len(derived)))
    compiled = {metric.key: _compiled(metric, metrics) for metric in derived}
    placed: dict[str, Derivation] = {}
    for key in compiled:
        _place(key, compiled, placed, ())
    return tuple(placed.values())


def _compiled(metric: Metric, metrics: Mapping[str, Metric]) -> Expression:
    field = f"properties.{metric.key}.{FIELD}"
    try:
        expression = compile_expression(metric.derived or "")
    except ConditionError as error:
        raise ModelError(field, error.expected, error.got) from error
    for name in expression.inputs:
        known = metrics.get(name)
        if known is None or known.type != "number":
            numbers = ", ".join(_numbers(metrics, metric.key)) or "none"
            raise ModelError(field, f"made of numbers of the model ({numbers})", shown(name))
    return expression


def _numbers(metrics: Mapping[str, Metric], but: str) -> Iterator[str]:
    return (key for key, metric in metrics.items() if metric.type == "number" and key != but)


def _place(key: str, compiled: Mapping[str, Expression], placed: dict[str, Derivation], above: tuple[str, ...]) -> None:
    """`above` are those that need it, one after the other."""
    if key in placed:
        return
    if key in above:
        circle = " from ".join((*above[above.index(key) :], key))
        raise ModelError(f"properties.{key}.{FIELD}", "derived from other metrics than itself", circle)
    for name in compiled[key].inputs:
        if name in compiled:
            _place(name, compiled, placed, (*above, key))
    placed[key] = Derivation(key, compiled[key])
