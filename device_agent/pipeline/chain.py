"""The stages of one metric, connected."""

from collections.abc import Callable
from math import isfinite
from typing import NamedTuple, cast

from contract.models import MetricType
from contract.telemetry import Quality, Value
from device_agent.pipeline.settings import ChainSettings
from device_agent.pipeline.stages import ALL_TYPES, NEVER, SURE, Emit, Inflow, Outlets, TimedStage
from device_agent.pipeline.stages.thinning import HeartbeatStage

_TYPES: dict[type, MetricType] = {float: "number", int: "number", bool: "boolean", str: "string"}


class Output(NamedTuple):
    """A value that has come through."""

    at: int
    metric: str
    value: Value
    quality: Quality


class Chain:
    """Takes the samples of one metric and collects what comes of them in `outputs`, whose reader empties it.

    What cannot be used (no finite number, a type that a stage does not take, not newer than the sample before) is
    counted in `left_out` and changes nothing else. The times of each metric that comes out rise strictly: where a
    sample comes later than something that was due after it, its time is moved behind that.
    """

    def __init__(self, settings: ChainSettings) -> None:
        self.settings = settings
        self.outputs: list[Output] = []
        self.left_out = 0
        self._takes = frozenset.intersection(ALL_TYPES, *(stage.takes for stage in settings.stages))
        self._inflow = Inflow()
        self._last_in = -1
        self._last_out: dict[str, int] = {}
        self._timed: list[TimedStage] = []
        self._heartbeats: list[HeartbeatStage] = []
        self._first = self._connect()

    @property
    def is_timed(self) -> bool:
        """Whether it may ever do something without a sample."""
        return bool(self._timed)

    @property
    def due(self) -> int:
        """When something happens unless a sample comes; NEVER if nothing will."""
        return min([stage.due for stage in self._timed], default=NEVER)

    def push(self, at: int, value: Value, quality: Quality) -> None:
        """Take a sample. What was due before it must have been fired."""
        kind = _TYPES.get(type(value))
        if at <= self._last_in or kind not in self._takes or (kind == "number" and not isfinite(cast("float", value))):
            self.left_out += 1
            return
        self._last_in = at
        if quality in SURE:
            self._inflow.last_sure = at
            self._first(at, value, quality)
            for heartbeat in self._heartbeats:
                heartbeat.confirm(at)
        else:
            self._first(at, value, quality)

    def fire(self) -> None:
        """Do what is due at `due`; of several stages, the one that comes first in the chain."""
        due = self.due
        next(stage for stage in self._timed if stage.due == due).fire()

    def after(self, at: int) -> int:
        """The earliest time from `at` on at which a sample can be taken."""
        return max(at, self._last_in + 1)

    def _connect(self) -> Emit:
        emit = self._outlet(self.settings.metric)
        for settings in reversed(self.settings.stages):
            stage = settings.make(Outlets(emit, self._emit_as, self._inflow))
            if isinstance(stage, HeartbeatStage):
                self._heartbeats.insert(0, stage)
            if isinstance(stage, TimedStage):
                self._timed.insert(0, stage)
            emit = stage.push
        return emit

    def _emit_as(self, suffix: str, at: int, value: Value) -> None:
        self._outlet(f"{self.settings.metric}_{suffix}")(at, value, "good")

    def _outlet(self, metric: str) -> Callable[[int, Value, Quality], None]:
        last_out = self._last_out

        def emit(at: int, value: Value, quality: Quality) -> None:
            at = max(at, last_out.get(metric, -1) + 1)
            last_out[metric] = at
            self.outputs.append(Output(at, metric, value, quality))

        return emit
