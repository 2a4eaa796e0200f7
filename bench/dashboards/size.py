"""What a browser loads: JavaScript and CSS of a build of its own, packed by gzip.

    .venv/bin/python -m bench.dashboards.size

prints both sizes with what they consist of, and exits with 1 where one is over its budget.
"""

import gzip
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.agents.figures import Figure, at_most, line
from bench.dashboards import builds

FIRST_ROUTE_KB = 90.0
WHOLE_APP_KB = 300.0
ENTRY = "index.html"
OVERVIEW = "src/pages/overview/index.svelte"
LARGEST = 8

Manifest = dict[str, dict[str, Any]]


def measure(app: Path) -> Iterator[Figure]:
    first, whole = first_route(app), whole_app(app)
    yield at_most("first route, JS and CSS, gzip", kilobytes(first), "KB", FIRST_ROUTE_KB)
    yield at_most("whole app, JS and CSS, gzip", kilobytes(whole), "KB", WHOLE_APP_KB)


def first_route(app: Path) -> dict[str, int]:
    """By file its bytes as packed: what is loaded from the sign-in until the overview stands."""
    manifest: Manifest = json.loads((app / builds.MANIFEST).read_text())
    return {name: packed(app / name) for name in sorted(loaded(manifest, ENTRY, OVERVIEW))}


def whole_app(app: Path) -> dict[str, int]:
    """All of it with the worker; the map's outlines are data, and neither JavaScript nor CSS."""
    files = sorted(path for path in app.rglob("*") if path.suffix in {".js", ".css"})
    return {path.relative_to(app).as_posix(): packed(path) for path in files}


def loaded(manifest: Manifest, *chunks: str) -> set[str]:
    """The files of these chunks, of all that they import statically, and the style sheets of each."""
    files: set[str] = set()
    todo, known = list(chunks), set(chunks)
    while todo:
        chunk = manifest[todo.pop()]
        files |= {chunk["file"], *chunk.get("css", ())}
        new = set(chunk.get("imports", ())) - known
        known |= new
        todo += new
    return files


def packed(path: Path) -> int:
    """As a server packs what it is asked for: by zlib's own level."""
    return len(gzip.compress(path.read_bytes(), 6, mtime=0))


def kilobytes(files: dict[str, int]) -> float:
    return sum(files.values()) / 1000


def main() -> int:
    app = builds.app()
    figures = list(measure(app))
    for figure, files in zip(figures, (first_route(app), whole_app(app)), strict=True):
        print(line(figure))
        if not figure.ok:
            print("  the largest of it, in bytes:")
            for name, size in sorted(files.items(), key=lambda item: -item[1])[:LARGEST]:
                print(f"  {size:8,} {name}")
    return 0 if all(figure.ok for figure in figures) else 1


if __name__ == "__main__":
    sys.exit(main())
