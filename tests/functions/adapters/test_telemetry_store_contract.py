"""What every telemetry store promises, held by each of `telemetry_stores.STORES`."""

import pytest

from functions.domain.series import Aggregate, BinRow, Point, RawRow, SeriesQuery
from functions.errors import CursorError, UnsupportedError
from tests.functions.adapters.telemetry_stores import RETENTION, STORES, exported

HOUR = 3_600_000
DAY = 24 * HOUR
MINUTE = 60_000
EVERY = tuple(Aggregate)


@pytest.fixture(params=STORES)
def store(request, clock):
    return STORES[request.param](request, clock)


@pytest.fixture
def now(clock):
    return clock.now


def point(ts, value=1.0, metric="temperature", *, device="pump-1", quality="good", late=False, received_at=None):
    return Point(device, metric, ts, value, quality, late, ts if received_at is None else received_at)


def ask(store, start, end, metrics=("temperature",), device="pump-1", **more):
    """Every row over all pages."""
    rows, cursor = [], None
    for _ in range(10_000):
        query = SeriesQuery(device=device, metrics=metrics, start=start, end=end, cursor=cursor, **more)
        page = store.series(query)
        rows += page.rows
        cursor = page.cursor
        if cursor is None:
            return rows
    raise AssertionError("paging does not end")


def values(rows):
    return [(row.ts, row.value) for row in rows]


def by_identity(points):
    return sorted(points, key=lambda one: (one.ts, one.metric, one.device))


def listed(store):
    """Every device over all pages."""
    devices, cursor = set(), None
    for _ in range(10_000):
        page = store.devices(cursor)
        devices |= set(page.devices)
        cursor = page.cursor
        if cursor is None:
            return devices
    raise AssertionError("paging does not end")


def test_what_is_written_is_read_exactly(store, now):
    points = [
        point(now, 21.4, quality="estimated"),
        point(now + 1, -0.1, late=True, received_at=now + 5 * HOUR),
        point(now + 2, 1.7976931348623157e308, quality="bad"),
        point(now + 3, 5e-324, quality="stale"),
        point(now + 4, 0.1 + 0.2),
        point(now + 5, 9007199254740991.0),
    ]
    assert store.write(points) == []
    assert ask(store, now, now + HOUR) == [
        RawRow(one.ts, one.metric, one.value, one.quality, one.late) for one in points
    ]


def test_nothing_written_is_an_empty_answer(store, now):
    assert store.write([]) == []
    assert ask(store, now - HOUR, now) == []
    assert ask(store, now - HOUR, now, bin_ms=MINUTE, aggregates=EVERY) == []


def test_an_empty_range_is_an_empty_answer(store, now):
    store.write([point(now)])
    assert ask(store, now, now) == []
    assert ask(store, now + 5, now) == []


def test_writing_again_changes_nothing(store, now):
    points = [point(now + 1000 * at, float(at)) for at in range(50)]
    store.write(points)
    before = ask(store, now, now + HOUR)
    store.write(points)
    store.write(list(reversed(points[10:30])))
    for one in points:
        store.write([one])
    assert ask(store, now, now + HOUR) == before
    assert ask(store, now, now + HOUR, bin_ms=HOUR, aggregates=(Aggregate.COUNT,))[0].values == {"count": 50}


def test_a_point_written_twice_is_what_was_received_last(store, now):
    store.write([point(now, 2.0, received_at=now + 2)])
    store.write([point(now, 1.0, received_at=now + 1)])
    assert values(ask(store, now, now + 1)) == [(now, 2.0)]
    store.write([point(now, 3.0, received_at=now + 3)])
    assert values(ask(store, now, now + 1)) == [(now, 3.0)]


@pytest.mark.parametrize(("one", "other", "stands"), [(1.0, 2.0, 2.0), (False, True, True), (9.0, "a", "a")])
def test_of_points_received_together_the_greater_stands_in_any_order(store, now, one, other, stands):
    store.write([point(now, one, received_at=now), point(now, other, received_at=now)])
    store.write([point(now + 1, other, received_at=now)])
    store.write([point(now + 1, one, received_at=now)])
    rows = ask(store, now, now + 2)
    assert [row.ts for row in rows] == [now, now + 1]
    may_stand = [stands] if store.capabilities().breaks_ties else [one, other]
    assert all((type(row.value), row.value) in [(type(value), value) for value in may_stand] for row in rows)


def test_late_data_takes_its_place_in_history(store, now):
    store.write([point(now)])
    store.write([point(now - 3 * DAY, 7.0, late=True, received_at=now)])
    assert ask(store, now - 4 * DAY, now + 1) == [
        RawRow(now - 3 * DAY, "temperature", 7.0, "good", late=True),
        RawRow(now, "temperature", 1.0, "good", late=False),
    ]


def test_late_data_joins_the_bin_it_belongs_to(store, now):
    start = now - now % HOUR
    store.write([point(start + MINUTE, 10.0)])
    assert ask(store, start, start + HOUR, bin_ms=HOUR)[0].values == {"avg": 10.0}
    store.write([point(start, 20.0, late=True, received_at=now + 9 * HOUR)])
    assert ask(store, start, start + HOUR, bin_ms=HOUR)[0].values == {"avg": 15.0}


def test_ranges_are_half_open(store, now):
    store.write([point(now - 1), point(now), point(now + 9), point(now + 10)])
    assert [row.ts for row in ask(store, now, now + 10)] == [now, now + 9]
    assert ask(store, now, now + 10, bin_ms=HOUR, aggregates=(Aggregate.COUNT,))[0].values == {"count": 2}


def test_rows_are_ordered_by_time_then_metric(store, now):
    metrics = ("vibration", "current", "temperature")
    store.write([point(now + at, 1.0, metric) for metric in metrics for at in (2, 0, 1)])
    rows = ask(store, now, now + HOUR, metrics)
    assert [(row.ts, row.metric) for row in rows] == [
        (now + at, metric) for at in range(3) for metric in sorted(metrics)
    ]


def test_devices_and_metrics_do_not_mix(store, now):
    store.write([point(now, 1.0), point(now, 2.0, device="pump-10"), point(now, 3.0, "temperature_2")])
    assert values(ask(store, now, now + 1)) == [(now, 1.0)]
    assert values(ask(store, now, now + 1, device="pump-10")) == [(now, 2.0)]
    assert ask(store, now, now + 1, device="pump") == []
    assert ask(store, now, now + 1, ("temp",)) == []


@pytest.mark.parametrize("bin_ms", [1, 7, 1000, MINUTE, 5 * MINUTE, HOUR, 7 * HOUR, DAY, 7 * DAY])
def test_bins_are_aligned_to_the_epoch(store, now, bin_ms):
    moments = [now - 9 * DAY, now - DAY - 1, now - DAY, now - HOUR, now - 1, now, now + 1]
    store.write([point(ts, float(at)) for at, ts in enumerate(moments)])
    expected = {}
    for at, ts in enumerate(moments):
        expected.setdefault(ts // bin_ms * bin_ms, []).append(float(at))
    rows = ask(store, now - 10 * DAY, now + DAY, bin_ms=bin_ms, aggregates=(Aggregate.SUM, Aggregate.LAST))
    assert [(row.ts, row.values) for row in rows] == [
        (ts, {"sum": sum(some), "last": some[-1]}) for ts, some in expected.items()
    ]


def test_every_aggregate_of_numbers(store, now):
    start = now - now % HOUR
    store.write([point(start + MINUTE * at, value) for at, value in enumerate([4.0, -2.5, 10.0])])
    assert ask(store, start, start + HOUR, bin_ms=HOUR, aggregates=EVERY) == [
        BinRow(
            start,
            "temperature",
            {"avg": 11.5 / 3, "min": -2.5, "max": 10.0, "sum": 11.5, "count": 3, "last": 10.0},
        )
    ]


@pytest.mark.parametrize(("values_", "last"), [([True, False], False), (["open", "shut"], "shut")])
def test_of_booleans_and_strings_only_count_and_last_are_known(store, now, values_, last):
    start = now - now % HOUR
    store.write([point(start + at, value, "relay") for at, value in enumerate(values_)])
    assert [row.value for row in ask(store, start, start + HOUR, ("relay",))] == values_
    nothing = dict.fromkeys(["avg", "min", "max", "sum"])
    rows = ask(store, start, start + HOUR, ("relay",), bin_ms=HOUR, aggregates=EVERY)
    assert rows == [BinRow(start, "relay", {**nothing, "count": 2, "last": last})]
    assert type(rows[0].values["last"]) is type(last)


def test_a_boolean_is_not_a_number_and_a_number_is_a_float(store, now):
    store.write([point(now, value=True, metric="relay"), point(now, 1.0, "level")])
    level, relay = ask(store, now, now + 1, ("level", "relay"))
    assert (type(level.value), type(relay.value)) == (float, bool)


HOSTILE = [
    "",
    " ",
    "'; DROP TABLE telemetry; --",
    '" OR 1=1 --',
    "a,b=c d\\,e",
    "line\nbreak\ttab\x00nul",
    "}{[]()$%#@!:;",
    "日本語 🌡️ \u202e",
    "true",
    "1.5",
    "NaN",
    "x" * 256,
    "🌡" * 256,
]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_a_string_is_data_whatever_it_says(store, now, text):
    store.write([point(now, text, "mood"), point(now + 1, "after", "mood")])
    rows = ask(store, now, now + HOUR, ("mood",))
    assert values(rows) == [(now, text), (now + 1, "after")]
    last = ask(store, now, now + 1, ("mood",), bin_ms=HOUR, aggregates=(Aggregate.LAST,))
    assert last[0].values == {"last": text}


@pytest.mark.parametrize("metric", ["temperature' OR '1'='1", 'x"; DROP', "*", "temp%", "#pk", ":pk", "/.*/"])
def test_a_question_is_data_whatever_it_says(store, now, metric):
    store.write([point(now)])
    assert ask(store, now, now + 1, (metric,)) == []
    assert ask(store, now, now + 1, device=metric) == []


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 1000])
@pytest.mark.parametrize("bin_ms", [None, HOUR, 5 * MINUTE, DAY])
def test_pages_join_to_the_whole_answer(store, now, limit, bin_ms):
    metrics = ("current", "temperature")
    store.write([point(now - 17 * MINUTE * at, float(at), metric) for at in range(20) for metric in metrics])
    question = {"start": now - DAY, "end": now + 1, "metrics": metrics, "bin_ms": bin_ms, "aggregates": EVERY}
    whole = ask(store, **question)
    pages, cursor = [], None
    while True:
        page = store.series(SeriesQuery(device="pump-1", limit=limit, cursor=cursor, **question))
        assert len(page.rows) <= limit
        pages += page.rows
        cursor = page.cursor
        if cursor is None:
            break
    assert pages == whole


def test_no_cursor_follows_the_last_page(store, now):
    store.write([point(now + at) for at in range(4)])
    page = store.series(SeriesQuery(device="pump-1", metrics=("temperature",), start=now, end=now + 9, limit=4))
    assert (len(page.rows), page.cursor) == (4, None)


def test_points_written_behind_a_cursor_do_not_repeat_rows(store, now):
    store.write([point(now + at * 10) for at in range(6)])
    query = SeriesQuery(device="pump-1", metrics=("temperature",), start=now, end=now + HOUR, limit=3)
    first = store.series(query)
    store.write([point(now + 5), point(now + 35)])
    rest = store.series(
        SeriesQuery(
            device="pump-1", metrics=("temperature",), start=now, end=now + HOUR, limit=100, cursor=first.cursor
        )
    )
    assert [row.ts - now for row in rest.rows] == [30, 35, 40, 50]


@pytest.mark.parametrize("cursor", ["", "x", "%%%", "e30", "bnVsbA", "WzEsIngiLFsxLDJdXQ", "a" * 10_000, "é"])
def test_a_cursor_that_no_page_gave_is_refused(store, now, cursor):
    with pytest.raises(CursorError, match="cursor: expected a cursor from the previous page"):
        store.series(SeriesQuery(device="pump-1", metrics=("temperature",), start=now, end=now + 1, cursor=cursor))


def test_a_cursor_of_another_question_is_refused(store, now):
    store.write([point(now + at) for at in range(4)])
    query = SeriesQuery(device="pump-1", metrics=("temperature",), start=now, end=now + 9, limit=2)
    cursor = store.series(query).cursor
    for other in (
        {"device": "pump-2"},
        {"metrics": ("current",)},
        {"start": now - 1},
        {"end": now + 10},
        {"bin_ms": 1000},
    ):
        question = {"device": "pump-1", "metrics": ("temperature",), "start": now, "end": now + 9, **other}
        with pytest.raises(CursorError):
            store.series(SeriesQuery(**question, cursor=cursor))


def test_retention_is_what_a_reader_may_rely_on(store, now, clock):
    store.write([point(now - RETENTION + at) for at in (0, 1, HOUR)])
    assert len(ask(store, 0, now + 1)) == 3
    clock.now += 1
    assert [row.ts for row in ask(store, 0, now + 1)] == [now - RETENTION + 1, now - RETENTION + HOUR]
    count = ask(store, 0, now + 1, bin_ms=365 * DAY, aggregates=(Aggregate.COUNT,))
    assert [row.values for row in count] == [{"count": 2}]
    clock.now += RETENTION
    assert ask(store, 0, 253_402_300_799_999) == []


def test_a_point_older_than_the_retention_is_rejected_and_the_rest_is_stored(store, now):
    old, good = point(now - RETENTION - 1), point(now)
    rejected = store.write([old, good])
    assert [(one.point, one.reason) for one in rejected] == [(old, "expired")]
    assert "30 days" in rejected[0].detail
    assert values(ask(store, 0, now + 1)) == [(now, 1.0)]


def test_a_point_a_day_ahead_is_rejected_and_the_rest_is_stored(store, now):
    ahead, good = point(now + DAY), point(now)
    rejected = store.write([ahead, good])
    assert [(one.point, one.reason) for one in rejected] == [(ahead, "future")]
    assert values(ask(store, now, now + 2 * DAY)) == [(now, 1.0)]


def test_deleting_a_range_forgets_it_and_nothing_else(store, now):
    if not store.capabilities().deletes:
        pytest.skip(f"{store.capabilities().name} cannot delete rows")
    store.write([point(now + at * MINUTE, float(at)) for at in range(-90, 90)])
    store.write([point(now, device="pump-2")])
    for _ in range(2):
        store.delete("pump-1", now - 10 * MINUTE, now + 10 * MINUTE)
        left = [at for at in range(-90, 90) if not -10 <= at < 10]
        assert values(ask(store, now - DAY, now + DAY - 1)) == [(now + at * MINUTE, float(at)) for at in left]
        assert len(ask(store, now, now + 1, device="pump-2")) == 1


def test_a_store_that_cannot_delete_says_so(store, now):
    if store.capabilities().deletes:
        pytest.skip(f"{store.capabilities().name} deletes")
    store.write([point(now)])
    with pytest.raises(UnsupportedError):
        store.delete("pump-1", now, now + 1)
    assert len(ask(store, now, now + 1)) == 1


def test_an_export_has_every_point_whole(store, now):
    points = [
        point(now, 21.4, quality="estimated"),
        point(now, value=True, metric="relay", received_at=now + 7),
        point(now, "", "mood", late=True, received_at=now + 9 * DAY),
        point(now + 1, -0.1, quality="bad", late=True, received_at=now - 5),
        point(now - 3 * DAY, "shut", "valve", received_at=now - 3 * DAY + 900_000),
        point(now - 3 * DAY, 1.7976931348623157e308, received_at=now + 1),
    ]
    assert store.write([*points, point(now, device="pump-2"), point(now, device="pump")]) == []
    assert by_identity(exported(store, "pump-1", now - 4 * DAY, now + 2)) == by_identity(points)


def test_an_export_has_what_stands_and_each_point_once(store, now):
    store.write([point(now, 1.0, received_at=now + 1), point(now + 1, 1.0)])
    store.write([point(now, 2.0, received_at=now + 2, quality="stale")])
    store.write([point(now, 0.0, received_at=now)])
    store.write([point(now + 1, 1.0)])
    assert by_identity(exported(store, "pump-1", now, now + 2)) == [
        point(now, 2.0, received_at=now + 2, quality="stale"),
        point(now + 1, 1.0),
    ]


def test_an_export_is_half_open(store, now):
    store.write([point(now - 1), point(now), point(now + 9), point(now + 10)])
    assert [one.ts for one in by_identity(exported(store, "pump-1", now, now + 10))] == [now, now + 9]
    assert exported(store, "pump-1", now + 1, now + 9) == []
    assert exported(store, "pump-1", now, now) == []


def test_an_export_joins_its_pages(store, now):
    points = [point(now - at * 7 * MINUTE, float(at), metric) for at in range(1500) for metric in ("a", "b")]
    points += [point(now + at, "🌡" * 200, "mood") for at in range(50)]
    store.write(points)
    assert by_identity(exported(store, "pump-1", 0, now + DAY)) == by_identity(points)


def test_an_export_reaches_as_far_as_the_retention(store, now, clock):
    store.write([point(now - RETENTION + at) for at in (0, 1, HOUR)])
    clock.now += 1
    assert [one.ts - now + RETENTION for one in by_identity(exported(store, "pump-1", 0, now + 1))] == [1, HOUR]


def test_an_export_s_cursor_is_of_that_export(store, now):
    store.write([point(now + at) for at in range(3)])
    cursor = store.series(
        SeriesQuery(device="pump-1", metrics=("temperature",), start=now, end=now + 9, limit=1)
    ).cursor
    for other in ("", "x", "e30", cursor):
        with pytest.raises(CursorError):
            store.export("pump-1", now, now + 9, other)


def test_whoever_has_points_is_a_device(store, now):
    names = {f"pump-{number}" for number in range(150)}
    assert listed(store) == set()
    store.write([point(now, device=name) for name in names])
    store.write([point(now - 20 * DAY, "open", "valve", device="sluice", late=True, received_at=now)])
    assert listed(store) == {*names, "sluice"}


def test_whose_points_are_deleted_is_no_device(store, now):
    if not store.capabilities().deletes:
        pytest.skip(f"{store.capabilities().name} cannot delete rows")
    store.write([point(now), point(now, device="pump-2")])
    store.delete("pump-1", 0, now + HOUR)
    assert listed(store) == {"pump-2"}


def test_a_wide_message_of_long_strings_is_kept_whole(store, now):
    points = [point(now + at, "🌡" * 256, f"m{metric}") for metric in range(20) for at in range(25)]
    assert store.write(points) == []
    rows = ask(store, now, now + HOUR, tuple(f"m{metric}" for metric in range(20)))
    assert len(rows) == 500
    assert {row.value for row in rows} == {"🌡" * 256}


def test_a_long_range_without_data_ends(store, now):
    store.write([point(now)])
    assert values(ask(store, 0, 253_402_300_799_999)) == [(now, 1.0)]
