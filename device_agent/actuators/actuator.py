"""One actuator: its lines, where it is, and where it was told to go. What it may do is the controller's business."""

from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from device_agent.actuators import Outcome
from device_agent.actuators.kinds import Parameters
from device_agent.actuators.lines import Lines, Step
from device_agent.actuators.settings import ActuatorSettings
from device_agent.errors import ActuatorError

if TYPE_CHECKING:
    import asyncio

Progress = Callable[[float], None]
"""Told how much of a movement is done, 0 to 1."""


class Actuator:
    """Times are boot time in ms. Whatever touches the pins raises ActuatorError."""

    def __init__(self, settings: ActuatorSettings) -> None:
        self.settings = settings
        self.target: Parameters = settings.safe
        """Where it is, or is on its way to."""
        self.base: Parameters = settings.safe
        """Where it goes back to when `for_s` has passed."""
        self.revert_at: int | None = None
        self.on_since: int | None = None
        self.changed_at = 0
        """When it was last switched between on and off."""
        self.source = "start"
        """Who sent it there."""
        self.fault: str | None = "it was not claimed yet"
        """Why it cannot be driven now."""
        self.waiting: list[tuple[asyncio.Future[Outcome], Progress | None]] = []
        self._lines: Lines | None = None
        self._reached: Parameters | None = None
        self._steps: list[Step] = []
        self._began = 0
        self.due: int | None = None
        """When the next step of its movement is due; None when it stands."""

    @property
    def name(self) -> str:
        return self.settings.name

    @property
    def is_claimed(self) -> bool:
        return self._lines is not None

    @property
    def is_moving(self) -> bool:
        return self.due is not None and self.fault is None

    @property
    def is_on(self) -> bool:
        """Whether it is on, is on its way there, or may be on for all that is known."""
        kind = self.settings.kind
        return kind.is_on(self.target) or kind.is_on(self.truth())

    @property
    def max_on_at(self) -> int | None:
        """When it has been on for as long as it may."""
        longest = self.settings.limits.max_on_s
        return None if longest is None or self.on_since is None else self.on_since + round(longest * 1000)

    @property
    def next_at(self) -> int | None:
        """When something is due by itself; None while it cannot be driven."""
        if self.fault is not None:
            return None
        return min((at for at in (self.due, self.max_on_at, self.revert_at) if at is not None), default=None)

    def plan_return(self, target: Parameters, for_s: float | None, now: int) -> None:
        """Before it goes to `target`: with `for_s`, it is to go back after that.

        Back is where it was before the first of the timed requests, or its safe state if that is where it goes now.
        """
        if for_s is None:
            self.base, self.revert_at = target, None
            return
        if self.revert_at is None:
            self.base = self.target
        if dict(self.base) == dict(target):
            self.base = self.settings.safe
        self.revert_at = now + round(for_s * 1000)

    def claim(self, factory: Any, now: int) -> None:
        """Take the lines, and go to the safe state."""
        first = self.settings.kind.plan(self.settings.safe)[0]
        self._lines = Lines(self.settings.kind.lines, first.levels, factory)
        self.changed_at = now
        self.move(self.settings.safe, now, "start")

    def move(self, target: Parameters, now: int, source: str) -> None:
        """Begin to go there; `due` says whether that takes time."""
        kind = self.settings.kind
        if kind.is_on(target) != kind.is_on(self.target):
            self.changed_at = now
        if not kind.is_on(target):
            self.on_since = None
        elif self.on_since is None:
            self.on_since = now
        self.target, self.source = target, source
        self._steps = list(kind.plan(target))
        self._began, self._reached, self.due = now, None, now
        self.advance(now)

    def advance(self, now: int) -> None:
        """Take the steps that are due."""
        if self._lines is None:
            raise ActuatorError(self.fault or "it was not claimed")
        while self.due is not None and now >= self.due:
            step = self._steps[0]
            self._lines.write(step.levels)
            self._steps.pop(0)
            self.due = now + round(step.hold_s * 1000) if self._steps else None
        if self.due is None:
            self._reached = self.target
        self.fault = None

    def progress(self, now: int) -> float:
        """How much of the movement is done, 0 to 1."""
        if self.due is None or self.due <= self._began:
            return 1.0
        return min(1.0, (now - self._began) / (self.due - self._began))

    def verify(self) -> None:
        """Write what stands, and read it back."""
        if self._lines is None:
            raise ActuatorError(self.fault or "it was not claimed")
        self._lines.write(self.settings.kind.plan(self.target)[-1].levels)

    def truth(self) -> dict[str, Any]:
        """What is true at the pins, in the words of the parameters; None where nobody knows."""
        kind = self.settings.kind
        if self._lines is not None:
            with suppress(ActuatorError):
                return kind.truth(self._lines.read(), self._reached)
        return dict.fromkeys(kind.schema["required"])

    def settle(self, outcome: Outcome) -> None:
        """Tell everybody who waits for the movement."""
        for future, _ in self.waiting:
            if not future.done():
                future.set_result(outcome)
        self.waiting.clear()

    def close(self) -> None:
        if self._lines is not None:
            self._lines.close()
            self._lines = None
