"""Virtual time, and turns: whatever happens is an event, and of all that runs, one thing moves at a time.

An invocation is a thread that holds the baton until it waits; then the next event has its turn. Which that is follows
from times alone, so the same times give the same run, whatever the machine does meanwhile.
"""

import heapq
import threading
from collections.abc import Callable
from itertools import count

Action = Callable[[], None]


class Crash(BaseException):
    """The process ended: nothing catches it, and nothing that it would do afterwards is done."""


class _Worker(threading.Thread):
    """Kept from run to run: to start a thread costs more than most of what it would do."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.go = threading.Lock()
        self.go.acquire()
        self.job: Action = lambda: None
        self.start()

    def run(self) -> None:
        while True:
            self.go.acquire()
            self.job()


_idle: list[_Worker] = []


class Task:
    """One invocation. `dead`: its process has crashed, so whatever it still calls, it never gets there."""

    def __init__(self, worker: _Worker) -> None:
        self.worker = worker
        self.dead = False


class Kernel:
    def __init__(self, now: float) -> None:
        self.now = now
        self.current: Task | None = None
        self.closing = False
        self._events: list[tuple[float, int, Action]] = []
        self._order = count()
        self._main = threading.Lock()
        self._main.acquire()
        self._tasks: set[Task] = set()
        self._until = now
        self._raised: BaseException | None = None

    def at(self, time: float, action: Action) -> None:
        heapq.heappush(self._events, (max(time, self.now), next(self._order), action))

    def after(self, ms: float, action: Action) -> None:
        self.at(self.now + ms, action)

    def start(self, job: Callable[[Task], None]) -> None:
        """From an event: runs `job` until it first waits. What it raises ends the run."""
        worker = _idle.pop() if _idle else _Worker()
        task = Task(worker)
        self._tasks.add(task)

        def work() -> None:
            try:
                job(task)
            except BaseException as exc:  # noqa: BLE001 - raised again by whoever runs the events
                self._raised = self._raised or exc
            self._tasks.discard(task)
            _idle.append(worker)
            self._main.release()

        worker.job = work
        self._turn(task)

    def pause(self, ms: float) -> None:
        """From a task: others may run until then."""
        task = self.current
        assert task is not None, "only a task may wait"
        if task.dead:
            raise Crash
        then = self.now + ms
        if then <= self._until and (not self._events or self._events[0][0] > then):
            self.now = then
            return
        self.at(then, lambda: self._turn(task))
        self._main.release()
        task.worker.go.acquire()
        if task.dead:
            raise Crash

    def run(self, until: float) -> None:
        self._until = until
        while self._events and self._events[0][0] <= until:
            self.now, _, action = heapq.heappop(self._events)
            action()
            if self._raised is not None:
                raise self._raised
        self.now = max(self.now, until)

    def close(self) -> None:
        """Ends what still runs, so that its threads can be used again."""
        self.closing = True
        for task in list(self._tasks):
            task.dead = True
            self._turn(task)

    def _turn(self, task: Task) -> None:
        self.current = task
        task.worker.go.release()
        self._main.acquire()
        self.current = None
