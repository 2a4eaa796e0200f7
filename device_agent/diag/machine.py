"""What the machine says of itself: versions, memory, disk, time, service, log."""

import os
import platform
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any, Final

from device_agent.clock import Clock

UNIT: Final = "fieldline-agent.service"
LOG_LINES: Final = 1000
COMMAND_S: Final = 10.0
_SHOWN_OF_THE_UNIT: Final = (
    *("LoadState", "ActiveState", "SubState", "Result", "ExecMainStatus", "ExecMainStartTimestamp", "NRestarts"),
    *("WatchdogUSec", "StatusText", "MemoryCurrent", "MemoryPeak", "TasksCurrent", "UnitFileState"),
    *("ConditionResult", "FragmentPath", "DropInPaths"),
)


def versions() -> dict[str, Any]:
    """The agent, its Python, and every package that it could import."""
    packages = {found.metadata["Name"]: found.version for found in metadata.distributions()}
    return {
        "agent": packages.get("fieldline", "not installed as a package"),
        "python": sys.version,
        "executable": sys.executable,
        "packages": dict(sorted(packages.items())),
    }


def system(root: Path = Path("/")) -> dict[str, Any]:
    """Hardware, operating system, load, memory."""
    return {
        "platform": platform.platform(),
        "machine": platform.machine(),
        "model": _first_line(root / "proc/device-tree/model"),
        "os": _pairs(root / "etc/os-release", "=").get("PRETTY_NAME"),
        "cpus": os.cpu_count(),
        "uptime": _first_line(root / "proc/uptime"),
        "load": _first_line(root / "proc/loadavg"),
        "memory": _pairs(root / "proc/meminfo", ":", ("MemTotal", "MemAvailable", "SwapTotal", "SwapFree")),
    }


def disk(*folders: Path) -> dict[str, Any]:
    """Room, inodes, and whether it may be written; a card that fails is often turned read-only by the kernel."""
    found: dict[str, Any] = {}
    for folder in folders:
        nearest = next(path for path in (folder, *folder.parents) if path.exists())
        status = os.statvfs(nearest)
        found[str(folder)] = {
            "there": folder.exists(),
            "total_mib": status.f_blocks * status.f_frsize >> 20,
            "free_mib": status.f_bavail * status.f_frsize >> 20,
            "free_inodes": status.f_favail,
            "read_only": bool(status.f_flag & os.ST_RDONLY),
        }
    return found


def clocks(clock: Clock) -> dict[str, Any]:
    """The wall clock (ms since 1970), whether it is kept right, and the time since the machine was started (ms)."""
    return {
        "wall_ms": clock.wall_ms(),
        "synchronised": clock.kernel_synced(),
        "boot_ms": clock.boot_ms(),
        "machine_boot": clock.machine_boot(),
    }


def service() -> dict[str, str]:
    """What systemd says of the unit."""
    if not Path("/run/systemd/system").exists():
        return {"systemd": "does not run here"}
    said = _output("systemctl", "show", UNIT, f"--property={','.join(_SHOWN_OF_THE_UNIT)}")
    return dict(line.split("=", 1) for line in said.splitlines() if "=" in line)


def log() -> str:
    """The last lines that the service wrote."""
    return _output("journalctl", f"--unit={UNIT}", f"--lines={LOG_LINES}", "--no-pager", "--output=short-iso")


def _output(command: str, *arguments: str) -> str:
    """Raises OSError and subprocess.SubprocessError."""
    path = shutil.which(command)
    if path is None:
        raise FileNotFoundError(f"{command} is not here")
    done = subprocess.run(  # noqa: S603 - fixed arguments
        [path, *arguments], capture_output=True, text=True, check=False, timeout=COMMAND_S, errors="replace"
    )
    if done.returncode:
        raise OSError(f"{command} ended with {done.returncode}: {done.stderr.strip()}")
    return done.stdout


def _first_line(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8", errors="replace").split("\n", 1)[0].rstrip("\0")
    except OSError:
        return None


def _pairs(path: Path, separator: str, wanted: tuple[str, ...] = ()) -> dict[str, str]:
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return {}
    pairs = (line.split(separator, 1) for line in lines if separator in line)
    return {name: value.strip().strip('"') for name, value in pairs if not wanted or name in wanted}
