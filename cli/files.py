"""Whole-or-not-at-all file writes."""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path


def write_atomically(
    path: Path, content: bytes, mode: int | None = None, check: Callable[[Path], object] = lambda _: None
) -> None:
    """Replaces `path` in one step, so that a reader or a crash sees the old or the new content.

    An existing file's mode is kept unless `mode` is given; a new file is as open as `mode` or the user's umask allows.
    `check` sees the new content as a file in the same folder; where it raises, `path` stays as it was.
    """
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        check(Path(name))
        Path(name).chmod(mode if mode is not None else _mode_of(path))
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _mode_of(path: Path) -> int:
    try:
        return path.stat().st_mode & 0o777
    except FileNotFoundError:
        umask = os.umask(0)
        os.umask(umask)
        return 0o666 & ~umask
