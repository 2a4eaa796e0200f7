"""A file system on a block device of its own, which counts what is written to it: data, journal and metadata."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

SIZE_MIB = 256
SECTOR_BYTES = 512  # of /sys/block/*/stat, whatever the device's own (Documentation/block/stat.rst)
_SECTORS_WRITTEN = 6


@dataclass(frozen=True)
class Card:
    """Mounted at `folder`."""

    folder: Path
    device: str

    def written(self) -> int:
        """Bytes written to the device since it was made, with everything that waited."""
        _run("sync", "--file-system", self.folder)
        statistics = Path(f"/sys/block/{self.device}/stat").read_text().split()
        return int(statistics[_SECTORS_WRITTEN]) * SECTOR_BYTES


def unusable() -> str | None:
    """Why no card can be had here."""
    if os.geteuid() != 0:
        return "only root may mount a file system"
    missing = [tool for tool in ("losetup", "mkfs.ext4", "mount", "sync", "umount") if shutil.which(tool) is None]
    return f"{', '.join(missing)} is not here" if missing else None


@contextmanager
def card(folder: Path, options: str = "") -> Iterator[Card]:
    """An ext4 in `folder`, gone afterwards, mounted as Raspberry Pi OS does it but for further `options`."""
    folder.mkdir()
    image, mounted = folder / "card.img", folder / "card"
    with image.open("wb") as file:
        file.truncate(SIZE_MIB * 1024 * 1024)
    mounted.mkdir()
    _run("mkfs.ext4", "-q", "-b", "4096", "-E", "lazy_itable_init=0,lazy_journal_init=0", image)
    device = _run("losetup", "--find", "--show", image).strip()
    try:
        _run("mount", "-o", f"defaults,noatime{options}", device, mounted)
        try:
            yield Card(mounted, Path(device).name)
        finally:
            _run("umount", mounted)
    finally:
        _run("losetup", "--detach", device)


def _run(*command: str | Path) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout
