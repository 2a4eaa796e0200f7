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
) -> "Driven":
    """Take every actuator to its safe state at once; those that take time are waited for.

    A line that is taken is tried for `give_up_s`. The lines are held for as long as what is returned.
    """
    movements = [_Movement(plan, factory) for plan in plans]
    give_up = monotonic() + give_up_s
    while waiting := [movement for movement in movements if not movement.done]:
        for movement in waiting:
            movement.go_on(monotonic(), give_up)
        if not all(movement.done for movement in waiting):
            sleep(RETRY_S)
    return Driven(
        {movement.plan.name: movement.problem for movement in movements if movement.problem is not None},
        [movement.lines for movement in movements if movement.lines is not None],
    )


@dataclass
class Driven:
    """Why, by name, for each actuator that is not in its safe state; and the lines of the others, still driven."""

    problems: dict[str, str]
    lines: list[Lines]


class _Movement:
    def __init__(self, plan: SafePlan, factory: Any) -> None:
        self.plan = plan
        self.done = False
        self.problem: str | None = None
        self._factory = factory
        self.lines: Lines | None = None
        self._left = list(plan.steps)
        self._due = 0.0

    def go_on(self, now: float, give_up: float) -> None:
        if self.lines is not None and now < self._due:
            return
        try:
            if self.lines is None:
                self.lines = Lines(self.plan.lines, self._left[0].levels, self._factory)
            self.lines.write(self._left[0].levels)
        except ActuatorError as error:
            self.problem = str(error)
            self.done = now >= give_up
            return
        self.problem = None
        self._due = now + self._left.pop(0).hold_s
        self.done = not self._left
