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
from typing import TYPE_CHECKING, Any

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
# The exit code of a supervisor that found the instance held by another.
LOST = 3


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

    Raises AlreadyRunningError when another start was quicker, ChildDiedError with its own words when it ends before it
    is ready. Ctrl-C stops it again.
    """
    instance.make_dirs()
    log = instance.log_dir / "supervisor.log"
    # Until the child is known to hold the instance, the log is that of another run.
    draft = log.with_name(f".{log.name}.{os.getpid()}")
    with draft.open("wb") as stream:
        child = subprocess.Popen(
            _serve_command(instance, options),
            cwd=CHECKOUT,
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=stream,
            start_new_session=True,
        )
    try:
        with progress(console) as step:
            _follow(instance, child, step, draft, log)
        if child.poll() == LOST:
            raise AlreadyRunningError(f"Another start of the instance on port {instance.ports.gateway} was quicker.")
        if child.poll() is not None:
            said = draft if draft.exists() else log
            told = _record_of(child, instance).get("error")
            raise ChildDiedError(told or said.read_text(encoding="utf-8", errors="replace").strip())
    except KeyboardInterrupt:
        child.terminate()
        child.wait(STOP_TIMEOUT_S)
        raise LocalError("Stopped before it was ready.") from None
    finally:
        draft.unlink(missing_ok=True)


def _serve_command(instance: Instance, options: "Options") -> list[str]:
    command = [sys.executable, "-m", "local", "serve", "--port", str(instance.ports.gateway)]
    command += ["--devices", str(options.devices), "--stage", options.stage, "--store", options.store]
    command += ["--previous-store", options.previous_store] if options.previous_store else []
    return command + (["--fleet", str(options.fleet.resolve())] if options.fleet else [])


def _follow(instance: Instance, child: "subprocess.Popen[bytes]", step: Step, draft: Path, log: Path) -> None:
    told = 0
    ended = False
    while not ended:
        ended = child.poll() is not None  # before the look at the record, so that its last words are seen
        if record := _record_of(child, instance):
            if draft.exists():
                draft.replace(log)
            for text in record["steps"][told:]:
                step.say(text)
            told = len(record["steps"])
            if record["phase"] == run_record.READY:
                return
        if not ended:
            time.sleep(POLL_S)


def _record_of(child: "subprocess.Popen[bytes]", instance: Instance) -> dict[str, Any]:
    """The run's record, or an empty one while that is another's."""
    record = run_record.read(instance)
    return record if (record.get("supervisor") or {}).get("pid") == child.pid else {}


def wait_while_changing(instance: Instance, console: Console) -> None:
    """Return when the instance is up or down. Raises LocalError when it stays between the two for too long."""
    deadline = time.monotonic() + CHANGE_TIMEOUT_S
    told = None
    while instance.is_locked() and (phase := _phase(instance)) != run_record.READY:
        if phase != told:
            console.print(f"The instance on port {instance.ports.gateway} is {phase}: waiting for that to end.")
            told = phase
        if time.monotonic() > deadline:
            raise LocalError(f"It is still {phase} after {CHANGE_TIMEOUT_S:.0f} s; `fieldline local down` ends it.")
        time.sleep(POLL_S)


def _phase(instance: Instance) -> str:
    """The phase of the run that holds the instance; until that has tidied up, the record is of the run before."""
    record = run_record.read(instance)
    supervisor = record.get("supervisor")
    if supervisor is None or Identity.decode(supervisor).find() is None:
        return run_record.STARTING
    return str(record["phase"])


def wait_for_the_quicker(instance: Instance, console: Console) -> None:
    """Return when the start that was quicker than this one is ready. Raises ChildDiedError when it comes to nothing."""
    wait_while_changing(instance, console)
    if not instance.is_locked():
        record = run_record.read(instance)
        error = record.get("error")
        raise ChildDiedError(f"Another start was quicker, and {f'failed: {error}' if error else 'was stopped'}")


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
