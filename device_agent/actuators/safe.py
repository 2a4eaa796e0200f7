"""Brings actuators to their safe state without the agent: what the guardian and `actuator safe` do.

The guardian loads this module: it imports little.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from device_agent.actuators.lines import Line, Lines, Step
from device_agent.errors import ActuatorError

RETRY_S: Final = 0.02
"""The lines of a process that was killed are free once the kernel has taken it down, which takes milliseconds."""


@dataclass(frozen=True)
class SafePlan:
    """How one actuator gets to its safe state."""

    name: str
    lines: tuple[Line, ...]
    steps: tuple[Step, ...]

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "SafePlan":
        """The inverse of `to_json`, also after JSON has made texts of the pins."""
        return cls(
            name=value["name"],
            lines=tuple(Line(**line) for line in value["lines"]),
            steps=tuple(
                Step({int(pin): level for pin, level in step["levels"].items()}, step["hold_s"])
                for step in value["steps"]
            ),
        )


def drive(
    plans: Sequence[SafePlan],
    factory: Any,
    *,
    give_up_s: float,
    monotonic: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> dict[str, str]:
    """Take every actuator to its safe state at once, and hold its lines; those that take time are waited for.

    A line that is taken is tried for `give_up_s`. Returns why, by name, for each that is not in its safe state.
    """
    movements = [_Movement(plan, factory) for plan in plans]
    give_up = monotonic() + give_up_s
    while waiting := [movement for movement in movements if not movement.done]:
        for movement in waiting:
            movement.go_on(monotonic(), give_up)
        if not all(movement.done for movement in waiting):
            sleep(RETRY_S)
    return {movement.plan.name: movement.problem for movement in movements if movement.problem is not None}


class _Movement:
    def __init__(self, plan: SafePlan, factory: Any) -> None:
        self.plan = plan
        self.done = False
        self.problem: str | None = None
        self._factory = factory
        self._lines: Lines | None = None
        self._left = list(plan.steps)
        self._due = 0.0

    def go_on(self, now: float, give_up: float) -> None:
        if self._lines is not None and now < self._due:
            return
        try:
            if self._lines is None:
                self._lines = Lines(self.plan.lines, self._left[0].levels, self._factory)
            self._lines.write(self._left[0].levels)
        except ActuatorError as error:
            self.problem = str(error)
            self.done = now >= give_up
            return
        self.problem = None
        self._due = now + self._left.pop(0).hold_s
        self.done = not self._left
