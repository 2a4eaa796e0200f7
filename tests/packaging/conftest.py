import os
import platform
import subprocess
import sys
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests import debian
from tests.once import once_in_a_run
from tests.packaging.overlay import SYSTEMD, Overlay, OverlayError

ROOT = Path(__file__).parents[2]
HOST = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine())
EPOCH = 1_764_000_000


@pytest.fixture(scope="session")
def build():
    """Build a package in a folder; the file."""
    debian.tool("dpkg-deb")

    def build_(out, architecture, version="1.2.3", umask=0o022, **env):
        script = ROOT / "packaging" / "build_deb.py"
        options = ["--arch", architecture, "--version", version, "--out", out, "--level", "0"]
        done = subprocess.run(
            [sys.executable, script, *options],
            env={**os.environ, "SOURCE_DATE_EPOCH": str(EPOCH), **env},
            cwd=out,
            capture_output=True,
            text=True,
            check=False,
            umask=umask,
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout == f"{out}/fieldline-agent_{version}_{architecture}.deb\n"
        return Path(done.stdout.strip())

    return build_


@pytest.fixture(scope="session")
def arm64(build, tmp_path_factory):
    folder = once_in_a_run(tmp_path_factory, "deb-arm64", lambda folder: build(folder, "arm64"))
    return next(folder.iterdir())


@pytest.fixture(scope="session")
def host(build, tmp_path_factory):
    if HOST is None:
        pytest.skip(f"no package is built for {platform.machine()}")
    folder = once_in_a_run(tmp_path_factory, "deb-host", lambda folder: build(folder, HOST))
    return next(folder.iterdir())


@pytest.fixture
def machine(tmp_path):
    """A copy of this Debian to install on, where systemd does not run."""
    with _overlay(tmp_path) as overlay:
        yield overlay


@pytest.fixture
def booted_machine(tmp_path):
    """A copy of this Debian under a systemd of its own."""
    debian.tool("systemd-analyze")
    with _overlay(tmp_path, *SYSTEMD) as overlay:
        yield overlay


@contextmanager
def _overlay(folder, *init):
    with ExitStack() as stack:
        try:
            overlay = stack.enter_context(Overlay(folder, *init))
            _check_python(overlay)
            if init:
                overlay.await_boot()
        except (OverlayError, OSError) as error:
            if os.environ.get(debian.REQUIRED):
                pytest.fail(f"{error} ({debian.REQUIRED} is set)")
            pytest.skip(str(error))
        yield overlay


def _check_python(overlay):
    version = overlay.run("dpkg-query", "--show", "--showformat=${Version}", "python3").split("-")[0]
    if not (3, 11) <= tuple(map(int, version.split(".")[:2])) <= (3, 13):
        raise OverlayError(f"the package needs Debian's python3 from 3.11 to 3.13, and {version} is installed here")
