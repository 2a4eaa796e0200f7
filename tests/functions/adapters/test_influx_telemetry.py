"""The store on a real InfluxDB: what it asks, how versions stand, which points are refused, and a server that dies."""

import itertools

import msgspec
import pytest
import urllib3

from functions.adapters import influx_devices, influx_marks, influx_pages, influx_telemetry
from functions.adapters.backoff import Backoff
from functions.adapters.influx_http import UnansweredError
from functions.adapters.influx_telemetry import InfluxTelemetryStore
from functions.domain.series import Aggregate, Point, RawRow, SeriesQuery
from functions.errors import PartialWriteError, StoreError
from tests.functions.adapters.influx_backends import BACKENDS, RETENTION, on_influxd
from tests.functions.adapters.telemetry_stores import exported
from tests.influxd import ADMIN, Influxd

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
EVERY = tuple(Aggregate)


class Counting:
    """A server that counts what it is asked."""

    def __init__(self, server):
        self._server = server
        self.paths = []

    def post(self, path, *arguments, **options):
        self.paths.append(path.partition("?")[0])
        return self._server.post(path, *arguments, **options)


@pytest.fixture(params=BACKENDS)
def store(request, clock):
    return BACKENDS[request.param](request, clock)


@pytest.fixture
def real_store(request, clock):
    """For tests that prepare the server by other means than the adapter's, or say what it says word for word."""
    return on_influxd(request, clock)


@pytest.fixture
def asked(store):
    """The paths of the requests so far."""
    store._client._server = counting = Counting(store._client._server)
    return counting.paths


@pytest.fixture
def now(clock):
    return clock.now


def point(ts, value=1.0, metric="temperature", *, device="pump-1", quality="good", late=False, received_at=None):
    return Point(device, metric, ts, value, quality, late, ts if received_at is None else received_at)


def question(start, end, metrics=("temperature",), **more):
    return SeriesQuery(device="pump-1", metrics=metrics, start=start, end=end, **more)


def ask(store, *arguments, **more):
    rows, cursor = [], None
    while True:
        page = store.series(question(*arguments, cursor=cursor, **more))
        rows += page.rows
        cursor = page.cursor
        if cursor is None:
            return rows


def write_line(influxd, database, line):
    answer = urllib3.request(
        "POST",
        f"{influxd.url}/write?db={database}&precision=ns",
        body=line.encode(),
        headers={"Authorization": ADMIN.header()},
    )
    assert answer.status == 204, answer.data


def test_a_day_in_bins_of_five_minutes_is_one_request(store, asked, now):
    store.write([point(now - at * MINUTE, float(at)) for at in range(1440)])
    del asked[:]
    page = store.series(question(now - DAY, now, bin_ms=5 * MINUTE, aggregates=EVERY))
    assert len(page.rows) == 288
    assert page.cursor is None
    assert asked == ["/query"]


def test_an_hour_of_raw_points_is_one_request(store, asked, now):
    metrics = ("current", "humidity", "temperature")
    store.write([point(now - at * 10_000, float(at), metric) for at in range(360) for metric in metrics])
    del asked[:]
    page = store.series(question(now - HOUR + 1, now + 1, metrics))
    assert len(page.rows) == 1000
    assert len(asked) == 1
    assert len(ask(store, now - HOUR + 1, now + 1, metrics)) == 1080


def test_an_empty_stretch_between_bins_is_skipped(store, asked, now):
    store.write([point(now - 29 * DAY), point(now)])
    del asked[:]
    rows = ask(store, now - 29 * DAY, now + 1, bin_ms=MINUTE, limit=10)
    assert [row.values for row in rows] == [{"avg": 1.0}] * 2
    assert len(asked) == 2


@pytest.mark.parametrize("bin_ms", [1000, MINUTE, DAY])
def test_a_point_with_two_versions_counts_once(store, now, bin_ms):
    start = now - now % DAY
    store.write([point(start + at * 7 * MINUTE, float(at), received_at=now) for at in range(100)])
    store.write([point(start + at * 7 * MINUTE, 1000.0, received_at=now + 90) for at in (3, 4, 50)])
    rows = ask(store, start, start + DAY, bin_ms=bin_ms, aggregates=(Aggregate.COUNT, Aggregate.SUM, Aggregate.MIN))
    assert sum(row.values["count"] for row in rows) == 100
    assert sum(row.values["sum"] for row in rows) == sum(range(100)) - 57 + 3000
    assert min(row.values["min"] for row in rows) == 0.0


def fresh(ts, value=1.0, metric="temperature", **detail):
    return msgspec.structs.replace(point(ts, value, metric, **detail), fresh=True)


def test_a_fresh_point_is_written_without_asking(store, asked, now):
    store.write([fresh(now - at * MINUTE, float(at)) for at in range(50)])
    assert asked == ["/write"]


def test_who_writes_what_may_have_another_version_asks_once_and_marks_only_what_has(store, asked, now):
    points = [point(now - at * MINUTE, 1.0, metric) for at in range(50) for metric in ("current", "temperature")]
    store.write(points)
    assert asked == ["/write", "/query"]
    del asked[:]
    store.write(points)  # the same once more: each is still one version
    assert asked == ["/write", "/query"]
    del asked[:]
    store.write([point(now, 2.0, received_at=now + 5), point(now - 7, 2.0)])
    assert asked == ["/write", "/query", "/write"]


@pytest.mark.parametrize("again", [0, 1])
def test_two_fresh_versions_count_once_as_soon_as_either_is_delivered_again(store, now, again):
    start = now - now % HOUR
    both = [fresh(start + MINUTE, 1.0, received_at=now), fresh(start + MINUTE, 2.0, received_at=now + 9)]
    for one in both:
        store.write([one])  # as two functions do at once: neither knows of the other
    store.write([msgspec.structs.replace(both[again], fresh=False)])
    (row,) = ask(store, start, start + HOUR, bin_ms=HOUR, aggregates=EVERY)
    assert (row.values["count"], row.values["sum"]) == (1, 2.0)


def test_a_mark_says_nothing_about_the_bins_beside_it(store, asked, now):
    start = now - now % DAY
    for received_at in (now, now + 1):
        store.write([point(start + 3 * HOUR, received_at=received_at)])
    store.write([point(start + at * HOUR) for at in (0, 1, 2, 4, 5)])
    del asked[:]
    rows = ask(store, start, start + DAY, bin_ms=HOUR, aggregates=(Aggregate.COUNT,))
    assert [row.values["count"] for row in rows] == [1] * 6
    assert len(asked) == 2
    del asked[:]
    assert len(ask(store, start, start + 3 * HOUR, bin_ms=HOUR)) == 3
    assert len(asked) == 1


def test_versions_of_many_devices_and_hours_are_found(store, now, monkeypatch):
    monkeypatch.setattr(influx_marks, "DEVICES", 3)
    monkeypatch.setattr(influx_marks, "FIELDS", 2)
    monkeypatch.setattr(influx_marks, "_COLUMNS", 10)
    start = now - now % DAY
    values = {"a": 1.0, "b": True, "c": "open", "d": 4.0, "e": 5.0}
    written = [
        (f"pump-{device}", metric, start + hour * HOUR + device * 1000)
        for device in range(8)
        for hour in (0, 1, 2, 5, 9)
        for metric in list(values)[: 2 + device % 4]
    ]
    for received_at in (now, now + 1):
        store.write(
            [
                point(ts, values[metric], metric, device=device, received_at=received_at)
                for device, metric, ts in written
            ]
        )
    for number in range(8):
        query = SeriesQuery(
            device=f"pump-{number}",
            metrics=tuple(values),
            start=start,
            end=start + DAY,
            bin_ms=HOUR,
            aggregates=(Aggregate.COUNT,),
        )
        rows = store.series(query).rows
        assert len(rows) == 5 * (2 + number % 4)
        assert {row.values["count"] for row in rows} == {1}


def test_an_export_and_a_list_of_devices_know_nothing_of_marks(store, now):
    for received_at in (now, now + 1):
        store.write([point(now, received_at=received_at)])
    assert exported(store, "pump-1", now, now + 1) == [point(now, received_at=now + 1)]
    store.delete("pump-1", now, now + 1)
    assert store.devices().devices == ()


def test_a_server_that_stores_and_cannot_be_asked_leaves_those_open_that_may_have_two_versions(store, now):
    class Mute(Counting):
        def post(self, path, *arguments, **options):
            if path.startswith("/query"):
                raise UnansweredError("gone", again=False)
            return super().post(path, *arguments, **options)

    store._client._server = Mute(store._client._server)
    with pytest.raises(PartialWriteError, match="1 of 2 points were not stored: looking for versions") as caught:
        store.write([fresh(now), point(now - 1)])
    assert caught.value.failed == {1}


def test_bins_of_points_that_all_have_two_versions_are_right_though_they_take_many_requests(store, now, monkeypatch):
    monkeypatch.setattr(influx_pages, "BIN_ROWS", 50)
    monkeypatch.setattr("functions.adapters.influx_bins.BIN_ROWS", 50)
    start = now - now % DAY
    for received_at in (now, now + 1):
        store.write([point(start + at * MINUTE, float(at), received_at=received_at) for at in range(200)])
    for bin_ms in (MINUTE, 10 * MINUTE, HOUR, DAY):
        rows = ask(store, start, start + DAY, bin_ms=bin_ms, aggregates=(Aggregate.COUNT, Aggregate.LAST))
        assert sum(row.values["count"] for row in rows) == 200
        assert rows[-1].values["last"] == 199.0


def test_more_versions_of_an_instant_than_a_page_has_rows_are_one_point(store, now):
    for received_at in range(40):
        store.write([point(now, float(received_at), received_at=now + received_at)])
    store.write([point(now + 1, 9.0)])
    assert [row.value for row in ask(store, now, now + 2, limit=1)] == [39.0, 9.0]
    assert [one.value for one in exported(store, "pump-1", now, now + 2)] == [39.0, 9.0]


@pytest.mark.parametrize("bin_ms", [300 * 366 * DAY, 10**15])
def test_a_bin_longer_than_influxql_can_say_is_one_bin(store, now, bin_ms):
    store.write([point(now - DAY), point(now)])
    (row,) = ask(store, now - 2 * DAY, now + 1, bin_ms=bin_ms, aggregates=(Aggregate.COUNT,))
    assert row.values == {"count": 2}


def test_values_of_different_types_in_a_bin_are_told_apart(store, now):
    start = now - now % HOUR
    store.write([point(start + at, value) for at, value in enumerate([2.0, True, "open", 4.0, False])])
    (row,) = ask(store, start, start + HOUR, bin_ms=HOUR, aggregates=EVERY)
    assert row.values == {"avg": 3.0, "min": 2.0, "max": 4.0, "sum": 6.0, "count": 5, "last": False}


def test_a_sum_beyond_what_a_float_holds_is_unknown_and_spoils_no_other_bin(store, now):
    start = now - now % DAY
    greatest = 1.7976931348623157e308
    store.write([point(start + at * MINUTE, 1.0) for at in range(600)])
    store.write([point(start + 5 * HOUR + at, greatest) for at in (1, 2)])
    rows = ask(store, start, start + DAY, bin_ms=HOUR, aggregates=EVERY)
    assert [row.values["count"] for row in rows] == [60, 60, 60, 60, 60, 62, 60, 60, 60, 60]
    assert [row.values["sum"] for row in rows] == [60.0] * 5 + [None] + [60.0] * 4
    assert (rows[5].values["avg"], rows[5].values["max"], rows[5].values["min"]) == (None, greatest, 1.0)


def test_whenever_and_in_whatever_order_versions_are_received_the_last_stands(store, now):
    orders = [*itertools.permutations([0, 5, 899_999, 900_000, 3 * DAY, -MINUTE], 3)]
    first = now - 5 * DAY
    # The first version of each point, then the second, then the third.
    for turn in range(3):
        store.write(
            [
                point(first + at, float(lags[turn]), received_at=first + at + lags[turn])
                for at, lags in enumerate(orders)
            ]
        )
    stand = [point(first + at, float(max(lags)), received_at=first + at + max(lags)) for at, lags in enumerate(orders)]
    assert [row.value for row in ask(store, first, first + len(orders))] == [one.value for one in stand]
    assert exported(store, "pump-1", first, first + len(orders)) == stand


def test_a_better_version_leaves_nothing_of_the_worse(store, now):
    store.write([point(now, "stuck", quality="bad", late=True, received_at=now + 1)])
    store.write([point(now, 2.0, received_at=now + 2)])
    assert ask(store, now, now + 1) == [RawRow(now, "temperature", 2.0, "good", late=False)]


def test_of_a_tie_one_of_the_two_stands_whole(store, now):
    versions = [point(now, "stuck", quality="bad"), point(now, 2.0), point(now, value=True, quality="stale", late=True)]
    for one in versions:
        store.write([one])
    (stands,) = exported(store, "pump-1", now, now + 1)
    assert stands in versions


def test_only_the_points_that_can_never_be_stored_are_rejected(real_store, now, influxd, database):
    write_line(influxd, database, f'telemetry,device=other f:broken="a text" {now}000000')
    points = [
        point(now + at, float(at), metric) for at in range(300) for metric in ("current", "temperature", "humidity")
    ]
    wrong = [point(now + at, float(at), "broken") for at in (7, 250)]
    rejected = real_store.write([*points[:400], *wrong, *points[400:]])
    assert sorted(one.point.ts - now for one in rejected) == [7, 250]
    assert {(one.point.metric, one.reason) for one in rejected} == {("broken", "refused")}
    assert "field type conflict" in rejected[0].detail
    assert len(ask(real_store, now, now + HOUR, ("current", "temperature", "humidity"))) == 900


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_what_is_no_number_is_refused_by_the_server_and_the_rest_is_stored(store, now, value):
    wrong = point(now, value, "humidity")
    rejected = store.write([point(now), wrong, point(now + 1)])
    assert [(one.point.metric, one.reason) for one in rejected] == [("humidity", "refused")]
    assert [row.ts for row in ask(store, now, now + 2, ("temperature", "humidity"))] == [now, now + 1]


def test_what_the_server_keeps_no_longer_is_rejected(real_store, now, influxd, database):
    influxd.ask(f'CREATE RETENTION POLICY "short" ON "{database}" DURATION 1h REPLICATION 1 DEFAULT')
    points = [point(now - at * MINUTE) for at in range(2000)]
    rejected = real_store.write(points)
    assert len(rejected) == 2000
    assert {one.detail for one in rejected} == {"partial write: points beyond retention policy dropped=2000"}


def test_writing_to_a_database_that_is_gone_is_no_rejection(real_store, now, influxd, database):
    influxd.ask(f'DROP DATABASE "{database}"')
    with pytest.raises(StoreError, match="404: 'database not found"):
        real_store.write([point(now)])
    with pytest.raises(StoreError, match="database not found"):
        ask(real_store, now, now + 1)


def test_who_may_not_sign_in_is_told(influxd, database, clock, now):
    wrong = type(ADMIN)(ADMIN.user, "wrong")
    store = InfluxTelemetryStore(influxd.url, database, auth=wrong, clock=clock, retention_ms=RETENTION)
    for use in (lambda: store.write([point(now)]), lambda: ask(store, now, now + 1), store.devices):
        with pytest.raises(StoreError, match="401: 'authorization failed'"):
            use()


def test_an_export_asks_for_the_metrics_that_the_device_has(store, asked, now):
    store.write([point(now, 1.0, f"m{at}", device=f"pump-{at}") for at in range(300)])
    del asked[:]
    assert exported(store, "pump-7", now, now + 1) == [point(now, 1.0, "m7", device="pump-7")]
    assert len(asked) == 2


def test_an_export_joins_many_pages(store, now, monkeypatch):
    monkeypatch.setattr(influx_telemetry, "EXPORT_VALUES", 0)
    points = [point(now - at, float(at), metric) for at in range(350) for metric in ("a", "b")]
    store.write(points)
    moved = exported(store, "pump-1", now - 400, now + 1)
    assert sorted(moved, key=lambda one: (-one.ts, one.metric)) == points


@pytest.mark.parametrize("changes", ["come", "go"])
def test_no_device_is_left_out_while_others_come_or_go(real_store, now, influxd, database, monkeypatch, changes):
    monkeypatch.setattr(influx_devices, "NAMES", 10)
    names = [f"pump-{at:03}" for at in range(60)]
    real_store.write([point(now, device=name) for name in names])
    found, cursor = [], None
    for at in itertools.count():
        page = real_store.devices(cursor)
        found += page.devices
        cursor = page.cursor
        if cursor is None:
            break
        if changes == "come":
            real_store.write([point(now, device=f"a-{at}-{more}") for more in range(4)])
        else:
            gone = " OR ".join(f"\"device\" = '{name}'" for name in found[5 * at : 5 * at + 5])
            influxd.ask(f'DROP SERIES FROM "telemetry" WHERE {gone}', database)
    assert found == names


def test_a_device_whose_points_are_all_older_than_the_retention_is_none(store, clock, now):
    store.write([point(now - RETENTION, device="old"), point(now, device="young")])
    clock.now += 1
    assert store.devices().devices == ("young",)


def test_a_row_that_another_wrote_is_an_error_and_not_a_point(real_store, now, influxd, database):
    write_line(influxd, database, f"telemetry,device=pump-1 f:temperature=1 {now}950000")
    with pytest.raises(StoreError, match="temperature at 1764000000000 has no note"):
        ask(real_store, now, now + 1)


@pytest.fixture
def server(tmp_path):
    """A server that a test may kill."""
    with Influxd(tmp_path / "own") as own:
        own.database("telemetry")
        yield own


def test_what_was_acknowledged_survives_a_kill_and_the_store_goes_on(server, clock, now):
    at_once = Backoff(attempts=2, base_s=0.0)
    store = InfluxTelemetryStore(
        server.url, "telemetry", auth=ADMIN, clock=clock, retention_ms=RETENTION, backoff=at_once
    )
    points = [point(now - at * 1000, float(at)) for at in range(6000)]
    assert store.write(points) == []
    server.kill()
    with pytest.raises(StoreError, match="does not answer"):
        store.write([point(now + 1)])
    with pytest.raises(StoreError, match="does not answer"):
        ask(store, now, now + 1)
    server.start()
    assert store.write([point(now + 1)]) == []
    assert len(ask(store, now - 6000 * 1000, now + 2)) == 6001


def test_a_full_cache_is_no_reason_to_reject_a_point(tmp_path, clock, now):
    limits = 'cache-max-memory-size = "100k"\ncache-snapshot-memory-size = "10g"'
    with Influxd(tmp_path / "full", data=limits) as server:
        server.database("telemetry")
        store = InfluxTelemetryStore(server.url, "telemetry", auth=ADMIN, clock=clock, retention_ms=RETENTION)
        points = [point(now - at * 1000, float(at)) for at in range(20_000)]
        with pytest.raises(StoreError, match="cache-max-memory-size exceeded") as caught:
            store.write(points)
        failed = caught.value.failed if isinstance(caught.value, PartialWriteError) else range(len(points))
        stored = {row.ts for row in ask(store, now - DAY, now + 1)}
        assert stored >= {one.ts for at, one in enumerate(points) if at not in failed}


def test_a_body_beyond_the_server_s_limit_is_split(tmp_path, clock, now):
    with Influxd(tmp_path / "small", http="max-body-size = 20000") as server:
        server.database("telemetry")
        store = InfluxTelemetryStore(server.url, "telemetry", auth=ADMIN, clock=clock, retention_ms=RETENTION)
        points = [point(now - at * 1000, "🌡" * 100, "mood") for at in range(400)]
        assert store.write(points) == []
        assert len(ask(store, now - DAY, now + 1, ("mood",))) == 400


def test_a_recount_writes_no_point_and_marks_what_has_another_version(store, asked, now):
    start = now - now % HOUR
    versions = [fresh(start + MINUTE, received_at=start + MINUTE + after) for after in (0, 9)]
    for one in versions:
        store.write([one])
    del asked[:]
    store.recount([versions[0], point(start + MINUTE, metric="other")])
    assert asked == ["/query", "/write"]
    del asked[:]
    store.recount([point(now - 31 * DAY)])
    assert asked == []
    (row,) = ask(store, start, start + HOUR, bin_ms=HOUR, aggregates=EVERY)
    assert row.values["count"] == 1
    assert [one.metric for one in exported(store, "pump-1", start, start + HOUR)] == ["temperature"]
