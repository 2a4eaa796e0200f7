"""Makes `file_pins` a pin factory that gpiozero finds, in a process with this environment."""

import os
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[2]


def environment(folder):
    """`FILE_PINS` in it names where the pins are: a file for each, and `history`."""
    site = folder / "site" / "file_pins-1.dist-info"
    site.mkdir(parents=True)
    (site / "METADATA").write_text("Metadata-Version: 2.1\nName: file-pins\nVersion: 1\n")
    (site / "entry_points.txt").write_text("[gpiozero_pin_factories]\nfiles = file_pins:FileFactory\n")
    pins = folder / "pins"
    pins.mkdir()
    path = os.pathsep.join(map(str, (ROOT, HERE, site.parent)))
    return {**os.environ, "PYTHONPATH": path, "FILE_PINS": str(pins)}
