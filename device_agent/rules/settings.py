"""What `[[rule]]` and `use_model_rules` say."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from contract.conditions import Condition
from contract.models import DeviceModel, MetricType, Severity
from device_agent.config_table import Table


@dataclass(frozen=True)
class Action:
    """A command to an actuator of this device, valid by the model's schema."""

    actuator: str
    parameters: Mapping[str, Any]


@dataclass(frozen=True)
class EdgeRule:
    """Fires when `when` holds; ends when `clear` does, or without one when `when` does no more."""

    name: str
    title: str
    severity: Severity
    when: Condition
    clear: Condition | None = None
    on_fire: tuple[Action, ...] = ()
    on_clear: tuple[Action, ...] = ()
    event: bool = True
    stale_after_ms: int | None = None
    """A metric that has not come for so long is unknown."""


@dataclass(frozen=True)
class RulesSettings:
    rules: tuple[EdgeRule, ...] = ()


def parse_rules(root: Table, model: DeviceModel, metrics: Mapping[str, MetricType | None]) -> RulesSettings:
    """Read `[[rule]]` and `use_model_rules` of the root; `metrics` are those that come out of the pipeline."""
    del root, model, metrics
    return RulesSettings()
