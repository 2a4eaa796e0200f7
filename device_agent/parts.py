"""What an agent is made of, wired, and what runs of it."""

from random import Random
from typing import TYPE_CHECKING, Final

from device_agent.actuators.early import EarlyRequests
from device_agent.actuators.making import make_actuators
from device_agent.actuators.readings import ActuatorReadings
from device_agent.clock import Clock
from device_agent.commands.commands import Commands
from device_agent.commands.handlers import ActuatorCommand
from device_agent.config.following import interval_of
from device_agent.errors import QueueError
from device_agent.gathering import Gathering
from device_agent.health import AgentStatus, ClockStatus, Health, QueueStatus, snapshot
from device_agent.link import Link
from device_agent.power.connect_then_sleep import ConnectThenSleep
from device_agent.power.power import Power
from device_agent.publishing.budget import Budget
from device_agent.publishing.losses import LossReporter
from device_agent.publishing.publisher import Publisher
from device_agent.queue import Priority
from device_agent.recording.recorder import Recorder
from device_agent.sensors import Reading
from device_agent.settings.settings import Settings
from device_agent.settings.shadow import ConfigShadow
from device_agent.shadow.state import StateShadow
from device_agent.storage import Storage
from device_agent.supervision.heartbeats import Heartbeats
from device_agent.supervision.tasks import Tasks
from device_agent.thing_log import ThingLog
from device_agent.time.timekeeper import Timekeeper
from device_agent.transport import Transport
from device_agent.transport.metered import MeteredTransport
from device_agent.waiting import first_of
from device_agent.wire import Addresses

if TYPE_CHECKING:
    import asyncio

CONNECTING_LIMIT_S: Final = 180.0
"""One attempt may take 40 s, and a lost connection some more to be given up."""


class Parts:
    """Made once the storage is open, the time known and the settings chosen. The link does not run before `start`."""

    def __init__(
        self,
        settings: Settings,
        transport: Transport,
        storage: Storage,
        timekeeper: Timekeeper,
        heartbeats: Heartbeats,
        health: Health,
        *,
        boot: str,
        clock: Clock,
        random: Random,
        log: ThingLog,
    ) -> None:
        config = settings.config
        self.health = health
        self.settings = settings
        self.storage = storage
        self.timekeeper = timekeeper
        self._clock = clock
        self._log = log
        self.tasks = Tasks(heartbeats, clock=clock, random=random, health=health, log=log)
        self.recorder = Recorder(
            storage,
            timekeeper,
            boot=boot,
            flush_interval_s=config.flush_interval_s,
            clock=clock,
            health=health,
            log=log,
        )
        event = self.recorder.event
        self.budget = (
            None
            if config.budget is None
            else Budget(
                config.budget,
                keep_alive_s=config.keep_alive_s,
                timekeeper=timekeeper,
                storage=storage,
                clock=clock,
                log=log,
                event=event,
            )
        )
        if self.budget is not None:
            transport = MeteredTransport(transport, self.budget)
        self.link = Link(transport, config.endpoints, clock=clock, random=random, health=health, log=log)
        self.publisher = Publisher(
            storage,
            self.link,
            timekeeper,
            Addresses(config.thing, basic_ingest=config.basic_ingest),
            inflight=config.inflight,
            reorder_hold_ms=config.model.reorder_hold_ms,
            clock=clock,
            random=random,
            health=health,
            log=log,
            budget=self.budget,
        )
        self.losses = LossReporter(storage, self.recorder, self.link, clock=clock, health=health, log=log)
        self.power = Power(config.power)
        self.sleep = ConnectThenSleep(
            self.power,
            self.link,
            self.publisher,
            self.recorder,
            storage=storage,
            timekeeper=timekeeper,
            clock=clock,
            log=log,
        )
        self.actuators = make_actuators(config.actuators, config.gpio, clock=clock, log=log, event=event)
        self.commands = Commands(
            self.link,
            config.thing,
            recorder=self.recorder,
            storage=storage,
            timekeeper=timekeeper,
            clock=clock,
            log=log,
        )
        for name in self.actuators.settings:
            self.commands.register(name, ActuatorCommand(self.actuators, name))
        self.gathering = Gathering(
            self.tasks,
            self.recorder,
            observe=self._observe,
            act=EarlyRequests(self.actuators).act,
            interval_factor=lambda: self.power.sampling_factor,
            timekeeper=timekeeper,
            clock=clock,
            log=log,
        )
        self.actuator_readings = ActuatorReadings(
            self.actuators, self.gathering.take, interval_s=self._reporting_interval_s, clock=clock
        )
        self.state_shadow = StateShadow(
            self.link,
            config.thing,
            actuators=self.actuators,
            storage=storage,
            clock=clock,
            random=random,
            log=log,
        )
        self.config_shadow = ConfigShadow(
            settings,
            self.link,
            apply=self.gathering.switch,
            event=event,
            clock=clock,
            random=random,
            log=log,
        )
        self._until_drain: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Actuators to their safe state first, then everything else."""
        await self.actuators.open()
        if self.budget is not None:
            await self.budget.open()
        start = self.tasks.start
        start("actuators", self.actuators.run, critical=True)
        start("time", self.timekeeper.run, critical=True)
        start("recorder", self.recorder.run, critical=True)
        start("link", self.link.run, limit_s=CONNECTING_LIMIT_S, critical=True)
        start("publisher", self.publisher.run, critical=True)
        start("losses", self.losses.run)
        self._until_drain = [
            start("power", self.sleep.run),
            start("commands", self.commands.run),
            start("shadow state", self.state_shadow.run),
            start("shadow config", self.config_shadow.run),
        ]
        start("calibrations", self.gathering.watch_calibrations)
        if self.actuators.settings:
            start("actuator readings", self.actuator_readings.run)
        if self.budget is not None:
            start("budget", self.budget.run)
        await self.gathering.switch(self.settings.config)

    async def drain(self, grace_s: float) -> None:
        """No rest, listening or gathering any more; actuators safe, all stored, and sent what the grace time allows."""
        # Nobody looks at commands any more: those that come now are the next start's.
        self.link.turn_away()
        await self.tasks.end(*self._until_drain)
        await self.gathering.stop()
        await self.actuators.close()
        try:
            await self.recorder.flush()
        except QueueError as error:
            self._log.error("what was gathered last is lost: %s", error)
        await first_of(self.publisher.drained(), self._clock.sleep(grace_s))

    async def close(self) -> None:
        """End every task, and store what the next start goes on from. Also after a start that failed half-way."""
        try:
            await self.tasks.end()
            await self.actuators.close()
        finally:
            await self.timekeeper.close()
            if self.budget is not None:
                await self.budget.close()

    async def status(self) -> AgentStatus:
        """Raises QueueError."""
        stats = await self.storage.stats()
        return snapshot(
            self.settings.config.thing,
            self.health,
            clock=ClockStatus(self.timekeeper.synced, self.timekeeper.wall_ms()),
            queue={
                priority.word: QueueStatus(stats[priority].messages, stats[priority].bytes, stats[priority].dropped)
                for priority in Priority
            },
            sensors=self.gathering.sensors,
            budget=None if self.budget is None else self.budget.status(),
        )

    def _reporting_interval_s(self) -> float:
        """As a sensor has it that gives none of its own."""
        model = self.settings.config.model
        interval_ms = model.interval_ms if interval_of(model) is None else self.settings.values["interval_ms"]
        return float(interval_ms) / 1000 * self.power.sampling_factor

    def _observe(self, reading: Reading) -> None:
        if reading.quality == "good":
            self.power.observe(reading.values)
            self.actuators.observe(reading.at, reading.values)
