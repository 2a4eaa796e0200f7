"""This machine, to install on for real: every change goes to a layer in memory that is gone at the end.

Its processes run below a root of their own with the machine's files under it, in mount and process namespaces. Needs
root, util-linux and overlayfs.
"""

import os
import subprocess
from pathlib import Path
from typing import Self

_HOLD = """
set -e
mount -t tmpfs tmpfs "$1"
mkdir "$1/upper" "$1/work" "$1/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" "$1/root"
mount --rbind /dev "$1/root/dev"
mount -t proc proc "$1/root/proc"
echo ready
exec cat
"""
"""`cat` ends with the pipe to it, so the namespaces cannot outlive the test."""
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class OverlayError(Exception):
    """There can be no such copy here, and why."""


class Overlay:
    """A copy of this machine. What runs in it inherits no environment."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._holder: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        if os.geteuid() != 0:
            raise OverlayError("an overlay of this machine takes root")
        command = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", _HOLD, "sh", str(self._folder)]
        pipe = subprocess.PIPE
        self._holder = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=subprocess.STDOUT, text=True)
        if (said := self._holder.stdout.readline()) != "ready\n":
            self.__exit__()
            raise OverlayError(f"no overlay of this machine: {said.strip()}")
        children = Path(f"/proc/{self._holder.pid}/task/{self._holder.pid}/children").read_text()
        self._inside = children.split()[0]
        return self

    def __exit__(self, *_: object) -> None:
        self._holder.stdin.close()
        self._holder.wait(timeout=30)
        self._holder.stdout.close()

    def put(self, source: Path, target: str, mode: int = 0o644) -> None:
        script = f"mkdir -p {Path(target).parent} && cat > {target} && chmod {mode:o} {target}"
        self._run(["sh", "-c", script], source.read_bytes())

    def run(self, *command: str, user: str | None = None, expect: int = 0) -> str:
        """What the command wrote to either stream; fails when it ends otherwise than expected."""
        as_user = ["setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups"] if user else []
        done = self._run([*as_user, *command])
        said = done.stdout.decode()
        assert done.returncode == expect, f"{' '.join(command)} ended with {done.returncode}:\n{said}"
        return said

    def exists(self, path: str) -> bool:
        return self._run(["test", "-e", path]).returncode == 0

    def changed(self) -> set[str]:
        """The paths of what differs from this machine, also of what was deleted."""
        command = ["find", str(self._folder / "upper"), "-mindepth", "1", "-not", "-type", "d", "-printf", "/%P\\n"]
        return set(subprocess.run([*self._enter, *command], capture_output=True, text=True, check=True).stdout.split())

    @property
    def _enter(self) -> list[str]:
        return ["nsenter", "--target", self._inside, "--mount", "--pid"]

    def _run(self, command: list[str], given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        inside = ["chroot", str(self._folder / "root"), "env", "-i", f"PATH={_PATH}", "LC_ALL=C.UTF-8", *command]
        together = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        return subprocess.run([*self._enter, *inside], input=given, check=False, timeout=120, **together)
