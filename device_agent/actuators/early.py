"""Requests that come before the actuators are ready, as a rule's do whose condition holds when the agent starts."""

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from device_agent.actuators.controller import Actuators


class EarlyRequests:
    """Passes requests on to the actuators: at once if they are ready or it makes safe, else as soon as they are.

    Of several for one actuator the last one counts. If they do not get ready, the request is refused and told.
    """

    def __init__(self, actuators: "Actuators") -> None:
        self._actuators = actuators
        self._waiting: dict[str, tuple[Mapping[str, Any], str]] = {}
        self._passing: asyncio.Task[None] | None = None

    def act(self, name: str, parameters: Mapping[str, Any], source: str) -> None:
        """As `Actuators.act`."""
        settings = self._actuators.settings.get(name)
        if self._actuators.ready.is_set() or settings is None or settings.is_safe(parameters):
            self._waiting.pop(name, None)
            self._actuators.act(name, parameters, source)
            return
        self._waiting[name] = (parameters, source)
        if self._passing is None:
            self._passing = asyncio.get_running_loop().create_task(self._pass_on())

    async def _pass_on(self) -> None:
        await self._actuators.until_ready()
        self._passing = None
        waiting, self._waiting = self._waiting, {}
        for name, (parameters, source) in waiting.items():
            self._actuators.act(name, parameters, source)
