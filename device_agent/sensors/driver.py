"""Blocking drivers as sensors: each on a thread of its own, with a timeout, opened anew after repeated failures."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from contract.telemetry import Value
from device_agent.errors import GpioError, SensorError
from device_agent.sensors import Host, Reading
from device_agent.sensors.description import ReadingDescription
from device_agent.sensors.units import SAME, Conversion
from device_agent.sensors.worker import Worker

S_co = TypeVar("S_co", covariant=True)
REOPEN_AFTER = 3
"""So many failures in a row, and the driver is closed and opened anew."""
REOPEN_FIRST_MS = 1_000
REOPEN_MOST_MS = 60_000
"""From one opening to the next, doubling from the first to the last while nothing can be read."""
CLOSE_WAIT_S = 1.0
"""How long a stop waits for a driver to give back what it holds. One that hangs is not waited for."""


class Driver(Protocol[S_co]):
    """Something that measures. All calls come from one thread and may block; each may raise anything."""

    def measure(self) -> S_co: ...

    def close(self) -> None: ...


class FunctionDriver(Generic[S_co]):
    """A driver that is one function and holds nothing."""

    def __init__(self, measure: Callable[[], S_co]) -> None:
        self._measure = measure

    def measure(self) -> S_co:
        return self._measure()

    def close(self) -> None:
        """Nothing to give back."""


@dataclass(frozen=True)
class Output:
    """A reading under the name that it is published by, and in the unit that the model has for it."""

    metric: str
    reading: ReadingDescription[Any]
    conversion: Conversion = SAME

    def value(self, sample: Any) -> Value | None:
        """Raises whatever the reading raises."""
        value = self.reading.value(sample)
        if isinstance(value, float):
            return self.conversion.of(value)
        return value


@dataclass(frozen=True)
class DriverSettings:
    """A `[[sensor]]` of a kind that is a blocking driver. `open` is called on the sensor's thread."""

    name: str
    interval_s: float
    timeout_s: float
    outputs: tuple[Output, ...]
    open: Callable[[Host], Driver[Any]]

    @property
    def metrics(self) -> tuple[str, ...]:
        return tuple(output.metric for output in self.outputs)

    def make(self, host: Host, position: str | None) -> "DriverSensor":  # noqa: ARG002 - hardware goes on by itself
        return DriverSensor(self, host)


@dataclass(frozen=True)
class _Measured:
    values: dict[str, Value]
    faults: dict[str, str]


class DriverSensor:
    """Reads a driver. While it hangs, each reading fails at once and no further thread is started."""

    def __init__(self, settings: DriverSettings, host: Host) -> None:
        self.interval_s = settings.interval_s
        self._settings = settings
        self._host = host
        self._worker = Worker(f"sensor-{settings.name}")
        self._driver: Driver[Any] | None = None  # only the worker's thread touches it
        self._failures = 0
        self._may_open_at = 0
        self._reopen_ms = REOPEN_FIRST_MS
        self._asked_at = 0
        self._last_fault = ""

    async def read(self, now: int) -> Reading:
        if self._worker.busy:
            raise SensorError(f"hung: no answer for {(now - self._asked_at) / 1000:g} s")
        may_open = now >= self._may_open_at
        if self._driver is None and not may_open:
            raise SensorError(f"{self._last_fault} (opened again in {(self._may_open_at - now) / 1000:g} s)")
        reopen = may_open and (self._driver is None or self._failures >= REOPEN_AFTER)
        if reopen:
            self._failures = 0
            self._may_open_at = now + self._reopen_ms
            self._reopen_ms = min(REOPEN_MOST_MS, 2 * self._reopen_ms)
        try:
            measured = await self._ask(now, reopen=reopen)
        except SensorError as error:
            self._failures += 1
            self._last_fault = str(error)
            raise
        self._failures = self._may_open_at = 0
        self._reopen_ms = REOPEN_FIRST_MS
        return Reading(now, measured.values, faults=measured.faults)

    def close(self) -> None:
        """Give back what the driver holds. A driver that hangs does so when it comes back, if ever."""
        self._worker.end(self._close_driver, CLOSE_WAIT_S)

    async def _ask(self, now: int, *, reopen: bool) -> _Measured:
        self._asked_at = now
        job = self._worker.start(lambda: self._measure(reopen=reopen))
        timer = asyncio.ensure_future(self._host.clock.sleep(self._settings.timeout_s))
        either: list[asyncio.Future[Any]] = [job, timer]
        try:
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        finally:
            timer.cancel()
            if not job.done():
                job.cancel()
        if job.cancelled():
            raise SensorError(f"hung: no answer within {self._settings.timeout_s:g} s")
        try:
            measured = job.result()
        except SensorError:
            raise
        except GpioError as error:
            raise SensorError(str(error)) from error
        except Exception as error:
            raise SensorError(f"{type(error).__name__}: {error}") from error
        if measured.faults and not measured.values:
            raise SensorError("; ".join(f"{metric}: {fault}" for metric, fault in measured.faults.items()))
        return measured

    def _measure(self, *, reopen: bool) -> _Measured:
        """On the worker's thread."""
        if reopen:
            with suppress(Exception):  # it is given up because it does not work
                self._close_driver()
        if self._driver is None:
            self._driver = self._settings.open(self._host)
        sample = self._driver.measure()
        values: dict[str, Value] = {}
        faults: dict[str, str] = {}
        for output in self._settings.outputs:
            try:
                if (value := output.value(sample)) is not None:
                    values[output.metric] = value
            except (ValueError, SensorError) as error:
                faults[output.metric] = str(error)
            except Exception as error:  # noqa: BLE001 - a reading that fails does not take the others along
                faults[output.metric] = f"{type(error).__name__}: {error}"
        return _Measured(values, faults)

    def _close_driver(self) -> None:
        driver, self._driver = self._driver, None
        if driver is not None:
            driver.close()
