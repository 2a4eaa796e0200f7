"""The far side of `bench/rules.py`: a process that works once for each line it reads, and says how long it took.

In processor time, of which work takes nearly the same whatever else the machine does.
"""

import gc
import sys
import time
from collections.abc import Callable


def serve(work: Callable[[], int]) -> None:
    """`work` handles a batch and returns how many messages it had; a line is answered with nanoseconds a message."""
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    for _ in sys.stdin:
        gc.collect()
        started = time.process_time_ns()
        done = work()
        sys.stdout.write(f"{(time.process_time_ns() - started) / done}\n")
        sys.stdout.flush()
