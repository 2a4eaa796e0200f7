"""What a command can be: each name of a command has a handler."""

from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

from device_agent.actuators.controller import Actuators
from device_agent.clock import Clock
from device_agent.commands.log import Answer
from device_agent.waiting import first_of

Progress = Callable[[Mapping[str, Any]], None]
"""Told how far a command is, in the form of a result; it may be called as often as one likes."""
READY_S: Final = 10.0
"""How long a command waits for actuators that are not ready yet, just after a start."""


class Handler(Protocol):
    """Does what the commands of one name ask for. New ones are registered with `Commands.register`."""

    def complaint(self, parameters: Mapping[str, Any]) -> str | None:
        """What is wrong with the parameters, before anything is done."""
        ...

    def is_harmless(self, parameters: Mapping[str, Any]) -> bool:
        """Whether doing it is right at any time and any number of times: then it is done on a broken disk too."""
        ...

    async def run(self, command_id: str, parameters: Mapping[str, Any], progress: Progress) -> Answer:
        """Do it. Begins at once: of two commands, the one that came first begins first.

        An exception is answered as FAILED.
        """
        ...


class ActuatorCommand:
    """Sets one actuator."""

    def __init__(self, actuators: Actuators, name: str, clock: Clock) -> None:
        self._actuators = actuators
        self._name = name
        self._settings = actuators.settings[name]
        self._clock = clock

    def complaint(self, parameters: Mapping[str, Any]) -> str | None:
        return self._settings.complaint(parameters)

    def is_harmless(self, parameters: Mapping[str, Any]) -> bool:
        return self._settings.is_safe(parameters)

    async def run(self, command_id: str, parameters: Mapping[str, Any], progress: Progress) -> Answer:
        if not self._actuators.ready.is_set() and not self.is_harmless(parameters):
            await first_of(self._actuators.ready.wait(), self._clock.sleep(READY_S))
        outcome = await self._actuators.command(
            self._name,
            parameters,
            source=f"command:{command_id}",
            progress=lambda part: progress({"progress": round(part, 2)}),
        )
        return Answer(outcome.status, outcome.reason, None if outcome.truth is None else dict(outcome.truth))
