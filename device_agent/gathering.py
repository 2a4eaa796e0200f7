"""Sensors, pipeline and rules of one configuration; another can take its place while the rest of the agent goes on."""

import datetime as dt
import logging
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from device_agent.clock import Clock
from device_agent.config.agent import AgentConfig
from device_agent.errors import QueueError, SensorError
from device_agent.flow import Flow
from device_agent.pipeline import Pipeline
from device_agent.queue import Priority
from device_agent.recording.recorder import Recorder
from device_agent.rules import Rules
from device_agent.sampler import Sampler, SamplerStatus
from device_agent.sensors import Host, Reading, Sensor, SensorSettings, calibration
from device_agent.supervision.tasks import Run, Tasks
from device_agent.time.timekeeper import Timekeeper

if TYPE_CHECKING:
    import asyncio

SENSOR_LIMIT_S: Final = 120.0
"""Sensors have timeouts of their own; this catches what they do not."""
CALIBRATIONS_S: Final = 3600.0
BEAT_S: Final = 10.0


class Gathering:
    """Runs for one configuration at a time."""

    def __init__(
        self,
        tasks: Tasks,
        recorder: Recorder,
        *,
        observe: Callable[[Reading], None],
        act: Callable[[str, Mapping[str, Any], str], None],
        interval_factor: Callable[[], float],
        timekeeper: Timekeeper,
        clock: Clock,
        log: logging.LoggerAdapter[logging.Logger],
    ) -> None:
        """`observe` sees every reading that is recorded; `act(actuator, parameters, source)` does as a rule asks."""
        self._tasks = tasks
        self._recorder = recorder
        self._observe = observe
        self._act = act
        self._interval_factor = interval_factor
        self._time = timekeeper
        self._clock = clock
        self._log = log
        self._flow: Flow | None = None
        self._config: AgentConfig | None = None
        self._running: list[asyncio.Task[None]] = []
        self._latest: dict[str, Reading] = {}
        self.sensors: dict[str, SamplerStatus] = {}
        """How each sensor is doing, by its name."""

    @property
    def rules(self) -> Rules | None:
        return None if self._flow is None else self._flow.rules

    @property
    def latest(self) -> Mapping[str, Reading]:
        """What each sensor said last."""
        return self._latest

    @property
    def left_out(self) -> Mapping[str, int]:
        """How many samples of each metric the pipeline could not use."""
        return {} if self._flow is None else self._flow.pipeline.left_out

    def calibrations(self) -> list[dict[str, Any]]:
        """What is known of each sensor's calibrations, and whether it is overdue."""
        if self._config is None:
            return []
        today = dt.datetime.fromtimestamp(self._time.wall_ms() / 1000, dt.UTC).date()
        return calibration.report(calibration.listed(self._config.sensors), today)

    async def switch(self, config: AgentConfig) -> None:
        """Gather by this configuration from now on. What goes on in both, such as the state of a rule, is kept.

        Raises:
            AgentError: it cannot be switched to; nothing is gathered then, and another switch may follow.
        """
        await self.stop()
        before = self._flow
        self._config = config
        self._flow = flow = self._make_flow(config, before)
        self.sensors = {settings.name: SamplerStatus() for settings in config.sensors}
        self._latest = {name: reading for name, reading in self._latest.items() if name in self.sensors}
        self._running = [self._tasks.start("flow", flow.run, critical=True)]
        for settings in config.sensors:
            self._running.append(
                self._tasks.start(f"sensor {settings.name}", self._sampling(settings, flow), limit_s=SENSOR_LIMIT_S)
            )

    def take(self, name: str, reading: Reading) -> None:
        """Pass on what was read otherwise, as if by a sensor of this name."""
        if self._flow is not None:
            self._flow.take(name, reading)

    async def watch_calibrations(self, beat: Callable[[], None]) -> None:
        """Tell of each calibration that is overdue, once, by an event, for ever; not before the day is known."""
        told: set[tuple[str, str]] = set()
        while True:
            for found in self.calibrations() if self._time.synced else ():
                which = (found["sensor"], found["metric"])
                if found["overdue"] and which not in told:
                    told.add(which)
                    self._recorder.event("calibration_overdue", found, priority=Priority.LOG)
            until = self._clock.monotonic() + CALIBRATIONS_S
            while self._clock.monotonic() < until:
                beat()
                await self._clock.sleep(BEAT_S)

    async def stop(self) -> None:
        """Gather no more. What was gathered is in the recorder."""
        running, self._running = self._running, []
        if running:
            await self._tasks.end(*running)

    def _make_flow(self, config: AgentConfig, before: Flow | None) -> Flow:
        def event(kind: str, data: dict[str, Any], at: int) -> None:
            self._recorder.event(kind, data, at=at)

        def record(name: str, reading: Reading) -> None:
            self._recorder.add(name, reading)
            self._observe(reading)

        rules = Rules(
            config.rules,
            now=self._clock.boot_ms(),
            act=self._act,
            event=event,
            log=self._log,
            previous=None if before is None else before.rules,
        )
        pipeline = Pipeline(config.pipeline, None if before is None else before.pipeline)
        return Flow(pipeline, rules, record, clock=self._clock, log=self._log)

    def _sampling(self, settings: SensorSettings, flow: Flow) -> Run:
        def take(name: str, reading: Reading) -> None:
            self._latest[name] = reading
            flow.take(name, reading)

        async def run(beat: Callable[[], None]) -> None:
            sensor = await self._make(settings)
            try:
                sampler = Sampler(
                    settings.name,
                    sensor,
                    take,
                    clock=self._clock,
                    log=self._log,
                    beat=beat,
                    interval_factor=self._interval_factor,
                )
                self.sensors[settings.name] = sampler.status
                await sampler.run()
            finally:
                sensor.close()

        return run

    async def _make(self, settings: SensorSettings) -> Sensor:
        """The sensor, from where the readings end that were taken of it."""
        try:
            position = await self._recorder.position(settings.name)
        except QueueError as error:
            self._log.warning("%s: where it was cannot be read: %s", settings.name, error)
            position = None
        try:
            return settings.make(self._host(), position)
        except SensorError as error:
            if position is None:
                raise
            self._log.warning("%s: %s; starting from the beginning", settings.name, error)
            return settings.make(self._host(), None)

    def _host(self) -> Host:
        config = self._config
        assert config is not None  # noqa: S101 - `switch` sets it before any sensor is made
        return Host(thing=config.thing, model=config.model, clock=self._clock, gpio=config.gpio, i2c=config.i2c)
