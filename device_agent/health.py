"""How the agent is doing, in one place that every part writes to and status displays read."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from device_agent.sampler import SamplerStatus


@dataclass
class Health:
    """Counters since the start of the process, and what is true now. Changed only on the event loop."""

    connected: bool = False
    endpoint: str | None = None
    recorded: int = 0
    """Readings that are in the queue or were."""
    sent: int = 0
    """Messages that the broker acknowledged."""
    refused: int = 0
    """Publishes that the broker refused; their messages are kept."""
    unusable: int = 0
    """Values and readings that no message can carry, left out."""
    lost: int = 0
    """Readings, events and answers given up because the queue could not be written for too long."""
    unreadable: int = 0
    """Messages in the queue that could not be read, given up."""
    last_error: str | None = None
    storage_degraded: str | None = None
    """Why queue and state are in memory alone; None where they are on the disk."""


@dataclass(frozen=True)
class QueueStatus:
    """One priority of the queue: what waits in it, and how many messages it has dropped since it was made."""

    messages: int
    bytes: int
    dropped: int


@dataclass(frozen=True)
class ClockStatus:
    """`now` is the best estimate of UTC in ms; right, but for drift, if `synced`."""

    synced: bool
    now: int


@dataclass(frozen=True)
class BudgetStatus:
    """What a metered link has carried, in bytes; a limit that is None is none. `used_up`: only alarms go on."""

    used_up: bool
    day_used: int
    day_limit: int | None
    month_used: int
    month_limit: int | None


@dataclass(frozen=True)
class AgentStatus:
    """A snapshot of one agent. `queued` and `dropped` are messages of all priorities, `queue` has each by name."""

    thing: str
    connected: bool
    endpoint: str | None
    recorded: int
    sent: int
    queued: int
    dropped: int
    refused: int
    unusable: int
    lost: int
    unreadable: int
    last_error: str | None
    sensors: Mapping[str, SamplerStatus]
    clock: ClockStatus
    queue: Mapping[str, QueueStatus]
    budget: BudgetStatus | None
    """None where the link is not metered."""
    storage: str
    """Where queue and state are: `disk`, or `memory: ` and why."""


def snapshot(
    thing: str,
    health: Health,
    *,
    clock: ClockStatus,
    queue: Mapping[str, QueueStatus],
    sensors: Mapping[str, SamplerStatus],
    budget: BudgetStatus | None,
) -> AgentStatus:
    """What `health` and `sensors` say now; it does not change when they go on."""
    return AgentStatus(
        thing=thing,
        connected=health.connected,
        endpoint=health.endpoint,
        recorded=health.recorded,
        sent=health.sent,
        queued=sum(one.messages for one in queue.values()),
        dropped=sum(one.dropped for one in queue.values()),
        refused=health.refused,
        unusable=health.unusable,
        lost=health.lost,
        unreadable=health.unreadable,
        last_error=health.last_error,
        sensors={name: replace(sensor) for name, sensor in sensors.items()},
        clock=clock,
        queue=dict(queue),
        budget=budget,
        storage="disk" if health.storage_degraded is None else f"memory: {health.storage_degraded}",
    )
