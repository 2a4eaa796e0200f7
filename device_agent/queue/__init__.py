"""The durable queue: a preallocated ring of segments (docs/adr/0011-a-ring-of-segments.md)."""

from device_agent.queue.messages import Priority, PriorityStats, QueuedMessage, QueueStats

__all__ = ["Priority", "PriorityStats", "QueueStats", "QueuedMessage"]
