"""Debian's tools for tests: the installed one where there is one, else unpacked without root into `.local/debian/`.

`python -m tests.debian` fetches all of them beforehand. Needs apt-get, apt-cache and dpkg; see `tool`. A browser is too
much to be unpacked: see `browser`.
"""

import ctypes
import fcntl
import logging
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / ".local" / "debian"
REQUIRED = "FIELDLINE_REQUIRE_TOOLS"
_DEPTH = 4
"""How far the dependencies of a package are followed for a shared library that this machine lacks."""
_log = logging.getLogger("debian")


class MissingError(Exception):
    """The tool is not here, and why it could not be fetched."""


TOOLS = {
    "dpkg-deb": "dpkg",
    "influxd": "influxdb",
    "libsofthsm2.so": "libsofthsm2",
    "mosquitto": "mosquitto",
    "mosquitto_dynamic_security.so": "mosquitto",
    "softhsm2-util": "softhsm2",
    "systemd-analyze": "systemd",
}
"""Each tool, and Debian's package that has it."""
ANOTHER_MAY_BE_INSTALLED = ("influxd",)
"""What is installed under this name may be another major version than Debian's."""
BROWSER = "chromium"
BROWSER_AT = "FIELDLINE_CHROMIUM"


def browser() -> Path:
    """Chromium: the one that $FIELDLINE_CHROMIUM names, else the installed one, else installed here, which takes root.

    Where it cannot be had the test is skipped and says why; with FIELDLINE_REQUIRE_TOOLS it fails.
    """
    try:
        return fetch_browser()
    except MissingError as exc:
        if os.environ.get(REQUIRED):
            pytest.fail(f"{exc} ({REQUIRED} is set)", pytrace=False)
        pytest.skip(str(exc))


@cache
def fetch_browser() -> Path:
    """As `browser`, but raises MissingError."""
    if named := os.environ.get(BROWSER_AT):
        if shutil.which(named) is None:
            raise MissingError(f"{BROWSER_AT}: expected a program, got {named!r}")
        return Path(named)
    if (found := _installed(BROWSER)) is not None:
        return found
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise MissingError(
            f"{BROWSER} is missing, and only root may install it: `sudo apt-get install {BROWSER}` on Debian, or set "
            f"{BROWSER_AT} to a Chromium"
        )
    FOLDER.mkdir(parents=True, exist_ok=True)
    with (FOLDER / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        install = ("apt-get", "install", "--yes", "--no-install-recommends", BROWSER)
        try:
            _run(*install)
        except MissingError:  # a fresh machine has no lists of packages
            _run("apt-get", "update")
            _run(*install)
    if (found := _installed(BROWSER)) is None:
        raise MissingError(f"{BROWSER}: Debian's package does not have it")
    return found


def tool(name: str) -> Path:
    """The tool, ready to be started (a library: to be loaded into this process).

    Where it cannot be had the test is skipped and says why; with FIELDLINE_REQUIRE_TOOLS it fails.
    """
    return or_skip(name, REQUIRED, "python -m tests.debian")


def or_skip(name: str, required: str, command: str) -> Path:
    """As `tool`, with the environment variable that requires it and the `command` that fetches it."""
    try:
        return fetch(name)
    except (MissingError, OSError, subprocess.TimeoutExpired) as exc:
        if os.environ.get(required):
            pytest.fail(f"{exc} ({required} is set)")
        pytest.skip(f"{exc}; `{command}` fetches it on Debian")


@cache
def fetch(name: str) -> Path:
    """The tool, brought by the first who asks; raises MissingError."""
    if name not in ANOTHER_MAY_BE_INSTALLED and (installed := _installed(name)) is not None:
        return installed
    package = TOOLS[name]
    for needed in ("apt-get", "apt-cache", "dpkg"):
        if shutil.which(needed) is None:
            raise MissingError(f"{name}: Debian's package {package} is fetched with {needed}, which is not here")
    FOLDER.mkdir(parents=True, exist_ok=True)
    with (FOLDER / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        folder = _unpacked(package)
        file = next(folder.glob(f"**/{name}" if ".so" in name else f"**/*bin/{name}"), None)
        if file is None:
            raise MissingError(f"{name}: Debian's package {package} does not have it")
        libraries = _libraries(file, package)
        if not libraries:
            return file
        if ".so" in name:
            _preload(file, libraries)
            return file
        return _launcher(name, file, libraries)


def _installed(name: str) -> Path | None:
    if ".so" in name:
        # A module that other programs load is in a folder of its own below the linker's.
        return next((path for depth in ("", "*/", "*/*/") for path in Path("/usr/lib").glob(depth + name)), None)
    # Daemons are in sbin, which is not on everybody's path.
    found = shutil.which(name) or shutil.which(name, path="/usr/local/sbin:/usr/sbin:/sbin")
    return None if found is None else Path(found)


def _unpacked(package: str) -> Path:
    """The folder that has the package's files."""
    folder = FOLDER / package
    if not folder.exists():
        _apt("apt-get", "download", package)
        archive = max(FOLDER.glob(f"{package}_*.deb"), key=lambda path: path.stat().st_mtime)
        partly = FOLDER / "partly"
        shutil.rmtree(partly, ignore_errors=True)
        _run("dpkg", "-x", archive.name, partly.name)
        partly.rename(folder)
        archive.unlink()
    return folder


def _libraries(file: Path, package: str) -> list[Path]:
    """Folders with the shared libraries that `file` needs and this machine lacks, from the packages it depends on."""
    folders: list[Path] = []
    dependencies = _dependencies(package)
    while lacking := _lacking(file, folders):
        if (dependency := next(dependencies, None)) is None:
            raise MissingError(f"{file.name}: no package that {package} depends on has {', '.join(lacking)}")
        folders += sorted({path.parent for path in _unpacked(dependency).rglob("*.so*")})
    return folders


def _lacking(file: Path, folders: list[Path]) -> list[str]:
    environment = {**os.environ, "LD_LIBRARY_PATH": ":".join(map(str, folders))}
    done = subprocess.run(["ldd", str(file)], env=environment, capture_output=True, text=True, check=False, timeout=60)
    return re.findall(r"^\s*(\S+) => not found", done.stdout, re.MULTILINE)


def _dependencies(package: str) -> Iterator[str]:
    """The libraries that it depends on and that are not installed, the nearest first."""
    seen, level = {package}, [package]
    for _ in range(_DEPTH):
        said = [_apt("apt-cache", "depends", "--important", one) for one in level]
        named = re.findall(r"^ *\|?(?:Pre)?Depends: (lib\S+)$", "\n".join(said), re.MULTILINE)
        level = [name for name in dict.fromkeys(named) if name not in seen and not _is_installed(name)]
        seen.update(level)
        yield from level


def _is_installed(package: str) -> bool:
    query = ["dpkg-query", "-W", "-f", "${db:Status-Status}", package]
    done = subprocess.run(query, capture_output=True, text=True, check=False, timeout=60)
    return done.stdout.startswith("installed")


def _preload(file: Path, folders: list[Path]) -> None:
    """Load what `file` needs: the linker then takes what the process has, since its search path is fixed by now."""
    wanted = _lacking(file, [])
    while wanted:
        loaded = [name for name in wanted if any(_loads(folder / name) for folder in folders)]
        if not loaded:
            raise MissingError(f"{file.name}: cannot load {', '.join(wanted)}")
        wanted = [name for name in wanted if name not in loaded]


def _loads(library: Path) -> bool:
    try:
        ctypes.CDLL(str(library), ctypes.RTLD_GLOBAL)
    except OSError:
        return False
    return True


def _launcher(name: str, file: Path, folders: list[Path]) -> Path:
    """A script that starts the tool with the libraries; the process becomes the tool."""
    script = FOLDER / "bin" / name
    script.parent.mkdir(exist_ok=True)
    path = ":".join(map(str, folders))
    text = f'#!/bin/sh\nLD_LIBRARY_PATH="{path}${{LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}}" exec "{file}" "$@"\n'
    if not script.exists() or script.read_text() != text:
        partly = script.with_suffix(".partly")
        partly.write_text(text)
        partly.chmod(0o755)
        partly.rename(script)
    return script


def _apt(*command: str) -> str:
    """Run it; returns what it said."""
    lists, cached = FOLDER / "lists", FOLDER / "cache"
    own = (f"-oDir::State::Lists={lists}", f"-oDir::Cache={cached}", "-oDebug::NoLocking=1")
    with_own = (command[0], *own, *command[1:])
    try:
        return _run(*(with_own if lists.exists() else command))
    except MissingError:
        # A fresh machine has no lists of packages, old lists name packages that are gone, and refreshing the system's
        # takes root.
        _log.info("refreshing a list of packages of our own")
        for folder in (lists / "partial", cached / "archives" / "partial"):
            folder.mkdir(parents=True, exist_ok=True)
        _run("apt-get", *own, "update")
    return _run(*with_own)


def _run(*command: str) -> str:
    _log.info(" ".join(command))
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    done = subprocess.run(command, cwd=FOLDER, env=quiet, capture_output=True, text=True, check=False, timeout=240)
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines()[-1:]
        raise MissingError(f"`{' '.join(command)}` failed: {' '.join(said)}")
    return done.stdout


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(name)s: %(message)s")
    try:
        for each in TOOLS:
            _log.info(fetch(each))
    except MissingError as problem:
        sys.exit(str(problem))
    try:
        _log.info(fetch_browser())
    except MissingError as problem:
        if os.environ.get(REQUIRED):
            sys.exit(str(problem))
        _log.warning("the dashboard's tests in a browser are skipped: %s", problem)
