"""What `[pipeline]` says: for each metric, the stages that its values go through."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from msgspec.structs import replace

from contract.errors import ConditionError, IdentityError, shown
from contract.expressions import Expression, compile_expression
from contract.identity import parse_metric
from contract.models import DeviceModel, Metric, MetricType
from device_agent.config.table import Table
from device_agent.pipeline.stages import NEVER, StageSettings, milliseconds
from device_agent.pipeline.stages.kinds import STAGES
from device_agent.pipeline.stages.windows import Window

_DERIVE = "derive"
_MONTH_S = 31 * 86_400.0


@dataclass(frozen=True)
class Derivation:
    """How a metric is computed from others, each no older than `max_age_ms`."""

    expression: Expression
    max_age_ms: int = NEVER


@dataclass(frozen=True)
class ChainSettings:
    """The stages of one metric, in order."""

    metric: str
    stages: tuple[StageSettings, ...] = ()
    derivation: Derivation | None = None


@dataclass(frozen=True)
class PipelineSettings:
    """All chains, a derived metric after those that it needs, and the metrics that come out."""

    chains: tuple[ChainSettings, ...] = ()
    metrics: Mapping[str, Metric | None] = field(default_factory=dict)
    """None for one of which nothing is known: it is not of the model."""


def parse_pipeline(table: Table, model: DeviceModel, sensed: Collection[str]) -> PipelineSettings:
    """Read `[pipeline]`; `sensed` are the metrics of all sensors."""
    chains = {metric: _chain(table, metric, model, sensed) for metric in table}
    metrics = {metric: model.metrics.get(metric) for metric in sensed}
    for chain in chains.values():
        if chain.derivation is not None:
            known = metrics[chain.metric] = model.metrics.get(chain.metric) or _number(chain.metric)
            if known.type != "number":
                table.problem(chain.metric, f"a name that is not of a {known.type} of the model", "derive")
    for chain in chains.values():
        _add_outputs(chain, metrics, table)
    return PipelineSettings(tuple(_Order(chains, metrics, table).placed.values()), metrics)


def _chain(table: Table, metric: str, model: DeviceModel, sensed: Collection[str]) -> ChainSettings:
    try:
        parse_metric(metric)
    except IdentityError as error:
        table.problem(metric, f"named by a metric: {error.expected}", shown(metric))
    stages: list[StageSettings] = []
    derivation = None
    known = model.metrics.get(metric)
    tables = table.tables(metric)
    for index, each in enumerate(tables):
        kind = each.kind((*STAGES, _DERIVE))
        if kind == _DERIVE:
            derivation = _derivation(each)
            if index:
                each.problem("kind", "first in its list, if it is derive", f"at place {index + 1}")
        elif kind is not None:
            stage = STAGES[kind](each)
            _check_type(each, stage, "number" if derivation else known.type if known else None)
            if stages and isinstance(stages[-1], Window) and stages[-1].value is None:
                each.problem("kind", "no stage after a window that has no value", shown(kind))
            stages.append(stage)
        each.finish()
    if derivation is None and metric not in sensed:
        table.problem(metric, "a metric of a sensor, or a first stage of kind derive", "neither")
    elif derivation is not None and metric in sensed:
        table.problem(metric, "a name that no sensor's metric has, since it is derived", shown(metric))
    return ChainSettings(metric, tuple(stages), derivation)


def _check_type(table: Table, stage: StageSettings, kind: MetricType | None) -> None:
    if kind is not None and kind not in stage.takes:
        table.problem("kind", f"a stage for a {kind}", f"one for {' or '.join(sorted(stage.takes))}")
    elif kind not in (None, "number") and isinstance(stage, Window) and stage.value == "count":
        table.problem("value", f"last, for a {kind}: a count can be an extra", "count")


def _derivation(table: Table) -> Derivation | None:
    text = table.text("expression")
    max_age = table.optional_duration("max_age_s", minimum=0.001, maximum=_MONTH_S)
    if not text:
        return None
    try:
        expression = compile_expression(text)
    except ConditionError as error:
        table.problem("expression", error.expected, error.got)
        return None
    return Derivation(expression, NEVER if max_age is None else milliseconds(max_age))


def _add_outputs(chain: ChainSettings, metrics: dict[str, Metric | None], table: Table) -> None:
    """Add what windows put out beside the metric itself, and take off what they do not hand on."""
    own = metrics.get(chain.metric)
    for stage in chain.stages:
        if not isinstance(stage, Window):
            continue
        for aggregate in stage.extra:
            name = f"{chain.metric}_{aggregate}"
            if name in metrics:
                table.problem(chain.metric, f"no window with {aggregate}, since there is a {name} already", "one")
            metrics[name] = own and replace(own, key=name) if aggregate == "last" else _number(name)
        if stage.value is None:
            metrics.pop(chain.metric, None)


def _number(metric: str) -> Metric:
    return Metric(key=metric, title=metric, type="number")


class _Order:
    """Places chains, each derived metric after those that it is derived from, else as written."""

    def __init__(self, chains: Mapping[str, ChainSettings], metrics: Collection[str], table: Table) -> None:
        self._metrics = metrics
        self._table = table
        self._made_by = dict(chains)
        for chain in chains.values():
            for stage in chain.stages:
                if isinstance(stage, Window):
                    self._made_by |= {f"{chain.metric}_{aggregate}": chain for aggregate in stage.extra}
        self._entered: list[str] = []
        self.placed: dict[str, ChainSettings] = {}
        for chain in chains.values():
            self._place(chain)

    def _place(self, chain: ChainSettings) -> None:
        metric = chain.metric
        if metric in self.placed:
            return
        if metric in self._entered:
            circle = " → ".join([*self._entered[self._entered.index(metric) :], metric])
            self._table.problem(metric, "derived from other metrics than itself", circle)
            return
        self._entered.append(metric)
        for name in chain.derivation.expression.inputs if chain.derivation else ():
            if name not in self._metrics:
                expected = f"derived from metrics that there are: {', '.join(self._metrics)}"
                self._table.problem(metric, expected, shown(name))
            if name in self._made_by:
                self._place(self._made_by[name])
        self._entered.pop()
        self.placed[metric] = chain
