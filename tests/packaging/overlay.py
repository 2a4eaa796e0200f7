"""This machine, to install on for real: every change goes to a layer in memory that is gone at the end.

Its processes run below a root of their own with the machine's files under it, in namespaces for mounts, processes and
control groups, and, if it is booted, under a systemd of their own. Needs root, util-linux and overlayfs.
"""

import os
import subprocess
import time
from pathlib import Path
from typing import Self

LAYER = "/mnt"
"""Inside: where the layer with the changes is seen."""
SYSTEMD = ("/lib/systemd/systemd", "--system", "--unit=nothing.target", "--show-status=no")
_BOOT_S = 30.0
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_ENTER = """
set -e
mount -t proc proc proc
mount --bind proc/sys proc/sys
mount -o remount,ro,bind proc/sys
mkdir -p oldroot
pivot_root . oldroot
umount -l /oldroot
rmdir /oldroot
mount --make-rshared /
shift
exec chroot . /usr/bin/env -i container=other PATH=/usr/sbin:/usr/bin:/sbin:/bin "$@"
"""
_HOLD = """
set -e
mount -t tmpfs tmpfs "$1"
cd "$1"
mkdir upper work root groups
mount -t overlay overlay -o "lowerdir=/,upperdir=upper,workdir=work" root
mount --rbind /dev root/dev
mount -t tmpfs -o mode=1777 tmpfs root/dev/shm
mount -t tmpfs -o mode=755 tmpfs root/run
mount -t sysfs -o ro sysfs root/sys
mount --bind upper root/mnt
if [ "$3" = /lib/systemd/systemd ]; then
  units=root/etc/systemd/system
  for unit in rescue emergency sysinit basic; do ln -sf /dev/null "$units/$unit.target"; done
  printf '[Unit]\\nDefaultDependencies=no\\n' >"$units/nothing.target"
  # It may forbid packages to start services, as in an image that is being made.
  rm -f root/usr/sbin/policy-rc.d
fi
mount -t cgroup2 cgroup2 groups
group="groups/fieldline-test-$$"
mkdir "$group"
sh -c 'echo $$ >"$1/cgroup.procs"; cd root; shift; exec unshare --cgroup --ipc --uts --mount --pid --fork "$@"' \
  sh "$group" sh -c "mount -t tmpfs tmpfs sys/fs/cgroup; mount -t cgroup2 cgroup2 sys/fs/cgroup; $2" sh "$@" >&2 &
echo "$!"
cat >/dev/null
echo 1 >"$group/cgroup.kill"
wait "$!" || true
for attempt in $(seq 100); do
  find "$group" -depth -type d -exec rmdir {} + 2>/dev/null && break
  sleep 0.05
done
"""
"""`cat` ends with the pipe to it, so nothing of this outlives the test, whatever ends it. A systemd that is booted here
starts what a test asks for and nothing of the machine's own: that would set the kernel they share.
"""


class OverlayError(Exception):
    """There can be no such copy here, and why."""


class Overlay:
    """A copy of this machine, whose first process is `init`. What runs in it inherits no environment."""

    def __init__(self, folder: Path, *init: str) -> None:
        self._folder = folder
        self._init = init or ("/bin/sleep", "infinity")
        self._said = folder / "said"
        self._holder: subprocess.Popen[str] | None = None
        self._inside = ""

    def __enter__(self) -> Self:
        if os.geteuid() != 0:
            raise OverlayError("an overlay of this machine takes root")
        mounts = self._folder / "overlay"
        mounts.mkdir()
        command = ["unshare", "--mount", "sh", "-c", _HOLD, "sh", str(mounts), _ENTER, *self._init]
        pipe = subprocess.PIPE
        with self._said.open("wb") as said:
            self._holder = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=said, text=True)
        try:
            self._inside = self._first_process(self._holder.stdout.readline().strip())
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._holder.stdin.close()
        self._holder.wait(timeout=30)
        self._holder.stdout.close()

    def _first_process(self, parent: str) -> str:
        """The process id, as seen from outside, of `init` once it runs below its own root."""
        deadline = time.monotonic() + _BOOT_S
        while parent and time.monotonic() < deadline:
            try:
                for child in Path(f"/proc/{parent}/task/{parent}/children").read_text().split():
                    if Path(f"/proc/{child}/cmdline").read_text().split("\0")[: len(self._init)] == list(self._init):
                        return child
            except OSError:
                break
            time.sleep(0.01)
        raise OverlayError(f"no overlay of this machine: {self._said.read_text().strip()}")

    def await_boot(self) -> None:
        """Wait until the systemd in it takes commands."""
        deadline = time.monotonic() + _BOOT_S
        while not self.succeeds("systemctl", "show", "--property=Version"):
            if time.monotonic() > deadline:
                raise OverlayError(f"systemd does not boot in an overlay of this machine: {self._said.read_text()}")
            time.sleep(0.02)

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

    def succeeds(self, *command: str) -> bool:
        return self._run(list(command)).returncode == 0

    def exists(self, path: str) -> bool:
        return self.succeeds("test", "-e", path)

    def changed(self) -> set[str]:
        """The paths of what differs from this machine, also of what was deleted."""
        found = self.run("find", LAYER, "-mindepth", "1", "-not", "-type", "d", "-printf", "/%P\\n")
        return set(found.split())

    def _run(self, command: list[str], given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        enter = ["nsenter", "--target", self._inside, "--mount", "--pid", "--cgroup", "--root", "--wd"]
        clean = ["/usr/bin/env", "-i", f"PATH={_PATH}", "LC_ALL=C.UTF-8", *command]
        together = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        return subprocess.run([*enter, *clean], input=given, check=False, timeout=120, **together)
