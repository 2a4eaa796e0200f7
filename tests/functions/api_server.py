"""The API's code over in-memory adapters behind a real HTTP port, for clients that speak nothing else."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, unquote, urlsplit

BASE = "/v1"


class ApiServer:
    """Serves an ApiHarness on a free port of the loopback; `callers` says who bears which token."""

    def __init__(self, api, callers):
        self._api = api
        self._callers = callers
        self._turn = threading.Lock()  # a resolver answers one request at a time, as in Lambda
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._http.server_port}{BASE}"
        self.failures = []

    def __enter__(self):
        threading.Thread(target=self._http.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self._http.shutdown()
        self._http.server_close()

    def answer(self, method, target, headers, body):
        """`(status, headers, body)`; what the API's code raises is a 502, as at the gateway, and kept in `failures`."""
        parts = urlsplit(target)
        path = unquote(parts.path.removeprefix(BASE))
        _, _, token = headers.get("Authorization", "").partition(" ")
        who = self._callers.get(token)
        sent = {name: value for name, value in headers.items() if name != "Authorization"}
        with self._turn:
            try:
                status, answered = self._api.ask(
                    method,
                    path,
                    *parse_qsl(parts.query, keep_blank_values=True),
                    headers=sent,
                    raw_body=body.decode(errors="replace") if body else None,
                    who=who,
                    authorizer=who is not None,
                )
            except Exception as exc:  # noqa: BLE001 - whatever it is, the test wants to see it
                self.failures.append((method, target, exc))
                return 502, {"Content-Type": "application/problem+json"}, b"{}"
            return status, dict(self._api.headers), answered.encode()

    def _handler(self):
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def respond(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                status, headers, answer = server.answer(self.command, self.path, self.headers, body)
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                if status != 204:
                    self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def __getattr__(self, name):
                """Whatever the method is: that there is no such operation is the API's to say."""
                if name.startswith("do_"):
                    return self.respond
                raise AttributeError(name)

        return Handler
