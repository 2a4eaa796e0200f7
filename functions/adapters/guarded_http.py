"""POSTs to receivers on the internet that somebody else names: to no address inside, and within a time in all.

A name is resolved once for each request, every address that it has is judged, and the connection is made to the very
address that was: what a name means a moment later cannot matter. Redirects are not followed.
"""

import socket
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from http.client import HTTPException, HTTPResponse
from io import BufferedReader, RawIOBase
from ipaddress import ip_address
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any, Final, NamedTuple

from functions.domain.webhook_addresses import Url, refusals

TIMEOUT_S: Final = 10.0
SHOWN_BYTES: Final = 2_048
"""Of an answer, for the ledger; the rest is never read."""

Resolve = Callable[[str, int], Sequence[str]]
Connect = Callable[[str, int, float], socket.socket]


class Refused(Exception):  # noqa: N818 - an answer, which its sender turns into one of ours
    """Nothing was sent: the address is none of those that may be reached. Trying again would change nothing."""


class Unreachable(Exception):  # noqa: N818 - an answer, as above
    """No answer came; whether the receiver heard the request may be unknown."""


class Answered(NamedTuple):
    status: int
    retry_after: str | None
    text: str
    """The beginning of the answer, as far as it came in time."""


def resolve(host: str, port: int) -> list[str]:
    """The addresses of a host, as the system has them. Raises OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


def connect(address: str, port: int, timeout_s: float) -> socket.socket:
    """To this address and no other. Raises OSError."""
    return socket.create_connection((address, port), timeout_s)


@dataclass(frozen=True, kw_only=True, slots=True)
class GuardedHttp:
    """`loopback` lets requests go to this machine, and only these without TLS."""

    loopback: bool = False
    timeout_s: float = TIMEOUT_S
    resolve: Resolve = resolve
    connect: Connect = connect
    context: ssl.SSLContext = field(default_factory=ssl.create_default_context)
    monotonic: Callable[[], float] = time.monotonic

    def post(self, url: Url, headers: Mapping[str, str], body: bytes) -> Answered:
        """Raises Refused, Unreachable."""
        end = self.monotonic() + self.timeout_s
        addresses = self._resolved(url, end)
        self._check(url, addresses)
        try:
            with self._connected(url, addresses, end) as plain, self._secured(url, plain, end) as connection:
                self._send(connection, _request(url, headers, body), end)
                return self._answer(connection, end)
        except ssl.SSLCertVerificationError as exc:
            raise Unreachable(f"its certificate is not one of {url.host}: {exc.verify_message}") from exc
        except (OSError, HTTPException) as exc:
            raise Unreachable(_said(exc, self.timeout_s)) from exc

    def _resolved(self, url: Url, end: float) -> Sequence[str]:
        """Within the time: the system's resolver has one of its own, and cannot be ended."""
        found: SimpleQueue[Sequence[str] | OSError] = SimpleQueue()

        def ask() -> None:
            try:
                found.put(self.resolve(url.host, url.port))
            except (OSError, UnicodeError) as exc:
                found.put(exc if isinstance(exc, OSError) else OSError(str(exc)))

        Thread(target=ask, name="resolve", daemon=True).start()
        try:
            addresses = found.get(timeout=max(0.0, end - self.monotonic()))
        except Empty:
            raise Unreachable(f"the name {url.host} was not resolved within {self.timeout_s:g} s") from None
        if isinstance(addresses, OSError):
            raise Unreachable(f"the name {url.host} cannot be resolved: {addresses.strerror or addresses}")
        if not addresses:
            raise Unreachable(f"the name {url.host} has no address")
        return addresses

    def _check(self, url: Url, addresses: Sequence[str]) -> None:
        """One that is inside is enough: whoever mixes them wants the connection to end up there."""
        refused = refusals(addresses, loopback=self.loopback)
        if refused:
            address, why = next(iter(refused.items()))
            raise Refused(f"{url.host} is at {address}, which is no public address ({why})")
        if not url.secure and not all(_is_loopback(address) for address in addresses):
            raise Refused(f"{url.host} is at {addresses[0]}: without TLS nothing is sent but to this machine")

    def _connected(self, url: Url, addresses: Sequence[str], end: float) -> socket.socket:
        problem: OSError | None = None
        for address in addresses:
            try:
                return self.connect(address, url.port, self._left(end))
            except OSError as exc:
                problem = exc
        raise problem or OSError("no address")

    def _secured(self, url: Url, plain: socket.socket, end: float) -> socket.socket:
        if not url.secure:
            return plain
        plain.settimeout(self._left(end))
        return self.context.wrap_socket(plain, server_hostname=url.host)

    def _send(self, connection: socket.socket, request: bytes, end: float) -> None:
        rest = memoryview(request)
        while rest:
            connection.settimeout(self._left(end))
            rest = rest[connection.send(rest) :]

    def _answer(self, connection: socket.socket, end: float) -> Answered:
        response = HTTPResponse(_Within(connection, lambda: self._left(end)), method="POST")  # type: ignore[arg-type] # all that it asks of a socket
        response.begin()
        text = b""
        # What it says counts as soon as its head is there.
        with suppress(OSError, HTTPException):
            while len(text) < SHOWN_BYTES and (more := response.read1(SHOWN_BYTES - len(text))):
                text += more
        return Answered(response.status, response.getheader("Retry-After"), text.decode("utf-8", "replace"))

    def _left(self, end: float) -> float:
        left = end - self.monotonic()
        if left <= 0:
            raise TimeoutError
        return left


class _Within(RawIOBase):
    """Reads a socket until a moment: a receiver that says a byte now and then gets no more time than others."""

    def __init__(self, connection: socket.socket, left: Callable[[], float]) -> None:
        self._connection = connection
        self._left = left

    def makefile(self, _mode: str) -> BufferedReader:
        return BufferedReader(self)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._connection.settimeout(self._left())
        return self._connection.recv_into(buffer)


def _request(url: Url, headers: Mapping[str, str], body: bytes) -> bytes:
    lines = [
        f"POST {url.target} HTTP/1.1",
        f"Host: {url.authority}",
        *(f"{name}: {value}" for name, value in headers.items()),
        f"Content-Length: {len(body)}",
        "Connection: close",
    ]
    return "\r\n".join([*lines, "", ""]).encode("ascii") + body


def _is_loopback(address: str) -> bool:
    one = ip_address(address)
    mapped = getattr(one, "ipv4_mapped", None)
    return bool((mapped or one).is_loopback)


def _said(exc: Exception, timeout_s: float) -> str:
    if isinstance(exc, TimeoutError):
        return f"no answer within {timeout_s:g} s"
    if isinstance(exc, HTTPException):
        return f"its answer is no HTTP: {type(exc).__name__}"
    return f"not reached: {getattr(exc, 'strerror', None) or str(exc) or type(exc).__name__}"
