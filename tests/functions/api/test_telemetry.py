import pytest

from functions.domain.series import Point
from tests.functions.api_harness import person

HOUR = 3_600_000


@pytest.fixture
def now(api):
    api.register("pump-1")
    return api.clock.now


def store(api, *points):
    api.store.write(
        [Point("pump-1", metric, ts, value, "good", late=False, received_at=ts) for metric, ts, value in points]
    )


def test_raw_points_of_a_range(api, now):
    store(api, ("temperature", now - 2, 21.4), ("humidity", now - 1, 40.0), ("temperature", now, 0.0))
    status, body = api.get(
        "/devices/pump-1/telemetry", ("metric", "temperature"), ("metric", "humidity"), ("from", "-1h")
    )
    assert status == 200
    assert body == {
        "device": "pump-1",
        "from": now - HOUR,
        "to": now,
        "bin": None,
        "items": [
            {"ts": now - 2, "metric": "temperature", "value": 21.4, "q": "good", "late": False},
            {"ts": now - 1, "metric": "humidity", "value": 40.0, "q": "good", "late": False},
        ],
        "cursor": None,
    }
    assert api.headers["Content-Type"] == "application/json"


def test_bins_with_their_aggregates(api, now):
    start = now - now % HOUR
    store(api, ("temperature", start, 1.0), ("temperature", start + 1, 3.0))
    status, body = api.get(
        "/devices/pump-1/telemetry",
        ("metric", "temperature"),
        ("from", str(start)),
        ("to", str(start + HOUR)),
        ("bin", "1h"),
        ("agg", "avg,count"),
        ("agg", "last"),
    )
    assert (status, body["bin"]) == (200, HOUR)
    assert body["items"] == [{"ts": start, "metric": "temperature", "avg": 2.0, "count": 2, "last": 3.0}]


def test_metrics_may_be_separated_by_commas(api, now):
    store(api, ("temperature", now - 2, 1.0), ("humidity", now - 2, 2.0))
    _, body = api.get("/devices/pump-1/telemetry", ("metric", "temperature,humidity"))
    assert [row["metric"] for row in body["items"]] == ["humidity", "temperature"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2025-11-24T16:00:00Z", 1_764_000_000_000),
        ("2025-11-24T17:00:00+01:00", 1_764_000_000_000),
        ("2025-11-24T16:00:00.25+00:00", 1_764_000_000_250),
        ("1764000000000", 1_764_000_000_000),
        ("0", 0),
    ],
)
def test_times_are_milliseconds_or_rfc_3339(api, now, text, expected):
    _, body = api.get(
        "/devices/pump-1/telemetry", ("metric", "temperature"), ("from", text), ("to", "2025-11-25T00:00:00Z")
    )
    assert body["from"] == expected


def test_a_relative_range_stands_still_between_pages(api, now):
    store(api, *[("temperature", now - at, float(at)) for at in range(1, 6)])
    path, query = "/devices/pump-1/telemetry", [("metric", "temperature"), ("from", "-1h"), ("limit", "2")]
    _, first = api.get(path, *query)
    api.clock.now += HOUR
    seen, page = [*first["items"]], first
    while page["cursor"]:
        _, page = api.get(path, *query, ("cursor", page["cursor"]))
        assert (page["from"], page["to"]) == (now - HOUR, now)
        seen += page["items"]
    assert [row["value"] for row in seen] == [5.0, 4.0, 3.0, 2.0, 1.0]


@pytest.mark.parametrize("more", [[], [("bin", "1s")], [("bin", "6ms")]])
def test_a_range_with_a_fixed_end_goes_on_when_its_beginning_has_moved_past_it(api, now, more):
    store(api, *[("temperature", now - at * 1000, float(at)) for at in range(1, 6)])
    path = "/devices/pump-1/telemetry"
    query = [("metric", "temperature"), ("from", "-1m"), ("to", str(now)), ("limit", "2"), *more]
    _, page = api.get(path, *query)
    rows = len(page["items"])
    for moved in (61_000, 30 * 24 * HOUR):
        api.clock.now = now + moved
        status, page = api.get(path, *query, ("cursor", page["cursor"]))
        assert (status, page["from"], page["to"]) == (200, now - 60_000, now)
        rows += len(page["items"])
    assert (rows, page["cursor"]) == (5, None)


def test_as_many_bins_as_there_may_be_go_on_when_the_end_has_moved(api, now):
    store(api, *[("temperature", now - at * 60_000, float(at)) for at in range(1, 6)])
    query = [("metric", "temperature"), ("from", str(now - 10_000 * 60_000)), ("bin", "1m"), ("limit", "3")]
    _, first = api.get("/devices/pump-1/telemetry", *query)
    api.clock.now += 60_000
    status, second = api.get("/devices/pump-1/telemetry", *query, ("cursor", first["cursor"]))
    assert (status, len(second["items"]), second["to"]) == (200, 2, now)
    assert api.get("/devices/pump-1/telemetry", *query)[0] == 400


WRONG = [
    ("metric", [], "metric"),
    ("metric", [("metric", "Temperature")], "metric"),
    ("metric", [("metric", ",")], "metric"),
    ("metric", [("metric", ",".join(f"m{at}" for at in range(21)))], "metric"),
    ("from", [("metric", "t"), ("from", "yesterday")], "from"),
    ("from", [("metric", "t"), ("from", "2025-11-24T16:00:00")], "from"),
    ("from", [("metric", "t"), ("from", "-0h")], "from"),
    ("from", [("metric", "t"), ("from", "999999999999999")], "from"),
    ("from", [("metric", "t"), ("from", "2"), ("to", "1")], "from"),
    ("to", [("metric", "t"), ("to", "x" * 65)], "to"),
    ("bin", [("metric", "t"), ("bin", "5")], "bin"),
    ("bin", [("metric", "t"), ("bin", "367d")], "bin"),
    ("bin", [("metric", "t"), ("from", "-10001m"), ("bin", "1m")], "bin"),
    ("agg", [("metric", "t"), ("bin", "5m"), ("agg", "median")], "agg"),
    ("agg", [("metric", "t"), ("agg", "avg")], "agg"),
    ("limit", [("metric", "t"), ("limit", "0")], "limit"),
    ("limit", [("metric", "t"), ("limit", "1001")], "limit"),
    ("limit", [("metric", "t"), ("limit", "ten")], "limit"),
    ("cursor", [("metric", "t"), ("cursor", "nonsense")], "cursor"),
]


@pytest.mark.parametrize(("name", "query", "field"), WRONG, ids=range(len(WRONG)))
def test_a_wrong_parameter_is_named_with_what_was_expected_and_what_came(api, now, name, query, field):
    status, body = api.get("/devices/pump-1/telemetry", *query)
    assert status == 400, body
    assert body["field"] == field
    assert set(body) == {"type", "title", "status", "detail", "field", "expected", "got", "request_id"}
    assert api.headers["Content-Type"] == "application/problem+json"


def test_ten_thousand_bins_are_allowed(api, now):
    status, _ = api.get("/devices/pump-1/telemetry", ("metric", "t"), ("from", "-10000m"), ("bin", "1m"))
    assert status == 200


def test_a_cursor_of_another_question_is_refused(api, now):
    store(api, *[("temperature", now - at, 1.0) for at in range(1, 6)])
    query = [("metric", "temperature"), ("limit", "2")]
    _, page = api.get("/devices/pump-1/telemetry", *query)
    api.register("pump-2")
    assert api.get("/devices/pump-1/telemetry", *query, ("cursor", page["cursor"]))[0] == 200
    assert api.get("/devices/pump-2/telemetry", *query, ("cursor", page["cursor"]))[0] == 400
    assert api.get("/devices/pump-1/telemetry", *query, ("from", "-2h"), ("cursor", page["cursor"]))[0] == 400


def test_telemetry_of_a_device_that_nobody_knows_is_not_found(api):
    status, body = api.get("/devices/nobody/telemetry", ("metric", "temperature"))
    assert (status, body["title"]) == (404, "Not found")


@pytest.mark.parametrize(
    ("query", "detail"),
    [
        ([], "metric: expected a value, got nothing"),
        ([("metric", "t"), ("limit", "ten")], "limit: expected a valid integer, got 'ten'"),
        ([("metric", "t"), ("limit", "0")], "limit: expected greater than or equal to 1, got '0'"),
        ([("metric", "t"), ("to", "x" * 65)], "to: expected at most 64 characters, got '" + "x" * 60 + "…'"),
    ],
)
def test_a_problem_is_told_in_one_sentence(api, now, query, detail):
    assert api.get("/devices/pump-1/telemetry", *query)[1]["detail"] == detail


def test_a_series_as_csv_with_its_next_page_in_a_header(api, now):
    store(api, ("temperature", now - 2, 21.4), ("mode", now - 1, '=HYPERLINK("x")'))
    asked = (("metric", "temperature,mode"), ("limit", "1"), ("format", "csv"))
    status, first = api.get("/devices/pump-1/telemetry", *asked)
    assert (status, api.headers["Content-Type"]) == (200, "text/csv; charset=utf-8")
    assert first == f"ts,metric,value,q,late\r\n{now - 2},temperature,21.4,good,false\r\n"
    _, second = api.get("/devices/pump-1/telemetry", *asked, ("cursor", api.headers["X-Next-Cursor"]))
    # A spreadsheet would calculate it.
    assert second == f'ts,metric,value,q,late\r\n{now - 1},mode,"\'=HYPERLINK(""x"")",good,false\r\n'
    assert "X-Next-Cursor" not in api.headers


def test_bins_as_csv_by_accept(api, now):
    store(api, ("temperature", now - 2, 1.0), ("temperature", now - 1, 3.0))
    query = (("metric", "temperature"), ("from", "-1h"), ("bin", "2h"), ("agg", "avg,count"))
    _, text = api.get("/devices/pump-1/telemetry", *query, headers={"Accept": "text/csv"})
    assert text.splitlines()[0] == "ts,metric,avg,count"
    assert text.splitlines()[1].endswith(",temperature,2.0,2")


@pytest.mark.parametrize("scope", ["group:plant-2", "device:pump-2"])
def test_history_outside_the_scope_is_not_found(api, now, scope):
    assert api.get("/devices/pump-1/telemetry", ("metric", "t"), who=person(("admin", scope)))[0] == 404
    assert api.get("/devices/pump-1/telemetry", ("metric", "t"), who=person(("viewer", "device:pump-1")))[0] == 200


def test_a_cursor_of_somebody_else_is_refused(api, now):
    store(api, ("temperature", now - 2, 1.0), ("temperature", now - 1, 2.0))
    asked = (("metric", "temperature"), ("limit", "1"))
    cursor = api.get("/devices/pump-1/telemetry", *asked)[1]["cursor"]
    assert api.get("/devices/pump-1/telemetry", *asked, ("cursor", cursor))[0] == 200
    status, problem = api.get("/devices/pump-1/telemetry", *asked, ("cursor", cursor), who=person("viewer", name="eve"))
    assert (status, problem["field"]) == (400, "cursor")
