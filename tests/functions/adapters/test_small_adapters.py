"""Event log, settle messages, answers to CloudFormation, waiting."""

import json
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import boto3
import pytest

from contract import documents
from contract.documents import InternalEvent
from functions.adapters import cloudformation
from functions.adapters.backoff import Backoff
from functions.adapters.delayed_settle import DelayedSettle
from functions.adapters.dynamodb_events import DynamoDBEventLog
from functions.adapters.jwks import fetched
from functions.adapters.memory import MemoryEventLog
from functions.domain.events import DeviceEvent
from functions.errors import CloudFormationError, EventLogError, KeysError, StateError

NOW = 1_764_000_000_000


def test_an_event_is_one_item_however_often_it_is_received(dynamodb):
    log = DynamoDBEventLog(dynamodb, "events", retention_days=90)
    for received_at in (NOW, NOW, NOW + 700):
        log.append(DeviceEvent("pump-1", received_at, NOW - 5, "boot", b'{"v":1}'))
    (item,) = dynamodb.scan(TableName="events")["Items"]
    assert (item["pk"]["S"], item["sk"]["S"][:16]) == ("EVENT#pump-1", f"00{NOW - 5}#")
    assert (item["kind"]["S"], bytes(item["raw"]["B"])) == ("boot", b'{"v":1}')
    assert (item["at"], item["received_at"]) == ({"N": str(NOW - 5)}, {"N": str(NOW + 700)})
    assert item["expires"] == {"N": str((NOW + 700) // 1000 + 90 * 86_400)}


@pytest.mark.parametrize("kind", ["memory", "dynamodb"])
def test_events_of_other_bytes_times_and_devices_are_kept_apart(request, kind):
    if kind == "memory":
        log = MemoryEventLog()
    else:
        client = request.getfixturevalue("dynamodb")
        log = DynamoDBEventLog(client, "events", retention_days=90)
    events = [("pump-1", 5, b"1"), ("pump-1", 5, b"2"), ("pump-1", 6, b"1"), ("pump-2", 5, b"1")]
    for received_at in (NOW, NOW + 1):
        for thing, at, raw in events:
            log.append(DeviceEvent(thing, received_at, at, "boot", raw))
    assert len(log.events if kind == "memory" else client.scan(TableName="events")["Items"]) == len(events)


def test_an_event_log_that_is_not_there_is_its_own_error(dynamodb):
    with pytest.raises(EventLogError, match="pump-1"):
        DynamoDBEventLog(dynamodb, "nowhere", retention_days=1).append(DeviceEvent("pump-1", NOW, NOW, "boot", b""))


def test_a_settle_message_comes_back_as_the_event_that_presence_reads(aws, clock):
    sqs = boto3.client("sqs")
    url = sqs.create_queue(QueueName="presence")["QueueUrl"]
    DelayedSettle(sqs, url, delay_s=0, clock=clock).schedule("pump-1", "s1")
    (message,) = sqs.receive_message(QueueUrl=url)["Messages"]
    event = documents.decode(InternalEvent, message["Body"].encode())
    assert (event.kind, event.thing, event.data) == ("presence_settles", "pump-1", {"session": "s1"})


def test_a_settle_message_waits_for_the_debounce_time(clock):
    class Queue:
        def send_message(self, **request):
            self.request = request

    queue = Queue()
    DelayedSettle(queue, "url", delay_s=30, clock=clock).schedule("pump-1", "s1")
    assert queue.request["DelaySeconds"] == 30


def test_a_queue_that_is_not_there_is_a_state_error(aws, clock):
    with pytest.raises(StateError, match="pump-1"):
        DelayedSettle(boto3.client("sqs"), "https://sqs/none", delay_s=0, clock=clock).schedule("pump-1", "s1")


class Server(HTTPServer):
    def __init__(self, answer):
        class Handler(BaseHTTPRequestHandler):
            def do_PUT(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                self.server.requests.append((self.headers["Content-Type"], body))
                self.do_GET()

            def do_GET(self):
                self.send_response(self.server.status)
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_):
                pass

        super().__init__(("127.0.0.1", 0), Handler)
        self.requests = []
        self.status = 200
        self.url = f"http://127.0.0.1:{self.server_port}/"


@pytest.fixture
def serve():
    servers = []

    def serve(answer=b""):
        server = Server(answer)
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        servers.append(server)
        return server

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()


def event(url):
    return {"ResponseURL": url, "StackId": "stack", "RequestId": "request", "LogicalResourceId": "Registration"}


@pytest.mark.parametrize(("problem", "status"), [(None, "SUCCESS"), ("x" * 5000, "FAILED")])
def test_cloudformation_is_answered_within_its_limits(serve, problem, status):
    server = serve()
    cloudformation.answer(event(server.url), "id", problem)
    ((content_type, body),) = server.requests
    document = json.loads(body)
    assert content_type == ""
    assert len(body) < 4096
    assert (document["Status"], document["PhysicalResourceId"], document["RequestId"]) == (status, "id", "request")
    assert document["Reason"] == (problem or "")[:1000]


def test_cloudformation_that_will_not_listen_is_an_error(serve):
    server = serve()
    server.status = 403
    with pytest.raises(CloudFormationError):
        cloudformation.answer(event(server.url), "id", None)


def test_keys_are_fetched_from_their_url(serve):
    assert fetched(serve(b'{"keys":[]}').url) == {"keys": []}


@pytest.mark.parametrize("answer", [b"", b"<html>", b"[]"])
def test_keys_that_are_none_are_an_error(serve, answer):
    with pytest.raises(KeysError):
        fetched(serve(answer).url)


def test_keys_of_nobody_are_an_error():
    with pytest.raises(KeysError, match=r"127\.0\.0\.1:9"):
        fetched("http://127.0.0.1:9/")


def test_waits_grow_to_their_cap_and_are_jittered():
    waits = []
    backoff = Backoff(attempts=7, base_s=0.1, cap_s=1.0, sleep=waits.append, chance=lambda: 0.5)
    assert list(backoff) == [0, 1, 2, 3, 4, 5, 6]
    assert waits == [0.1, 0.2, 0.4, 0.5, 0.5, 0.5]


def test_a_first_attempt_that_succeeds_waits_for_nothing():
    waits = []
    for _ in Backoff(sleep=waits.append):
        break
    assert waits == []


class Time:
    """Seconds that pass while somebody waits, or as a test says."""

    def __init__(self):
        self.now = 100.0

    def sleep(self, seconds):
        self.now += seconds

    def __call__(self):
        return self.now


def test_no_turn_begins_and_no_wait_ends_after_the_time_is_over():
    time = Time()
    backoff = Backoff(
        attempts=100, base_s=1, cap_s=4, within_s=10, sleep=time.sleep, monotonic=time, chance=lambda: 1.0
    )
    assert list(backoff) == [0, 1, 2]  # after 0, 2 and 6 seconds; the next would be at 10
    assert time.now == 106.0
    assert list(backoff) == [0, 1, 2], "each loop has its own time"


def test_what_a_turn_takes_is_time_too():
    time = Time()
    backoff = Backoff(attempts=100, within_s=10, sleep=time.sleep, monotonic=time)
    turns = []
    for turn in backoff:
        turns.append(turn)
        time.now += 6
    assert turns == [0, 1]


def test_there_is_a_first_turn_even_without_time():
    assert list(Backoff(within_s=0)) == [0]


def test_many_turns_wait_no_longer_than_the_cap():
    waits = []
    list(Backoff(attempts=3000, base_s=0.5, cap_s=7, sleep=waits.append, chance=lambda: 1.0))
    assert max(waits) == 7
