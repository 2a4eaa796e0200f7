"""Commands side by side: `python -m tests.together [--live] "what it is" "command" ...`; fails if one of them fails.

The report of each is printed whole, when it has ended, so that none is mixed with another's; with `--live` the lines of
the first are passed on as they come. All go on when one fails: a change may have broken more than one thing. An
interrupt is handed on once, and what they leave behind is awaited: pytest takes its laptop cloud down.
"""

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Part:
    """One command, in a session of its own: a terminal's Ctrl-C reaches us alone, and it from us."""

    def __init__(self, name: str, command: str, printing: threading.Lock, *, live: bool) -> None:
        self.name = name
        self.code = 0
        self.process = subprocess.Popen(
            # `exec`: the signal is for the command and not for a shell around it.
            ["/bin/bash", "-c", f"exec {command}"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self._started = time.monotonic()
        self._printing = printing
        self._live = live
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def join(self) -> None:
        self._thread.join()

    def interrupt(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)

    def _read(self) -> None:
        assert self.process.stdout is not None
        held = []
        for line in self.process.stdout:
            if self._live:
                self._print(line)
            else:
                held.append(line)
        self.code = self.process.wait()
        took = f"{time.monotonic() - self._started:.0f} s"
        said = f"==> {self.name}: {f'failed ({self.code})' if self.code else 'passed'} after {took}\n"
        self._print(said.encode(), *held)

    def _print(self, *lines: bytes) -> None:
        with self._printing:
            sys.stdout.buffer.writelines(lines)
            sys.stdout.buffer.flush()


def main(arguments: Sequence[str]) -> int:
    live = arguments[:1] == ["--live"]
    words = arguments[1:] if live else arguments
    named = list(zip(words[::2], words[1::2], strict=True))
    parts: list[Part] = []
    received: list[int] = []

    def hand_on(number: int, _frame: FrameType | None) -> None:
        received.append(number)
        for part in parts:
            part.interrupt()

    for number in SIGNALS:
        signal.signal(number, hand_on)
    print(f"==> side by side: {', '.join(name for name, _ in named)}", flush=True)  # noqa: T201 - a command
    printing = threading.Lock()
    for place, (name, command) in enumerate(named):
        if not received:
            parts.append(Part(name, command, printing, live=live and place == 0))
    if received:
        hand_on(received[0], None)
    for part in parts:
        part.join()
    if received:
        return 128 + received[0]
    return 1 if any(part.code for part in parts) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
