"""How the agent is doing, in one place that every part writes to and status displays read."""

from dataclasses import dataclass


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
    """Readings given up because the queue could not be written for too long."""
    last_error: str | None = None


@dataclass(frozen=True)
class AgentStatus:
    """A snapshot of one agent."""

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
    last_error: str | None
