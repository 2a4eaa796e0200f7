"""Reads one sensor at its interval."""

import logging

from device_agent.clock import Clock
from device_agent.errors import SensorError
from device_agent.health import Health
from device_agent.recorder import Recorder
from device_agent.sensors import Sensor


async def sample(
    name: str,
    sensor: Sensor,
    recorder: Recorder,
    *,
    clock: Clock,
    health: Health,
    log: logging.LoggerAdapter[logging.Logger],
) -> None:
    """Read until the sensor has no more. A failed reading is counted and does not change when the next is due."""
    due = clock.monotonic()
    while True:
        try:
            reading = await sensor.read(clock.wall_ms())
        except SensorError as error:
            health.unusable += 1
            health.last_error = f"{name}: {error}"
            log.warning("%s: %s", name, error)
        else:
            if reading is None:
                log.info("%s has no more readings", name)
                return
            recorder.add(name, reading)
        # After a delay the rhythm starts anew: missed readings are not made up for in a burst.
        due = max(due + sensor.interval_s, clock.monotonic())
        await clock.sleep(due - clock.monotonic())
