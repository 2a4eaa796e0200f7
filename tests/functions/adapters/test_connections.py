"""API Gateway's @connections on a real socket: what becomes of a frame, and of a client that does not take it."""

import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from urllib.parse import unquote

import boto3
import pytest
from botocore.config import Config

from functions.adapters.connections import ApiGatewaySockets
from functions.domain.live import Outcome


class Management:
    """Takes frames; `answers` gives a connection's status, and `hung` ones are never answered."""

    def __init__(self):
        self.frames, self.closed, self.answers, self.hung = {}, [], {}, set()
        self.released = Event()
        management = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _answer(self, connection):
                status, code = management.answers.get(connection, (200, ""))
                self.send_response(status)
                self.send_header("Content-Length", "0")
                if code:
                    self.send_header("x-amzn-ErrorType", code)
                self.end_headers()

            def do_POST(self):
                stage, _, connection = unquote(self.path).partition("/@connections/")
                assert stage == "/ws"
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if connection in management.hung:
                    management.released.wait(5)
                management.frames.setdefault(connection, []).append(body)
                self._answer(connection)

            def do_DELETE(self):
                connection = unquote(self.path).partition("/@connections/")[2]
                management.closed.append(connection)
                self._answer(connection)

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._server.handle_error = lambda *_: None
        self.url = f"http://127.0.0.1:{self._server.server_port}/ws"
        Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def close(self):
        self.released.set()
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture(scope="module")
def client_of():
    def make(url, read_s):
        return boto3.client(
            "apigatewaymanagementapi",
            endpoint_url=url,
            region_name="eu-west-1",
            aws_access_key_id="testing",
            aws_secret_access_key="testing",
            config=Config(connect_timeout=1, read_timeout=read_s, retries={"total_max_attempts": 1}),
        )

    return make


@pytest.fixture
def management():
    served = Management()
    yield served
    served.close()


@pytest.fixture
def sockets(management, client_of):
    return ApiGatewaySockets(client_of(management.url, 0.3))


def test_frames_are_sent_to_each_connection_in_order(management, sockets):
    outcomes = sockets.post_all({"a=": [b"1", b"2"], "b=": [b"3"]})
    assert outcomes == {"a=": Outcome.SENT, "b=": Outcome.SENT}
    assert management.frames == {"a=": [b"1", b"2"], "b=": [b"3"]}


@pytest.mark.parametrize(
    ("status", "code", "outcome"),
    [
        (410, "GoneException", Outcome.GONE),
        (429, "LimitExceededException", Outcome.SLOW),
        (413, "PayloadTooLargeException", Outcome.FAILED),
        (403, "ForbiddenException", Outcome.FAILED),
        (500, "", Outcome.FAILED),
    ],
)
def test_a_refusal_says_what_became_of_the_connection_and_no_second_frame_is_tried(
    management, sockets, status, code, outcome
):
    management.answers["a"] = (status, code)
    assert sockets.post_all({"a": [b"1", b"2"], "b": [b"3"]}) == {"a": outcome, "b": Outcome.SENT}
    assert management.frames["a"] == [b"1"]


def test_a_client_that_does_not_take_its_frame_is_slow_and_holds_up_nobody(management, sockets):
    management.hung.add("a")
    begun = time.monotonic()
    outcomes = sockets.post_all({"a": [b"1", b"2"], **{f"c{n}": [b"3"] for n in range(5)}})
    assert time.monotonic() - begun < 2
    assert outcomes.pop("a") is Outcome.SLOW
    assert set(outcomes.values()) == {Outcome.SENT}


def test_nobody_there_is_a_failure_and_no_exception(client_of):
    sockets = ApiGatewaySockets(client_of("http://127.0.0.1:1/ws", 0.3))
    assert sockets.post_all({"a": [b"1"]}) == {"a": Outcome.FAILED}
    sockets.close("a")


@pytest.mark.parametrize("answer", [(204, ""), (410, "GoneException"), (500, "")])
def test_closing_never_raises(management, sockets, answer):
    management.answers["a"] = answer
    sockets.close("a")
    assert management.closed == ["a"]
