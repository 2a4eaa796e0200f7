"""The front over HTTP, in the process that serves both protocols."""

import gzip
import json
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from urllib.parse import urlencode

import pytest
import urllib3

from local.timestream.influx_requests import MAX_INFLATED
from tests.timestream import Lookalike

_databases = (f"test{number}" for number in count())


class Http:
    def __init__(self, lookalike):
        self.lookalike = lookalike
        self.pool = urllib3.PoolManager(maxsize=8, retries=False)

    def __call__(self, method, path, body=b"", headers=None, **query):
        return self.pool.request(
            method, f"{self.lookalike.url}{path}?{urlencode(query)}", body=body, headers=headers or {}
        )

    def query(self, text, database=""):
        return json.loads(self("POST", "/query", db=database, epoch="ns", q=text).data)["results"]


@pytest.fixture
def http(server):
    return Http(server)


@pytest.fixture
def database(http):
    name = next(_databases)
    http.query(f"CREATE DATABASE {name}")
    return name


def test_it_says_what_it_is(http):
    answer = http("GET", "/ping")
    assert (answer.status, answer.headers["X-Influxdb-Build"]) == (204, "OSS")
    assert answer.headers["X-Influxdb-Version"].startswith("1.")
    assert json.loads(http("GET", "/health").data)["status"] == "pass"


def test_zipped_lines_are_stored(http, database):
    body = gzip.compress(b"\n".join(b"m,d=%d f=%d %d" % (number % 7, number, number) for number in range(5000)))
    assert http("POST", "/write", body, {"Content-Encoding": "gzip"}, db=database).status == 204
    assert http.query("SELECT count(f), sum(f) FROM m", database)[0]["series"][0]["values"] == [[0, 5000, 12497500]]


def test_a_body_that_grows_beyond_the_bound_is_refused(http, database):
    body = gzip.compress(b" " * (MAX_INFLATED + 1))
    assert http("POST", "/write", body, {"Content-Encoding": "gzip"}, db=database).status == 413


def test_writers_beside_each_other_lose_nothing(http, database):
    def writing(writer):
        for number in range(20):
            lines = "\n".join(f"m,writer={writer} f={number} {number * 100 + each}" for each in range(50))
            assert http("POST", "/write", lines.encode(), db=database).status == 204

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(writing, range(6)))
    assert http.query("SELECT count(f) FROM m", database)[0]["series"][0]["values"] == [[0, 6000]]


def test_what_was_acknowledged_is_there_after_a_power_cut(tmp_path):
    with Lookalike(tmp_path) as lookalike:
        http = Http(lookalike)
        http.query("CREATE DATABASE t")
        for number in range(30):
            lines = f'm,d={number} f={number},s="x" {number}\nm,d=0 g={number} 5'
            assert http("POST", "/write", lines.encode(), db="t").status == 204
        lookalike.kill()
        lookalike.start()
        assert http.query("SELECT count(f), count(s), last(g) FROM m", "t")[0]["series"][0]["values"] == [
            [0, 30, 30, 29]
        ]
        assert http.query("SHOW DATABASES")[0]["series"][0]["values"] == [["t"]]


def test_tokens_outlive_a_power_cut(tmp_path):
    with Lookalike(tmp_path) as lookalike:
        http = Http(lookalike)
        first = {"username": "admin", "password": "a password", "org": "fieldline", "bucket": "telemetry"}
        setup = http("POST", "/api/v2/setup", json.dumps(first).encode())
        token = {"Authorization": f"Token {json.loads(setup.data)['auth']['token']}"}
        assert http("POST", "/write", b"m f=1 5", token, db="telemetry").status == 204
        lookalike.kill()
        lookalike.start()
        assert http("POST", "/write", b"m f=2 6", token, db="telemetry").status == 204
        assert http("POST", "/write", b"m f=3 7", db="telemetry").status == 401
        answer = json.loads(http("GET", "/query", b"", token, db="telemetry", q="SELECT f FROM m", epoch="ns").data)
        assert answer["results"][0]["series"][0]["values"] == [[5, 1], [6, 2]]
