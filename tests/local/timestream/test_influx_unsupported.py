"""What InfluxDB could answer and the look-alike cannot is an error that says so, never a wrong answer."""

import json

import pytest

from tests.local.timestream.influx_fronts import Lookalike, query, write

REFUSED = [
    "SELECT f + 1 FROM m",
    "SELECT mean(f) * 2 FROM m",
    "SELECT median(f) FROM m",
    "SELECT percentile(f, 90) FROM m",
    "SELECT derivative(f) FROM m",
    "SELECT distinct(f) FROM m",
    "SELECT count(distinct(f)) FROM m",
    "SELECT top(f, 2) FROM m",
    "SELECT f INTO n FROM m",
    "SELECT f FROM /m/",
    "SELECT f FROM m, m",
    "SELECT f FROM m GROUP BY /d/",
    "SELECT f FROM m tz('Europe/Berlin')",
    "SELECT f::integer FROM m",
    "SELECT mean(f) FROM m WHERE time >= 0 AND time < 100 GROUP BY time(10ns) fill(linear)",
    "SELECT mean(f) FROM m WHERE time >= 0 AND time < 100 GROUP BY time(10ns, now())",
    "SELECT elapsed(f, 1ns), mean(f) FROM m",
    "SELECT elapsed(mean(f)) FROM m WHERE time >= 0 AND time < 100 GROUP BY time(10ns)",
    "SELECT f FROM m WHERE f + 1 > 3",
    "SELECT f FROM m WHERE f > 1 = true",
    "SELECT f FROM m WHERE d > 'a'",
    "SELECT f FROM m WHERE d = f",
    "SELECT f FROM (SELECT f FROM m GROUP BY d LIMIT 1)",
    "SELECT x FROM (SELECT mean(f) AS x FROM m WHERE time >= 0 AND time < 9 GROUP BY time(3ns), d fill(0))",
    "SELECT max(x) FROM (SELECT mean(f) AS x FROM m GROUP BY time(10ns)) WHERE time >= 5 AND time < 100",
    "SELECT v FROM both, m",
    "SHOW TAG VALUES WITH KEY = d WHERE time > 5",
    "SHOW SERIES WHERE f > 1",
    "DELETE FROM t..m",
    "EXPLAIN SELECT f FROM m",
    "CREATE USER x WITH PASSWORD 'y'",
    "DROP SERIES FROM m",
]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    server = Lookalike(tmp_path_factory.mktemp("lookalike"))
    query(server, "CREATE DATABASE t")
    assert write(server, 'm,d=a f=1 5\nm,d=b f=2 6\nm,d=a v=1 7\nboth v="x" 5').status == 204
    yield server
    server.close()


@pytest.mark.parametrize("text", REFUSED)
def test_it_is_refused(server, text):
    answer = json.loads(query(server, text))
    error = answer.get("error") or answer["results"][0]["error"]
    assert error.startswith(("not implemented: ", "error parsing query: found ", "undefined function "))


def test_more_buckets_than_an_answer_can_hold_are_refused(server):
    text = "SELECT mean(f) FROM m WHERE time >= 0 AND time < 1764000000000000000 GROUP BY time(1ms)"
    assert "max-select-buckets limit exceeded" in query(server, text)
    assert "values" in query(server, f"{text} fill(none)")
