"""The durable queue: a preallocated ring of segments (docs/adr/0011-a-ring-of-segments.md)."""

from device_agent.queue.messages import Priority, PriorityStats, QueuedMessage, QueueStats
from device_agent.queue.ring import RingQueue, read_stats

__all__ = ["Priority", "PriorityStats", "QueueStats", "QueuedMessage", "RingQueue", "read_stats"]
