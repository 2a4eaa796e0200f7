"""What the dashboard's files are to a browser, and how long it may keep each: on AWS and on the laptop the same.

`assets/` holds what is named after its content, so that it never changes; everything else is asked for each time.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Final

INDEX: Final = "index.html"
CONFIG: Final = "config.json"
"""What a deployment tells its dashboard; it is written by the deployment and by the gateway, never by the build."""
HASHED: Final = "assets/"
FOR_EVER: Final = "public, max-age=31536000, immutable"
EACH_TIME: Final = "no-cache"
PACKED: Final = (".br", ".gz")
"""Of files that stand beside the same ones unpacked. CloudFront packs by itself and is given none."""
FILE: Final = r"\.[A-Za-z][A-Za-z0-9]*$"
"""How the address of a file ends; JavaScript reads it alike."""
CONTENT_TYPES: Final[Mapping[str, str]] = {
    ".css": "text/css; charset=utf-8",
    ".csv": "text/csv; charset=utf-8",
    ".geojson": "application/json",
    ".html": "text/html; charset=utf-8",
    ".ico": "image/vnd.microsoft.icon",
    ".jpg": "image/jpeg",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".map": "application/json",
    ".md": "text/plain; charset=utf-8",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".topojson": "application/json",
    ".txt": "text/plain; charset=utf-8",
    ".webmanifest": "application/manifest+json",
    ".webp": "image/webp",
    ".woff2": "font/woff2",
}


def content_type(path: str) -> str:
    """Raises ValueError for a kind of file that is not known: a browser is told never to guess."""
    suffix = PurePosixPath(path).suffix
    if suffix not in CONTENT_TYPES:
        raise ValueError(f"{path}: expected one of {' '.join(CONTENT_TYPES)}, got {suffix or 'no suffix'!r}")
    return CONTENT_TYPES[suffix]


def cache_control(path: str) -> str:
    return FOR_EVER if path.startswith(HASHED) else EACH_TIME


def is_served(path: str) -> bool:
    """Not what a build hides, nor what it packed beforehand."""
    parts = PurePosixPath(path).parts
    return not path.endswith(PACKED) and not any(part.startswith(".") for part in parts)


def is_page(path: str) -> bool:
    """Whether it is an address of the app, which `index.html` answers: it does not end like the name of a file.

    A dot alone makes no file: `/alarms/press-4.42` is an alarm.
    """
    return re.search(FILE, path) is None


def config(map_tiles: str | None) -> bytes:
    """`config.json`: where the map gets tiles from besides the one that the app brings along."""
    return json.dumps({"map_tiles": map_tiles}, separators=(",", ":")).encode()


def rules_digest() -> str:
    """Changes with anything above that a deployed file depends on: what is stored must be written anew then."""
    rules = [sorted(CONTENT_TYPES.items()), HASHED, FOR_EVER, EACH_TIME, PACKED]
    return hashlib.sha256(json.dumps(rules).encode()).hexdigest()[:16]
