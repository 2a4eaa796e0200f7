"""Runs many agents in one event loop; what happens to one of them stays with it."""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

from device_agent.agent import Agent
from device_agent.backoff import Backoff
from device_agent.clock import Clock
from device_agent.config.agent import AgentConfig, ConfigFiles
from device_agent.errors import ConfigError, QueueError
from device_agent.transport import Transport
from device_agent.waiting import first_of

LOG = logging.getLogger("simulator")


@dataclass(frozen=True)
class DeviceStatus:
    """One device, as the status file shows it."""

    connected: bool = False
    endpoint: str | None = None
    recorded: int = 0
    sent: int = 0
    queued: int = 0
    dropped: int = 0
    refused: int = 0
    unusable: int = 0
    last_error: str | None = None


class Fleet:
    """The devices of some configuration files, one file each."""

    def __init__(
        self,
        files: Sequence[Path],
        make_transport: Callable[[AgentConfig], Transport],
        *,
        clock: Clock,
        random: Random,
        stagger_s: float,
    ) -> None:
        self._devices = [_Device(file) for file in files]
        self._make_transport = make_transport
        self._clock = clock
        self._random = random
        self._stagger_s = stagger_s

    async def run(self, stop: asyncio.Event) -> None:
        """Start the devices one after the other and keep them running until `stop` is set."""
        async with asyncio.TaskGroup() as tasks:
            for device in self._devices:
                tasks.create_task(self._keep_running(device, stop))
                if stop.is_set():
                    return
                await first_of(stop.wait(), self._clock.sleep(self._stagger_s))

    async def status(self) -> Mapping[str, DeviceStatus]:
        """Every device by its name, or by its file's name while that cannot be read."""
        return {device.name: await device.status() for device in self._devices}

    async def _keep_running(self, device: "_Device", stop: asyncio.Event) -> None:
        backoff = Backoff(self._random, first_s=1.0, most_s=60.0, least_s=0.5)
        while not stop.is_set():
            try:
                agent = Agent(ConfigFiles(device.file), self._make_transport, clock=self._clock, random=self._random)
                device.name, device.agent = agent.config.thing, agent
                await agent.run(stop)
            except ConfigError as error:
                device.failed(str(error))
                return
            except Exception as error:  # whatever one device dies of must not reach the others
                device.failed(f"{type(error).__name__}: {error}")
                LOG.exception("%s failed; starting it again", device.name)
                await first_of(stop.wait(), self._clock.sleep(backoff.next_s()))


class _Device:
    def __init__(self, file: Path) -> None:
        self.file = file
        self.name = file.stem
        self.agent: Agent | None = None
        self._error: str | None = None

    def failed(self, error: str) -> None:
        self.agent = None
        self._error = error
        LOG.error("%s: %s", self.name, error)

    async def status(self) -> DeviceStatus:
        if self.agent is None:
            return DeviceStatus(last_error=self._error)
        try:
            status = await self.agent.status()
        except QueueError as error:
            return DeviceStatus(last_error=self._error or str(error))
        return DeviceStatus(
            connected=status.connected,
            endpoint=status.endpoint,
            recorded=status.recorded,
            sent=status.sent,
            queued=status.queued,
            dropped=status.dropped,
            refused=status.refused,
            unusable=status.unusable,
            last_error=status.last_error or self._error,
        )
