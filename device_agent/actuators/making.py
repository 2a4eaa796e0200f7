"""From the configuration to actuators that work, or are safe."""

import logging
from collections.abc import Sequence
from functools import partial
from typing import Final

from device_agent import gpio
from device_agent.actuators.claims import Event
from device_agent.actuators.controller import Actuators
from device_agent.actuators.guard import Guard, NoWatch, Watch
from device_agent.actuators.safe import SafePlan, drive
from device_agent.actuators.settings import ActuatorSettings
from device_agent.clock import Clock
from device_agent.gpio import GpioSettings

IMAGINARY: Final = "mock"
"""The pin factory whose pins move nothing, so that nobody need watch over them."""


def make_actuators(
    settings: Sequence[ActuatorSettings],
    pins: GpioSettings,
    *,
    clock: Clock,
    log: logging.LoggerAdapter[logging.Logger],
    event: Event,
) -> Actuators:
    """The actuators at these pins, under the watch of a guardian; touches no pin before `open`."""
    return Actuators(
        settings,
        factory=partial(gpio.factory, pins),
        watch=make_watch(settings, pins, clock=clock, log=log),
        clock=clock,
        log=log,
        event=event,
    )


def make_watch(
    settings: Sequence[ActuatorSettings],
    pins: GpioSettings,
    *,
    clock: Clock,
    log: logging.LoggerAdapter[logging.Logger],
) -> Watch:
    """A guardian with the shortest of the actuators' watchdog times: it can only take the agent down as a whole."""
    if not settings or pins.factory == IMAGINARY:
        return NoWatch()
    watchdog_s = min(one.watchdog_s for one in settings)
    return Guard([safe_plan(one) for one in settings], pins, watchdog_s, clock=clock, log=log)


def make_all_safe(
    settings: Sequence[ActuatorSettings], pins: GpioSettings, *, give_up_s: float = 5.0
) -> dict[str, str]:
    """Drive every actuator to its safe state without an agent, waiting for those that take time; blocks.

    A pin that another process holds is tried for `give_up_s`: a running agent must be stopped first. Returns why, by
    name, for each actuator that is not in its safe state.

    Raises:
        GpioError: the pins cannot be reached at all.
    """
    if not settings:
        return {}
    return drive([safe_plan(one) for one in settings], gpio.factory(pins), give_up_s=give_up_s).problems


def safe_plan(settings: ActuatorSettings) -> SafePlan:
    return SafePlan(settings.name, settings.kind.lines, settings.kind.plan(settings.safe))
