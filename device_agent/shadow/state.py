"""The shadow `state`: what each actuator should do, and what each does.

A wish is acted upon once. Which ones were is durable before anything moves, so that a device that starts again, with
its actuators in their safe state, does not start its machines again by itself (docs/actuators.md).
"""

import logging
from collections.abc import Callable, Mapping
from random import Random
from typing import TYPE_CHECKING, Any, Final

from device_agent.actuators.controller import Actuators
from device_agent.actuators.settings import ActuatorSettings
from device_agent.clock import Clock
from device_agent.errors import QueueError
from device_agent.shadow.named import NamedShadow
from device_agent.shadow.wishes import Wish, Wishes
from device_agent.storage import Storage

if TYPE_CHECKING:
    from asyncio import Future

    from device_agent.actuators import Outcome
    from device_agent.link import Link

NAME: Final = "state"
NOT_RESUMED: Final = "not taken up again after a restart; desire it anew, or set `resume` for this actuator"


class StateShadow:
    """Made before the link runs; `run` works until it is cancelled."""

    def __init__(
        self,
        link: "Link",
        thing: str,
        *,
        actuators: Actuators,
        storage: Storage,
        clock: Clock,
        random: Random,
        log: logging.LoggerAdapter[logging.Logger],
    ) -> None:
        self._actuators = actuators
        self._wishes = Wishes(actuators.settings, storage, log)
        self._log = log
        self._desired: Mapping[str, Any] = {}
        self._rejected: dict[str, str] = {}
        self._shadow = NamedShadow(link, thing, NAME, self._on_desired, clock, random, log)
        actuators.on_change(self._report)

    async def run(self, beat: Callable[[], None]) -> None:
        """Apply what is desired and report what is true, for ever."""
        self._report()
        await self._shadow.run(beat)

    def contents(self) -> dict[str, Any]:
        """As `NamedShadow.contents` has it."""
        return self._shadow.contents()

    @property
    def malformed(self) -> int:
        """Messages about the shadow that could not be read."""
        return self._shadow.malformed

    async def _on_desired(self, values: Mapping[str, Any], version: int) -> None:
        await self._actuators.until_ready()
        self._desired = values
        self._rejected = {name: reason for name, reason in self._rejected.items() if name in values}
        stamps = self._shadow.stamps
        for name in sorted(values):
            await self._consider(name, values[name], stamps.get(name), version)
        self._report()

    async def _consider(self, name: str, parameters: Any, stamp: int | None, version: int) -> None:
        """Act upon one actuator's wish unless that was done."""
        if (settings := self._actuators.settings.get(name)) is None:
            self._reject(
                name, f"no actuator of this device; there are: {', '.join(self._actuators.settings) or 'none'}"
            )
            return
        if (complaint := settings.complaint(parameters)) is not None:
            self._reject(name, complaint)
            return
        wish = await self._wishes.judge(name, parameters, stamp)
        if wish is Wish.DONE:
            return
        if wish is Wish.OLD and not _may_resume(settings, parameters):
            self._reject(name, NOT_RESUMED)
            return
        try:
            if wish is Wish.NEW:
                await self._wishes.remember(name, parameters, stamp)
        except QueueError as error:
            if not settings.is_safe(parameters):
                self._reject(name, f"it cannot be remembered, so it is not done: {error}")
                return
        self._rejected.pop(name, None)
        self._submit(name, parameters, version)

    def _submit(self, name: str, parameters: Mapping[str, Any], version: int) -> None:
        """What takes time is not waited for: a newer wish may end it."""

        def ended(done: "Future[Outcome]") -> None:
            if not done.cancelled() and (outcome := done.result()).status != "SUCCEEDED":
                self._reject(name, outcome.reason or outcome.status)
                self._report()

        self._actuators.submit(name, parameters, source=f"shadow:{version}").add_done_callback(ended)

    def _reject(self, name: str, reason: str) -> None:
        self._log.warning("desired state of %s rejected: %s", name, reason)
        self._rejected[name] = reason

    def _report(self) -> None:
        """What is true, and why something is not as desired; that it has come true by other ways ends a rejection."""
        truth = self._actuators.report()
        rejected = {name: reason for name, reason in self._rejected.items() if not self._has_come_true(name, truth)}
        self._shadow.report(truth, {**self._actuators.faults(), **rejected})

    def _has_come_true(self, name: str, truth: Mapping[str, Mapping[str, Any]]) -> bool:
        desired = self._desired.get(name)
        return isinstance(desired, dict) and name in truth and {**truth[name], **desired} == truth[name]


def _may_resume(settings: ActuatorSettings, parameters: Mapping[str, Any]) -> bool:
    """Whether it may be done again after a restart: being safe always, what was for a time never."""
    return settings.is_safe(parameters) or (settings.resume and "for_s" not in parameters)
