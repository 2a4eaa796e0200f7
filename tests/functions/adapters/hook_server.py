"""A receiver of webhooks on this machine, with or without TLS, that answers as it is told and keeps what it heard."""

import ssl
from collections import deque
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


class Heard(NamedTuple):
    path: str
    headers: dict[str, str]
    body: bytes


class HookServer:
    """`answers` are used up in turn: `(status, headers, body)` or a function of the handler. Then it says 200."""

    def __init__(self, certificate: "Certificate | None" = None) -> None:
        self.heard: list[Heard] = []
        self.answers: deque = deque()
        self.names: list[str | None] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.heard.append(Heard(self.path, {name.lower(): text for name, text in self.headers.items()}, body))
                answer = outer.answers.popleft() if outer.answers else (200, {}, b"ok")
                with suppress(OSError):
                    if callable(answer):
                        answer(self)
                        return
                    status, headers, text = answer
                    self.send_response(status)
                    for name, value in ({"Content-Length": str(len(text))} | headers).items():
                        self.send_header(name, value)
                    self.end_headers()
                    self.wfile.write(text)

            def log_message(self, *_: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_: object) -> None:
                pass  # a client that ends in the middle is what some tests are about

        self._server = Server(("127.0.0.1", 0), Handler)
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate.chain, certificate.chain)
            context.sni_callback = lambda _socket, name, _context: self.names.append(name)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.port = self._server.server_address[1]
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)


class Certificate(NamedTuple):
    """`chain` is a file with a certificate of `hooks.example.com` and its key; `context` trusts who made it."""

    chain: str
    context: ssl.SSLContext


def certificate(directory, host="hooks.example.com"):
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = made.public_bytes(serialization.Encoding.PEM)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    chain = directory / "chain.pem"
    chain.write_bytes(private + pem)
    return Certificate(str(chain), ssl.create_default_context(cadata=pem.decode()))
