"""The durable queue from the event loop: each call runs on one thread of its own, in the order of the calls."""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from device_agent.errors import QueueError
from device_agent.queue import DurableQueue, QueuedMessage, QueueStats

T = TypeVar("T")


class QueueThread:
    """An asynchronous face of a DurableQueue. `changed` is set after every append."""

    def __init__(self, open_queue: Callable[[], DurableQueue]) -> None:
        self._open_queue = open_queue
        self._executor = ThreadPoolExecutor(1, "queue")
        self._queue: DurableQueue | None = None
        self.changed = asyncio.Event()

    async def open(self) -> None:
        """Raises QueueError, after which this is of no more use."""
        try:
            self._queue = await self._run(self._open_queue)
        except QueueError:
            self._executor.shutdown()
            raise

    async def append(self, payloads: Sequence[bytes], cursors: Mapping[str, str]) -> None:
        queue = self._opened()
        await self._run(lambda: queue.append(payloads, cursors))
        self.changed.set()

    async def peek(self, after: int, limit: int) -> list[QueuedMessage]:
        queue = self._opened()
        return await self._run(lambda: queue.peek(after, limit))

    async def delete(self, ids: Iterable[int]) -> None:
        queue = self._opened()
        await self._run(lambda: queue.delete(ids))

    async def cursor(self, sensor: str) -> str | None:
        queue = self._opened()
        return await self._run(lambda: queue.cursor(sensor))

    async def stats(self) -> QueueStats:
        return await self._run(self._opened().stats)

    async def close(self) -> None:
        """Finish the calls under way, then close the queue and its thread."""
        if self._queue is not None:
            await self._run(self._queue.close)
            self._queue = None
        self._executor.shutdown()

    def _opened(self) -> DurableQueue:
        if self._queue is None:
            raise QueueError("the queue is not open")
        return self._queue

    async def _run(self, call: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._executor, call)
