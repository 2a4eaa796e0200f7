"""HTTP to a server that may hang, drip, or answer anything: every request ends within its time and bounded in size."""

import io
import time
from collections.abc import Callable
from http.client import HTTPResponse
from socket import SocketIO, socket
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection

MAX_ANSWER_BYTES = 64 * 1024 * 1024
_PIECE_BYTES = 1024 * 1024
_CONNECT_S = 3.0
_IDLE_CONNECTIONS = 16


class Deadline:
    """The end of the time that one use of the store may take."""

    def __init__(self, within_s: float, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._end = monotonic() + within_s

    @property
    def left_s(self) -> float:
        return self._end - self._monotonic()


class Reply(NamedTuple):
    status: int
    retry_after: str
    body: bytes


class UnansweredError(Exception):
    """There is no answer, or none that ends; `again` says whether asking again may help in the time that is left."""

    def __init__(self, message: str, *, again: bool) -> None:
        super().__init__(message)
        self.again = again


class Server:
    """Keeps connections alive between requests; threads may share it. `url` is `https://host:port`."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.path.strip("/") or parts.query:
            raise ValueError(f"url: expected https://host:port, got {url!r}")
        kind = _TimedHTTPSPool if parts.scheme == "https" else _TimedHTTPPool
        self._pool = kind(parts.hostname, parts.port, maxsize=_IDLE_CONNECTIONS, block=False)

    def post(self, path: str, body: bytes, headers: dict[str, str], *, within_s: float) -> Reply:
        """Whatever the server answers, a redirection too; raises UnansweredError."""
        if within_s <= 0:
            raise UnansweredError("no time is left to ask", again=False)
        try:
            response = self._pool.urlopen(
                "POST",
                path,
                body=body,
                headers=headers,
                retries=False,
                redirect=False,
                timeout=urllib3.Timeout(connect=min(_CONNECT_S, within_s), read=within_s),
                preload_content=False,
                decode_content=False,
            )
            return Reply(response.status, response.headers.get("Retry-After", ""), _whole(response))
        except urllib3.exceptions.ReadTimeoutError as exc:
            raise UnansweredError(f"no whole answer within {within_s:.1f} s", again=False) from exc
        except (urllib3.exceptions.HTTPError, OSError) as exc:
            raise UnansweredError(f"{type(exc).__name__}: {exc}", again=True) from exc


def _whole(response: urllib3.BaseHTTPResponse) -> bytes:
    pieces: list[bytes] = []
    size = 0
    while piece := response.read1(_PIECE_BYTES):
        size += len(piece)
        if size > MAX_ANSWER_BYTES:
            response.close()  # what follows on this connection is the rest of this answer
            raise UnansweredError(f"an answer of more than {MAX_ANSWER_BYTES} bytes", again=False)
        pieces.append(piece)
    response.release_conn()
    return b"".join(pieces)


class _Timed(io.RawIOBase):
    """A connection's bytes until the time is over. A socket's own timeout begins anew with each of them."""

    def __init__(self, connection: socket) -> None:
        self._connection = connection
        self._end = time.monotonic() + (connection.gettimeout() or 0.0)
        self._raw: SocketIO = connection.makefile("rb", buffering=0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        self._connection.settimeout(left)
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _TimedResponse(HTTPResponse):
    """Its status line, headers and body share the time that the connection has at its beginning."""

    def __init__(self, sock: socket, *arguments: Any, **options: Any) -> None:
        super().__init__(sock, *arguments, **options)
        self.fp.close()
        self.fp = io.BufferedReader(_Timed(sock))


class _TimedHTTPConnection(HTTPConnection):
    response_class = _TimedResponse


class _TimedHTTPSConnection(HTTPSConnection):
    response_class = _TimedResponse


class _TimedHTTPPool(urllib3.HTTPConnectionPool):
    ConnectionCls = _TimedHTTPConnection


class _TimedHTTPSPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _TimedHTTPSConnection
