"""Making way for a file whose place is taken by something else."""

import logging
from itertools import count
from pathlib import Path

from device_agent.queue.files import Files


def move_aside(files: Files, path: Path, log: logging.LoggerAdapter[logging.Logger]) -> None:
    """Rename what is at `path` to a name that is free beside it. Raises OSError."""
    taken = set(files.listdir(path.parent))
    target = next(path.with_name(name) for n in count(1) if (name := f"{path.name}.unusable-{n}") not in taken)
    files.rename(path, target)
    log.error("%s is not what belongs there: moved to %s", path, target)
