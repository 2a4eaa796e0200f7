"""A contact at a pin (reed switch, door contact, meter with a pulse output), and a PIR motion detector, by gpiozero."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from contract.models import DeviceModel
from device_agent import gpio
from device_agent.config.table import Table
from device_agent.sensors import Host
from device_agent.sensors.description import ReadingDescription
from device_agent.sensors.driver import DriverSettings
from device_agent.sensors.driver_table import driver_settings

PULLS = {"up": True, "down": False, "none": None}


@dataclass(frozen=True)
class Seen:
    """A pin now, and what it did since the reading before."""

    active: bool
    activations: int


@dataclass(frozen=True)
class InputSettings:
    """How a pin is wired. `active_high` is only free where there is no pull."""

    pin: int
    pull_up: bool | None
    active_high: bool
    bounce_s: float | None


class InputDriver:
    """Watches a pin: edges are counted when they happen, so that none is missed between readings."""

    def __init__(self, settings: InputSettings, factory: Any) -> None:
        from gpiozero import DigitalInputDevice

        self._lock = threading.Lock()
        self._activations = 0
        floats = settings.pull_up is None
        self._device = DigitalInputDevice(
            settings.pin,
            pull_up=settings.pull_up,
            active_state=settings.active_high if floats else None,
            bounce_time=settings.bounce_s,
            pin_factory=factory,
        )
        # With a pull, gpiozero takes the pulled level for inactive.
        self._inverted = not floats and settings.active_high is settings.pull_up
        if self._inverted:
            self._device.when_deactivated = self._count
        else:
            self._device.when_activated = self._count

    def measure(self) -> Seen:
        with self._lock:
            activations, self._activations = self._activations, 0
        return Seen(bool(self._device.is_active) is not self._inverted, activations)

    def close(self) -> None:
        self._device.close()

    def _count(self) -> None:
        """On a thread of gpiozero's."""
        with self._lock:
            self._activations += 1


def _opener(table: Table, *, pull: str, bounce_s: float, active: str) -> Callable[[Host], InputDriver]:
    pull_up = PULLS[table.choice("pull", PULLS, pull)]
    default = {True: "low", False: "high", None: "high"}[pull_up]
    bounce_s = table.number("bounce_s", minimum=0, maximum=1, default=bounce_s)
    settings = InputSettings(
        pin=table.pin("pin"),
        pull_up=pull_up,
        active_high=table.choice(active, ("high", "low"), default) == "high",
        bounce_s=bounce_s or None,
    )
    return lambda host: InputDriver(settings, gpio.factory(host.gpio))


def parse(table: Table, name: str, model: DeviceModel, _claimed: tuple[str, ...]) -> DriverSettings:
    """Read a `[[sensor]]` table of kind `contact`; what is wrong is noted in the table."""
    readings = [ReadingDescription[Seen](key="closed", unit=None, type="boolean", read=lambda seen: seen.active)]
    if table.boolean("count", default=False):
        scale = table.number("scale", default=1.0)
        readings.append(
            ReadingDescription(
                key="count", unit=table.text("unit", "1"), minimum=0, read=lambda seen: seen.activations * scale
            )
        )
    open_driver = _opener(table, pull="up", bounce_s=0.01, active="closed_when")
    return driver_settings(table, name, model, readings, open_driver)


MOTION = ReadingDescription[Seen](
    # A movement that began and ended between two readings is one too.
    key="motion",
    unit=None,
    type="boolean",
    read=lambda seen: seen.active or seen.activations > 0,
)


def parse_motion(table: Table, name: str, model: DeviceModel, _claimed: tuple[str, ...]) -> DriverSettings:
    """Read a `[[sensor]]` table of kind `motion`; what is wrong is noted in the table."""
    open_driver = _opener(table, pull="none", bounce_s=0, active="motion_when")
    return driver_settings(table, name, model, (MOTION,), open_driver)
