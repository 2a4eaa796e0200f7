import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from local import processes
from local.processes import Identity

SLEEPER = [sys.executable, "-S", "-c", "import time; time.sleep(60)"]
STUBBORN = [
    sys.executable,
    "-S",
    "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)",
]


def until(condition, timeout_s=10.0):
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.fixture
def start(tmp_path):
    """Start a command as a child of an instance; whatever is left is killed at the end."""
    started = []

    def begin(command=SLEEPER, mark="test-instance"):
        child = processes.start(command, env=dict(os.environ), log=tmp_path / "child.log", cwd=tmp_path, mark=mark)
        started.append(child)
        return child

    yield begin
    for child in started:
        child.kill()
        child.wait()


def test_an_identity_finds_its_process_and_survives_encoding(start):
    child = start()
    identity = Identity.decode(Identity.of(child.pid).encode())
    assert identity.find().pid == child.pid


def test_an_identity_does_not_find_another_process_with_the_same_pid():
    mine = Identity.of(os.getpid())
    assert Identity(mine.pid, mine.started - 3600).find() is None


def test_an_identity_of_an_ended_process_finds_nothing(start):
    child = start()
    identity = Identity.of(child.pid)
    child.kill()
    until(lambda: identity.find() is None)


def test_cleaning_up_ends_what_an_earlier_run_recorded(start):
    child = start(mark="other")
    assert processes.clean_up("nobody", [Identity.of(child.pid)], grace_s=5) == 1
    assert child.wait(5) is not None


def test_cleaning_up_ends_unrecorded_processes_that_carry_the_mark_and_no_others(start, tmp_path):
    mark = str(tmp_path)
    mine, other = start(mark=mark), start(mark=mark + "-other")
    until(lambda: mine.pid in {process.pid for process in processes.marked(mark)})
    assert processes.clean_up(mark, [], grace_s=5) == 1
    assert mine.wait(5) is not None
    assert other.poll() is None


def test_a_process_that_ignores_sigterm_is_killed_after_the_grace(start, tmp_path):
    child = start(STUBBORN)
    until(lambda: "deaf" in (tmp_path / "child.log").read_text())
    assert processes.stop([psutil.Process(child.pid)], grace_s=0.2) == 1
    assert child.wait(5) == -9


def test_children_of_a_stopped_process_are_stopped_too(start):
    nested = f"import subprocess, sys, time; subprocess.Popen({SLEEPER!r}); time.sleep(60)"
    child = start([sys.executable, "-S", "-c", nested])
    parent = psutil.Process(child.pid)
    until(lambda: len(parent.children()) == 1)
    grandchild = parent.children()[0]
    processes.stop([parent], grace_s=5)
    until(lambda: not processes._lives(grandchild))


def test_a_log_begins_anew_and_the_one_before_is_kept(start, tmp_path):
    start([sys.executable, "-c", "print('first')"]).wait(10)
    start([sys.executable, "-c", "print('second')"]).wait(10)
    assert (tmp_path / "child.log").read_text() == "second\n"
    assert (tmp_path / "child.log.1").read_text() == "first\n"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child that its parent is gone")
def test_a_child_ends_when_its_parent_is_killed(tmp_path):
    parent = f"""
import os, pathlib, time
from local import processes
child = processes.start({SLEEPER!r}, env=dict(os.environ), log=pathlib.Path("log"), cwd=pathlib.Path("."), mark="m")
print(child.pid, flush=True)
time.sleep(60)
"""
    env = {**os.environ, "PYTHONPATH": str(Path.cwd())}
    with subprocess.Popen([sys.executable, "-c", parent], cwd=tmp_path, env=env, stdout=subprocess.PIPE) as process:
        child = Identity.of(int(process.stdout.readline()))
        assert child.find() is not None
        process.kill()
    until(lambda: child.find() is None)
