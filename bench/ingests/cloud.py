"""The AWS that the `ingest` function speaks to: DynamoDB in memory behind HTTP, a stream that keeps nothing, no queue.

It stands in a process of its own beside the function's, so that what it takes is not the function's, and it keeps each
call, so that calls can be counted where they arrive.
"""

import json
from base64 import b64decode, b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any, NamedTuple

from botocore import xform_name
from botocore.exceptions import ClientError

from tests.simulation.dynamodb import Database


class Call(NamedTuple):
    service: str
    operation: str
    request: dict[str, Any]


class Cloud:
    def __init__(self, database: Database) -> None:
        self.calls: list[Call] = []
        self._database = database
        self._lock = Lock()

    @contextmanager
    def serving(self) -> Iterator[str]:
        """The endpoint's URL."""
        cloud = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                target = self.headers["X-Amz-Target"]
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status, answer = cloud.answer(target, json.loads(body))
                text = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/x-amz-json-1.0")
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *_: Any) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            server.server_close()

    def answer(self, target: str, request: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        service, operation = target.split(".")
        with self._lock:
            self.calls.append(Call(service.split("_")[0], operation, request))
            match service.split("_")[0]:
                case "DynamoDB":
                    return self._dynamodb(operation, request)
                case "Firehose":
                    records = [{"RecordId": "r"} for _ in request["Records"]]
                    return 200, {"FailedPutCount": 0, "RequestResponses": records}
        return 400, {"__type": "UnknownOperationException", "message": f"nobody here knows {target}"}

    def _dynamodb(self, operation: str, request: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        try:
            return 200, _as_text(self._database.run(xform_name(operation), _as_bytes(request)))
        except ClientError as exc:
            error = exc.response["Error"]
            more = {name: _as_text(value) for name, value in exc.response.items() if name != "Error"}
            return 400, {"__type": error["Code"], "message": error["Message"], **more}


def _as_bytes(value: Any) -> Any:
    """DynamoDB's JSON has binary values as base64, under the name of their type."""
    if isinstance(value, dict):
        return {
            name: b64decode(one) if name == "B" and isinstance(one, str) else _as_bytes(one)
            for name, one in value.items()
        }
    return [_as_bytes(one) for one in value] if isinstance(value, list) else value


def _as_text(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _as_text(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_as_text(one) for one in value]
    return b64encode(value).decode() if isinstance(value, bytes) else value
