"""What only the LiveAnalytics store does: verdicts on rejected records, failures that pass, answers page by page.

Each test says what the service answers, on the wire: unmodified boto3 talks to a server of this process.
"""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import boto3
import pytest
from botocore.config import Config

from functions.adapters import liveanalytics_telemetry
from functions.adapters.backoff import Backoff
from functions.adapters.liveanalytics_telemetry import LiveAnalyticsTelemetryStore
from functions.domain.series import Aggregate, BinRow, Point, RawRow, SeriesQuery
from functions.errors import PartialWriteError, StoreError, UnsupportedError

HOUR = 3_600_000
DAY = 24 * HOUR
TYPES = ("BIGINT", "VARCHAR", "DOUBLE", "VARCHAR", "VARCHAR", "BIGINT")
BIN_TYPES = ("BIGINT", "VARCHAR", "DOUBLE", "DOUBLE", "DOUBLE", "DOUBLE", "BIGINT", "DOUBLE", "VARCHAR")


def point(ts, value=1.0, metric="temperature", device="pump-1", received_at=None):
    return Point(device, metric, ts, value, "good", late=False, received_at=ts if received_at is None else received_at)


class Service:
    """Answers each request by `answer(operation, body)`, and remembers it: status and what to send."""

    def __init__(self):
        self.requests = []
        self.answer = lambda operation, body: (200, {})
        self._lock = threading.Lock()
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                operation = self.headers["X-Amz-Target"].split(".")[1]
                with service._lock:
                    service.requests.append(body)
                    status, answer = service.answer(operation, body)
                data = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self._thread = threading.Thread(target=self.server.serve_forever, args=(0.01,))
        self._thread.start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        self._thread.join()


def error(code, message, status=400, **more):
    return status, {"__type": f"com.amazonaws.timestream.v20181101#{code}", "Message": message, **more}


def written(body):
    return 200, {"RecordsIngested": {"Total": len(body["Records"])}}


def answered(rows, types=TYPES, token=None):
    columns = [{"Name": f"_col{at}", "Type": {"ScalarType": name}} for at, name in enumerate(types)]
    data = [
        {"Data": [{"NullValue": True} if value is None else {"ScalarValue": str(value)} for value in row]}
        for row in rows
    ]
    return 200, {"QueryId": "Q", "ColumnInfo": columns, "Rows": data, **({"NextToken": token} if token else {})}


def whole(body):
    """The records of a request with what they share: (device, metric, ts)."""
    for record in body["Records"]:
        one = {**body["CommonAttributes"], **record}
        yield one["Dimensions"][0]["Value"], one["MeasureName"], int(one["Time"])


@pytest.fixture
def service():
    service = Service()
    yield service
    service.close()


@pytest.fixture
def clients(service):
    config = Config(retries={"total_max_attempts": 1}, max_pool_connections=16, read_timeout=5)
    keys = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing", "region_name": "eu-west-1"}
    return [
        boto3.client(name, endpoint_url=service.url, config=config, **keys)
        for name in ("timestream-write", "timestream-query")
    ]


@pytest.fixture
def make(clients, clock, backoff):
    def make(**more):
        options = {"clock": clock, "retention_ms": 30 * DAY, "backoff": backoff, **more}
        return LiveAnalyticsTelemetryStore(*clients, "fieldline", "telemetry", **options)

    return make


@pytest.fixture
def store(make):
    return make()


@pytest.fixture
def now(clock):
    return clock.now


def rejecting(*rejected):
    message = "One or more records have been rejected. See RejectedRecords for details."
    return error("RejectedRecordsException", message, 419, RejectedRecords=list(rejected))


@pytest.mark.parametrize(
    "why",
    [
        {
            "Reason": "A record already exists with the same time, dimensions, measure name, and record version. "
            "A higher record version must be specified in order to update the measure value."
        },
        {"Reason": "The record version 5 is lower than the existing version 9.", "ExistingVersion": 1 << 50},
    ],
)
def test_a_version_that_is_no_newer_than_what_stands_is_written(service, store, now, why):
    service.answer = lambda operation, body: rejecting({"RecordIndex": 1, **why})
    assert store.write([point(now), point(now + 1)]) == []


OUTSIDE = "The record timestamp is outside the time range [a, b) of the data ingestion window."


@pytest.mark.parametrize(
    ("ahead", "said", "reason"),
    [
        (16 * 60_000, OUTSIDE, "future"),
        (-DAY, OUTSIDE, "expired"),
        (0, "The table has reached its limit of measure names.", "unstorable"),
        (0, "", "unstorable"),
    ],
)
def test_what_the_service_will_never_take_is_rejected_in_its_words(service, store, now, ahead, said, reason):
    service.answer = lambda operation, body: rejecting({"RecordIndex": 0, "Reason": said})
    (rejected,) = store.write([point(now + ahead)])
    assert (rejected.point, rejected.reason, rejected.detail) == (point(now + ahead), reason, said)


def test_only_the_records_that_are_named_are_rejected(service, store, now):
    """Records are sent in an order of their own, so an index is of the request and not of the call."""
    bad = {("pump-2", "temperature", now + 3), ("pump-1", "b", now)}

    def answer(operation, body):
        named = [{"RecordIndex": at, "Reason": "it does not fit"} for at, one in enumerate(whole(body)) if one in bad]
        return rejecting(*named) if named else written(body)

    service.answer = answer
    points = [point(now + at, device=f"pump-{3 - at % 3}") for at in range(150)]
    points += [point(now, metric=metric) for metric in ("c", "b", "a")] + [point(now + 3, device="pump-2")]
    rejected = store.write(points)
    assert {(one.point.device, one.point.metric, one.point.ts) for one in rejected} == bad
    assert {one.reason for one in rejected} == {"unstorable"}


def test_a_call_is_split_into_requests_of_a_hundred_records(service, store, now):
    service.answer = lambda operation, body: written(body)
    points = [point(now + at, device=f"pump-{at % 5}") for at in range(250)]
    assert store.write(points + points) == []
    assert sorted(len(body["Records"]) for body in service.requests) == [50, 100, 100]
    sent = [one for body in service.requests for one in whole(body)]
    assert sorted(sent) == sorted((one.device, one.metric, one.ts) for one in points)
    assert {(body["DatabaseName"], body["TableName"]) for body in service.requests} == {("fieldline", "telemetry")}


def test_of_a_point_that_comes_twice_in_a_call_the_newer_is_sent(service, store, now):
    service.answer = lambda operation, body: written(body)
    store.write([point(now, 1.0, received_at=now + 1), point(now, 2.0, received_at=now + 2), point(now, 0.0)])
    (body,) = service.requests
    (record,) = body["Records"]
    assert {**body["CommonAttributes"], **record}["Version"] == now + 2
    assert record["MeasureValues"][0] == {"Name": "f", "Value": "2.0", "Type": "DOUBLE"}


def test_a_record_that_makes_its_request_invalid_is_found_and_its_neighbours_are_written(service, store, now):
    stored = set()

    def answer(operation, body):
        records = set(whole(body))
        if any(metric == "bad" for _, metric, _ in records):
            return error("ValidationException", "The record is malformed.")
        stored.update(records)
        return written(body)

    service.answer = answer
    points = [point(now + at) for at in range(40)] + [point(now + 20, metric="bad")]
    (rejected,) = store.write(points)
    assert (rejected.point.metric, rejected.reason, rejected.detail) == (
        "bad",
        "unstorable",
        "The record is malformed.",
    )
    assert len(stored) == 40


def test_points_that_the_service_cannot_hold_are_rejected_without_asking(service, store, now):
    service.answer = lambda operation, body: written(body)
    (rejected,) = store.write([point(now, metric="m" * 257), point(now)])
    assert (rejected.reason, rejected.detail) == ("unstorable", "expected a metric of 1 to 256 bytes, got 257")
    assert [one for body in service.requests for one in whole(body)] == [("pump-1", "temperature", now)]
    service.requests.clear()
    assert [one.reason for one in store.write([point(now, metric="")])] == ["unstorable"]
    assert service.requests == []


PASSING = [
    error("ThrottlingException", "Rate exceeded"),
    error("InternalServerException", "try again", 500),
    (503, b"Service Unavailable"),
    (200, b"<html>a proxy's page</html>"),
    (200, b"\xff\xfe"),
    (200, {}),
    (200, []),
    (200, {"RecordsIngested": "all"}),
]


@pytest.mark.parametrize("failure", PASSING, ids=range(len(PASSING)))
def test_what_fails_for_a_while_is_tried_again_with_jitter(service, store, now, waits, failure):
    service.answer = lambda operation, body: failure if len(service.requests) <= 2 else written(body)
    assert store.write([point(now)]) == []
    assert len(service.requests) == 3
    assert waits == [0.1, 0.2]


@pytest.mark.parametrize("failure", PASSING, ids=range(len(PASSING)))
def test_exactly_the_points_of_requests_that_keep_failing_are_named(service, store, now, waits, failure):
    service.answer = lambda operation, body: failure if ("d000", "a", now) in whole(body) else written(body)
    points = [point(now, metric="a", device=f"d{at:03}") for at in reversed(range(150))] + [point(0)]
    with pytest.raises(PartialWriteError, match="100 of 151 points were not stored") as caught:
        store.write(points)
    assert {points[at].device for at in caught.value.failed} == {f"d{at:03}" for at in range(100)}
    assert [one.reason for one in caught.value.rejected] == ["expired"]
    assert len(waits) == 3


@pytest.mark.parametrize("code", ["AccessDeniedException", "ResourceNotFoundException"])
def test_what_does_not_pass_by_itself_is_not_tried_again(service, store, now, waits, code):
    service.answer = lambda operation, body: error(code, "no")
    with pytest.raises(PartialWriteError, match=code) as caught:
        store.write([point(now), point(now + 1)])
    assert caught.value.failed == {0, 1}
    assert waits == []
    with pytest.raises(StoreError, match=code):
        store.devices()


@pytest.mark.parametrize(
    "rejected", [None, [], [{"Reason": "which one?"}], [{"RecordIndex": 7}], "nonsense"], ids=range(5)
)
def test_a_rejection_that_names_no_record_of_the_request_counts_for_all(service, store, now, rejected):
    service.answer = lambda operation, body: error("RejectedRecordsException", "some", 419, RejectedRecords=rejected)
    with pytest.raises(PartialWriteError) as caught:
        store.write([point(now), point(now + 1)])
    assert caught.value.failed == {0, 1}


def test_a_service_that_is_not_there_is_the_store_s_error(service, store, now, waits):
    service.server.server_close()
    with pytest.raises(PartialWriteError, match="Could not connect"):
        store.write([point(now)])
    with pytest.raises(StoreError, match="Could not connect"):
        store.export("pump-1", now, now + 1)
    assert len(waits) == 6


class Ticking:
    """A monotonic clock that moves by a second whenever somebody looks."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        self.now += 1
        return self.now


@pytest.fixture
def impatient(make):
    """Ten seconds of a clock that moves by one at each look, and attempts without end."""
    sleeps = []
    backoff = Backoff(attempts=1000, sleep=sleeps.append, chance=lambda: 0.0, monotonic=Ticking())
    return make(budget_s=10, backoff=backoff)


def test_nothing_begins_after_the_budget_is_spent(service, impatient, now):
    service.answer = lambda operation, body: error("ThrottlingException", "Rate exceeded")
    with pytest.raises(PartialWriteError) as caught:
        impatient.write([point(now + at) for at in range(3000)])
    assert caught.value.failed == frozenset(range(3000))
    assert len(service.requests) <= 10
    service.requests.clear()
    with pytest.raises(StoreError, match="Throttling"):
        impatient.devices()
    assert 1 < len(service.requests) <= 10


def test_an_answer_that_never_ends_is_given_up(service, impatient, now):
    service.answer = lambda operation, body: answered([], token=f"t{len(service.requests)}")
    with pytest.raises(StoreError, match="did not end in time"):
        impatient.export("pump-1", now, now + 1)


def test_an_answer_is_read_over_all_its_pages_even_empty_ones(service, store, now):
    rows = [(now + at, "temperature", at / 2, "f", "good", now) for at in range(4)]
    pages = {None: ([], "a"), "a": (rows[:3], "b"), "b": ([], "c"), "c": (rows[3:], None)}
    service.answer = lambda operation, body: answered(
        *[pages[body.get("NextToken")][0]], TYPES, pages[body.get("NextToken")][1]
    )
    page = store.series(SeriesQuery(device="pump-1", metrics=("temperature",), start=now, end=now + HOUR))
    assert [row.value for row in page.rows] == [0.0, 0.5, 1.0, 1.5]
    assert len({body["QueryString"] for body in service.requests}) == 1


def test_a_page_that_is_throttled_is_asked_for_again(service, store, now, waits):
    rows = [(now, "temperature", 1.5, "f", "bad,late", now + 9)]
    answers = iter([answered([], token="a"), PASSING[0], PASSING[3], answered(rows)])
    service.answer = lambda operation, body: next(answers)
    assert store.export("pump-1", now, now + 1).points == (
        Point("pump-1", "temperature", now, 1.5, "bad", late=True, received_at=now + 9),
    )
    assert [body.get("NextToken") for body in service.requests] == [None, "a", "a", "a"]


def test_values_have_the_types_that_they_were_written_with(service, store, now):
    rows = [
        (now, "level", "1.7976931348623157E308", "f", "good", now),
        (now, "relay", "1.0", "b", "stale", now),
        (now, "valve", "0.0", '"o\\"pen"', "good,late", now),
    ]
    service.answer = lambda operation, body: answered(rows)
    page = store.series(SeriesQuery(device="pump-1", metrics=("level", "relay", "valve"), start=now, end=now + 1))
    assert page.rows == (
        RawRow(now, "level", 1.7976931348623157e308, "good", late=False),
        RawRow(now, "relay", value=True, quality="stale", late=False),
        RawRow(now, "valve", 'o"pen', "good", late=True),
    )
    assert type(page.rows[1].value) is bool


def test_a_sum_beyond_a_float_is_not_known(service, store, now):
    """Presto adds up to Infinity, where minimum and maximum stay what they are."""
    row = (0, "level", "Infinity", "1.0E308", "1.7E308", "Infinity", 2, "1.7E308", "f")
    service.answer = lambda operation, body: answered([row], BIN_TYPES)
    question = {"device": "pump-1", "metrics": ("level",), "start": now, "end": now + 1, "bin_ms": 365 * DAY}
    page = store.series(SeriesQuery(**question, aggregates=tuple(Aggregate)))
    values = {"avg": None, "min": 1.0e308, "max": 1.7e308, "sum": None, "count": 2, "last": 1.7e308}
    assert page.rows == (BinRow(0, "level", values),)


def test_a_bin_without_numbers_has_count_and_last_only(service, store, now):
    row = (0, "valve", None, None, None, None, 2, "0.0", '"shut"')
    service.answer = lambda operation, body: answered([row], BIN_TYPES)
    question = {"device": "pump-1", "metrics": ("valve",), "start": now, "end": now + 1, "bin_ms": 365 * DAY}
    page = store.series(SeriesQuery(**question, aggregates=tuple(Aggregate)))
    values = {"avg": None, "min": None, "max": None, "sum": None, "count": 2, "last": "shut"}
    assert page.rows == (BinRow(0, "valve", values),)


def test_a_table_that_no_record_came_to_yet_has_nothing(service, store, now):
    service.answer = lambda operation, body: error("ValidationException", "line 1:70: Column 'device' does not exist")
    assert store.devices().devices == ()
    assert store.export("pump-1", now, now + 1).points == ()
    query = SeriesQuery(device="pump-1", metrics=("temperature",), start=now, end=now + 1)
    assert store.series(query).rows == ()


def test_another_refusal_of_a_question_is_the_store_s_error(service, store, now):
    service.answer = lambda operation, body: error("ValidationException", "Requested database 'x' not found")
    with pytest.raises(StoreError, match=r"reading telemetry of pump-1: .*Requested database 'x' not found"):
        store.export("pump-1", now, now + 1)


GARBAGE = [
    (200, b"<html>"),
    (200, {}),
    (200, []),
    (200, {"QueryId": "Q", "ColumnInfo": 7, "Rows": "none"}),
    (200, {"QueryId": "Q", "ColumnInfo": [], "Rows": [{"Data": [{"ScalarValue": "1"}]}]}),
    answered([(1, "a", "many", "f", "good", 1)]),
    answered([(1, "a", 1.0, "f", "good", 1)], ("BIGINT", "VARCHAR", "ARRAY", "VARCHAR", "VARCHAR", "BIGINT")),
    answered([(1, "a", 1.0, "?", "good", 1)]),
    answered([(1, "a", 1.0, "f", "splendid", 1)]),
    answered([(1, "a", None, None, None, None)]),
]


@pytest.mark.parametrize("answer", GARBAGE, ids=range(len(GARBAGE)))
def test_an_answer_that_means_nothing_is_the_store_s_error(service, store, now, answer):
    service.answer = lambda operation, body: answer
    with pytest.raises(StoreError, match=r"pump-1|a point of a"):
        store.export("pump-1", now, now + 1)


def test_devices_are_listed_page_by_page(service, store, now, monkeypatch):
    monkeypatch.setattr(liveanalytics_telemetry, "DEVICES", 2)
    names = ["d1", "d2", "d3", "d4", "d5"]

    def answer(operation, body):
        after = body["QueryString"].split("device > '")[1].split("'")[0]
        return answered([(name,) for name in names if name > after][:3], ("VARCHAR",))

    service.answer = answer
    pages, cursor = [], None
    while True:
        page = store.devices(cursor)
        pages.append(page.devices)
        cursor = page.cursor
        if cursor is None:
            break
    assert pages == [("d1", "d2"), ("d3", "d4"), ("d5",)]
    assert f"time >= from_milliseconds({now - 30 * DAY})" in service.requests[0]["QueryString"]


def test_a_range_outside_the_retention_is_not_asked_for(service, store, now):
    query = SeriesQuery(device="pump-1", metrics=("temperature",), start=0, end=now - 31 * DAY)
    assert store.series(query).rows == ()
    assert store.export("pump-1", now + 2 * DAY, now + 3 * DAY).points == ()
    assert service.requests == []


def test_nothing_is_sent_for_no_points(service, store):
    assert store.write([]) == []
    assert service.requests == []


def test_a_function_without_a_client_says_so(clock):
    store = LiveAnalyticsTelemetryStore(None, None, "fieldline", "telemetry", clock=clock, retention_ms=DAY)
    with pytest.raises(StoreError, match="no client to write with"):
        store.write([point(clock.now)])
    with pytest.raises(StoreError, match="no client to ask with"):
        store.devices()


def test_deleting_is_no_capability(store, now):
    assert not store.capabilities().deletes
    with pytest.raises(UnsupportedError, match="pump-1"):
        store.delete("pump-1", 0, now)
