"""What will never come is told, once, whatever is restarted."""

import pytest

from contract import documents
from contract.documents import DeviceEvent
from device_agent import wire
from device_agent.clock import ManualClock
from device_agent.health import Health
from device_agent.publishing.losses import LossReporter
from device_agent.queue import Priority
from device_agent.recording.recorder import Recorder
from device_agent.time.timekeeper import ClockSettings, Timekeeper
from tests.device_agent.background import running
from tests.device_agent.memory_storage import MemoryStorage

URGENT, TELEMETRY, LOG = Priority


class StandingLink:
    is_connected = True

    def __init__(self, clock):
        self._clock = clock

    async def connected(self):
        while not self.is_connected:
            await self._clock.sleep(1)


class Device:
    def __init__(self, log):
        self.clock = ManualClock()
        self.log = log
        self.disk = MemoryStorage().disk
        self.link = StandingLink(self.clock)

    async def start(self):
        """Also after a crash."""
        self.storage = MemoryStorage(self.disk)
        await self.storage.open()
        keeper = Timekeeper(ClockSettings(), clock=self.clock, storage=self.storage, log=self.log)
        await keeper.open()
        self.health = Health()
        parts = {"clock": self.clock, "health": self.health, "log": self.log}
        self.recorder = Recorder(self.storage, keeper, boot="b1", flush_interval_s=5, **parts)
        self.reporter = LossReporter(self.storage, self.recorder, self.link, **parts)
        return self

    async def drop(self, telemetry=0, logs=0):
        """As the queue does for want of room."""
        self.storage.max_messages = len(self.disk.messages)
        await self.storage.append([(TELEMETRY, b"x")] * telemetry + [(LOG, b"x")] * logs)
        self.storage.max_messages = 10**9

    async def told(self):
        await self.recorder.flush()
        payloads = [wire.read(message.payload) for message in await self.storage.peek(URGENT, 0, 100)]
        return [documents.decode(DeviceEvent, payload.document) for payload in payloads]


@pytest.fixture
async def device(log):
    return await Device(log).start()


async def test_no_loss_is_no_event(device):
    await device.reporter.report()
    assert await device.told() == []


async def test_what_the_queue_dropped_is_told_by_priority(device):
    await device.drop(telemetry=3, logs=2)
    await device.reporter.report()

    [event] = await device.told()
    assert event.kind == "dropped"
    assert event.data == {"urgent": 0, "telemetry": 3, "log": 2, "not_stored": 0, "unreadable": 0}


async def test_what_could_not_be_stored_or_read_is_told_too(device):
    device.health.lost, device.health.unreadable = 4, 1
    await device.reporter.report()
    [event] = await device.told()
    assert (event.data["not_stored"], event.data["unreadable"]) == (4, 1)


async def test_each_loss_is_told_once_also_over_crashes(device):
    await device.drop(telemetry=3)
    await device.reporter.report()
    assert len(await device.told()) == 1
    await device.start()
    await device.reporter.report()
    assert len(await device.told()) == 1

    await device.drop(telemetry=2)
    await device.reporter.report()
    assert [event.data["telemetry"] for event in await device.told()] == [3, 2]


async def test_a_crash_before_the_event_is_stored_tells_it_after(device):
    await device.drop(telemetry=3)
    await device.reporter.report()
    await device.start()
    assert await device.told() == []
    await device.reporter.report()
    [event] = await device.told()
    assert event.data["telemetry"] == 3


async def test_a_queue_that_was_made_anew_is_counted_from_its_beginning(device):
    await device.drop(telemetry=3)
    await device.reporter.report()
    await device.told()
    device.disk.dropped[TELEMETRY] = 1
    await device.reporter.report()
    assert (await device.told())[-1].data["telemetry"] == 1


async def test_a_position_that_cannot_be_read_counts_as_none(device):
    await device.storage.append([], {"$losses": "{"})
    await device.drop(telemetry=1)
    await device.reporter.report()
    assert len(await device.told()) == 1


async def test_it_is_looked_for_every_minute_while_connected(device):
    async with running(device.reporter.run(lambda: None)):
        device.link.is_connected = False
        await device.drop(telemetry=3)
        await device.clock.advance(3600)
        assert await device.told() == []
        device.link.is_connected = True
        await device.clock.advance(61)
        assert len(await device.told()) == 1


async def test_a_disk_that_refuses_is_asked_again_later(device, monkeypatch):
    await device.storage.close()
    async with running(device.reporter.run(lambda: None)):
        await device.clock.advance(61)
        await device.storage.open()
        await device.drop(telemetry=1)
        await device.clock.advance(61)
        assert len(await device.told()) == 1
