"""Reads one sensor in its rhythm, and says so when there is nothing fresh to read."""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from contract.telemetry import Value
from device_agent.clock import Clock
from device_agent.errors import SensorError
from device_agent.sensors import Reading, Sensor

if TYPE_CHECKING:
    import logging

STALE_REPEAT_MS = 60_000
"""How often last values are published as stale, and a lasting fault is logged, while it lasts."""
BEAT_S = 10.0
"""The longest sleep at a stretch: so often the heart beats, a changed interval takes effect, a suspend is noticed."""
MOST_FAULT_CHARS = 500
CATCH_UP_MS = 50.0
"""A lateness up to this is made up for (clocks count whole ms, the loop is busy); beyond it, beats are left out."""


@dataclass
class SamplerStatus:
    """How a sensor is doing, since the start of the agent."""

    readings: int = 0
    """Readings that brought a value."""
    faults: int = 0
    """Values and readings that should have been there and could not be used."""
    fault: str | None = None
    """What is wrong now, and None if the last reading was whole."""
    last_fault: str | None = None
    fresh_at: int | None = None
    """Boot time (ms) of the last reading that brought a value."""
    ended: bool = False
    """Whether the sensor said that there is no more."""


class Sampler:
    """One sensor's. What it hands on has strictly growing times, and only fresh values are good."""

    def __init__(
        self,
        name: str,
        sensor: Sensor,
        take: Callable[[str, Reading], None],
        *,
        clock: Clock,
        log: "logging.LoggerAdapter[logging.Logger]",
        beat: Callable[[], None] = lambda: None,
        interval_factor: Callable[[], float] = lambda: 1.0,
    ) -> None:
        """`take` gets each reading; `interval_factor` stretches the interval (power saving), and may change."""
        self.status = SamplerStatus()
        self._name = name
        self._sensor = sensor
        self._take = take
        self._clock = clock
        self._log = log
        self._beat = beat
        self._interval_factor = interval_factor
        self._last_at: int | None = None
        self._last_values = _LastValues()
        self._logged_at: int | None = None

    async def run(self) -> None:
        """Read until the sensor has no more. A failed reading does not change when the next is due."""
        due = float(self._clock.boot_ms())
        while True:
            self._beat()
            await self._sample()
            if self.status.ended:
                return
            due = await self._sleep_until(self._next_due(due))

    async def _sample(self) -> None:
        now = self._clock.boot_ms()
        try:
            reading = await self._sensor.read(now)
        except SensorError as error:
            self._note(str(error), 1)
            self._say_stale(None)
            return
        except Exception as error:  # noqa: BLE001 - whatever it is: the sensor is sick, not the agent
            self._log.debug("%s: what it raised", self._name, exc_info=True)
            self._note(f"{type(error).__name__}: {error}", 1)
            self._say_stale(None)
            return
        if reading is None:
            self.status.ended = True
            self._log.info("%s has no more readings", self._name)
            return
        self._hand_on(reading)
        if reading.faults:
            self._note("; ".join(f"{metric}: {fault}" for metric, fault in reading.faults.items()), len(reading.faults))
            self._say_stale(reading.faults)
        elif self.status.fault is not None:
            self._log.info("%s is well again", self._name)
            self.status.fault = None
            self._logged_at = None

    def _hand_on(self, reading: Reading) -> None:
        at = self._after_last(min(reading.at, self._clock.boot_ms()))
        if reading.values and reading.quality == "good":
            self.status.readings += 1
            self.status.fresh_at = at
            self._last_values.take(reading.values)
        if reading.values or reading.position is not None:
            self._last_at = at
            if reading.at != at or reading.faults:
                reading = replace(reading, at=at, faults={})
            self._take(self._name, reading)

    def _say_stale(self, metrics: Iterable[str] | None) -> None:
        at = self._after_last(self._clock.boot_ms())
        if values := self._last_values.stale(at, metrics):
            self._last_at = at
            self._take(self._name, Reading(at, values, quality="stale"))

    def _after_last(self, at: int) -> int:
        return at if self._last_at is None else max(at, self._last_at + 1)

    def _note(self, fault: str, count: int) -> None:
        """Count a fault, and log it if it is new or lasts."""
        now = self._clock.boot_ms()
        status = self.status
        status.faults += count
        # Names of files may hold bytes that are no text, and then so may what is said of them.
        fault = fault[:MOST_FAULT_CHARS].encode("utf-8", "backslashreplace").decode()[:MOST_FAULT_CHARS]
        began = status.fault is None
        status.fault = status.last_fault = fault
        if began or self._logged_at is None or now - self._logged_at >= STALE_REPEAT_MS:
            self._logged_at = now
            self._log.warning("%s: %s", self._name, fault)

    def _next_due(self, due: float) -> float:
        """The next beat of the rhythm. Beats that were missed are left out, not made up for in a burst."""
        interval = self._interval_ms()
        late = self._clock.boot_ms() - (due + interval)
        if late > CATCH_UP_MS:
            return due + interval * (1 + math.ceil(late / interval))
        return due + interval

    async def _sleep_until(self, due: float) -> float:
        """Sleep until the beat at `due`, or the one that it becomes when the interval changes; returns when it was."""
        interval = self._interval_ms()
        while True:
            left_s = (due - self._clock.boot_ms()) / 1000
            await self._clock.sleep(min(BEAT_S, max(0.0, left_s)))
            if self._clock.boot_ms() >= due:
                return due
            self._beat()
            if (changed := self._interval_ms()) != interval:
                due += changed - interval
                interval = changed

    def _interval_ms(self) -> float:
        return 1000 * self._sensor.interval_s * max(1e-3, self._interval_factor())


class _LastValues:
    """What a sensor said last, and when that was last said to be stale."""

    def __init__(self) -> None:
        self._values: dict[str, Value] = {}
        self._said: dict[str, int] = {}

    def take(self, values: Mapping[str, Value]) -> None:
        self._values.update(values)
        for metric in values:
            self._said.pop(metric, None)

    def stale(self, now: int, metrics: Iterable[str] | None) -> dict[str, Value]:
        """Of these metrics (None: of all) the last values whose staleness is to be said now."""
        due = {
            metric: self._values[metric]
            for metric in (self._values if metrics is None else metrics)
            if metric in self._values and now - self._said.get(metric, now - STALE_REPEAT_MS) >= STALE_REPEAT_MS
        }
        self._said.update(dict.fromkeys(due, now))
        return due
