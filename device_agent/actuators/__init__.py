"""What acts on the world: relays, switches, valves and motors at the device's pins.

`controller.Actuators` is the one who moves them; `guardian` is the process that makes them safe if the agent cannot.
This module imports nothing of the project, since the guardian must load little.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a request to an actuator ended. `truth` is what was read back, in the words of its parameters.

    REJECTED: nothing was done. FAILED: it was tried, and `reason` says what went wrong.
    """

    status: Literal["SUCCEEDED", "FAILED", "REJECTED"]
    reason: str | None = None
    truth: Mapping[str, Any] | None = None
