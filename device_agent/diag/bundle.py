"""Runs collectors side by side and packs what they found.

A collector that raises or hangs costs its own part only: the reason stands in its place. A bundle is bounded in size
and in the time that it takes.
"""

import io
import json
import os
import tarfile
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from device_agent.diag.redaction import Redactor

MOST_BYTES: Final = 256 * 1024
"""Of one part; of a longer text the end is kept."""
MOST_SEARCHED: Final = 4 * MOST_BYTES
MOST_OF_AN_ERROR: Final = 2000

Collector = Callable[[], Any]
"""Returns a JSON value, or a text with lines. May block; runs on a thread of its own."""


@dataclass(frozen=True)
class Part:
    """What one collector found, redacted; `error` says why there is nothing, or less than there could be."""

    file: str
    content: bytes
    error: str | None = None


class _Run(threading.Thread):
    def __init__(self, name: str, collector: Collector) -> None:
        # A thread that hangs must not keep the command from ending.
        super().__init__(name=f"diag {name}", daemon=True)
        self._collector = collector
        self.found: Any = None
        self.error: str | None = "took too long"

    def run(self) -> None:
        try:
            self.found = self._collector()
        except Exception as error:  # noqa: BLE001 - whatever it is: the other parts are wanted all the more
            self.error = f"{type(error).__name__}: {error}"
        else:
            self.error = None


def collect(collectors: Mapping[str, Collector], redactor: Redactor, *, within_s: float) -> list[Part]:
    """What each collector found in the order given; all of them together have `within_s` seconds."""
    runs = {name: _Run(name, collector) for name, collector in collectors.items()}
    deadline = time.monotonic() + within_s
    for run in runs.values():
        run.start()
    for run in runs.values():
        run.join(max(0.0, deadline - time.monotonic()))
    # Redacted when all are in: the configuration tells what to look for in the log.
    return [_part(name, run, redactor) for name, run in runs.items()]


def _part(name: str, run: _Run, redactor: Redactor) -> Part:
    if run.error is not None:
        return _failed(name, redactor.text(run.error))
    if isinstance(run.found, str):
        # Cut before, so that a log of any length is looked through in bounded time, and after.
        text = redactor.text(run.found[-MOST_SEARCHED:])
        return Part(f"{name}.txt", text.encode(errors="replace")[-MOST_BYTES:])
    try:
        content = _json(redactor.value(run.found))
    except (ValueError, RecursionError) as failure:
        return _failed(name, redactor.text(f"found what is no JSON: {failure}"))
    if len(content) > MOST_BYTES:
        return _failed(name, f"found {len(content)} bytes, {MOST_BYTES} at most")
    return Part(f"{name}.json", content)


def _failed(name: str, error: str) -> Part:
    return Part(f"{name}.json", _json({"error": error[:MOST_OF_AN_ERROR]}), error[:MOST_OF_AN_ERROR])


def _json(value: Any) -> bytes:
    return json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False).encode(errors="replace")


def pack(parts: list[Part], path: Path, *, folder: str, at_s: int) -> None:
    """Write the bundle, readable by its owner alone; raises OSError, also where the file exists."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "wb") as file, tarfile.open(fileobj=file, mode="w:gz") as tar:
        for part in parts:
            entry = tarfile.TarInfo(f"{folder}/{part.file}")
            entry.size = len(part.content)
            entry.mtime = at_s
            entry.mode = 0o600
            tar.addfile(entry, io.BytesIO(part.content))
