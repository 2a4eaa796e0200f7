import asyncio
from contextlib import asynccontextmanager
from dataclasses import replace
from random import Random

import pytest

from device_agent.health import Health
from device_agent.link import Link
from device_agent.shadow.state import NOT_RESUMED, StateShadow
from device_agent.transport import Endpoint
from device_agent.transport.memory import MemoryBroker
from tests.device_agent.actuators.conftest import Bench, relay, valve
from tests.device_agent.memory_storage import MemoryStorage
from tests.device_agent.shadow_service import ShadowService


class Cloud:
    """The broker and the shadow, which outlive the device's restarts."""

    def __init__(self, clock):
        self.broker = MemoryBroker()
        self.service = ShadowService(self.broker, clock)

    def desire(self, **values):
        self.service.desire("state", values)

    @property
    def reported(self):
        return self.service.reported("state")


@pytest.fixture
def cloud(clock):
    return Cloud(clock)


@pytest.fixture
def device(clock, log, cloud):
    """An asynchronous context manager: the device from one start to its end."""

    @asynccontextmanager
    async def run(*settings, storage=None, watching=True):
        at = Bench(clock, log, settings)
        at.watch.is_watching = watching
        at.storage = storage or MemoryStorage()
        await at.storage.open()
        link = Link(
            cloud.service.transport(),
            [Endpoint("localhost", 8883)],
            clock=clock,
            random=Random(1),
            health=Health(),
            log=log,
        )
        shadow = StateShadow(
            link, "pump-7", actuators=at.actuators, storage=at.storage, clock=clock, random=Random(1), log=log
        )
        await at.actuators.open()

        async def wait(seconds):
            for _ in range(round(seconds * 4)):
                await clock.advance(0.25)

        at.wait = wait
        tasks = [
            asyncio.create_task(work) for work in (at.actuators.run(lambda: None), shadow.run(lambda: None), link.run())
        ]
        await wait(3)
        try:
            yield at
        finally:
            for task in tasks:
                task.cancel()
            done = await asyncio.gather(*tasks, return_exceptions=True)
            assert all(isinstance(outcome, asyncio.CancelledError) for outcome in done), done
            at.factory.close()

    return run


async def test_what_is_true_is_reported_at_the_connect(device, cloud):
    async with device(relay()):
        assert cloud.reported == {"v": 1, "values": {"relay": {"on": False}}}


async def test_what_is_desired_is_done_and_what_is_true_then_reported(device, cloud):
    async with device(relay()) as at:
        cloud.desire(relay={"on": True})
        await at.wait(3)
        assert at.level(17) == 1.0
        assert cloud.reported["values"] == {"relay": {"on": True}}


async def test_what_others_do_is_reported_and_not_undone_by_an_old_wish(device, cloud):
    async with device(relay()) as at:
        cloud.desire(relay={"on": True})
        await at.wait(3)
        at.actuators.act("relay", {"on": False}, "rule:overheat")
        await at.wait(5)
        assert at.level(17) == 0.0
        assert cloud.reported["values"] == {"relay": {"on": False}}
        cloud.broker.drop_connections()
        await at.wait(10)
        assert at.level(17) == 0.0


async def test_the_same_desired_again_is_a_new_wish(device, cloud):
    async with device(relay()) as at:
        cloud.desire(relay={"on": True})
        await at.wait(3)
        at.actuators.make_safe("control")
        await at.wait(3)
        cloud.desire(relay={"on": True})
        await at.wait(3)
        assert at.level(17) == 1.0


async def test_a_wish_for_one_actuator_is_none_for_another(device, cloud):
    async with device(relay(), relay("lamp", 18)) as at:
        cloud.desire(relay={"on": True})
        await at.wait(3)
        at.actuators.make_safe("control")
        cloud.desire(lamp={"on": True})
        await at.wait(3)
        assert (at.level(17), at.level(18)) == (0.0, 1.0)


async def test_each_part_that_cannot_be_done_is_rejected_with_its_reason_and_the_rest_is_done(device, cloud):
    async with device(relay(), relay("lamp", 18)) as at:
        cloud.desire(relay={"on": "yes"}, lamp={"on": True}, horn={"on": True})
        await at.wait(4)
        assert at.level(18) == 1.0
        assert cloud.reported["values"] == {"relay": {"on": False}, "lamp": {"on": True}}
        assert cloud.reported["rejected"] == {
            "horn": "no actuator of this device; there are: relay, lamp",
            "relay": "on: expected of type boolean, got 'yes'",
        }
        cloud.desire(relay={"on": True}, horn=None)
        await at.wait(4)
        assert cloud.reported["rejected"] == {}
        assert at.level(17) == 1.0


@pytest.mark.parametrize("hostile", [7, None, [], {"on": {"on": True}}, {}, {"on": True, "for_s": -1}, "on"])
async def test_a_hostile_wish_changes_nothing(device, cloud, hostile):
    async with device(relay()) as at:
        cloud.service.update("state", {"state": {"desired": {"values": {"relay": hostile}}}})
        await at.wait(4)
        assert at.level(17) == 0.0
        assert len(at.events) == 0


async def test_a_limit_is_told_as_a_reason(device, cloud):
    async with device(relay(min_cycle_s=300)) as at:
        cloud.desire(relay={"on": True})
        await at.wait(4)
        assert cloud.reported["rejected"]["relay"].startswith("it changed ")
        assert cloud.reported["values"] == {"relay": {"on": False}}


async def test_a_valve_is_reported_once_it_is_there_and_a_newer_wish_need_not_wait(device, cloud):
    async with device(valve()) as at:
        await at.wait(12)
        cloud.desire(valve={"open": True})
        await at.wait(4)
        assert "open" not in cloud.reported["values"].get("valve", {})
        cloud.desire(valve={"open": False})
        await at.wait(3)
        assert (at.level(5), at.level(6)) == (0.0, 1.0)
        await at.wait(12)
        assert cloud.reported["values"] == {"valve": {"open": False}}


async def test_a_time_limit_passes_and_its_end_is_reported(device, cloud):
    async with device(relay()) as at:
        cloud.desire(relay={"on": True, "for_s": 10})
        await at.wait(3)
        assert cloud.reported["values"] == {"relay": {"on": True}}
        await at.wait(10)
        assert cloud.reported["values"] == {"relay": {"on": False}}
        await at.wait(30)
        assert at.level(17) == 0.0


async def test_after_a_restart_nothing_starts_by_itself_and_the_shadow_says_why(device, cloud):
    storage = MemoryStorage()
    async with device(relay(), storage=storage) as at:
        cloud.desire(relay={"on": True})
        await at.wait(3)
        assert at.level(17) == 1.0
    async with device(relay(), storage=MemoryStorage(storage.disk)) as at:
        await at.wait(5)
        assert at.level(17) == 0.0
        assert cloud.reported["values"] == {"relay": {"on": False}}
        assert cloud.reported["rejected"] == {"relay": NOT_RESUMED}
        cloud.desire(relay={"on": True})
        await at.wait(5)
        assert at.level(17) == 1.0
        assert cloud.reported["rejected"] == {}


async def test_a_wish_that_came_while_the_device_was_down_is_new(device, cloud):
    storage = MemoryStorage()
    async with device(relay(), storage=storage) as at:
        cloud.desire(relay={"on": True})
        await at.wait(3)
    cloud.desire(relay={"on": True})
    async with device(relay(), storage=MemoryStorage(storage.disk)) as at:
        await at.wait(3)
        assert at.level(17) == 1.0


async def test_an_actuator_that_may_resumes_what_was_desired(device, cloud):
    storage = MemoryStorage()
    settings = (replace(relay(), resume=True), relay("lamp", 18))
    async with device(*settings, storage=storage) as at:
        cloud.desire(relay={"on": True}, lamp={"on": True})
        await at.wait(3)
    async with device(*settings, storage=MemoryStorage(storage.disk)) as at:
        await at.wait(3)
        assert (at.level(17), at.level(18)) == (1.0, 0.0)


async def test_what_was_for_a_time_is_not_resumed(device, cloud):
    storage = MemoryStorage()
    settings = (replace(relay(), resume=True),)
    async with device(*settings, storage=storage) as at:
        cloud.desire(relay={"on": True, "for_s": 3600})
        await at.wait(3)
    async with device(*settings, storage=MemoryStorage(storage.disk)) as at:
        await at.wait(3)
        assert at.level(17) == 0.0


async def test_being_safe_as_desired_needs_no_words_after_a_restart(device, cloud):
    storage = MemoryStorage()
    async with device(relay(), storage=storage) as at:
        cloud.desire(relay={"on": False})
        await at.wait(3)
    async with device(relay(), storage=MemoryStorage(storage.disk)) as at:
        await at.wait(3)
        assert cloud.reported.get("rejected", {}) == {}


async def test_a_damaged_memory_starts_nothing_by_itself(device, cloud):
    storage = MemoryStorage()
    await storage.open()
    await storage.write_state("actuators", [1, 2])
    cloud.desire(relay={"on": True})
    async with device(relay(), storage=MemoryStorage(storage.disk)) as at:
        await at.wait(3)
        assert at.level(17) == 0.0
        cloud.desire(relay={"on": True})
        await at.wait(3)
        assert at.level(17) == 1.0


async def test_on_a_broken_disk_only_the_safe_state_can_be_desired(device, cloud):
    async with device(relay()) as at:
        at.actuators.act("relay", {"on": True}, "rule:x")
        at.storage.broken = True
        cloud.desire(relay={"on": False})
        await at.wait(3)
        assert at.level(17) == 0.0
        cloud.desire(relay={"on": True})
        await at.wait(4)
        assert at.level(17) == 0.0
        assert "it cannot be remembered, so it is not done" in cloud.reported["rejected"]["relay"]


async def test_what_has_come_true_otherwise_is_no_longer_rejected(device, cloud):
    async with device(relay(min_cycle_s=20)) as at:
        cloud.desire(relay={"on": True})
        await at.wait(4)
        assert "relay" in cloud.reported["rejected"]
        await at.wait(20)
        at.actuators.act("relay", {"on": True}, "control")
        await at.wait(4)
        assert cloud.reported == {"v": 1, "values": {"relay": {"on": True}}, "rejected": {}}


async def test_an_actuator_that_cannot_be_driven_is_reported_with_the_reason(device, cloud, monkeypatch):
    async with device(relay()) as at:
        pin = at.factory.pin(17)
        await at.do("relay", {"on": True})
        monkeypatch.setattr(pin, "_set_state", lambda value: (_ for _ in ()).throw(OSError(5, "stuck")))
        cloud.desire(relay={"on": False})
        await at.wait(4)
        assert cloud.reported["rejected"] == {"relay": "pin 17 cannot be written: [Errno 5] stuck"}
        assert cloud.reported["values"] == {"relay": {"on": True}}


async def test_a_wish_waits_for_a_guardian_that_has_just_been_started(device, cloud):
    cloud.desire(relay={"on": True})
    async with device(relay(), watching=False) as at:
        assert at.level(17) == 0.0
        at.watch.is_watching = True
        await at.wait(3)
        assert at.level(17) == 1.0
