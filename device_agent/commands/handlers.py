"""What a command can be: each name of a command has a handler."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from device_agent.actuators.controller import Actuators
from device_agent.commands.log import Answer

Progress = Callable[[Mapping[str, Any]], None]
"""Told how far a command is, in the form of a result; it may be called as often as one likes."""


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

    def __init__(self, actuators: Actuators, name: str) -> None:
        self._actuators = actuators
        self._name = name
        self._settings = actuators.settings[name]

    def complaint(self, parameters: Mapping[str, Any]) -> str | None:
        return self._settings.complaint(parameters)

    def is_harmless(self, parameters: Mapping[str, Any]) -> bool:
        return self._settings.is_safe(parameters)

    async def run(self, command_id: str, parameters: Mapping[str, Any], progress: Progress) -> Answer:
        if not self.is_harmless(parameters):
            await self._actuators.until_ready()
        outcome = await self._actuators.submit(
            self._name,
            parameters,
            source=f"command:{command_id}",
            progress=lambda part: progress({"progress": round(part, 2)}),
        )
        return Answer(outcome.status, outcome.reason, None if outcome.truth is None else dict(outcome.truth))
