"""The process as a whole: started, asked by boto3, killed, full, stopped."""

import resource
import signal
import subprocess
import sys
import threading
import time

import pytest
import urllib3
from botocore.exceptions import BotoCoreError, ClientError

from tests.timestream import CHECKOUT, Lookalike

HTTP = urllib3.PoolManager(retries=False)


@pytest.fixture
def own(tmp_path):
    with Lookalike(tmp_path / "store") as server:
        yield server


def make_table(server):
    write = server.client("timestream-write")
    write.create_database(DatabaseName="database")
    write.create_table(
        DatabaseName="database", TableName="table", MagneticStoreWriteProperties={"EnableMagneticStoreWrites": True}
    )


def write_one(write, device, ts, value):
    write.write_records(
        DatabaseName="database",
        TableName="table",
        Records=[
            {
                "Dimensions": [{"Name": "device", "Value": device}],
                "MeasureName": "x",
                "MeasureValue": str(value),
                "Time": str(ts),
            }
        ],
    )


def read_all(server):
    pages = server.client("timestream-query").get_paginator("query")
    sql = 'SELECT device, to_milliseconds(time), measure_value::double FROM "database"."table"'
    rows = [row["Data"] for page in pages.paginate(QueryString=sql) for row in page["Rows"]]
    return [(row[0]["ScalarValue"], int(row[1]["ScalarValue"]), float(row[2]["ScalarValue"])) for row in rows]


def test_a_sigkill_under_load_loses_nothing_acknowledged_and_doubles_nothing(own):
    make_table(own)
    acknowledged = []
    now = int(time.time() * 1000)

    def send(device):
        write = own.client("timestream-write", connect_timeout=1, read_timeout=5)
        for at in range(100_000):
            try:
                write_one(write, device, now - at, at)
            except (BotoCoreError, ClientError):
                return
            acknowledged.append((device, now - at, float(at)))
            if len(acknowledged) == 200:
                enough.set()

    for life in range(2):
        enough = threading.Event()
        acknowledged_before = len(acknowledged)
        writers = [threading.Thread(target=send, args=(f"life-{life}-{number}",)) for number in range(4)]
        for writer in writers:
            writer.start()
        if life == 0:
            assert enough.wait(60)
        else:
            while len(acknowledged) < acknowledged_before + 50:
                writers[0].join(0.01)
        own.kill()
        for writer in writers:
            writer.join()
        own.start()
        found = read_all(own)
        assert len(found) == len(set(found))
        assert set(acknowledged) <= set(found)
        assert len(found) <= len(acknowledged) + 4 * (life + 1)  # what was under way when it died


@pytest.mark.parametrize("bytes_", [4096, 40_000])
def test_a_full_disk_is_the_services_error_and_passes(own, bytes_):
    make_table(own)
    write = own.client("timestream-write")
    now = int(time.time() * 1000)
    write_one(write, "before", now, 1)
    # As a full disk is: no file of the process grows beyond this, and it is told with an error.
    resource.prlimit(own.pid, resource.RLIMIT_FSIZE, (bytes_, resource.RLIM_INFINITY))
    written = []

    def write_on():
        for number in range(2000):
            write_one(write, "during", now - number, number)
            written.append(("during", now - number, float(number)))

    with pytest.raises(ClientError) as refused:
        write_on()
    assert refused.value.response["Error"]["Code"] == "InternalServerException"
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 500
    resource.prlimit(own.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    write_one(write, "after", now, 1)
    expected = [("before", now, 1.0), ("after", now, 1.0), *written]
    assert sorted(read_all(own)) == sorted(expected)
    own.kill()
    own.start()
    assert sorted(read_all(own)) == sorted(expected)


def test_sigterm_stops_it_cleanly_and_what_it_had_is_there_again(own):
    make_table(own)
    now = int(time.time() * 1000)
    write_one(own.client("timestream-write"), "a", now, 1)
    assert own.stop() == 0
    own.start()
    assert read_all(own) == [("a", now, 1.0)]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_with_zero_when_asked_to(tmp_path, number):
    command = [sys.executable, "-m", "local.timestream", "--directory", str(tmp_path), "--port", "0"]
    with subprocess.Popen(command, cwd=CHECKOUT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline().startswith("listening on http://127.0.0.1:")
        process.send_signal(number)
        assert process.wait(30) == 0


def test_a_directory_in_use_is_said_in_one_sentence(own, tmp_path):
    command = [sys.executable, "-m", "local.timestream", "--directory", str(tmp_path / "store"), "--port", "0"]
    ended = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert ended.stderr.strip().endswith("is in use by another process")


def test_a_port_in_use_is_said_in_one_sentence(own, tmp_path):
    command = [
        sys.executable,
        "-m",
        "local.timestream",
        "--directory",
        str(tmp_path / "other"),
        "--port",
        str(own.port),
    ]
    ended = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert "address already in use" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_closed_account_is_refused_whatever_it_asks(tmp_path):
    with Lookalike(tmp_path, closed_account=True) as server:
        write, query = server.client("timestream-write"), server.client("timestream-query")
        for ask in (
            write.describe_endpoints,
            write.list_databases,
            query.describe_endpoints,
            lambda: query.query(QueryString="SELECT 1"),
            lambda: write.create_database(DatabaseName="database"),
        ):
            with pytest.raises(ClientError) as refused:
                ask()
            assert refused.value.response["Error"] == {
                "Code": "AccessDeniedException",
                "Message": "Only existing Timestream for LiveAnalytics customers can access the service. "
                "Reach out to AWS support, for more information.",
            }


def test_it_answers_ping(server):
    assert HTTP.request("GET", f"{server.url}/ping").status == 204


def test_a_name_that_is_not_this_machines_is_refused(server):
    answer = HTTP.request("POST", server.url, headers={"Host": "evil.example", "X-Amz-Target": "x"})
    assert answer.status == 421


ASKED = {
    "InfluxQL": ("POST", "/query", b"q=CREATE+DATABASE+stolen", {"Content-Type": "application/x-www-form-urlencoded"}),
    "a write": ("POST", "/write?db=stolen", b"m,t=v f=1", {"Content-Type": "text/plain"}),
    "onboarding": ("POST", "/api/v2/setup", b'{"username":"me","password":"password","org":"o","bucket":"b"}', {}),
    "LiveAnalytics": ("POST", "/", b"{}", {"X-Amz-Target": "Timestream_20181101.ListDatabases"}),
    "no target": ("POST", "/", b"{}", {"Content-Type": "text/plain"}),
    "a preflight": ("OPTIONS", "/query", b"", {"Access-Control-Request-Method": "POST"}),
    "an image": ("GET", "/query?q=DROP+DATABASE+kept", b"", {}),
    "ping": ("GET", "/ping", b"", {}),
    "nothing": ("GET", "/nothing", b"", {}),
}
FROM_A_PAGE = [
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Origin": "http://127.0.0.1:9999"},
    {"Origin": "https://evil.example", "Sec-Fetch-Site": "same-origin"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
]


@pytest.mark.parametrize("page", FROM_A_PAGE, ids=str)
@pytest.mark.parametrize("asked", ASKED)
def test_what_a_web_page_sends_is_refused(server, asked, page):
    method, path, body, headers = ASKED[asked]
    answer = HTTP.request(method, server.url + path, body=body, headers={**headers, **page})
    assert answer.status == 403
    assert "Access-Control-Allow-Origin" not in answer.headers
    assert "pages" in answer.json()["error"]


def test_what_a_web_page_sends_changes_nothing(own):
    def databases():
        return HTTP.request("GET", f"{own.url}/query", fields={"q": "SHOW DATABASES"}).data

    before = databases()
    for method, path, body, headers in ASKED.values():
        HTTP.request(method, own.url + path, body=body, headers={**headers, "Origin": "https://evil.example"})
    assert databases() == before
    assert HTTP.request("GET", f"{own.url}/api/v2/setup").json() == {"allowed": True}


@pytest.mark.parametrize("site", ["none", "same-origin"])
def test_what_a_person_opens_is_answered(server, site):
    assert HTTP.request("GET", f"{server.url}/ping", headers={"Sec-Fetch-Site": site}).status == 204


@pytest.mark.parametrize(
    ("target", "body", "code"),
    [
        ("Timestream_20181101.WriteRecords", b"{", "SerializationException"),
        ("Timestream_20181101.WriteRecords", b"[]", "SerializationException"),
        ("Timestream_20181101.WriteRecords", b"\xff", "SerializationException"),
        ("Timestream_20181101.Query", b"nonsense", "SerializationException"),
        ("Timestream_20181101.Query", b"[]", "SerializationException"),
        ("Timestream_20181101.Query", b'{"QueryString": 5}', "SerializationException"),
        ("Timestream_20181101.Query", b"{}", "ValidationException"),
        ("Timestream_20181101.CreateScheduledQuery", b"{}", "ValidationException"),
        ("Timestream_20181101.Nonsense", b"{}", "UnknownOperationException"),
        ("", b"{}", "UnknownOperationException"),
    ],
)
def test_what_is_no_request_of_the_service_is_told_so(server, target, body, code):
    answer = HTTP.request("POST", f"{server.url}/", body=body, headers={"X-Amz-Target": target})
    assert answer.status == 400
    assert answer.json()["__type"] == f"com.amazonaws.timestream.v20181101#{code}"
    assert answer.json()["message"]


def test_a_body_beyond_the_bound_is_refused(server):
    big = b'{"QueryString": "' + b"x" * 33 * 1024 * 1024 + b'"}'
    answer = HTTP.request("POST", f"{server.url}/", body=big, headers={"X-Amz-Target": "Timestream_20181101.Query"})
    assert answer.status == 400
    assert "too large" in answer.json()["message"]
