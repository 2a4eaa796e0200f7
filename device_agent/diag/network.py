"""Whether an endpoint can be reached: name, port, TLS, each with the reason if not. Nothing is sent as the device."""

import socket
import ssl
import time
from pathlib import Path
from typing import Any, Final

from device_agent.transport import ALPN_PROTOCOL, Endpoint, uses_alpn

STEP_S: Final = 6.0
"""How long connecting and the handshake may take, each."""
REFUSAL_S: Final = 1.0
"""A server that refuses the device's certificate says so only after the handshake (TLS 1.3); a broker that takes it
waits for the first packet in silence."""


def reach(endpoint: Endpoint, ca: Path | None, identity: tuple[Path, Path] | None) -> dict[str, Any]:
    """What happened at each step, and how many ms it took. With `identity` (certificate, key) the handshake is the
    device's own; with no `ca` the system's are trusted.
    """
    found: dict[str, Any] = {"endpoint": str(endpoint)}
    started = time.monotonic()
    try:
        answers = socket.getaddrinfo(endpoint.host, endpoint.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        return {**found, "dns": f"failed: {getattr(error, 'strerror', None) or error}"}
    found["dns"] = sorted({str(answer[4][0]) for answer in answers})
    found["dns_ms"] = _since(started)
    started = time.monotonic()
    try:
        connection = socket.create_connection((endpoint.host, endpoint.port), timeout=STEP_S)
    except OSError as error:
        return {**found, "tcp": f"failed: {error.strerror or error}"}
    found["tcp"] = "connected"
    found["tcp_ms"] = _since(started)
    with connection:
        return {**found, **_handshake(connection, endpoint, ca, identity)}


def _handshake(
    connection: socket.socket, endpoint: Endpoint, ca: Path | None, identity: tuple[Path, Path] | None
) -> dict[str, Any]:
    started = time.monotonic()
    try:
        context = ssl.create_default_context(cafile=None if ca is None else str(ca))
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if uses_alpn(endpoint):
            context.set_alpn_protocols([ALPN_PROTOCOL])
        if identity is not None:
            # Without a password function OpenSSL would ask for one on the terminal.
            context.load_cert_chain(*identity, password=lambda: b"")
        with context.wrap_socket(connection, server_hostname=endpoint.host) as tls:
            found = {
                "tls": tls.version(),
                "tls_ms": _since(started),
                "alpn": tls.selected_alpn_protocol(),
                "server": _described(tls.getpeercert() or {}),
                "client_certificate": "presented" if identity is not None else "not presented",
            }
            tls.settimeout(REFUSAL_S)
            try:
                found["closed"] = not tls.recv(1)
            except TimeoutError:
                found["closed"] = False
            return found
    except (OSError, ValueError) as error:
        return {"tls": f"failed: {getattr(error, 'verify_message', '') or error}"}


def _described(certificate: dict[str, Any]) -> dict[str, Any]:
    """Names and dates of a certificate, as `getpeercert` has them."""
    names = {
        field: ", ".join(f"{key}={value}" for part in certificate.get(field, ()) for key, value in part)
        for field in ("subject", "issuer")
    }
    return {**names, "not_before": certificate.get("notBefore"), "not_after": certificate.get("notAfter")}


def _since(started: float) -> int:
    return round((time.monotonic() - started) * 1000)
