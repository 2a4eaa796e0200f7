import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from gpiozero.pins.mock import MockFactory

from contract import models
from device_agent.actuators.controller import Actuators
from device_agent.actuators.guard import NoWatch
from device_agent.actuators.kinds import Contact, Motor, MotorisedValve
from device_agent.actuators.limits import Limits
from device_agent.actuators.lines import Line
from device_agent.actuators.settings import ActuatorSettings, parse_actuators
from device_agent.config.table import Table

OPEN = {"type": "object"}


def relay(name="relay", pin=17, *, active_high=True, **limits):
    kind = Contact(Line(pin, active_high))
    return ActuatorSettings(name, kind, kind.schema, {"on": False}, Limits(**limits))


def valve(name="valve", opening=5, closing=6, travel_s=10.0, **limits):
    kind = MotorisedValve(Line(opening), Line(closing), travel_s)
    return ActuatorSettings(name, kind, kind.schema, {"open": False}, Limits(**limits))


def motor(name="motor", forward=12, backward=13, **limits):
    kind = Motor(Line(forward, pwm_hz=100), None if backward is None else Line(backward, pwm_hz=100))
    return ActuatorSettings(name, kind, kind.schema, {"speed": 0}, Limits(**limits))


class Watching(NoWatch):
    """A watch that can be taken away."""

    def __init__(self):
        self.is_watching = True
        self.beats = 0
        self.goodbyes = 0

    def beat(self):
        self.beats += 1

    async def goodbye(self):
        self.goodbyes += 1


@dataclass
class Bench:
    """Actuators at mock pins, on a clock that stands still."""

    clock: object
    log: object
    settings: tuple
    factory: object = field(default_factory=lambda: MockFactory(pin_class="mockpwmpin"))
    watch: Watching = field(default_factory=Watching)
    events: list = field(default_factory=list)
    actuators: Actuators = None

    def __post_init__(self):
        self.actuators = Actuators(
            self.settings,
            factory=lambda: self.factory,
            watch=self.watch,
            clock=self.clock,
            log=self.log,
            event=lambda kind, data: self.events.append((kind, data)),
        )

    def level(self, pin):
        return float(self.factory.pin(pin).state)

    async def do(self, name, parameters, source="test"):
        """Submit, and the outcome if there is one yet."""
        future = self.actuators.submit(name, parameters, source=source)
        await asyncio.sleep(0)
        return future.result() if future.done() else None


@pytest.fixture
def bench(clock, log):
    """An asynchronous context manager: opened actuators that run."""

    @asynccontextmanager
    async def run(*settings):
        bench = Bench(clock, log, settings)
        await bench.actuators.open()
        task = asyncio.create_task(bench.actuators.run(lambda: None))
        await clock.advance(0)
        try:
            yield bench
        finally:
            task.cancel()
            bench.factory.close()

    return run


@pytest.fixture
def parsed():
    """Read `[[actuator]]` tables for a model (by default the shipped machine): the settings and the problems."""

    def parse(*tables, model=None):
        problems = []
        root = Table({"actuator": list(tables)}, Path("agent.toml"), "", problems)
        settings = parse_actuators(root, model or models.shipped()["machine"])
        root.finish()
        return settings, [f"{problem.key}: {problem.expected}, got {problem.got}" for problem in problems]

    return parse
