"""AWS Lambda's Invoke on a real socket, so that the real client asks and the real handler answers."""

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import unquote

import boto3
from botocore.config import Config


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        if not isinstance(sys.exc_info()[1], ConnectionError):  # who asked did not wait for the answer
            super().handle_error(request, client_address)


class LambdaEndpoint:
    """Calls the function of `functions` by its name with what was sent, and answers as the runtime does.

    A function that raises answers as one that failed; `refusals` are answered first, one a call.
    """

    def __init__(self):
        self.functions = {}
        self.refusals = []
        self.calls = []
        self._server = _Server(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def client(self, read_s=10.0):
        return boto3.client(
            "lambda",
            endpoint_url=self.url,
            region_name="eu-west-1",
            aws_access_key_id="testing",
            aws_secret_access_key="testing",
            config=Config(read_timeout=read_s, retries={"total_max_attempts": 1}),
        )

    def close(self):
        self._server.shutdown()
        self._server.server_close()

    def _invoke(self, name, payload):
        """Status, headers and body."""
        self.calls.append((name, payload))
        if self.refusals:
            status, code = self.refusals.pop(0)
            return status, {"X-Amzn-ErrorType": code}, json.dumps({"Message": code}).encode()
        try:
            answer = self.functions[name](json.loads(payload))
        except Exception as exc:  # noqa: BLE001 - the runtime answers for whatever a function raises
            failure = {"errorType": type(exc).__name__, "errorMessage": str(exc), "stackTrace": []}
            return 200, {"X-Amz-Function-Error": "Unhandled"}, json.dumps(failure).encode()
        return 200, {}, answer if isinstance(answer, bytes) else json.dumps(answer).encode()

    def _handler(self):
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                name = unquote(self.path.split("/")[3])
                payload = self.rfile.read(int(self.headers["Content-Length"]))
                status, headers, body = endpoint._invoke(name, payload)
                self.send_response(status)
                for header, value in {**headers, "Content-Length": str(len(body))}.items():
                    self.send_header(header, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        return Handler
