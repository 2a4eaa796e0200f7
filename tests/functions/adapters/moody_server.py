"""A server on a real socket that stands before another one and misbehaves as it is told."""

import gzip
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread

import urllib3


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        if not isinstance(sys.exc_info()[1], ConnectionError):  # who asked has gone, which is what some moods are for
            super().handle_error(request, client_address)


class MoodyServer:
    """Passes requests on to `behind` in the mood "well". `moods` come first, one a request; then `mood` stands.

    A mood is one of the methods below, or a status and a body to answer with.
    """

    def __init__(self, behind):
        self.behind = behind
        self.mood = "well"
        self.moods = []
        self.requests = 0
        self._over = Event()
        self._server = _Server(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def close(self):
        self._over.set()
        self._server.shutdown()
        self._server.server_close()

    def serve(self, request, body):
        self.requests += 1
        mood = self.moods.pop(0) if self.moods else self.mood
        if isinstance(mood, str):
            getattr(self, f"_{mood}")(request, body)
        else:
            request.answer(*mood)

    def _well(self, request, body):
        answer = self._pass_on(request, body)
        request.answer(answer.status, answer.data)

    def _gone(self, request, body):
        """It takes the request and closes the connection."""
        request.close_connection = True

    def _lost(self, request, body):
        """All is done, and the answer is lost."""
        self._pass_on(request, body)
        request.close_connection = True

    def _half(self, request, body):
        """Some of it is done, and the connection breaks."""
        lines = gzip.decompress(body).splitlines(keepends=True)
        self._pass_on(request, gzip.compress(b"".join(lines[: len(lines) // 2])))
        request.close_connection = True

    def _hangs(self, request, body):
        self._over.wait(60)
        request.close_connection = True

    def _drips(self, request, body):
        """A header that never ends, a byte now and then: each of them would make a socket's timeout begin anew."""
        request.wfile.write(b"HTTP/1.1 204 No Content\r\nX-Drip: ")
        while not self._over.wait(0.05):
            request.wfile.write(b".")

    def _babbles(self, request, body):
        """Bytes of no protocol."""
        request.wfile.write(bytes(range(256)) * 10)
        request.close_connection = True

    def _breaks_off(self, request, body):
        """An answer that ends in its middle."""
        request.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{")
        request.close_connection = True

    def _pass_on(self, request, body):
        headers = {
            name: value for name, value in request.headers.items() if name.lower() not in {"host", "content-length"}
        }
        return urllib3.request(request.command, self.behind + request.path, body=body, headers=headers, retries=False)

    def _handler(self):
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                server.serve(self, self.rfile.read(int(self.headers["Content-Length"])))

            def answer(self, status, body, **headers):
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(body))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        return Handler
