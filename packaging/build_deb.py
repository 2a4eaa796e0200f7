"""Builds the agent's Debian package: `make deb ARCH=arm64`, or `python packaging/build_deb.py --help`.

The same commit makes the same bytes: names, owners, modes and times are set, nothing is taken from the build machine.
"""
# ruff: noqa: INP001 - a script and its part, no package

import argparse
import gzip
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import bundle
from bundle import BuildError

HERE = Path(__file__).resolve().parent
CONFFILES = ("/etc/default/fieldline-agent",)
CONTROL = """\
Package: fieldline-agent
Version: {version}
Architecture: {architecture}
Maintainer: The Fieldline developers <fieldline@fieldline.invalid>
Installed-Size: {size}
Depends: python3 (>= {first}), python3 (<< {after}), libc6 (>= {glibc}), adduser, init-system-helpers
Recommends: python3-lgpio
Suggests: gpsd
Section: net
Priority: optional
Description: Fieldline device agent
 Reads sensors, acts on outputs and evaluates rules at the edge, keeps every
 reading in a durable queue, and publishes over MQTT with mutual TLS.
 .
 Brings its Python dependencies with it; python3-lgpio is used for the pins
 where Debian's Python is 3.13.
"""


def build(architecture: str, out: Path, version: str, *, epoch: int, level: int) -> Path:
    """The package's file in the folder `out`; raises BuildError."""
    dpkg_deb = shutil.which("dpkg-deb")
    if dpkg_deb is None:
        raise BuildError("dpkg-deb: expected in PATH; Debian's package dpkg has it")
    out.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as folder:
        root = Path(folder) / "root"
        bundle.make(root, architecture)
        _lay_files(root)
        _write_control(root, architecture, version)
        _normalise(root, epoch)
        deb = out / f"fieldline-agent_{version}_{architecture}.deb"
        command = [dpkg_deb, "--root-owner-group", "-Zxz", f"-z{level}", "--threads-max=1", "--build"]
        env = {"PATH": os.environ["PATH"], "SOURCE_DATE_EPOCH": str(epoch), "LC_ALL": "C"}
        done = subprocess.run([*command, str(root), str(deb)], capture_output=True, text=True, check=False, env=env)  # noqa: S603
        if done.returncode:
            raise BuildError(f"dpkg-deb: {done.stderr.strip()}")
    return deb


def _lay_files(root: Path) -> None:
    doc = "usr/share/doc/fieldline-agent"
    for source, target in (
        (HERE / "fieldline-agent", "usr/bin/fieldline-agent"),
        (HERE / "fieldline-agent.service", "usr/lib/systemd/system/fieldline-agent.service"),
        (HERE / "fieldline-agent.default", "etc/default/fieldline-agent"),
        (HERE / "debian" / "rtupdate", "usr/share/python3/runtime.d/fieldline-agent.rtupdate"),
        (HERE / "agent.toml.example", f"{doc}/examples/agent.toml"),
        (bundle.ROOT / "LICENSE", f"{doc}/copyright"),
    ):
        (root / target).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, root / target)
    for source, name in (
        (bundle.ROOT / "CHANGELOG.md", "changelog.gz"),
        (bundle.ROOT / "docs" / "agent.md", "agent.md.gz"),
        (bundle.ROOT / "docs" / "agent-service.md", "agent-service.md.gz"),
    ):
        (root / doc / name).write_bytes(gzip.compress(source.read_bytes(), mtime=0))
    (root / "etc/fieldline/conf.d").mkdir(parents=True)


def _write_control(root: Path, architecture: str, version: str) -> None:
    files = sorted(path for path in root.rglob("*") if path.is_file() and not path.is_symlink())
    kib = sum(1 if path.is_symlink() or path.is_dir() else -(-path.stat().st_size // 1024) for path in root.rglob("*"))
    sums = [f"{hashlib.md5(path.read_bytes()).hexdigest()}  {path.relative_to(root)}" for path in files]  # noqa: S324
    major, minor = bundle.PYTHONS[-1].split(".")
    control = CONTROL.format(
        version=version,
        architecture=architecture,
        size=kib,
        first=bundle.PYTHONS[0],
        after=f"{major}.{int(minor) + 1}",
        glibc=bundle.GLIBC,
    )
    debian = root / "DEBIAN"
    debian.mkdir()
    for name, content in (
        ("control", control),
        ("conffiles", "".join(f"{path}\n" for path in CONFFILES)),
        ("md5sums", "".join(f"{line}\n" for line in sums)),
    ):
        (debian / name).write_text(content, encoding="utf-8")
    for name in ("postinst", "prerm", "postrm"):
        shutil.copy(HERE / "debian" / name, debian / name)


def _normalise(root: Path, epoch: int) -> None:
    programs = {
        root / "usr/bin/fieldline-agent",
        root / "usr/share/python3/runtime.d/fieldline-agent.rtupdate",
        *(root / "DEBIAN" / name for name in ("postinst", "prerm", "postrm")),
    }
    for path in (root, *root.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path in programs else 0o644)
        os.utime(path, (epoch, epoch), follow_symlinks=False)


def _commit_time() -> int:
    git = shutil.which("git")
    if git is not None:
        command = [git, "-C", str(HERE), "log", "-1", "--format=%ct"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
        if done.returncode == 0 and done.stdout.strip():
            return int(done.stdout)
    raise BuildError("SOURCE_DATE_EPOCH: expected seconds since 1970 where there is no git history, got nothing")


def main() -> int:
    """The exit code: 0 built, 1 not, 2 wrong usage."""
    parser = argparse.ArgumentParser(description="Build the agent's Debian package.")
    parser.add_argument("--arch", choices=sorted(bundle.PLATFORMS), required=True)
    parser.add_argument("--out", type=Path, required=True, help="the folder that gets the .deb")
    parser.add_argument("--version", default=bundle.project_version(), help="Debian's version of the package")
    parser.add_argument("--level", type=int, choices=range(10), default=6, help="of compression; 0 is fast")
    options = parser.parse_args()
    try:
        epoch = int(os.environ.get("SOURCE_DATE_EPOCH") or _commit_time())
        deb = build(options.arch, options.out, options.version, epoch=epoch, level=options.level)
    except BuildError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"{deb}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
