"""The rules of a device at work."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

from contract.models import Severity
from device_agent.rules.settings import RulesSettings
from device_agent.sensors import Reading

Act: TypeAlias = Callable[[str, dict[str, Any], str], None]
"""`act(actuator, parameters, source)`: starts a command and does not wait for it."""
Event: TypeAlias = Callable[[str, dict[str, Any], int], None]
"""`event(kind, data, at)`: `at` is boot time in ms."""


@dataclass(frozen=True)
class RuleStatus:
    """How a rule stands; `since` is the boot time (ms) at which it fired, None while it has not."""

    name: str
    severity: Severity
    since: int | None


class Rules:
    """All rules. They know nothing until readings come: what a metric is after a restart is unknown."""

    def __init__(
        self,
        settings: RulesSettings,
        *,
        now: int,
        act: Act,
        event: Event,
        log: logging.Logger | logging.LoggerAdapter[logging.Logger],
        previous: "Rules | None" = None,
    ) -> None:
        """`now` is boot time in ms. A rule that `previous` has with the same settings goes on where it is."""
        self._settings = settings
        self._previous = previous
        self._act = act
        self._event = event
        self._log = log
        self._now = now

    def observe(self, reading: Reading) -> None:
        """Take what came out of the pipeline. Never raises: an action that does is logged."""

    def tick(self, now: int) -> None:
        """Do what is due by boot time `now` (ms): durations, and data that did not come."""

    def next_due(self) -> int | None:
        """When to tick next, in boot time; None if only a reading can change something."""
        return None

    def status(self) -> tuple[RuleStatus, ...]:
        return ()
