"""HC-SR04 ultrasonic distance sensor, by the time between the edges of its echo pin.

gpiozero's own class pings all the time on a thread of its own and gives its greatest distance when no echo comes; this
one pings when it is read, and no echo is no value.
"""

import threading
import time
from dataclasses import dataclass
from math import sqrt
from statistics import median
from typing import Any

from contract.models import DeviceModel
from device_agent import gpio
from device_agent.config.table import Table
from device_agent.errors import SensorError
from device_agent.sensors import Host
from device_agent.sensors.description import ReadingDescription
from device_agent.sensors.driver import DriverSettings
from device_agent.sensors.driver_table import driver_settings

TRIGGER_S = 10e-6
"""How long the trigger is held (HC-SR04 user guide, timing diagram)."""
CYCLE_S = 0.06
"""From ping to ping, so that no echo of the last one is heard (the same)."""
ECHO_WAIT_S = 0.1
"""The chip ends its echo pulse after 38 ms where nothing is."""
LEAST_M, MOST_M = 0.02, 4.0
MOST_PINGS = 15

_one_at_a_time = threading.Lock()
"""Two sensors of a device would hear each other."""

DISTANCE = ReadingDescription[float](
    key="distance", unit="m", minimum=LEAST_M, maximum=MOST_M, decimals=4, read=lambda metres: metres
)


def speed_of_sound(celsius: float) -> float:
    """In dry air, m/s: an ideal gas's, from 331.3 m/s at 0 °C (Bohn, J. Audio Eng. Soc. 36 (4), 1988, eq. 3)."""
    return 331.3 * sqrt(1 + celsius / 273.15)


@dataclass(frozen=True)
class HcSr04Settings:
    """BCM numbers of the pins, the air's temperature in °C, and how many pings the median is of."""

    trigger: int
    echo: int
    air_temperature: float
    pings: int


class HcSr04:
    """Pings when it is read. Its edges come with the times that the kernel gave them."""

    def __init__(self, settings: HcSr04Settings, host: Host, *, echo_wait_s: float = ECHO_WAIT_S) -> None:
        from gpiozero import DigitalOutputDevice, InputDevice

        self._settings = settings
        self._pause = host.pause
        self._echo_wait_s = echo_wait_s
        self._factory = gpio.factory(host.gpio)
        self._ended = threading.Event()
        self._rise: Any = None
        self._echo_s: float | None = None
        self._trigger = DigitalOutputDevice(settings.trigger, pin_factory=self._factory)
        try:
            self._echo = InputDevice(settings.echo, pull_up=False, pin_factory=self._factory)
        except BaseException:
            self._trigger.close()
            raise
        self._echo.pin.edges = "both"
        self._echo.pin.when_changed = self._changed

    def measure(self) -> float:
        """Metres: the median of the pings that were answered, if more than half of them were."""
        with _one_at_a_time:
            echoes = [echo for _ in range(self._settings.pings) if (echo := self._ping()) is not None]
        if 2 * len(echoes) <= self._settings.pings:
            raise SensorError(f"no echo to {self._settings.pings - len(echoes)} of {self._settings.pings} pings")
        return median(echoes) * speed_of_sound(self._settings.air_temperature) / 2

    def close(self) -> None:
        self._echo.close()
        self._trigger.close()

    def _ping(self) -> float | None:
        """Seconds from the echo pin's rise to its fall."""
        self._rise = self._echo_s = None
        self._ended.clear()
        self._trigger.on()
        time.sleep(TRIGGER_S)  # not `pause`: a test's stand-in for waiting must not shorten the pulse
        self._trigger.off()
        self._ended.wait(self._echo_wait_s)
        echo_s = self._echo_s
        self._pause(CYCLE_S)
        return echo_s

    def _changed(self, ticks: Any, state: int) -> None:
        """On a thread of the factory's."""
        if state:
            self._rise = ticks
        elif self._rise is not None:
            self._echo_s = self._factory.ticks_diff(ticks, self._rise)
            self._ended.set()


def parse(table: Table, name: str, model: DeviceModel, _claimed: tuple[str, ...]) -> DriverSettings:
    """Read a `[[sensor]]` table of kind `hc-sr04`; what is wrong is noted in the table."""
    settings = HcSr04Settings(
        trigger=table.pin("trigger_pin"),
        echo=table.pin("echo_pin"),
        air_temperature=table.number("air_temperature", minimum=-40, maximum=85, default=20.0),
        pings=table.integer("pings", minimum=1, maximum=MOST_PINGS, default=3),
    )
    if settings.trigger == settings.echo and "trigger_pin" in table:
        table.problem("echo_pin", "another pin than trigger_pin", f"{settings.echo}")
    return driver_settings(table, name, model, (DISTANCE,), lambda host: HcSr04(settings, host))
