"""Device models: what a device of a type measures, does and can be set to, and what is expected of it.

A model is written as a subset of a W3C WoT Thing Model (see `contract._thing_model`); units are UCUM codes.

    >>> shipped()["climate"].metrics["temperature"].unit
    'Cel'
"""

from functools import cache
from operator import ge, le
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import msgspec

from contract import schema
from contract.errors import ModelError, shown
from contract.telemetry import Value

if TYPE_CHECKING:
    from pathlib import Path

__all__ = [
    "DEFAULT_LATENESS_MS",
    "DEFAULT_REORDER_HOLD_MS",
    "SEVERITIES",
    "Actuator",
    "DeviceModel",
    "Metric",
    "MetricType",
    "Rejected",
    "Rule",
    "Severity",
    "decode",
    "encode",
    "load",
    "refusal",
    "shipped",
    "type_of",
    "validate",
]

DEFAULT_LATENESS_MS = 3_600_000
DEFAULT_REORDER_HOLD_MS = 10_000

MetricType: TypeAlias = Literal["number", "boolean", "string"]
Severity: TypeAlias = Literal["critical", "major", "minor", "warning", "info"]
SEVERITIES: tuple[Severity, ...] = ("critical", "major", "minor", "warning", "info")


class Metric(msgspec.Struct, frozen=True, kw_only=True):
    """Something that is measured. `unit` is a UCUM code; `precision` is the decimals worth showing: it refuses nothing.

    `derived` is the expression by which it is computed from other metrics; no device sends it.
    """

    key: str
    title: str
    type: MetricType
    unit: str | None = None
    minimum: float | None = None
    maximum: float | None = None
    precision: int | None = None
    enum: tuple[str, ...] = ()
    derived: str | None = None


class Actuator(msgspec.Struct, frozen=True, kw_only=True):
    """Something that acts. `safe` are the parameters to call it with when nobody is in control."""

    key: str
    title: str
    parameters: dict[str, Any]
    """JSON Schema of a command's parameters."""
    safe: dict[str, Any]
    metric: str | None = None
    """The metric that tells what is true."""
    idempotent: bool = False
    """Whether doing it twice is the same as doing it once."""


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """A rule that a device of this model has by default. Data only: conditions name metrics of the model."""

    key: str
    title: str
    severity: Severity
    condition: dict[str, Any]
    clear: dict[str, Any] | None = None


class DeviceModel(msgspec.Struct, frozen=True, kw_only=True):
    """`interval_ms` is how often a device is expected to report; data older than `lateness_ms` is late."""

    name: str
    title: str
    version: str
    interval_ms: int
    metrics: dict[str, Metric]
    actuators: dict[str, Actuator] = {}
    configuration: dict[str, Any] = msgspec.field(default_factory=lambda: {"type": "object"})
    """JSON Schema of what can be set."""
    rules: tuple[Rule, ...] = ()
    lateness_ms: int = DEFAULT_LATENESS_MS
    reorder_hold_ms: int = DEFAULT_REORDER_HOLD_MS

    def default_configuration(self) -> dict[str, Any]:
        return schema.defaults(self.configuration)


class Rejected(msgspec.Struct, frozen=True):
    """Why a model does not accept a value."""

    reason: Literal["wrong_type", "out_of_range", "not_in_enum", "derived"]
    expected: str
    got: str


def validate(model: DeviceModel, metric: str, value: Value) -> Rejected | None:
    """Whether a value that a device sent is what the model says; a metric that it does not know has nothing to break.

    `contract.validation` gives the same answers faster.
    """
    known = model.metrics.get(metric)
    if known is None:
        return None
    if known.derived is not None:
        return Rejected("derived", "left out by devices, since it is derived from others", shown(value))
    return refusal(known, value)


def refusal(known: Metric, value: Value) -> Rejected | None:
    """Whether a value is what its metric says, sent or derived."""
    if known.type != type_of(value):
        return Rejected("wrong_type", f"a {known.type}", shown(value))
    if isinstance(value, str):
        in_enum = not known.enum or value in known.enum
        return None if in_enum else Rejected("not_in_enum", f"one of {', '.join(known.enum)}", shown(value))
    for bound, holds, side in ((known.minimum, ge, "at least"), (known.maximum, le, "at most")):
        if bound is not None and not holds(value, bound):  # NaN never holds
            return Rejected("out_of_range", f"{side} {bound:g} {known.unit}", shown(value))
    return None


def decode(text: bytes, source: str | None = None) -> DeviceModel:
    """Read a model; raises ModelError, which names `source` and the key."""
    from contract import _thing_model

    try:
        return _thing_model.read(text)
    except ModelError as error:
        error.source = source
        raise


def encode(model: DeviceModel) -> bytes:
    """Write a model as a Thing Model that `decode` reads back equal."""
    from contract import _thing_model

    return _thing_model.write(model)


def load(path: "Path") -> DeviceModel:
    """Read a model's file; raises ModelError, which names the file and the key."""
    try:
        text = path.read_bytes()
    except OSError as error:
        raise ModelError(None, "a readable file", str(error.strerror), "unreadable", source=str(path)) from error
    return decode(text, str(path))


def shipped() -> dict[str, DeviceModel]:
    """The models that come with Fieldline, by name."""
    return dict(_shipped())


@cache
def _shipped() -> dict[str, DeviceModel]:
    # Not importlib.resources: it takes 20 ms and, on a device, a megabyte for good.
    from pathlib import Path

    folder = Path(__file__).with_name("device_models")
    texts = {entry.name: entry.read_bytes() for entry in folder.glob("*.json")}
    models = [decode(text, name) for name, text in sorted(texts.items())]
    return {model.name: model for model in models}


def type_of(value: Value) -> MetricType:
    """The type of the metrics that have such values."""
    if isinstance(value, bool):
        return "boolean"
    return "string" if isinstance(value, str) else "number"
