"""A sensor that makes up plausible values for a device model's metrics: numbers wander within their range."""

from dataclasses import dataclass
from random import Random

import msgspec

from contract.models import DeviceModel, Metric
from contract.telemetry import Value
from device_agent.config.table import Table
from device_agent.errors import SensorError
from device_agent.sensors import Host, Reading
from device_agent.sensors.driver_table import interval_s

HOMEWARD = 0.02
"""How much of the way to its home value a number goes at each step."""
STEP = 0.001
"""The standard deviation of a step, as a part of the range."""
CHANGE = 0.02
"""How likely a boolean or a text changes at each step."""
UNBOUNDED_SPAN = 100.0
DEFAULT_DECIMALS = 3


@dataclass(frozen=True)
class SimulatedSettings:
    """`kind = "simulated"`."""

    name: str
    metrics: tuple[str, ...]
    interval_s: float
    seed: int
    home: dict[str, float]

    def make(self, host: Host, position: str | None) -> "SimulatedSensor":
        return SimulatedSensor(self, host.thing, [host.model.metrics[key] for key in self.metrics], position)


class Position(msgspec.Struct, frozen=True):
    """The last values, and how many there were before the next."""

    values: dict[str, Value]
    steps: int = 0


class SimulatedSensor:
    """A bounded random walk per number; the same seed, thing and start give the same values."""

    def __init__(self, settings: SimulatedSettings, thing: str, metrics: list[Metric], position: str | None) -> None:
        self.interval_s = settings.interval_s
        self._metrics = metrics
        self._home = settings.home
        self._steps = 0
        self._values: dict[str, Value] = {}
        if position is not None:
            try:
                stored = msgspec.json.decode(position, type=Position)
            except msgspec.DecodeError as error:
                raise SensorError(f"{settings.name}: stored position {position!r} cannot be read") from error
            self._steps, self._values = stored.steps, stored.values
        self._random = Random(f"{settings.seed} {thing} {settings.name} {self._steps}")

    async def read(self, now: int) -> Reading | None:
        self._values = {metric.key: self._next(metric) for metric in self._metrics}
        self._steps += 1
        return Reading(now, self._values, msgspec.json.encode(Position(self._values, self._steps)).decode())

    def close(self) -> None:
        pass

    def _next(self, metric: Metric) -> Value:
        value = self._values.get(metric.key)
        if metric.type == "number":
            return self._number(metric, value if isinstance(value, float) else None)
        if metric.type == "boolean":
            flips = self._random.random() < CHANGE
            return isinstance(value, bool) and value != flips
        if isinstance(value, str) and self._random.random() >= CHANGE:
            return value
        return self._random.choice(metric.enum or ("simulated",))

    def _number(self, metric: Metric, value: float | None) -> float:
        lowest, highest = bounds(metric)
        home = self._home.get(metric.key, (lowest + highest) / 2)
        if value is None:
            value = home
        value += (home - value) * HOMEWARD + self._random.gauss(0.0, (highest - lowest) * STEP)
        value = min(highest, max(lowest, value))
        return round(value, DEFAULT_DECIMALS if metric.precision is None else metric.precision)


def bounds(metric: Metric) -> tuple[float, float]:
    """A number's range; where the model has none, one that is wide enough to be seen."""
    if metric.minimum is not None:
        return metric.minimum, metric.minimum + UNBOUNDED_SPAN if metric.maximum is None else metric.maximum
    highest = UNBOUNDED_SPAN if metric.maximum is None else metric.maximum
    return highest - UNBOUNDED_SPAN, highest


def parse(table: Table, name: str, model: DeviceModel, claimed: tuple[str, ...]) -> SimulatedSettings:
    """Read a `[[sensor]]` table of this kind; what is wrong is noted in the table."""
    measured = [key for key, metric in model.metrics.items() if metric.derived is None]
    metrics = table.texts("metrics", default=tuple(key for key in measured if key not in claimed))
    for key in metrics:
        if key not in model.metrics:
            table.problem("metrics", f"metrics of the model {model.name}: {', '.join(model.metrics)}", repr(key))
    home = table.numbers("home")
    for key, value in home.items():
        metric = model.metrics.get(key)
        if metric is None or metric.type != "number":
            table.problem(f"home.{key}", f"a number of the model {model.name}", "none of them")
        elif not bounds(metric)[0] <= value <= bounds(metric)[1]:
            table.problem(f"home.{key}", "a number from {:g} to {:g}".format(*bounds(metric)), f"{value:g}")
    return SimulatedSettings(
        name=name,
        metrics=tuple(key for key in metrics if key in model.metrics),
        interval_s=interval_s(table, model),
        seed=table.integer("seed", minimum=0, maximum=2**53, default=0),
        home=home,
    )
