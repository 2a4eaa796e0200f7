"""HTTP as this front needs it, apart from any server: requests, replies and InfluxDB's JSON errors."""

import base64
import binascii
import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NoReturn
from urllib.parse import parse_qsl

import msgspec

V1, V2 = "1.8-look-alike", "v2.7-look-alike"
MAX_INFLATED: Final = 64 * 1024 * 1024
_STATUS: Final = {
    "invalid": 400,
    "unauthorized": 401,
    "forbidden": 403,
    "not found": 404,
    "method not allowed": 405,
    "request too large": 413,
    "conflict": 422,
    "unprocessable entity": 422,
    "too many requests": 429,
    "internal error": 500,
    "unavailable": 503,
}
_GZIP: Final = 31  # zlib's window bits for gzip's header and trailer


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = "application/json"


class RequestError(Exception):
    """Answered as it stands: as 2.x words it with `code`, as 1.x without."""

    def __init__(self, code: str, message: str, *, v1_status: int | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.v1_status = v1_status

    def reply(self) -> Reply:
        if self.v1_status is not None:
            document = {"error": self.message}
            return Reply(self.v1_status, encoded(document) + b"\n", {"X-Influxdb-Error": _one_line(self.message)})
        document = {"code": self.code, "message": self.message}
        return Reply(_STATUS[self.code], encoded(document), {"X-Platform-Error-Code": self.code})


def _one_line(text: str) -> str:
    return " ".join(text.encode("ascii", "replace").decode().split())


def encoded(document: object) -> bytes:
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()


def json_reply(status: int, document: object) -> Reply:
    return Reply(status, encoded(document), content_type="application/json; charset=utf-8")


def refuse(action: str, what: str) -> NoReturn:
    raise RequestError("unauthorized", f"{action}:{what} is unauthorized")


@dataclass(frozen=True, slots=True)
class Request:
    """`path` without its query; header names in lower case."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes = b""

    def form(self) -> Mapping[str, str]:
        """Values of the query and of a form in the body, which goes before."""
        if not self.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
            return self.query
        pairs = parse_qsl(self.body.decode(errors="replace"), keep_blank_values=True)
        return {**self.query, **dict(reversed(pairs))}

    def document(self, kind: Any) -> Any:
        """The body as JSON of this type. Raises RequestError."""
        try:
            return msgspec.json.decode(self.body, type=kind)
        except (msgspec.DecodeError, UnicodeDecodeError) as exc:
            raise RequestError("invalid", f"invalid json structure: {exc}") from exc

    def token(self) -> str | None:
        """Of `Authorization: Token …` or `Bearer …`."""
        scheme, _, token = self.headers.get("authorization", "").partition(" ")
        return token if scheme in {"Token", "Bearer"} and token else None

    def basic(self) -> tuple[str, str] | None:
        scheme, _, text = self.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "basic":
            return None
        try:
            user, colon, password = base64.b64decode(text, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return None
        return (user, password) if colon else None

    def cookie(self, name: str) -> str | None:
        for part in self.headers.get("cookie", "").split(";"):
            key, _, value = part.strip().partition("=")
            if key == name:
                return value
        return None


class TooLargeError(ValueError):
    pass


def inflated(request: Request) -> bytes:
    """The body, without gzip. Raises ValueError in Go's words, TooLargeError."""
    if request.headers.get("content-encoding", "").lower() != "gzip":
        return request.body
    if not request.body:
        raise ValueError("EOF")
    rest = request.body
    found: list[bytes] = []
    size = 0
    while rest:
        stream = zlib.decompressobj(_GZIP)
        try:
            part = stream.decompress(rest, MAX_INFLATED - size + 1)
        except zlib.error as exc:
            if not found and "header" in str(exc):
                raise ValueError("gzip: invalid header") from exc
            raise ValueError("gzip: invalid checksum") from exc
        size += len(part)
        if size > MAX_INFLATED:
            raise TooLargeError("points batch is too large")
        if not stream.eof:
            raise ValueError("unexpected EOF")
        found.append(part)
        rest = stream.unused_data
    return b"".join(found)
