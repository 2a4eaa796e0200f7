"""The agent: from start to a clean stop."""

import asyncio
import os
from collections.abc import Callable
from random import Random, SystemRandom
from typing import Any, Final

from contract import __version__
from device_agent.clock import Clock, SystemClock
from device_agent.config.agent import AgentConfig, ConfigFiles
from device_agent.control.handlers import handlers
from device_agent.control.server import ControlServer
from device_agent.errors import QueueError
from device_agent.health import AgentStatus, Health
from device_agent.parts import Parts
from device_agent.power.power import PowerSettings
from device_agent.queue import Priority
from device_agent.settings.settings import Settings
from device_agent.storage import Storage
from device_agent.supervision.heartbeats import Heartbeats
from device_agent.supervision.tasks import LIMIT_S
from device_agent.supervision.watchdog import Notifier, Watchdog
from device_agent.thing_log import ThingLog
from device_agent.time import certificate_dates
from device_agent.time.timekeeper import Timekeeper
from device_agent.transport import Transport
from device_agent.transport.making import make_transport
from device_agent.transport.options import TransportOptions

SESSION_S: Final = 3600
LONGEST_SESSION_S: Final = 7 * 86_400
"""What AWS IoT Core keeps a session at most (its quota "Persistent session expiry period")."""
MOST_CALIBRATIONS: Final = 100
"""So many are told at a start, in some 10 KB."""


class Agent:
    """One device. `run` may be called once; make another agent to start again."""

    def __init__(
        self,
        files: ConfigFiles,
        make: Callable[[AgentConfig], Transport] | None = None,
        *,
        clock: Clock | None = None,
        random: Random | None = None,
        notifier: Notifier | None = None,
        watchdog_s: float | None = None,
    ) -> None:
        """`notifier` and `watchdog_s` are the service manager's, if one started this process.

        Raises:
            ConfigError: the files cannot be used with the model's default settings.
        """
        self.config = files.configure()
        self._files = files
        self._clock = clock or SystemClock()
        self._random = random or SystemRandom()
        self._notifier = notifier or Notifier(None)
        self._watchdog_s = watchdog_s
        self._transport = (make or transport)(self.config)
        self._log = ThingLog(self.config.thing, self._clock)
        self._health = Health()
        self._heartbeats = Heartbeats(self._clock)
        self._parts: Parts | None = None
        self.boot = f"{self._random.getrandbits(64):016x}"

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set, then store what was read, send what can be sent in the grace time, and disconnect.

        Raises:
            QueueError: the queue cannot be opened, though the disk does not refuse, or is another process's.
        """
        config = self.config
        storage = Storage(
            config.queue, config.state, max_bytes=config.queue_max_bytes, clock=self._clock, log=self._log
        )
        await storage.open(or_in_memory=True)
        self._health.storage_degraded = storage.degraded
        try:
            parts = await self._make_parts(storage)
            try:
                await self._work(parts, stop)
            finally:
                self._parts = None
                self._log.tell(None)
                await parts.close()
        finally:
            await storage.close()
        self._log.info("stopped: %d messages sent since the start", self._health.sent)

    async def status(self) -> AgentStatus:
        """How the agent is doing. Raises QueueError, also before `run` has started it and after it was stopped."""
        if self._parts is None:
            raise QueueError("the agent does not run")
        return await self._parts.status()

    async def _make_parts(self, storage: Storage) -> Parts:
        clock, log = self._clock, self._log
        since = await certificate_dates.floor_ms(self.config.certificate, self.config.clock, clock, log)
        timekeeper = Timekeeper(self.config.clock, clock=clock, storage=storage, log=log, not_before_ms=since)
        await timekeeper.open()
        settings = Settings(self._files, storage, clock=clock, log=log)
        await settings.start()
        return Parts(
            settings,
            self._transport,
            storage,
            timekeeper,
            self._heartbeats,
            self._health,
            boot=self.boot,
            clock=clock,
            random=self._random,
            log=log,
        )

    async def _work(self, parts: Parts, stop: asyncio.Event) -> None:
        watchdog = Watchdog(self._notifier, self._heartbeats, self._clock, self._watchdog_s)
        await parts.start()
        feeding = asyncio.ensure_future(watchdog.run())
        try:
            self._parts = parts
            self._serve(parts)
            self._tell_start(parts)
            await stop.wait()
            self._notifier.stopping()
            await parts.drain(self.config.shutdown_grace_s)
        finally:
            feeding.cancel()

    def _serve(self, parts: Parts) -> None:
        control = self.config.control
        if control.enabled:
            place = control.place(os.environ.get("RUNTIME_DIRECTORY"))
            server = ControlServer(
                place,
                control.group,
                handlers(parts, self._heartbeats),
                thing=self.config.thing,
                clock=self._clock,
                log=self._log,
            )
            parts.tasks.start("control", server.run, limit_s=LIMIT_S)

    def _tell_start(self, parts: Parts) -> None:
        config = self.config
        if config.log_events:
            self._log.tell(lambda kind, data: parts.recorder.event(kind, data, priority=Priority.LOG))
        parts.recorder.event(
            "boot",
            {
                "agent": __version__,
                "model": f"{config.model.name} {config.model.version}",
                "machine_boot": self._clock.machine_boot(),
                "sensors": [sensor.name for sensor in config.sensors],
                "actuators": [actuator.name for actuator in config.actuators],
                **_calibrations(parts),
            },
            priority=Priority.LOG,
        )
        self._log.info("started, boot %s, %d sensors", self.boot, len(config.sensors))
        if (reason := parts.storage.degraded) is None:
            self._notifier.ready(f"running as {config.thing}")
        else:
            parts.recorder.event("storage_degraded", {"reason": reason})
            self._notifier.ready(f"running as {config.thing}, nothing is stored: {reason}")


def transport(config: AgentConfig) -> Transport:
    """The transport that a configuration asks for; its library is loaded by its first connect."""
    return make_transport(
        config.transport,
        TransportOptions(
            client_id=config.thing,
            ca=config.ca,
            certificate=config.certificate,
            private_key=config.private_key,
            keep_alive_s=config.keep_alive_s,
            session_expiry_s=_session_expiry_s(config.power),
        ),
    )


def _calibrations(parts: Parts) -> dict[str, Any]:
    """When each was made and until when it holds. Whether that is past is not told: the day may not be known yet."""
    known = parts.gathering.calibrations()
    if not known:
        return {}
    told = [{key: one[key] for key in ("sensor", "metric", "date", "due")} for one in known[:MOST_CALIBRATIONS]]
    more = {"calibrations_left_out": len(known) - len(told)} if len(known) > len(told) else {}
    return {"calibrations": told, **more}


def _session_expiry_s(power: PowerSettings) -> int:
    """So long that a device that rests finds at the broker what came for it, also if it misses a connection."""
    if power.mode == "always":
        return SESSION_S
    longest = power.connect_every_s * max([level.connecting for level in power.levels], default=1.0)
    return round(min(LONGEST_SESSION_S, max(SESSION_S, 3 * longest)))
