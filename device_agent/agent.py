"""The agent: its parts, wired and supervised, from start to a clean stop."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from random import Random, SystemRandom
from typing import Any

from contract import topics
from device_agent.clock import Clock, SystemClock
from device_agent.config import AgentConfig
from device_agent.envelopes import EnvelopeWriter
from device_agent.errors import QueueError, SensorError
from device_agent.health import AgentStatus, Health
from device_agent.publisher import Publisher
from device_agent.queue import DurableQueue
from device_agent.queue_thread import QueueThread
from device_agent.recorder import Recorder
from device_agent.sampler import sample
from device_agent.sensors import Sensor, SensorSettings
from device_agent.supervisor import supervise
from device_agent.transport import Transport
from device_agent.transport.crt import CrtTransport
from device_agent.transport.options import TransportOptions
from device_agent.waiting import first_of


class ThingLog(logging.LoggerAdapter[logging.Logger]):
    """Puts the thing's name before each line: several agents may share a process."""

    def process(self, msg: Any, kwargs: MutableMapping[str, Any]) -> tuple[Any, MutableMapping[str, Any]]:
        return f"[{(self.extra or {}).get('thing')}] {msg}", kwargs


class Agent:
    """One device. `run` may be called once; make another agent to start again."""

    def __init__(
        self,
        config: AgentConfig,
        transport: Transport,
        *,
        clock: Clock | None = None,
        random: Random | None = None,
    ) -> None:
        self._config = config
        self._transport = transport
        self._clock = clock or SystemClock()
        self._random = random or SystemRandom()
        self._health = Health()
        self._log = ThingLog(logging.getLogger("device_agent"), {"thing": config.thing})
        self._queue = QueueThread(self._open_queue)
        self.boot = f"{self._random.getrandbits(64):016x}"

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set, then store what was read, send what can be sent in the grace time, and disconnect.

        Raises:
            QueueError: the queue cannot be opened.
        """
        await self._queue.open()
        sensors: list[tuple[str, Sensor]] = []
        try:
            sensors = [(settings.name, await self._make(settings)) for settings in self._config.sensors]
            self._log.info("started, boot %s, %d sensors", self.boot, len(sensors))
            await self._work(sensors, stop)
        finally:
            for _, sensor in sensors:
                sensor.close()
            try:
                await self._transport.disconnect()
            finally:
                await self._queue.close()
        self._log.info("stopped: %d messages sent since the start", self._health.sent)

    async def status(self) -> AgentStatus:
        """How the agent is doing. Raises QueueError, also before `run` has opened the queue and after it closed it."""
        queue = await self._queue.stats()
        health = self._health
        return AgentStatus(
            thing=self._config.thing,
            connected=health.connected,
            endpoint=health.endpoint,
            recorded=health.recorded,
            sent=health.sent,
            queued=queue.messages,
            dropped=queue.dropped,
            refused=health.refused,
            unusable=health.unusable,
            lost=health.lost,
            last_error=health.last_error,
        )

    async def _work(self, sensors: Iterable[tuple[str, Sensor]], stop: asyncio.Event) -> None:
        clock, health, log = self._clock, self._health, self._log
        recorder = Recorder(
            self._queue,
            EnvelopeWriter(self.boot),
            flush_interval_s=self._config.flush_interval_s,
            clock=clock,
            health=health,
            log=log,
        )
        publisher = self._make_publisher()
        async with asyncio.TaskGroup() as tasks:
            publishing = tasks.create_task(self._supervised("publisher", publisher.run))
            gathering = [tasks.create_task(self._supervised("recorder", recorder.run))]
            for name, sensor in sensors:

                def reading(name: str = name, sensor: Sensor = sensor) -> Awaitable[None]:
                    return sample(name, sensor, recorder, clock=clock, health=health, log=log)

                gathering.append(tasks.create_task(self._supervised(f"sensor {name}", reading)))
            await stop.wait()
            for task in gathering:
                task.cancel()
            await asyncio.wait(gathering)
            try:
                await recorder.flush()
            except QueueError as error:
                log.error("the last readings are lost: %s", error)  # noqa: TRY400 - the trace says no more
            await first_of(publisher.drained(), clock.sleep(self._config.shutdown_grace_s))
            publishing.cancel()

    def _make_publisher(self) -> Publisher:
        topic = topics.telemetry_basic_ingest if self._config.basic_ingest else topics.telemetry
        return Publisher(
            self._queue,
            self._transport,
            topic=topic(self._config.thing),
            endpoints=self._config.endpoints,
            inflight=self._config.inflight,
            clock=self._clock,
            random=self._random,
            health=self._health,
            log=self._log,
        )

    async def _make(self, settings: SensorSettings) -> Sensor:
        position = await self._queue.cursor(settings.name)
        try:
            return settings.make(self._config.thing, self._config.model, position)
        except SensorError as error:
            self._log.warning("%s: %s; starting from the beginning", settings.name, error)
            return settings.make(self._config.thing, self._config.model, None)

    async def _supervised(self, name: str, task: Callable[[], Awaitable[None]]) -> None:
        await supervise(
            name, task, clock=self._clock, random=self._random, log=self._log, on_failure=self._note_failure
        )

    def _note_failure(self, what: str) -> None:
        self._health.last_error = what

    def _open_queue(self) -> DurableQueue:
        return DurableQueue(
            self._config.queue, max_bytes=self._config.queue_max_bytes, clock=self._clock, log=self._log
        )


def crt_transport(config: AgentConfig) -> CrtTransport:
    """The transport that a configuration asks for; `awscrt` is loaded by its first connect."""
    return CrtTransport(
        TransportOptions(
            client_id=config.thing,
            ca=config.ca,
            certificate=config.certificate,
            private_key=config.private_key,
            keep_alive_s=config.keep_alive_s,
        )
    )
