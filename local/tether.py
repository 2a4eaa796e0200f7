"""Run a command that ends when its parent does: `python tether.py PARENT_PID COMMAND...`.

On Linux the kernel sends SIGTERM when the parent is gone, however it went. Elsewhere the command runs as it is, and
the next start cleans up by the recorded process ids. Standard library only: it runs before anything is set up.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def tether(parent: int) -> None:
    """Ask for SIGTERM at the parent's death; ends at once if that has already happened."""
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != parent:
        sys.exit("the parent process is gone")


if __name__ == "__main__":
    tether(int(sys.argv[1]))
    os.execvp(sys.argv[2], sys.argv[2:])  # noqa: S606 - the command is the caller's own
