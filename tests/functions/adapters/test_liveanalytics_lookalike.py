"""The LiveAnalytics store on the look-alike: what the suites of all stores do not ask."""

import pytest

from functions.adapters import liveanalytics_telemetry
from functions.adapters.clock import SystemClock
from functions.adapters.liveanalytics_telemetry import LiveAnalyticsTelemetryStore
from functions.domain.series import Aggregate, Point, SeriesQuery
from functions.errors import PartialWriteError, StoreError
from tests.functions.adapters.liveanalytics_backend import on_lookalike
from tests.functions.adapters.telemetry_stores import exported

HOUR = 3_600_000
DAY = 24 * HOUR


@pytest.fixture
def store(request, clock):
    return on_lookalike(request, clock)


@pytest.fixture
def now(clock):
    return clock.now


@pytest.fixture
def today(clock):
    """The look-alike's time is this machine's, as is the store's from here on."""
    clock.now = SystemClock().now_ms()
    return clock.now


def point(ts, value=1.0, metric="temperature", device="pump-1", received_at=None):
    return Point(device, metric, ts, value, "good", late=False, received_at=ts if received_at is None else received_at)


def rows(store, start, end, metrics=("temperature",), **more):
    found, cursor = [], None
    while True:
        page = store.series(SeriesQuery(device="pump-1", metrics=metrics, start=start, end=end, cursor=cursor, **more))
        found += page.rows
        cursor = page.cursor
        if cursor is None:
            return found


def test_two_messages_with_other_metrics_of_one_millisecond_both_stand(store, now):
    store.write([point(now, 1.0, "a", received_at=now + 2)])
    store.write([point(now, 2.0, "b", received_at=now + 1)])
    assert [(row.metric, row.value) for row in rows(store, now, now + 1, ("a", "b"))] == [("a", 1.0), ("b", 2.0)]


@pytest.mark.parametrize("values", [[1.5, "a"], ["a", True], [True, 1.5], ["", 0.0], [0.0, False]])
def test_a_metric_may_change_its_type_at_a_point_that_is_there(store, now, values):
    for version, value in enumerate(values):
        store.write([point(now, value, received_at=now + version)])
    (row,) = rows(store, now, now + 1)
    assert (type(row.value), row.value) == (type(values[-1]), values[-1])
    (binned,) = rows(store, now, now + 1, bin_ms=HOUR, aggregates=tuple(Aggregate))
    assert (binned.values["count"], binned.values["last"]) == (1, values[-1])
    assert binned.values["sum"] == (values[-1] if type(values[-1]) is float else None)


def test_numbers_of_a_bin_are_added_up_beside_texts_and_booleans(store, now):
    start = now - now % HOUR
    values = [4.0, "shut", -2.5, True, 10.0, ""]
    store.write([point(start + at, value) for at, value in enumerate(values)])
    (row,) = rows(store, start, start + HOUR, bin_ms=HOUR, aggregates=tuple(Aggregate))
    assert row.values == {"avg": 11.5 / 3, "min": -2.5, "max": 10.0, "sum": 11.5, "count": 6, "last": ""}


def test_a_sum_beyond_a_float_is_not_known_and_the_rest_is(store, now):
    start = now - now % HOUR
    store.write([point(start + at, 1.7e308) for at in range(3)])
    (row,) = rows(store, start, start + HOUR, bin_ms=HOUR, aggregates=tuple(Aggregate))
    assert row.values == {"avg": None, "min": 1.7e308, "max": 1.7e308, "sum": None, "count": 3, "last": 1.7e308}


@pytest.mark.parametrize("bin_ms", [7 * 60_000, 7 * HOUR, 5 * DAY, 7 * DAY, 333, 86_399_999])
def test_bins_of_any_width_begin_at_its_multiples_since_the_epoch(store, now, bin_ms):
    moments = [now - DAY * at - 12_345 * at for at in range(20)]
    store.write([point(ts) for ts in moments])
    found = rows(store, now - 25 * DAY, now + 1, bin_ms=bin_ms, aggregates=(Aggregate.COUNT,))
    assert [row.ts for row in found] == sorted({ts // bin_ms * bin_ms for ts in moments})


def test_bins_join_over_pages_that_end_between_two_metrics(store, now):
    metrics = ("a", "b", "c")
    store.write([point(now + at * 1000, float(at), metric) for at in range(30) for metric in metrics])
    question = {"metrics": metrics, "bin_ms": 7000, "aggregates": (Aggregate.SUM, Aggregate.COUNT)}
    whole = rows(store, now, now + HOUR, **question)
    assert len(whole) == 3 * len({(now + at * 1000) // 7000 for at in range(30)})
    assert rows(store, now, now + HOUR, **question, limit=4) == whole


def test_an_export_joins_over_pages_that_end_between_two_metrics(store, now, monkeypatch):
    monkeypatch.setattr(liveanalytics_telemetry, "EXPORT_POINTS", 7)
    points = [point(now + at, float(at), f"m{metric:02}") for at in range(3) for metric in range(25)]
    store.write(points)
    assert exported(store, "pump-1", now, now + HOUR) == points


def test_an_answer_of_more_than_a_megabyte_comes_in_pages_and_is_whole(store, timestream_clients, now):
    points = [point(now + at, "x" * 256) for at in range(4500)]
    store.write(points)
    events, calls = timestream_clients[1].meta.events, []
    events.register("before-call.timestream-query.Query", lambda params, **_: calls.append(params), unique_id="count")
    try:
        assert exported(store, "pump-1", now, now + HOUR) == points
    finally:
        events.unregister("before-call.timestream-query.Query", unique_id="count")
    assert len(calls) > 1


def test_more_devices_than_a_page_holds_are_listed(store, now, monkeypatch):
    monkeypatch.setattr(liveanalytics_telemetry, "DEVICES", 10)
    names = [f"d{at:03}" for at in range(25)]
    store.write([point(now, device=name) for name in names])
    pages, cursor = [], None
    while True:
        page = store.devices(cursor)
        pages.append(page.devices)
        cursor = page.cursor
        if cursor is None:
            break
    assert [len(page) for page in pages] == [10, 10, 5]
    assert [name for page in pages for name in page] == names


def test_a_point_further_ahead_than_the_service_takes_is_rejected_in_its_words(store, today):
    near, far = point(today + 60_000), point(today + 2 * HOUR)
    (rejected,) = store.write([far, near])
    assert (rejected.point, rejected.reason) == (far, "future")
    assert "outside the time range" in rejected.detail
    assert [one.ts for one in exported(store, "pump-1", today, today + DAY)] == [near.ts]


def test_a_point_that_the_table_keeps_no_longer_is_rejected_in_the_service_s_words(
    store, timestream_clients, timestream_database, today
):
    timestream_clients[0].update_table(
        DatabaseName=timestream_database,
        TableName="telemetry",
        RetentionProperties={"MemoryStoreRetentionPeriodInHours": 1, "MagneticStoreRetentionPeriodInDays": 2},
    )
    kept, gone = point(today - DAY), point(today - 3 * DAY)
    (rejected,) = store.write([gone, kept])
    assert (rejected.point, rejected.reason) == (gone, "expired")
    assert "outside the time range" in rejected.detail


def test_recent_points_obey_versions_as_late_ones_do(store, today):
    """The memory store names what it does not take, the magnetic store keeps silent: both are written."""
    for ts in (today - 60_000, today - 20 * DAY):
        assert store.write([point(ts, 2.0, received_at=today + 2)]) == []
        assert store.write([point(ts, 1.0, received_at=today + 1)]) == []
        assert store.write([point(ts, 2.0, received_at=today + 2)]) == []
        assert store.write([point(ts, 5.0, received_at=today + 2)]) == []
        assert [row.value for row in rows(store, ts, ts + 1)] == [2.0]


def test_a_table_that_is_not_there_is_the_store_s_error(timestream_clients, clock, backoff, now):
    store = LiveAnalyticsTelemetryStore(
        *timestream_clients, "nowhere", "telemetry", clock=clock, retention_ms=DAY, backoff=backoff
    )
    with pytest.raises(PartialWriteError, match="ResourceNotFoundException"):
        store.write([point(now)])
    with pytest.raises(StoreError):
        store.export("pump-1", now, now + 1)
