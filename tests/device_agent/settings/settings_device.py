"""A device's settings, over restarts of its agent: the real parts around a link that is set by hand."""

import asyncio
import logging
from contextlib import suppress
from dataclasses import dataclass
from random import Random

from device_agent.clock import ManualClock
from device_agent.errors import QueueError
from device_agent.settings.settings import Settings
from device_agent.settings.shadow import LOOK_S, ConfigShadow
from tests.device_agent.memory_storage import Disk, MemoryStorage

LOG = logging.LoggerAdapter(logging.getLogger("device_agent.test"), {})
TOML = """
thing = "pump-7"
model = "machine"
endpoints = ["localhost:1"]
ca = "file"
certificate = "file"
private_key = "file"

[[sensor]]
kind = "simulated"
# A whole number from 0: what the model allows above a minute this configuration cannot use.
seed = { setting = "interval_ms", scale = -1, offset = 60000 }
"""
NEW = {"interval_ms": 9000}


def write_files(folder):
    (folder / "file").touch(mode=0o600)
    (folder / "agent.toml").write_text(TOML)
    return folder / "agent.toml"


class Store(MemoryStorage):
    """Fails on demand: "before" it has written a state, or "after"."""

    def __init__(self, disk=None):
        super().__init__(disk or Disk())
        self._opened = True
        self.fails = None

    async def write_state(self, section, value):
        if self.fails != "before":
            await super().write_state(section, value)
        if self.fails:
            raise QueueError("the disk is on fire")


@dataclass
class StillLink:
    """What is seen of a link, to be set by hand; nothing is sent."""

    is_connected: bool = False
    is_resting: bool = False
    connected_at: int | None = None

    def subscribe(self, topic_filter, handler):
        pass

    def on_connect(self, hook):
        pass


class Device:
    """An agent's part around the shadow, over restarts; `running` is what `apply` has switched to last."""

    def __init__(self, files):
        self.files = files
        self.clock = ManualClock()
        self.store = Store()
        self.link = StillLink()
        self.failing_applies = 0
        self.events = []
        self.version = 0

    async def start(self):
        self.link = StillLink(is_resting=self.link.is_resting)
        self.settings = Settings(self.files, self.store, clock=self.clock, log=LOG)
        self.running = await self.settings.start()
        self.shadow = ConfigShadow(
            self.settings,
            self.link,
            apply=self.apply,
            event=lambda kind, data: self.events.append((kind, data)),
            clock=self.clock,
            random=Random(1),
            log=LOG,
        )

    async def apply(self, config):
        self.running = None
        if self.failing_applies:
            self.failing_applies -= 1
            raise OSError("a sensor is stuck")
        self.running = config

    async def desire(self, values):
        self.version += 1
        with suppress(OSError):  # ends the task, which the supervisor starts again
            await self.shadow._on_desired(values, self.version)

    async def wait(self, seconds):
        for _ in range(int(seconds // LOOK_S)):
            await self.clock.advance(LOOK_S)
            with suppress(OSError):
                await self.shadow._look()

    def connect(self):
        self.link.is_connected, self.link.connected_at = True, self.clock.boot_ms()

    def drop(self):
        self.link.is_connected = False

    def config_of(self, values):
        return self.files.configure(values)


def device_test(test):
    """Each in an event loop of its own, with a started and connected device."""

    async def run(files):
        device = Device(files)
        await device.start()
        device.connect()
        await device.clock.advance(1)
        await test(device)

    return lambda files: asyncio.run(run(files))
