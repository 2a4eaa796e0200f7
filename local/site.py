"""The dashboard's files, as CloudFront serves them on AWS: the same headers, and `index.html` for the app's addresses.

They are read anew when a build has changed them, so that `make dashboard` needs no restart.
"""

import asyncio
import gzip
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from functions.web_files import CONFIG, EACH_TIME, INDEX, cache_control, config, content_type, is_page, is_served
from infra.web_assets import UNBUILT
from infra.web_headers import security_headers

HEADERS: Mapping[str, str] = security_headers()
"""All that AWS sends but Strict-Transport-Security: a browser would refuse the laptop's plain HTTP for two years."""
LEAST_PACKED = 1000
"""Bytes, as CloudFront: below, packing gains nothing."""
_PACKABLE = ("text/", "application/", "image/svg")
_BUILT_BEFOREHAND = {"br": ".br", "gzip": ".gz"}


@dataclass(frozen=True)
class _Kept:
    """A file as it was at `stamp`, by the encodings that it can be sent in; an empty name is the file itself."""

    stamp: tuple[int, int]
    variants: Mapping[str, bytes]
    digest: str


class Site:
    def __init__(self, dist: Path) -> None:
        self._dist = dist
        self._kept: dict[Path, _Kept] = {}

    async def answer(self, request: web.Request) -> web.Response | None:
        """None for what is not there."""
        path = request.path.lstrip("/")
        if path == CONFIG:
            return _made(request, config(None), path)
        if not (self._dist / INDEX).is_file():
            return _unbuilt() if is_page(path) else None
        wanted = INDEX if is_page(path) else path
        file = self._file(wanted)
        if file is None:
            return None
        try:
            kept = await self._read(file)
        except FileNotFoundError:  # a build that runs just now takes it away
            return None
        return _sent(request, kept, wanted)

    def _file(self, path: str) -> Path | None:
        """Below the folder and nowhere else, also not by a link."""
        root = self._dist.resolve()
        try:
            file = (root / path).resolve()
            inside = file.is_relative_to(root) and file.is_file()
            content_type(path)
        except (OSError, ValueError):  # a name that no file can have, or of a kind that AWS would not serve either
            return None
        return file if inside and is_served(file.relative_to(root).as_posix()) else None

    async def _read(self, file: Path) -> _Kept:
        stamp = _stamp(file)
        kept = self._kept.get(file)
        if kept is None or kept.stamp != stamp:
            kept = self._kept[file] = await asyncio.to_thread(_load, file, stamp)
        return kept


def _stamp(file: Path) -> tuple[int, int]:
    status = file.stat()
    return status.st_mtime_ns, status.st_size


def _load(file: Path, stamp: tuple[int, int]) -> _Kept:
    data = file.read_bytes()
    variants = {"": data}
    for encoding, suffix in _BUILT_BEFOREHAND.items():
        packed = file.with_name(file.name + suffix)
        # One that is older was packed from another build.
        if packed.is_file() and packed.stat().st_mtime_ns >= stamp[0]:
            variants[encoding] = packed.read_bytes()
    if "gzip" not in variants and len(data) >= LEAST_PACKED and content_type(file.name).startswith(_PACKABLE):
        variants["gzip"] = gzip.compress(data, mtime=0)
    return _Kept(stamp, variants, hashlib.sha256(data).hexdigest()[:32])


def _sent(request: web.Request, kept: _Kept, path: str) -> web.Response:
    encoding = next((name for name in ("br", "gzip") if name in kept.variants and _accepts(request, name)), "")
    headers = {
        **HEADERS,
        "Content-Type": content_type(path),
        "Cache-Control": cache_control(path),
        "ETag": f'"{kept.digest}{f"-{encoding}" if encoding else ""}"',
        "Vary": "Accept-Encoding",
    }
    known = request.headers.get("If-None-Match", "")
    if headers["ETag"] in {tag.strip().removeprefix("W/") for tag in known.split(",")} or known.strip() == "*":
        del headers["Content-Type"]
        return web.Response(status=304, headers=headers)
    if encoding:
        headers["Content-Encoding"] = encoding
    return web.Response(body=kept.variants[encoding], headers=headers)


def _accepts(request: web.Request, encoding: str) -> bool:
    for part in request.headers.get("Accept-Encoding", "").split(","):
        name, _, weight = part.partition(";")
        if name.strip().lower() == encoding:
            return weight.replace(" ", "") not in {"q=0", "q=0.0", "q=0.00", "q=0.000"}
    return False


def _made(request: web.Request, data: bytes, path: str) -> web.Response:
    return _sent(request, _Kept((0, 0), {"": data}, hashlib.sha256(data).hexdigest()[:32]), path)


def _unbuilt() -> web.Response:
    headers = {**HEADERS, "Content-Type": content_type(INDEX), "Cache-Control": EACH_TIME}
    return web.Response(status=503, body=(UNBUILT / INDEX).read_bytes(), headers=headers)
