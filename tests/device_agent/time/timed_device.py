"""A machine whose agent knows the time, or does not."""

from device_agent.clock import ManualClock
from device_agent.queue import Priority
from device_agent.time.machine_boots import Stamp
from device_agent.time.timekeeper import ClockSettings, Timekeeper
from tests.device_agent.memory_storage import MemoryStorage

NOW = 1_790_000_000_000
URGENT, TELEMETRY, LOG = Priority


class Device:
    """A machine whose agent can be stopped, killed and started again."""

    def __init__(self, log, settings=None, not_before_ms=0):
        self.clock = ManualClock(NOW)
        self.log = log
        self.settings = settings or ClockSettings()
        self.not_before_ms = not_before_ms
        self.storage = MemoryStorage()

    async def start(self):
        """Also after a crash, which needs no call."""
        self.storage = MemoryStorage(self.storage.disk)
        await self.storage.open()
        self.keeper = Timekeeper(
            self.settings, clock=self.clock, storage=self.storage, log=self.log, not_before_ms=self.not_before_ms
        )
        await self.keeper.open()
        return self

    async def stop(self):
        await self.keeper.close()
        await self.storage.close()

    def stamp(self):
        offset = self.keeper.offset()
        return Stamp(self.clock.machine_boot(), offset.ms, offset.final)

    async def store(self, priority=TELEMETRY):
        """A message of now; returns its stamp and id."""
        await self.storage.append([(priority, b"x")])
        return self.stamp(), self.storage.disk.last_id

    async def settle(self, message, priority=TELEMETRY, connected_at=None):
        stamp, identifier = message
        return await self.keeper.settle(stamp, priority, identifier, connected_at=connected_at)

    def synchronise(self, wall_ms):
        self.clock.set_wall_ms(wall_ms)
        self.clock.set_synced(True)
        self.keeper.observe()

    def utc(self):
        return self.keeper.wall_ms()
