"""`run.json`: what an instance is doing, for every other process that asks."""

import os
import time
from dataclasses import dataclass, field
from typing import Any

from local.instance import Instance
from local.processes import Identity

STARTING, READY, STOPPING, STOPPED, FAILED = "starting", "ready", "stopping", "stopped", "failed"
_NAME = "run.json"


@dataclass
class RunRecord:
    """Written by the supervisor at each change; read by status, logs and the next start."""

    instance: Instance
    phase: str = STARTING
    steps: list[str] = field(default_factory=list)
    error: str | None = None
    children: dict[str, Identity] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)
    started: float = field(default_factory=time.time)
    notes: list[str] = field(default_factory=list)

    def step(self, text: str) -> None:
        self.steps.append(text)
        self.save()

    def note(self, text: str) -> None:
        self.notes.append(text)
        self.save()

    def turn(self, phase: str, error: str | None = None) -> None:
        self.phase = phase
        self.error = error
        self.save()

    def child(self, name: str, pid: int) -> None:
        self.children[name] = Identity.of(pid)
        self.save()

    def save(self) -> None:
        self.instance.write(
            _NAME,
            {
                "phase": self.phase,
                "error": self.error,
                "steps": self.steps,
                "notes": self.notes[-20:],
                "supervisor": Identity.of(os.getpid()).encode(),
                "children": {name: identity.encode() for name, identity in self.children.items()},
                "options": self.options,
                "started": self.started,
            },
        )


def read(instance: Instance) -> dict[str, Any]:
    """The last run's record, or an empty one."""
    return instance.read(_NAME)


def recorded_processes(instance: Instance) -> list[Identity]:
    """Every process that the last run noted; most are long gone."""
    record = read(instance)
    noted = [record.get("supervisor"), *record.get("children", {}).values()]
    return [Identity.decode(value) for value in noted if value]
