"""Pins that several processes share: a file for each, which only one process at a time can hold, as with real lines.

gpiozero's extensions offer their factories by entry points, and so does this one (see file_pins_site.py).
"""

import fcntl
import os
import time
from pathlib import Path

from gpiozero.pins.mock import MockFactory, MockPWMPin


class FilePin(MockPWMPin):
    def __init__(self, factory, info):
        path = Path(os.environ["FILE_PINS"]) / info.name
        self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._file)
            raise
        super().__init__(factory, info)

    def _get_state(self):
        return float(os.pread(self._file, 8, 0) or 0)

    def _change_state(self, value):
        os.pwrite(self._file, f"{float(value):.6f}".encode(), 0)
        self._note(float(value))
        return super()._change_state(value)

    def close(self):
        """As with lgpio: the line becomes an input, which is noted; what was driven last stays to be seen."""
        if self._file is not None:
            self._note("released")
            os.close(self._file)
            self._file = None

    def _note(self, what):
        with Path(os.environ["FILE_PINS"], "history").open("a") as history:
            history.write(f"{time.monotonic()} {self.info.name} {what} {os.getpid()}\n")


class FileFactory(MockFactory):
    def __init__(self):
        super().__init__(pin_class=FilePin)
