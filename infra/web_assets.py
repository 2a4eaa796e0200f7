"""The built dashboard, as a deployment takes it along."""

from pathlib import Path

from functions.web_files import INDEX, content_type, is_served
from infra.config import ROOT, Target
from infra.errors import DashboardError

DIST = ROOT / "dashboard" / "dist"
UNBUILT = Path(__file__).parent / "unbuilt"
"""A page that says what is missing. It stands in the laptop's bucket too: the gateway there serves `DIST` itself, so
that a new build needs no new deployment."""


def dashboard_files(target: Target) -> Path:
    """The folder to deploy. Raises DashboardError where there is no build, or one with a file of unknown kind."""
    if target == "host":
        return UNBUILT
    dist = DIST
    if not (dist / INDEX).is_file():
        raise DashboardError(f"the dashboard is not built: {dist} holds no {INDEX}; run `make dashboard`")
    for path in sorted(dist.rglob("*")):
        name = path.relative_to(dist).as_posix()
        if path.is_file() and is_served(name):
            try:
                content_type(name)
            except ValueError as exc:
                raise DashboardError(f"dashboard/dist: {exc}; functions/web_files.py lists them") from exc
    return dist
