"""What a model says of values, compiled once: the same answers as `models.validate`, and what is derived from them.

>>> climate = compiled(models.shipped()["climate"])
>>> climate.checks["temperature"](900.0).reason
'out_of_range'
"""

from collections.abc import Callable, Mapping
from math import inf
from typing import Final, TypeAlias

from contract import models
from contract.derivation import Derivation, derivations
from contract.models import DeviceModel, Metric, Rejected, refusal
from contract.telemetry import Value

__all__ = ["MAX_COMPILED", "Check", "Validation", "compiled"]

Check: TypeAlias = Callable[[Value], Rejected | None]
MAX_COMPILED: Final = 500


class Validation:
    """`checks` is for each metric that the model knows what a device may send of it.

    `derivations` come in an order in which they can be computed; `results` checks what comes of them.
    """

    def __init__(self, model: DeviceModel) -> None:
        self.model = model
        self.derivations: tuple[Derivation, ...] = derivations(model.metrics)
        self.inputs: frozenset[str] = frozenset(name for each in self.derivations for name in each.expression.inputs)
        self.checks: Mapping[str, Check] = {key: _check(model, metric) for key, metric in model.metrics.items()}
        self.results: Mapping[str, Check] = {
            each.metric: _check_of(model.metrics[each.metric]) for each in self.derivations
        }


_compiled: dict[int, Validation] = {}


def compiled(model: DeviceModel) -> Validation:
    """The same one for the same model object, which is kept so that no other one takes its place."""
    known = _compiled.get(id(model))
    if known is None:
        if len(_compiled) >= MAX_COMPILED:
            _compiled.clear()
        known = _compiled[id(model)] = Validation(model)
    return known


def _check(model: DeviceModel, metric: Metric) -> Check:
    if metric.derived is not None:
        return lambda value: models.validate(model, metric.key, value)
    return _check_of(metric)


def _check_of(metric: Metric) -> Check:
    """The answer for what is right without a look at the model; what is wrong is told by `models.refusal`."""
    if metric.type == "number":
        return _check_number(metric)
    if metric.type == "boolean":
        return lambda value: None if type(value) is bool else refusal(metric, value)
    if not metric.enum:
        return lambda value: None if type(value) is str else refusal(metric, value)
    words = frozenset(metric.enum)
    return lambda value: None if type(value) is str and value in words else refusal(metric, value)


def _check_number(metric: Metric) -> Check:
    low = -inf if metric.minimum is None else metric.minimum
    high = inf if metric.maximum is None else metric.maximum

    def check(value: Value) -> Rejected | None:
        if type(value) is float and low <= value <= high:
            return None
        return refusal(metric, value)

    return check
