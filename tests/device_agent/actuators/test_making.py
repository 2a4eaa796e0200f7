from dataclasses import replace

from device_agent.actuators.guard import Guard, NoWatch
from device_agent.actuators.making import make_actuators, make_watch, safe_plan
from device_agent.actuators.safe import SafePlan
from device_agent.gpio import GpioSettings

from .conftest import motor, relay, valve


def test_real_pins_have_a_guardian_with_the_shortest_watchdog_time(clock, log):
    settings = (replace(relay(), watchdog_s=20.0), replace(motor(), watchdog_s=4.0))
    watch = make_watch(settings, GpioSettings(), clock=clock, log=log)
    assert isinstance(watch, Guard)
    assert watch._task["watchdog_s"] == 4.0
    assert watch.pid is None
    assert not watch.is_watching


def test_pins_that_move_nothing_and_no_pins_at_all_need_none(clock, log):
    assert isinstance(make_watch((relay(),), GpioSettings(factory="mock"), clock=clock, log=log), NoWatch)
    assert isinstance(make_watch((), GpioSettings(), clock=clock, log=log), NoWatch)


def test_a_plan_reaches_the_guardian_as_it_is():
    import json

    for settings in (relay(active_high=False), valve(), motor()):
        plan = safe_plan(settings)
        assert SafePlan.from_json(json.loads(json.dumps(plan.to_json()))) == plan


async def test_an_agent_without_actuators_loads_no_gpio_and_works(clock, log):
    import asyncio

    actuators = make_actuators((), GpioSettings(factory="none"), clock=clock, log=log, event=lambda kind, data: None)
    await actuators.open()
    running = asyncio.create_task(actuators.run(lambda: None))
    await clock.advance(3)
    assert not running.done()
    assert actuators.ready.is_set()
    assert actuators.report() == {}
    running.cancel()
    await actuators.close()
