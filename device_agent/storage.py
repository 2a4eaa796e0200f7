"""The disk from the event loop: queue and state file, each call on one thread of its own, in the order of the calls."""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, TypeVar

from device_agent.clock import Clock
from device_agent.errors import QueueError
from device_agent.queue import Priority, QueuedMessage, QueueStats, RingQueue
from device_agent.queue.files import REFUSALS, Files, Lock, PosixFiles
from device_agent.queue.memory_files import MemoryFiles
from device_agent.queue.opening import claim
from device_agent.state_file import SLOT_BYTES, StateFile

T = TypeVar("T")
MEMORY_BYTES: Final = 4 * 2**20
"""What queue and state take of the memory at most, where the disk refuses."""
_MEMORY_QUEUE_BYTES: Final = 3 * 2**20
"""The queue's segments; besides them there are its checkpoint and the state."""


class Storage:
    """An asynchronous face of a RingQueue and a StateFile. `changed` is set after every append.

    A call that is cancelled on the thread ends there all the same; one that still waits for its turn does not begin.
    """

    def __init__(
        self,
        queue: Path,
        state: Path,
        *,
        max_bytes: int,
        clock: Clock,
        log: logging.LoggerAdapter[logging.Logger],
        files: Files | None = None,
    ) -> None:
        """`queue` is a directory, `state` a file; `max_bytes` is the disk space of the queue's segments."""
        self._queue_path = queue
        self._state_path = state
        self._max_bytes = max_bytes
        self._clock = clock
        self._log = log
        self._files = files or PosixFiles()
        self._executor: ThreadPoolExecutor | None = None
        self._opened: tuple[RingQueue, StateFile] | None = None
        self._lock: Lock | None = None
        self.changed = asyncio.Event()
        self.degraded: str | None = None
        """Why queue and state are in memory alone; None where they are on the disk."""

    async def open(self, *, or_in_memory: bool = False) -> None:
        """Open or make both.

        With `or_in_memory`, where the disk refuses, both are in memory until they are closed, MEMORY_BYTES at most, and
        `degraded` says why. The queue on the disk stays as it is, and no other process's; of the state, what can be
        read counts.

        Raises:
            QueueError: they cannot be opened, or another process has the queue; it may be tried again.
        """
        self._executor = ThreadPoolExecutor(1, "storage")
        try:
            self._opened = await self._run(self._open_somewhere if or_in_memory else self._open)
        except BaseException:
            self._executor.shutdown(wait=False)
            raise

    async def close(self) -> None:
        """Finish the calls under way, then close both; nothing happens if they are closed."""
        opened, self._opened = self._opened, None
        if opened is not None and self._executor is not None:
            try:
                await asyncio.shield(self._run(lambda: self._close(*opened)))
            finally:
                self._executor.shutdown(wait=False)

    async def append(
        self, messages: Sequence[tuple[Priority, bytes]], positions: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        """Store messages and sensors' positions, all or nothing; durable once this returns. Raises QueueError."""
        queue, _ = self._parts()
        loop = asyncio.get_running_loop()

        def append() -> None:
            queue.append(messages, positions)
            # Also when nobody waits for this call any more, there is something to send.
            loop.call_soon_threadsafe(self.changed.set)

        await self._run(append)

    async def peek(self, priority: Priority, after: int, limit: int) -> list[QueuedMessage]:
        """The oldest unacknowledged messages with an id above `after`; they stay in the queue."""
        queue, _ = self._parts()
        return await self._run(lambda: queue.peek(priority, after, limit))

    async def newest(self, priority: Priority, limit: int) -> list[QueuedMessage]:
        """The newest unacknowledged messages, the oldest of them first; they stay in the queue."""
        queue, _ = self._parts()
        return await self._run(lambda: queue.newest(priority, limit))

    async def acknowledge(self, ids: Iterable[int]) -> None:
        """Forget messages, in any order; unknown ids are ignored. Not durable at once: a crash may send again."""
        queue, _ = self._parts()
        wanted = tuple(ids)
        await self._run(lambda: queue.acknowledge(wanted))

    async def position(self, sensor: str) -> str | None:
        """The position last stored for a sensor."""
        queue, _ = self._parts()
        return await self._run(lambda: queue.position(sensor))

    async def stats(self) -> QueueStats:
        queue, _ = self._parts()
        return await self._run(queue.stats)

    async def read_state(self, section: str) -> Any | None:
        """The section's JSON value as last written; None if it never was."""
        _, state = self._parts()
        return await self._run(lambda: state.read(section))

    async def write_state(self, section: str, value: Any) -> None:
        """Replace a section; durable once this returns, on a full disk too. Raises QueueError."""
        _, state = self._parts()
        await self._run(lambda: state.write(section, value))

    def _open(self) -> tuple[RingQueue, StateFile]:
        self.degraded = None
        return self._open_in(self._files, self._max_bytes)

    def _open_somewhere(self) -> tuple[RingQueue, StateFile]:
        try:
            return self._open()
        except QueueError as error:
            if not _is_refusal(error):
                raise
            reason = str(error)
        self._lock = self._claimed()
        memory = MemoryFiles(MEMORY_BYTES)
        self._copy_state(memory)
        opened = self._open_in(memory, min(self._max_bytes, _MEMORY_QUEUE_BYTES))
        self._log.error("going on in memory, which the end of the agent empties: %s", reason)
        self.degraded = reason
        return opened

    def _open_in(self, files: Files, max_bytes: int) -> tuple[RingQueue, StateFile]:
        # The state first: on a disk that is nearly full, the queue takes what is left.
        state = StateFile(self._state_path, files=files, log=self._log)
        try:
            queue = RingQueue(self._queue_path, max_bytes=max_bytes, clock=self._clock, log=self._log, files=files)
        except BaseException:
            state.close()
            raise
        return queue, state

    def _claimed(self) -> Lock | None:
        """The lock of the queue on the disk, if that gives as much: there must not be two agents of one thing."""
        try:
            return claim(self._queue_path, self._files, self._log)
        except QueueError as error:
            if not _is_refusal(error):
                raise
            return None

    def _copy_state(self, memory: Files) -> None:
        """Settings from afar stay in force, and commands that were done are not done again."""
        try:
            file = self._files.open_read_only(self._state_path)
            try:
                content = file.pread(2 * SLOT_BYTES, 0)
            finally:
                file.close()
        except OSError as error:
            self._log.error("state file %s cannot be read: %s; going on without", self._state_path, error)
            return
        memory.make_directory(self._state_path.parent)
        memory.open(self._state_path, create=True).pwrite(content, 0)

    def _close(self, queue: RingQueue, state: StateFile) -> None:
        try:
            queue.close()
        finally:
            state.close()
            if self._lock is not None:
                self._lock.close()
                self._lock = None

    def _parts(self) -> tuple[RingQueue, StateFile]:
        if self._opened is None:
            raise QueueError("the storage is not open")
        return self._opened

    async def _run(self, call: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._executor, call)


def _is_refusal(error: QueueError) -> bool:
    return isinstance(error.__cause__, OSError) and error.__cause__.errno in REFUSALS
