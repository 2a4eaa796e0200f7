import asyncio

import pytest

from device_agent.actuators.controller import READY_S
from device_agent.commands.handlers import ActuatorCommand
from device_agent.commands.log import Answer
from tests.device_agent.actuators.conftest import Bench, relay, valve


@pytest.fixture
def opened(clock, log):
    async def open_(*settings):
        at = Bench(clock, log, settings)
        await at.actuators.open()
        at.actuators.tick()
        return at

    return open_


async def test_an_actuator_s_command_is_answered_with_the_truth(opened, clock):
    at = await opened(relay())
    handler = ActuatorCommand(at.actuators, "relay")
    answer = await handler.run("c1", {"on": True}, print)
    assert answer == Answer("SUCCEEDED", None, {"on": True})
    assert at.level(17) == 1.0


async def test_a_limit_is_a_rejection_with_its_reason(opened, clock):
    at = await opened(relay(min_cycle_s=60))
    answer = await ActuatorCommand(at.actuators, "relay").run("c1", {"on": True}, print)
    assert answer == Answer("REJECTED", "it changed 0.0 s ago and may again in 60.0 s", {"on": False})


async def test_what_is_wrong_with_the_parameters_is_known_before(opened, clock):
    handler = ActuatorCommand((await opened(relay())).actuators, "relay")
    assert handler.complaint({"on": 1}) == "on: expected of type boolean, got 1"
    assert handler.complaint({"on": True}) is None


async def test_only_the_safe_state_is_harmless(opened, clock):
    handler = ActuatorCommand((await opened(relay())).actuators, "relay")
    assert handler.is_harmless({"on": False})
    assert not handler.is_harmless({"on": True})
    assert not handler.is_harmless({"on": False, "for_s": 5})


async def test_a_valve_tells_how_far_it_is(opened, clock):
    at = await opened(valve())
    running = asyncio.create_task(at.actuators.run(lambda: None))
    await clock.advance(11)
    told = []
    command = asyncio.create_task(ActuatorCommand(at.actuators, "valve").run("c1", {"open": True}, told.append))
    await clock.advance(11)
    running.cancel()
    assert command.result() == Answer("SUCCEEDED", None, {"open": True})
    assert told[0]["progress"] < told[-1]["progress"] <= 1
    assert len(told) > 5


@pytest.mark.parametrize(("after_s", "status"), [(5, "SUCCEEDED"), (None, "REJECTED")])
async def test_a_command_waits_a_little_for_a_guardian_that_has_just_been_started(clock, log, after_s, status):
    at = Bench(clock, log, (relay(),))
    at.watch.is_watching = False
    await at.actuators.open()
    running = asyncio.create_task(at.actuators.run(lambda: None))
    command = asyncio.create_task(ActuatorCommand(at.actuators, "relay").run("c1", {"on": True}, print))
    await clock.advance(after_s or 0)
    at.watch.is_watching = after_s is not None
    await clock.advance(READY_S + 1 - (after_s or 0))
    running.cancel()
    assert command.result().status == status


async def test_the_safe_state_waits_for_nobody(clock, log):
    at = Bench(clock, log, (relay(),))
    at.watch.is_watching = False
    await at.actuators.open()
    command = asyncio.create_task(ActuatorCommand(at.actuators, "relay").run("c1", {"on": False}, print))
    await clock.advance(0)
    assert command.result().status == "SUCCEEDED"
