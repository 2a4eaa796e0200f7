"""The near side of `bench/rules.py`: a process that is told to work through its batch, and what it says of it."""

import subprocess
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


class Candidate:
    """`best` is in nanoseconds a message, of all rounds so far."""

    def __init__(self, name: str, command: Sequence[str]) -> None:
        self.name = name
        self.best = float("inf")
        self._process = subprocess.Popen(
            list(command), cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._said("ready")

    def round(self) -> None:
        if self._process.stdin is None:
            raise RuntimeError(f"{self.name} cannot be spoken to")
        self._process.stdin.write("again\n")
        self._process.stdin.flush()
        self.best = min(self.best, float(self._said()))

    def close(self) -> None:
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process.wait(timeout=30)

    def _said(self, expected: str | None = None) -> str:
        line = self._process.stdout.readline().strip() if self._process.stdout is not None else ""
        if not line or (expected is not None and line != expected):
            raise RuntimeError(f"{self.name} ended or said {line!r}")
        return line
