"""What `[pipeline]` says: for each metric, the stages that its values go through."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from contract.models import DeviceModel, MetricType
from device_agent.config_table import Table
from device_agent.pipeline.stages import StageSettings


@dataclass(frozen=True)
class ChainSettings:
    """The stages of one metric, in order."""

    metric: str
    type: MetricType | None
    """None if nobody says: a metric that the model does not know."""
    stages: tuple[StageSettings, ...]


@dataclass(frozen=True)
class PipelineSettings:
    """All chains, and what comes out of the pipeline in all: each metric with its type, None if nobody says."""

    chains: tuple[ChainSettings, ...] = ()
    metrics: Mapping[str, MetricType | None] = field(default_factory=dict)


def parse_pipeline(table: Table, model: DeviceModel, sensed: Collection[str]) -> PipelineSettings:
    """Read `[pipeline]`; `sensed` are the metrics of all sensors."""
    table.finish()
    types = {metric: known.type for metric, known in model.metrics.items()}
    return PipelineSettings(metrics={metric: types.get(metric) for metric in sensed})
