"""A Storage in memory, for tests that start and crash it thousands of times. tests/device_agent/test_storage_port.py
holds it against the real one.
"""

import asyncio
import json
from dataclasses import dataclass, field

from device_agent.errors import QueueError
from device_agent.queue import Priority, PriorityStats, QueuedMessage, QueueStats


@dataclass
class Disk:
    """What outlives a crash."""

    messages: dict[int, QueuedMessage] = field(default_factory=dict)
    last_id: int = 0
    positions: dict[str, str] = field(default_factory=dict)
    state: dict[str, str] = field(default_factory=dict)
    dropped: dict[Priority, int] = field(default_factory=lambda: dict.fromkeys(Priority, 0))


class MemoryStorage:
    """Acknowledgements reach the disk at the next append or at `close`, as they may with the real one."""

    def __init__(self, disk=None, *, max_messages=10**9):
        self.disk = disk or Disk()
        self.max_messages = max_messages
        self.changed = asyncio.Event()
        self.broken = False
        self.appends = 0
        self.state_writes = 0
        self._gone = set()
        self._opened = False

    async def open(self):
        self._opened = True

    async def close(self):
        if self._opened:
            self._make_acknowledgements_durable()
            self._opened = False

    async def append(self, messages, positions=None):
        self._check()
        for name, position in (positions or {}).items():
            if not isinstance(position, str):
                raise QueueError(f"position of {name}: expected a text, got {position!r}")
        self._make_acknowledgements_durable()
        self.appends += 1
        for priority, payload in messages:
            self.disk.last_id += 1
            self.disk.messages[self.disk.last_id] = QueuedMessage(self.disk.last_id, priority, bytes(payload))
        self.disk.positions.update(positions or {})
        while len(self.disk.messages) > self.max_messages:
            victim = max(self.disk.messages.values(), key=lambda message: (message.priority, -message.id))
            del self.disk.messages[victim.id]
            self.disk.dropped[victim.priority] += 1
        self.changed.set()

    async def peek(self, priority, after, limit):
        self._check(reading=True)
        return [message for message in self._waiting(priority) if message.id > after][:limit]

    async def newest(self, priority, limit):
        self._check(reading=True)
        return self._waiting(priority)[-limit:]

    async def acknowledge(self, ids):
        self._check(reading=True)
        self._gone |= set(ids) & set(self.disk.messages)

    async def position(self, sensor):
        self._check(reading=True)
        return self.disk.positions.get(sensor)

    async def stats(self):
        self._check(reading=True)
        figures = {}
        for priority in Priority:
            waiting = self._waiting(priority)
            figures[priority] = PriorityStats(
                messages=len(waiting),
                bytes=sum(len(message.payload) for message in waiting),
                dropped=self.disk.dropped[priority],
                oldest_id=waiting[0].id if waiting else None,
            )
        return QueueStats(figures, capacity=2**40)

    async def read_state(self, section):
        self._check(reading=True)
        text = self.disk.state.get(section)
        return None if text is None else json.loads(text)

    async def write_state(self, section, value):
        self._check()
        self.state_writes += 1
        self.disk.state[section] = json.dumps(value)

    def _waiting(self, priority):
        waiting = (message for message in self.disk.messages.values() if message.priority == priority)
        return [message for message in waiting if message.id not in self._gone]

    def _make_acknowledgements_durable(self):
        for identifier in self._gone:
            self.disk.messages.pop(identifier, None)
        self._gone.clear()

    def _check(self, *, reading=False):
        if not self._opened:
            raise QueueError("the storage is not open")
        if self.broken and not reading:
            raise QueueError("the disk is full")
