"""Somebody's own HTTP server, which alarms are told to: real sockets, and it believes nothing that is not signed."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple, Self

from standardwebhooks.webhooks import Webhook, WebhookVerificationError


class Heard(NamedTuple):
    """A request whose signature held. `id` is the delivery's, the same however often it is tried."""

    id: str
    document: dict[str, Any]


class Receiver:
    """Listens while it is entered. Without a `secret` it believes nobody; the first `refusing` requests get a 503."""

    def __init__(self, *, refusing: int = 0) -> None:
        self.secret: str | None = None
        self.heard: list[Heard] = []
        self.forged = 0
        self._refusing = refusing
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                self.send_response(receiver._take(dict(self.headers), body))
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """pytest's output is for tests."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/alarms?site=e2e"

    def of(self, thing: str) -> list[dict[str, Any]]:
        """What was told of a device, each delivery once for each time that it was accepted."""
        return [one.document for one in self.heard if one.document["data"].get("device") == thing]

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _take(self, headers: dict[str, str], body: bytes) -> int:
        if self._refusing > 0:
            self._refusing -= 1
            return 503
        try:
            Webhook(self.secret or "").verify(body, {name.lower(): value for name, value in headers.items()})
        except (WebhookVerificationError, ValueError):
            self.forged += 1
            return 401
        names = {name.lower(): value for name, value in headers.items()}
        self.heard.append(Heard(names["webhook-id"], json.loads(body)))
        return 204
