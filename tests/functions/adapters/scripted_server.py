"""A server that answers each request with the next of its script: bytes as they are, also such as none should send."""

import contextlib
import gzip
import itertools
import socket
import threading
from typing import NamedTuple


class Request(NamedTuple):
    path: str
    headers: dict[str, str]
    body: bytes


def answer(status=200, body=b"", **headers):
    """A well-formed answer; in names of headers `_` stands for `-`."""
    lines = [f"HTTP/1.1 {status} Whatever", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


class Hang:
    """Say nothing, and keep the connection until the test is over."""


class Drop:
    """Send this much and close the connection."""

    def __init__(self, sent=b""):
        self.sent = sent


class Drip:
    """Begin with this, and never end: a byte now and then."""

    def __init__(self, sent=b""):
        self.sent = sent


class ScriptedServer:
    """The last answer of the script is repeated. With `tls`, an SSL context, it speaks HTTPS as localhost."""

    def __init__(self, *script, tls=None):
        self.script = list(script)
        self.requests = []
        self.connections = []
        self._over = threading.Event()
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._tls = tls
        port = self._listener.getsockname()[1]
        self.url = f"https://localhost:{port}" if tls else f"http://127.0.0.1:{port}"
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._over.set()
        for one in (self._listener, *self.connections):
            with contextlib.suppress(OSError):  # it may be closed already
                one.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(10)

    def _accept(self):
        while not self._over.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections.append(connection)
            thread = threading.Thread(target=self._serve, args=(connection,))
            self._threads.append(thread)
            thread.start()

    def _serve(self, plain):
        # A client may go away at any moment, or not trust us.
        with contextlib.suppress(OSError):
            self._answer(self._tls.wrap_socket(plain, server_side=True) if self._tls else plain)

    def _answer(self, connection):
        with connection, contextlib.suppress(OSError), connection.makefile("rb") as stream:
            while (request := _read(stream)) is not None:
                with self._lock:
                    self.requests.append(request)
                    said = self.script.pop(0) if len(self.script) > 1 else self.script[0]
                if isinstance(said, bytes):
                    connection.sendall(said)
                    continue
                if not isinstance(said, Hang):
                    connection.sendall(said.sent)
                if isinstance(said, Drop):
                    connection.shutdown(socket.SHUT_RDWR)
                    return
                while not self._over.wait(0.01):
                    if isinstance(said, Drip):
                        connection.sendall(b"x")


def _read(stream):
    line = stream.readline()
    if not line:
        return None
    headers = {}
    for header in itertools.takewhile(bytes.strip, iter(stream.readline, b"")):
        name, _, value = header.decode().partition(":")
        headers[name.lower()] = value.strip()
    body = stream.read(int(headers.get("content-length", 0)))
    body = gzip.decompress(body) if headers.get("content-encoding") == "gzip" else body
    return Request(line.decode().split()[1], headers, body)
