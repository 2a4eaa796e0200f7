"""Where the dashboard's files come from, and where they are served from."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple, Protocol


class WebFile(NamedTuple):
    """`path` is relative to the origin: `assets/app-1f0e.js`."""

    path: str
    data: bytes
    content_type: str
    cache_control: str


class BuiltFiles(Protocol):
    def read(self) -> Mapping[str, bytes]:
        """Every file of the build by its path. Raises DashboardError."""
        ...


class Site(Protocol):
    """Every method raises DashboardError."""

    def keep(self, files: Sequence[WebFile]) -> None:
        """In any order; what is there under a path is replaced."""
        ...

    def paths(self) -> Iterator[str]: ...

    def remove(self, paths: Sequence[str]) -> None: ...
