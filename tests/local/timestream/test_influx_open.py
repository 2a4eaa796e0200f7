"""A 1.x without authentication: /write, /query and databases, as a real one answers and as the look-alike does."""

import gzip
import json

import pytest

from tests.influxd import Influxd
from tests.local.timestream.influx_fronts import NOW, Lookalike, Real, query, write

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.fixture(scope="module", params=["look-alike", "influxd"])
def server(request, tmp_path_factory):
    if request.param == "influxd":
        with Influxd(tmp_path_factory.mktemp("influxd"), auth=False) as influxd:
            yield Real(influxd)
    else:
        lookalike = Lookalike(tmp_path_factory.mktemp("lookalike"))
        yield lookalike
        lookalike.close()


@pytest.fixture
def database(server):
    query(server, "CREATE DATABASE t")
    yield "t"
    query(server, "DROP DATABASE t")


def post(server, body, headers=None, **asked):
    return server.ask("POST", "/write", asked, body, headers)


def failing(server, body, headers=None, **asked):
    answer = post(server, body, headers, **asked)
    return answer.status, json.loads(answer.body)["error"]


def test_a_ping_is_answered(server):
    assert server.ask("GET", "/ping", {}) == (204, "")
    assert server.ask("HEAD", "/ping", {}) == (204, "")


def test_a_write_needs_a_database_that_is_there(server, database):
    assert failing(server, b"m f=1") == (400, "database is required")
    assert failing(server, b"m f=1", db="nope") == (404, 'database not found: "nope"')
    assert failing(server, b"m f=1", db="t", rp="nope") == (500, "retention policy not found: nope")
    assert post(server, b"m f=1 5", db="t", rp="autogen").status == 204


@pytest.mark.parametrize(
    ("precision", "expected"),
    [("ns", 5), ("n", 5), ("u", 5_000), ("ms", 5 * 10**6), ("s", 5 * 10**9), ("m", 300 * 10**9), ("h", 18000 * 10**9)],
)
def test_a_write_says_its_precision(server, database, precision, expected):
    assert write(server, "m f=1 5", precision=precision).status == 204
    assert f"[[{expected},1]]" in query(server, "SELECT f FROM m")


def test_a_body_may_be_zipped(server, database):
    assert post(server, gzip.compress(b"m f=1 5\nm f=2 6"), {"Content-Encoding": "gzip"}, db="t").status == 204
    assert "[[5,1],[6,2]]" in query(server, "SELECT f FROM m")
    truncated = gzip.compress(b"m f=1 5" * 1000)[:-9]
    assert failing(server, truncated, {"Content-Encoding": "gzip"}, db="t") == (400, "unexpected EOF")
    assert failing(server, b"these are no bytes of gzip", {"Content-Encoding": "gzip"}, db="t") == (
        400,
        "gzip: invalid header",
    )


def test_the_later_of_two_writes_stands_field_by_field(server, database):
    for lines in ("m,d=a f=1,g=2 5\nm,d=a f=3 5", 'm,d=a g=4,s="x" 5', "m,d=b f=9 5"):
        assert write(server, lines).status == 204
    assert '[[5,3,4,"x"]]' in query(server, "SELECT f, g, s FROM m WHERE d = 'a'")


def test_what_is_wrong_with_points_drops_those_points(server, database):
    assert write(server, "m f=1 1").status == 204
    conflict = 'field type conflict: input field "f" on measurement "m" is type boolean, already exists as type float'
    assert failing(server, b'm f=2 2\nm f=t 3\nm f="x" 4\nm f=5 5', db="t") == (
        400,
        f"partial write: {conflict} dropped=2",
    )
    assert failing(server, b"m time=1 6\nm,time=x f=1 7\nm f=8,time=1 8", db="t")[1].endswith("dropped=2")
    assert failing(server, b"m f=9 9\nm f\n", db="t") == (
        400,
        "partial write: unable to parse 'm f': invalid field format dropped=0",
    )
    assert "[[1,1],[2,2],[5,5],[8,8],[9,9]]" in query(server, "SELECT f FROM m")


def test_points_beyond_the_retention_are_dropped(server):
    query(server, "CREATE DATABASE short WITH DURATION 2h NAME keep")
    now = NOW if isinstance(server, Lookalike) else _now(server)
    lines = f"m f=1 {now - 10**9}\nm f=2 {now - 3 * 3600 * 10**9}"
    assert failing(server, lines.encode(), db="short") == (
        400,
        "partial write: points beyond retention policy dropped=1",
    )
    assert "[[0,1]]" in query(server, "SELECT count(f) FROM m", "short")
    assert '[["keep","2h0m0s","1h0m0s",1,true]]' in query(server, "SHOW RETENTION POLICIES", "short")
    query(server, "DROP DATABASE short")


def _now(server):
    query(server, "CREATE DATABASE clock")
    write(server, "m f=1", "clock")
    return json.loads(query(server, "SELECT f FROM m", "clock"))["results"][0]["series"][0]["values"][0][0]


def test_databases_are_made_and_dropped(server):
    empty = '{"results":[{"statement_id":0}]}'
    for statement in ("CREATE DATABASE x", "CREATE DATABASE x"):
        assert query(server, statement, "") == empty
    write(server, "m f=1 5", "x")
    for statement in ("DROP DATABASE x", "DROP DATABASE x", "CREATE DATABASE x"):
        assert query(server, statement, "") == empty
    assert query(server, "SELECT f FROM m", "x") == empty
    query(server, "DROP DATABASE x", "")
    assert "database not found: x" in query(server, "SELECT f FROM m", "x")
    assert "database name required" in query(server, "SELECT f FROM m", "")
    assert "must be at least 1h0m0s" in query(server, "CREATE DATABASE x WITH DURATION 1m", "")
    assert "invalid name" in query(server, 'CREATE DATABASE ""', "")


def test_a_deletion_forgets_rows_by_time_and_tags(server, database):
    write(server, "m,d=a f=1 1\nm,d=a f=2 2\nm,d=b f=3 3\nn,d=a f=4 4")
    query(server, "DELETE FROM m WHERE d = 'a' AND time < 2")
    assert "[[2,2],[3,3]]" in query(server, "SELECT f FROM m")
    assert "fields not supported in WHERE clause" in query(server, "DELETE FROM m WHERE f > 1")
    query(server, "DELETE WHERE d = 'a'")
    assert "[[3,3]]" in query(server, "SELECT f FROM m, n")
    query(server, "DROP MEASUREMENT m")
    assert query(server, "SELECT f FROM m, n") == '{"results":[{"statement_id":0}]}'


def test_a_question_comes_in_the_address_or_in_a_form(server, database):
    write(server, "m f=1 5")
    by_form = server.ask("POST", "/query", {"db": "t"}, b"q=SELECT+f+FROM+m&epoch=ns", FORM)
    assert by_form == server.ask("GET", "/query", {"db": "t", "epoch": "ns", "q": "SELECT f FROM m"})
    assert server.ask("POST", "/query", {"db": "t"}) == (400, '{"error":"missing required parameter \\"q\\""}')
    assert server.ask("GET", "/query", {"q": " ; "}) == (200, "{}")


@pytest.mark.parametrize("epoch", ["", "ns", "u", "ms", "s", "m", "h", "nonsense"])
def test_times_are_in_the_epoch_asked_for(server, database, epoch):
    write(server, "m f=1 1764000000123456789\nm f=2 -1500000001")
    expected = {
        "": '[["1969-12-31T23:59:58.499999999Z",2],["2025-11-24T16:00:00.123456789Z",1]]',
        "u": "[[-1500000,2],[1764000000123456,1]]",
        "ms": "[[-1500,2],[1764000000123,1]]",
        "s": "[[-1,2],[1764000000,1]]",
        "m": "[[0,2],[29400000,1]]",
        "h": "[[0,2],[490000,1]]",
    }
    found = query(server, "SELECT f FROM m", epoch=epoch)
    assert expected.get(epoch, "[[-1500000001,2],[1764000000123456789,1]]") in found


def test_other_paths_and_methods_are_not_there(server):
    assert server.ask("GET", "/nope", {}) == (404, "404 page not found")
    assert server.ask("GET", "/write", {}) == (405, "Method Not Allowed")
    assert server.ask("DELETE", "/query", {}).status == 405
