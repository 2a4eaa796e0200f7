"""The processes of an instance: started on a tether, recorded by pid and start time, ended without leftovers."""

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from local import tether

# Every process of an instance, workers of the local AWS included, inherits this variable: it tells whose they are.
MARK = "FIELDLINE_LOCAL_INSTANCE"
# The start time is derived from the boot time, which a clock adjustment moves.
_CLOCK_SLACK_S = 2.0
_POLL_S = 0.02
_KILL_WAIT_S = 5.0


@dataclass(frozen=True)
class Identity:
    """One process for certain: a pid alone is reused."""

    pid: int
    started: float

    @classmethod
    def of(cls, pid: int) -> "Identity":
        return cls(pid, psutil.Process(pid).create_time())

    @classmethod
    def decode(cls, value: Mapping[str, Any]) -> "Identity":
        return cls(int(value["pid"]), float(value["started"]))

    def encode(self) -> dict[str, Any]:
        return {"pid": self.pid, "started": self.started}

    def find(self) -> psutil.Process | None:
        """The process, or None when it is gone or another has its pid."""
        try:
            process = psutil.Process(self.pid)
            if process.status() == psutil.STATUS_ZOMBIE or abs(process.create_time() - self.started) > _CLOCK_SLACK_S:
                return None
        except psutil.NoSuchProcess:
            return None
        return process


def start(
    command: Sequence[str], *, env: Mapping[str, str], log: Path, cwd: Path, mark: str
) -> "subprocess.Popen[bytes]":
    """Start a command in a session of its own (so that Ctrl-C reaches only the supervisor), tethered to this process.

    Its log begins anew; the one before is kept beside it.

    Call it from the main thread: the tether is to the thread that starts the child.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    if log.exists():
        log.replace(log.with_suffix(".log.1"))
    with log.open("wb") as stream:
        return subprocess.Popen(
            [sys.executable, "-S", "-E", tether.__file__, str(os.getpid()), *command],
            env={**env, MARK: mark},
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def marked(mark: str) -> list[psutil.Process]:
    """Every living process that carries the instance's mark, this one excepted."""
    found = []
    for process in psutil.process_iter():
        if process.pid == os.getpid():
            continue
        with contextlib.suppress(psutil.Error, OSError):
            if process.status() != psutil.STATUS_ZOMBIE and process.environ().get(MARK) == mark:
                found.append(process)
    return found


def stop(processes: Iterable[psutil.Process], grace_s: float) -> int:
    """End the processes and all below them: SIGTERM, SIGKILL after the grace. Returns how many had to be killed."""
    everyone: dict[int, psutil.Process] = {}
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            everyone.update({each.pid: each for each in (process, *process.children(recursive=True))})
    for process in everyone.values():
        with contextlib.suppress(psutil.NoSuchProcess):
            process.terminate()
    alive = _wait(everyone.values(), grace_s)
    for process in alive:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    _wait(alive, _KILL_WAIT_S)
    return len(alive)


def _wait(processes: Iterable[psutil.Process], timeout_s: float) -> list[psutil.Process]:
    """Those that still live after the time. A zombie does not: it only waits for whoever started it."""
    deadline = time.monotonic() + timeout_s
    while (alive := [process for process in processes if _lives(process)]) and time.monotonic() < deadline:
        time.sleep(_POLL_S)
    return alive


def _lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def clean_up(mark: str, recorded: Iterable[Identity], grace_s: float = 10.0) -> int:
    """End whatever an earlier run of this instance left behind. Returns how many processes that were."""
    found = {process.pid: process for identity in recorded if (process := identity.find()) is not None}
    found.update({process.pid: process for process in marked(mark)})
    found.pop(os.getpid(), None)
    stop(found.values(), grace_s)
    return len(found)
