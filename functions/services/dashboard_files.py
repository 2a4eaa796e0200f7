"""Brings a build of the dashboard to where it is served from, so that nobody sees half of it.

Files that are named after their content come first and are never taken away by a later deployment: a tab that was
opened before it still asks for them. `index.html` comes last, since it is what points at the new ones.
"""

from functions.errors import DashboardError
from functions.ports.dashboard import BuiltFiles, Site, WebFile
from functions.web_files import CONFIG, HASHED, INDEX, cache_control, config, content_type, is_served


class DashboardFiles:
    def __init__(self, site: Site) -> None:
        self._site = site

    def deploy(self, built: BuiltFiles, map_tiles: str | None) -> int:
        """How many files are served now. Raises DashboardError, and then `index.html` is the one before."""
        found = {path: data for path, data in built.read().items() if is_served(path)}
        if INDEX not in found:
            raise DashboardError(f"the build: expected a file {INDEX}, got {len(found)} others")
        files = [_file(path, data) for path, data in {**found, CONFIG: config(map_tiles)}.items()]
        self._site.keep([file for file in files if file.path.startswith(HASHED)])
        self._site.keep([file for file in files if not file.path.startswith(HASHED) and file.path != INDEX])
        self._site.keep([file for file in files if file.path == INDEX])
        known = {file.path for file in files}
        self._site.remove(
            [path for path in self._site.paths() if path not in known and not path.startswith(HASHED)],
        )
        return len(files)

    def take_down(self) -> int:
        """Nothing is served any more; how many files that were. Raises DashboardError."""
        paths = list(self._site.paths())
        self._site.remove(paths)
        return len(paths)


def _file(path: str, data: bytes) -> WebFile:
    try:
        return WebFile(path, data, content_type(path), cache_control(path))
    except ValueError as exc:
        raise DashboardError(f"the build: {exc}") from exc
