"""Device models as W3C WoT Thing Models (https://www.w3.org/TR/wot-thing-description11/#thing-model).

Metrics are `properties`, actuators are `actions`; what WoT has no term for stands under the prefix `fieldline:`. Only a
subset of WoT is read, and a term outside of it is an error: ignoring a misspelt `minimun` would drop a bound silently.
"""

from typing import Any, Final, Literal, TypeVar

import msgspec

from contract import conditions, derivation, schema
from contract._convert import Mismatch, convert
from contract._strict_json import parse, refuse_repeated_keys
from contract.errors import ConditionError, IdentityError, ModelError, shown
from contract.identity import parse_metric, parse_thing
from contract.models import (
    DEFAULT_LATENESS_MS,
    DEFAULT_REORDER_HOLD_MS,
    Actuator,
    DeviceModel,
    Metric,
    MetricType,
    Rule,
    Severity,
)

__all__ = ["read", "write"]

_MAX_BYTES: Final = 262_144
_MAX_PRECISION: Final = 15  # a float has no more decimals
_CONTEXT: Final = [
    "https://www.w3.org/2022/wot/td/v1.1",
    {"fieldline": "urn:fieldline:model:1#"},
]
_field = msgspec.field


class _Property(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    title: str
    type: MetricType
    unit: str | None = None
    minimum: float | None = None
    maximum: float | None = None
    enum: tuple[str, ...] = ()
    read_only: bool = _field(name="readOnly", default=False)
    precision: int | None = _field(name="fieldline:precision", default=None)
    derived: str | None = _field(name=derivation.FIELD, default=None)


class _Action(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    title: str
    input: dict[str, Any]
    idempotent: bool = False
    safe: dict[str, Any] = _field(name="fieldline:safeState")
    metric: str | None = _field(name="fieldline:metric", default=None)


class _Rule(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    title: str
    severity: Severity
    condition: dict[str, Any]
    clear: dict[str, Any] | None = None


class _Version(msgspec.Struct, forbid_unknown_fields=True):
    model: str


class _ThingModel(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    context: Any = _field(name="@context")
    type: Literal["tm:ThingModel"] = _field(name="@type")
    name: str = _field(name="fieldline:name")
    title: str
    version: _Version
    interval_ms: int = _field(name="fieldline:intervalMs")
    lateness_ms: int = _field(name="fieldline:latenessMs", default=DEFAULT_LATENESS_MS)
    reorder_hold_ms: int = _field(name="fieldline:reorderHoldMs", default=DEFAULT_REORDER_HOLD_MS)
    properties: dict[str, Any]
    actions: dict[str, Any] = {}
    configuration: dict[str, Any] = _field(name="fieldline:configuration", default_factory=lambda: {"type": "object"})
    rules: dict[str, Any] = _field(name="fieldline:rules", default_factory=dict)


def read(text: bytes) -> DeviceModel:
    document, members = parse(text, _MAX_BYTES, ModelError)
    refuse_repeated_keys(text, document, members, ModelError)
    thing = _convert(document, _ThingModel, "")
    _check_name(thing.name)
    for key, duration in (("intervalMs", thing.interval_ms), ("latenessMs", thing.lateness_ms)):
        if duration <= 0:
            raise ModelError(f"fieldline:{key}", "more than 0 ms", shown(duration))
    if thing.reorder_hold_ms < 0:
        raise ModelError("fieldline:reorderHoldMs", "0 ms or more", shown(thing.reorder_hold_ms))
    if not thing.properties:
        raise ModelError("properties", "an object with at least one metric", "none")
    metrics = {key: _metric(key, value) for key, value in thing.properties.items()}
    derivation.derivations(metrics)
    _check_object_schema(thing.configuration, "fieldline:configuration")
    return DeviceModel(
        name=thing.name,
        title=thing.title,
        version=thing.version.model,
        interval_ms=thing.interval_ms,
        lateness_ms=thing.lateness_ms,
        reorder_hold_ms=thing.reorder_hold_ms,
        metrics=metrics,
        actuators={key: _actuator(key, value, metrics) for key, value in thing.actions.items()},
        configuration=thing.configuration,
        rules=tuple(_rule(key, value, metrics) for key, value in thing.rules.items()),
    )


def write(model: DeviceModel) -> bytes:
    thing = _ThingModel(
        context=_CONTEXT,
        type="tm:ThingModel",
        name=model.name,
        title=model.title,
        version=_Version(model.version),
        interval_ms=model.interval_ms,
        lateness_ms=model.lateness_ms,
        reorder_hold_ms=model.reorder_hold_ms,
        properties={key: _property_of(metric) for key, metric in model.metrics.items()},
        actions={key: _action_of(actuator) for key, actuator in model.actuators.items()},
        configuration=model.configuration,
        rules={rule.key: _rule_of(rule) for rule in model.rules},
    )
    return msgspec.json.format(msgspec.json.encode(thing), indent=2) + b"\n"


def _metric(key: str, document: Any) -> Metric:
    at = f"properties.{key}"
    _check_key(key, "properties")
    read = _convert(document, _Property, at)
    numeric = {
        "unit": read.unit,
        "minimum": read.minimum,
        "maximum": read.maximum,
        "fieldline:precision": read.precision,
        derivation.FIELD: read.derived,
    }
    if read.type == "number":
        _check_number(read, at)
    else:
        for term, value in numeric.items():
            if value is not None:
                raise ModelError(f"{at}.{term}", f"left out for a {read.type}", shown(value))
    if read.enum and read.type != "string":
        raise ModelError(f"{at}.enum", f"left out for a {read.type}", shown(list(read.enum)))
    return Metric(
        key=key,
        title=read.title,
        type=read.type,
        unit=read.unit,
        minimum=read.minimum,
        maximum=read.maximum,
        precision=read.precision,
        enum=read.enum,
        derived=read.derived,
    )


def _check_number(read: _Property, at: str) -> None:
    if not read.unit or not read.unit.isascii() or not read.unit.isprintable() or " " in read.unit:
        raise ModelError(f"{at}.unit", "a UCUM code such as Cel, or 1 for none", shown(read.unit))
    if read.minimum is not None and read.maximum is not None and read.minimum > read.maximum:
        raise ModelError(f"{at}.minimum", f"at most the maximum {read.maximum:g}", shown(read.minimum))
    if read.precision is not None and not 0 <= read.precision <= _MAX_PRECISION:
        raise ModelError(f"{at}.fieldline:precision", f"0 to {_MAX_PRECISION} decimals", shown(read.precision))


def _actuator(key: str, document: Any, metrics: dict[str, Metric]) -> Actuator:
    at = f"actions.{key}"
    _check_key(key, "actions")
    read = _convert(document, _Action, at)
    _check_object_schema(read.input, f"{at}.input")
    for violation in schema.violations(read.input, read.safe):
        field = f"{at}.fieldline:safeState.{violation.field}".rstrip(".")
        raise ModelError(field, violation.expected, violation.got)
    if read.metric is not None and read.metric not in metrics:
        raise ModelError(f"{at}.fieldline:metric", f"one of {', '.join(metrics)}", shown(read.metric))
    return Actuator(
        key=key,
        title=read.title,
        parameters=read.input,
        safe=read.safe,
        metric=read.metric,
        idempotent=read.idempotent,
    )


def _rule(key: str, document: Any, metrics: dict[str, Metric]) -> Rule:
    at = f"fieldline:rules.{key}"
    _check_key(key, "fieldline:rules")
    read = _convert(document, _Rule, at)
    for part, condition in (("condition", read.condition), ("clear", read.clear)):
        if condition is not None:
            _check_condition(condition, f"{at}.{part}", metrics)
    return Rule(key=key, title=read.title, severity=read.severity, condition=read.condition, clear=read.clear)


def _check_condition(condition: dict[str, Any], at: str, metrics: dict[str, Metric]) -> None:
    try:
        conditions.parse(condition, metrics)
    except ConditionError as error:
        field, expected, got = error.problems[0]
        raise ModelError(f"{at}.{field}".rstrip("."), expected, got) from error


def _check_object_schema(document: dict[str, Any], at: str) -> None:
    schema.check(document, at)
    if document["type"] != "object":
        raise ModelError(f"{at}.type", "object", shown(document["type"]))


def _check_name(name: str) -> None:
    try:
        parse_thing(name)
    except IdentityError as error:
        raise ModelError("fieldline:name", error.expected, error.got) from error


def _check_key(key: str, at: str) -> None:
    try:
        parse_metric(key)
    except IdentityError as error:
        raise ModelError(at, f"keyed by {error.expected}", error.got) from error


_Term = TypeVar("_Term", bound=msgspec.Struct)


def _convert(document: Any, kind: type[_Term], at: str) -> _Term:
    try:
        return convert(document, kind, at)
    except Mismatch as error:
        raise ModelError(error.field, error.expected, error.got) from error


def _property_of(metric: Metric) -> dict[str, Any]:
    return _builtins(
        _Property(
            title=metric.title,
            type=metric.type,
            unit=metric.unit,
            minimum=metric.minimum,
            maximum=metric.maximum,
            enum=metric.enum,
            read_only=True,
            precision=metric.precision,
            derived=metric.derived,
        )
    )


def _action_of(actuator: Actuator) -> dict[str, Any]:
    return _builtins(
        _Action(
            title=actuator.title,
            input=actuator.parameters,
            idempotent=actuator.idempotent,
            safe=actuator.safe,
            metric=actuator.metric,
        )
    )


def _rule_of(rule: Rule) -> dict[str, Any]:
    return _builtins(_Rule(title=rule.title, severity=rule.severity, condition=rule.condition, clear=rule.clear))


def _builtins(term: msgspec.Struct) -> dict[str, Any]:
    builtins: dict[str, Any] = msgspec.to_builtins(term)
    return builtins
