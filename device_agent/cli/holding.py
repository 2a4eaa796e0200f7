"""Moves an actuator without an agent: under its limits and a guardian, for a time, and then everything is made safe."""

import asyncio
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from device_agent import gpio
from device_agent.actuators.making import make_actuators
from device_agent.clock import Clock, SystemClock
from device_agent.thing_log import ThingLog
from device_agent.waiting import first_of

if TYPE_CHECKING:
    from device_agent.config.agent import AgentConfig


async def hold(
    config: "AgentConfig", name: str, parameters: Mapping[str, Any], seconds: float, *, clock: Clock | None = None
) -> dict[str, Any]:
    """The outcome of the command, once `seconds` have passed and everything is safe again; refused, at once.

    Raises:
        GpioError: the pins cannot be reached.
    """
    clock = clock or SystemClock()
    log = ThingLog(config.thing, clock)
    actuators = make_actuators(
        config.actuators,
        config.gpio,
        clock=clock,
        log=log,
        event=lambda kind, data: log.warning("%s %s", kind, data),
    )
    await actuators.open()
    running = asyncio.ensure_future(actuators.run(lambda: None))
    try:
        await actuators.until_ready()
        outcome = await actuators.submit(name, parameters, source="control")
        if outcome.status == "SUCCEEDED":
            await first_of(clock.sleep(seconds), asyncio.shield(running))
    finally:
        running.cancel()
        await asyncio.wait([running])
        await actuators.close()
        gpio.close(config.gpio)
    return asdict(outcome)
