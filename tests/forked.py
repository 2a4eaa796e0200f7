"""The look-alike's command in a process that was forked from one which has imported it: a start costs no imports.

Imports nothing itself, so that a child has nothing to import to find `main`.
"""

import os
import sys
from multiprocessing.connection import Connection


def main(options: list[str], log: str, said: Connection) -> None:
    """`python -m local.timestream` with these options; `said` takes what it prints, `log` what it complains about."""
    complaints = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(said.fileno(), sys.stdout.fileno())
    os.dup2(complaints, sys.stderr.fileno())
    said.close()
    os.close(complaints)
    sys.argv = ["local.timestream", *options]
    from local.timestream.__main__ import main as run

    sys.exit(run())
