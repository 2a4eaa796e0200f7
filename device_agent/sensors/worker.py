"""A thread that does one blocking job at a time, and can be left alone if the job never comes back."""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from typing import Any, TypeVar

T = TypeVar("T")


class Worker:
    """One daemon thread, started by the first job: it holds up neither the event loop nor the end of the process."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._jobs: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._idle = threading.Event()
        self._idle.set()

    @property
    def busy(self) -> bool:
        """Whether the last job has not come back yet."""
        return not self._idle.is_set()

    def start(self, job: Callable[[], T]) -> asyncio.Future[T]:
        """Begin a job; the future tells its result or what it raised. If it is cancelled, the job goes on unheard.

        Call it only when not `busy`: jobs would queue behind one that hangs.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()

        def run() -> None:
            try:
                result = job()
            except BaseException as error:  # noqa: BLE001 - whoever awaits it gets it
                outcome: tuple[Callable[[Any], None], Any] = (future.set_exception, _carried(error))
            else:
                outcome = (future.set_result, result)
            self._idle.set()
            with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                loop.call_soon_threadsafe(_settle, future, *outcome)

        self._idle.clear()
        self._jobs.put(run)
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name=self._name, daemon=True)
            self._thread.start()
        return future

    def end(self, last: Callable[[], None], wait_s: float) -> bool:
        """Do `last` after the job under way and end the thread; whether that is over within `wait_s`.

        Blocks for at most `wait_s`, and not at all if a job is under way: it may never come back.
        """
        if self._thread is None:
            return True
        waits = not self.busy
        self._jobs.put(last)
        self._jobs.put(None)
        if waits:
            self._thread.join(wait_s)
        return not self._thread.is_alive()

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            with suppress(Exception):  # `last` has nobody to tell
                job()


def _carried(error: BaseException) -> Exception:
    """What a future can carry. SystemExit and its like end neither the thread nor the agent."""
    if isinstance(error, Exception) and not isinstance(error, StopIteration):
        return error
    return RuntimeError(f"{type(error).__name__}: {error}")


def _settle(future: asyncio.Future[Any], settle: Callable[[Any], None], outcome: Any) -> None:
    if not future.done():
        settle(outcome)
