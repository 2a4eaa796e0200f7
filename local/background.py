"""An instance seen from another process: started detached, watched, stopped, purged."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from local import processes, run_record
from local.errors import AlreadyRunningError, ChildDiedError, LocalError
from local.instance import CHECKOUT, Instance
from local.processes import Identity

if TYPE_CHECKING:
    from rich.status import Status

    from local.supervisor import Options

POLL_S = 0.1
STOP_TIMEOUT_S = 90.0
CHANGE_TIMEOUT_S = 200.0


class Step:
    """Shows the step that is under way, and each finished one with its time."""

    def __init__(self, console: Console, spinner: "Status") -> None:
        self._console = console
        self._spinner = spinner
        self._current: str | None = None
        self._begun = time.monotonic()

    def say(self, text: str) -> None:
        """A step begins. Its counts (`X: 3 of 25`) replace each other on the line."""
        subject = text.partition(": ")[0]
        if self._current is not None and self._current.partition(": ")[0] != subject:
            self.done()
        self._current = text
        self._spinner.update(text)

    def done(self) -> None:
        if self._current is not None:
            self._console.print(f"  {time.monotonic() - self._begun:5.1f} s  {self._current}", markup=False)
        self._current = None
        self._spinner.stop()
        if self._console.is_terminal:
            self._spinner.start()

    def quiet(self) -> None:
        """No spinner any more: something else draws now."""
        self.done()
        self._spinner.stop()


@contextlib.contextmanager
def progress(console: Console) -> Iterator[Step]:
    """Progress of a start on this console; plain lines where it is no terminal."""
    with console.status("starting") as spinner:
        if not console.is_terminal:
            spinner.stop()
        step = Step(console, spinner)
        yield step
        step.quiet()


def start(instance: Instance, options: "Options", console: Console) -> None:
    """Start a supervisor in a session of its own; returns when it is ready.

    Raises ChildDiedError with its own words when it ends before that. Ctrl-C stops it again.
    """
    instance.make_dirs()
    command = [sys.executable, "-m", "local", "serve", "--port", str(instance.ports.gateway)]
    command += ["--devices", str(options.devices), "--store", options.store]
    command += ["--fleet", str(options.fleet.resolve())] if options.fleet else []
    log = instance.log_dir / "supervisor.log"
    with log.open("wb") as stream:
        child = subprocess.Popen(
            command, cwd=CHECKOUT, stdin=subprocess.DEVNULL, stdout=stream, stderr=stream, start_new_session=True
        )
    try:
        with progress(console) as step:
            _follow(instance, child, step)
    except KeyboardInterrupt:
        child.terminate()
        child.wait(STOP_TIMEOUT_S)
        raise LocalError("Stopped before it was ready.") from None
    if child.poll() is not None:
        record = run_record.read(instance)
        told = record.get("error") if (record.get("supervisor") or {}).get("pid") == child.pid else None
        raise ChildDiedError(told or log.read_text(encoding="utf-8", errors="replace").strip())


def _follow(instance: Instance, child: "subprocess.Popen[bytes]", step: Step) -> None:
    told = 0
    while child.poll() is None:
        record = run_record.read(instance)
        if (record.get("supervisor") or {}).get("pid") == child.pid:
            for text in record["steps"][told:]:
                step.say(text)
            told = len(record["steps"])
            if record["phase"] == run_record.READY:
                return
        time.sleep(POLL_S)


def wait_while_changing(instance: Instance, console: Console) -> None:
    """Return when the instance is up or down. Raises LocalError when it stays between the two for too long."""
    deadline = time.monotonic() + CHANGE_TIMEOUT_S
    told = None
    while instance.is_locked() and (phase := run_record.read(instance).get("phase")) != run_record.READY:
        if phase != told:
            console.print(f"The instance on port {instance.ports.gateway} is {phase}: waiting for that to end.")
            told = phase
        if time.monotonic() > deadline:
            raise LocalError(f"It is still {phase} after {CHANGE_TIMEOUT_S:.0f} s; `fieldline local down` ends it.")
        time.sleep(POLL_S)


def stop(instance: Instance) -> bool:
    """End the instance and whatever an earlier run of it left behind; whether anything ran."""
    if not instance.root.exists():
        return False
    ran = instance.is_locked()
    if ran:
        recorded = run_record.read(instance).get("supervisor")
        process = Identity.decode(recorded).find() if recorded else None
        if process is not None:
            process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + STOP_TIMEOUT_S
        while instance.is_locked() and time.monotonic() < deadline:
            time.sleep(POLL_S)
        if instance.is_locked() and process is not None:
            processes.stop([process], grace_s=0)
    try:
        with instance.lock():  # nobody may start it meanwhile: that would be cleaned up as well
            left = processes.clean_up(str(instance.root), run_record.recorded_processes(instance))
    except AlreadyRunningError:
        return ran
    return ran or left > 0


def purge(instance: Instance) -> None:
    """Delete everything of an instance that is down. Raises AlreadyRunningError when it is not."""
    if not instance.root.exists():
        return
    with instance.lock():
        shutil.rmtree(instance.root)


def file_lines(path: Path, *, follow: bool) -> Iterator[str]:
    """The lines of a log file; for ever when asked to follow. Raises LocalError when there is none."""
    try:
        stream = path.open(encoding="utf-8", errors="replace")
    except FileNotFoundError as exc:
        raise LocalError(f"There is no {path}.") from exc
    with stream:
        size = 0
        while True:
            for line in stream:
                yield line.rstrip("\n")
            if not follow:
                return
            time.sleep(POLL_S * 5)
            size = os.fstat(stream.fileno()).st_size
            if stream.tell() > size:
                stream.seek(0)
