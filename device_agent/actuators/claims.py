"""Takes the lines of every actuator, and tries again where they were taken by somebody else."""

import logging
from collections.abc import Callable, Collection
from contextlib import suppress
from typing import Any, Final

from device_agent.actuators.actuator import Actuator
from device_agent.errors import ActuatorError, GpioError

AGAIN_MS: Final = 1000

Event = Callable[[str, dict[str, Any]], None]


class Claims:
    """`factory` gives gpiozero's pin factory or raises GpioError. A failure is an event once, until it is another."""

    def __init__(
        self,
        actuators: Collection[Actuator],
        factory: Callable[[], Any],
        log: logging.LoggerAdapter[logging.Logger],
        event: Event,
    ) -> None:
        self._actuators = actuators
        self._factory = factory
        self._log = log
        self._event = event
        self._next = 0

    def load(self) -> None:
        """Make the factory, which takes a second on a small device; may be called on a thread."""
        with suppress(GpioError):  # the first attempt raises it again
            self._factory()

    def attempt(self, now: int) -> None:
        """Claim what is not claimed, at its safe level; not more often than every AGAIN_MS."""
        missing = [actuator for actuator in self._actuators if not actuator.is_claimed]
        if not missing or now < self._next:
            return
        self._next = now + AGAIN_MS
        for actuator in missing:
            try:
                actuator.claim(self._factory(), now)
            except (ActuatorError, GpioError) as error:
                if str(error) != actuator.fault:
                    self._log.error("%s cannot be driven: %s", actuator.name, error)
                    self._event("actuator_failed", {"actuator": actuator.name, "reason": str(error)})
                actuator.fault = str(error)
