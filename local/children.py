"""The processes of a supervisor: the local AWS, which must live, and the others, which are started again."""

import asyncio
import contextlib
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Mapping

import psutil

from local import emulator, processes
from local.errors import ChildDiedError
from local.instance import Instance
from local.run_record import RunRecord

# Above what it takes to write the state of a long run.
STOP_GRACE_S = 60.0
WATCH_S = 0.25
RESTARTS = 5
"""Of one child in a row: what ends more often without having lived for a while is broken."""
LIVED_S = 300.0
MINISTACK, SIMULATOR, TIMESTREAM = "ministack", "simulator", "timestream"

Popen = subprocess.Popen[bytes]


class Children:
    """Notes each child in the run's record, so that a later start can clean up whatever happens to this one."""

    def __init__(
        self,
        instance: Instance,
        record: RunRecord,
        pause_s: float = 0.5,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._instance = instance
        self._record = record
        self._pause_s = pause_s
        self._monotonic = monotonic
        self._begun: dict[str, float] = {}
        self._children: dict[str, Popen] = {}

    def __getitem__(self, name: str) -> Popen:
        return self._children[name]

    def add(self, name: str, child: Popen) -> None:
        self._children[name] = child
        self._begun[name] = self._monotonic()
        with contextlib.suppress(psutil.NoSuchProcess):  # `watch` says what became of it
            self._record.child(name, child.pid)

    def require_cloud(self) -> None:
        """Raises ChildDiedError, with the end of its log, when the local AWS has ended."""
        cloud = self._children.get(MINISTACK)
        if cloud is not None and (code := cloud.poll()) is not None:
            how = f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
            port = self._instance.ports.gateway
            sentence = f"The local AWS {how}. Start again with `fieldline local up --port {port}`"
            raise ChildDiedError(emulator.with_log(sentence, self._instance))

    async def watch(self, start_again: Mapping[str, Callable[[], Popen]]) -> None:
        """Until the local AWS ends; another child that ends is started again, some times, and noted each time."""
        restarts: Counter[str] = Counter()
        while True:
            self.require_cloud()
            for name, start in start_again.items():
                child = self._children.get(name)
                if child is not None and (code := child.poll()) is not None:
                    del self._children[name]
                    if self._monotonic() - self._begun[name] >= LIVED_S:
                        restarts[name] = 0
                    restarts[name] += 1
                    again = restarts[name] <= RESTARTS
                    self._record.note(f"the {name} process ended with {code}{', started again' if again else ''}")
                    if again:
                        await asyncio.sleep(self._pause_s * 2 ** restarts[name])
                        self.add(name, start())
            await asyncio.sleep(WATCH_S)

    async def stop(self) -> None:
        """The devices first, so that what they sent is stored before the state is; then whatever they left."""
        for name in (SIMULATOR, MINISTACK, TIMESTREAM):
            child = self._children.get(name)
            if child is not None and child.poll() is None:
                child.terminate()
                with contextlib.suppress(subprocess.TimeoutExpired):
                    await asyncio.to_thread(child.wait, STOP_GRACE_S)
        await asyncio.to_thread(processes.clean_up, str(self._instance.root), self._record.children.values(), 5.0)
        self._record.children.clear()
