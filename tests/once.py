"""What is dear to make and only read afterwards is made by the first worker of a run who asks for it."""

import fcntl
import os
from collections.abc import Callable
from pathlib import Path

import pytest


def once_in_a_run(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """A folder that `make` has filled. Other workers wait for it; if it fails, the next who asks tries anew."""
    base = factory.getbasetemp()
    # Each worker of pytest-xdist has a folder of its own in the run's.
    shared = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "once"
    shared.mkdir(exist_ok=True)
    with (shared / f"{name}.lock").open("a+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = shared / f"{name}.done"
        if not done.exists():
            folder = factory.mktemp(name)
            make(folder)
            done.write_text(str(folder))
        return Path(done.read_text())
