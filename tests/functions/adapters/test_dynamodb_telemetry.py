"""What only the DynamoDB store does: keys, batches, retries, and pages bounded by what they cost."""

from datetime import UTC, datetime

import pytest
from botocore.exceptions import ClientError

from functions.adapters import chunk_pages, dynamodb_telemetry
from functions.adapters.dynamodb_telemetry import DynamoDBTelemetryStore
from functions.domain.series import Aggregate, Point, SeriesQuery
from functions.errors import PartialWriteError, StoreError

HOUR = 3_600_000
DAY = 24 * HOUR


def point(ts, value=1.0, metric="temperature", device="pump-1"):
    return Point(device, metric, ts, value, "good", late=False, received_at=ts)


class Watching:
    """Passes everything on, and counts."""

    def __init__(self, client, unprocessed=lambda call, request: False):
        self.client = client
        self.unprocessed = unprocessed
        self.writes = []
        self.queries = []
        self.scans = []
        self.scan_limit = 1000

    def batch_write_item(self, RequestItems):  # noqa: N803 - boto3's name
        requests = RequestItems["telemetry"]
        self.writes.append(requests)
        left = [request for request in requests if self.unprocessed(len(self.writes), request)]
        done = [request for request in requests if request not in left]
        if done:
            self.client.batch_write_item(RequestItems={"telemetry": done})
        return {"UnprocessedItems": {"telemetry": left} if left else {}}

    def query(self, **request):
        self.queries.append(request["ExpressionAttributeValues"])
        return self.client.query(**request)

    def scan(self, **request):
        self.scans.append(request)
        return self.client.scan(**request, Limit=self.scan_limit)


@pytest.fixture
def make(dynamodb, clock, backoff):
    def make(unprocessed=lambda call, request: False, retention_ms=3650 * DAY):
        watching = Watching(dynamodb, unprocessed)
        store = DynamoDBTelemetryStore(watching, "telemetry", clock=clock, retention_ms=retention_ms, backoff=backoff)
        return store, watching

    return make


@pytest.fixture
def now(clock):
    return clock.now


def items(dynamodb):
    return dynamodb.scan(TableName="telemetry")["Items"]


def rows(store, start, end, **more):
    found, cursor, pages = [], None, 0
    while True:
        page = store.series(
            SeriesQuery(device="pump-1", metrics=("temperature",), start=start, end=end, cursor=cursor, **more)
        )
        found += page.rows
        pages += 1
        cursor = page.cursor
        if cursor is None:
            return found, pages


def test_a_batch_is_one_chunk_for_each_device_and_hour(make, dynamodb, now):
    store, _ = make()
    store.write([point(now + at * 60_000, float(at)) for at in range(90)] + [point(now, device="pump-2")])
    keys = sorted((item["pk"]["S"], item["sk"]["S"][:3]) for item in items(dynamodb))
    assert keys == [("pump-1#2025-11-24", "16#"), ("pump-1#2025-11-24", "17#"), ("pump-2#2025-11-24", "16#")]


def test_a_redelivered_batch_is_the_same_item_in_whatever_order(make, dynamodb, now):
    store, _ = make()
    points = [point(now + at, float(at)) for at in range(20)]
    store.write(points)
    before = items(dynamodb)
    store.write(points[::-1])
    store.write(points + points)
    assert items(dynamodb) == before


def test_a_chunk_expires_when_its_hour_has_left_the_retention(make, dynamodb, now):
    store, _ = make(retention_ms=30 * DAY)
    store.write([point(now + 5)])
    (item,) = items(dynamodb)
    assert item["expires"] == {"N": str(int(datetime(2025, 12, 24, 17, tzinfo=UTC).timestamp()))}


def test_a_batch_too_large_for_an_item_is_split(make, dynamodb, now):
    store, _ = make()
    points = [point(now + at, f"{at:04}" + "🌡" * 250, f"m{metric}") for at in range(200) for metric in range(5)]
    assert store.write(points) == []
    sizes = [len(item["chunk"]["B"]) for item in items(dynamodb)]
    assert len(sizes) > 1
    assert max(sizes) < 390_000
    found = store.series(SeriesQuery(device="pump-1", metrics=("m3",), start=now, end=now + HOUR)).rows
    assert [row.value for row in found] == [f"{at:04}" + "🌡" * 250 for at in range(200)]


def test_more_metrics_than_a_chunk_can_name_are_split(make, dynamodb, now):
    store, _ = make()
    assert store.write([point(now, metric=f"m{at}") for at in range(70_000)]) == []
    assert len(items(dynamodb)) > 1
    found = store.series(SeriesQuery(device="pump-1", metrics=("m0", "m69999"), start=now, end=now + 1)).rows
    assert [row.metric for row in found] == ["m0", "m69999"]


def test_a_point_that_no_chunk_can_hold_is_rejected_and_its_neighbours_are_stored(make, dynamodb, now):
    store, _ = make()
    bad = point(now, metric="m" * 256)
    points = [point(now + at, float(at)) for at in range(9)]
    (rejected,) = store.write([*points[:4], bad, *points[4:], point(now, device="pump-2")])
    assert (rejected.point, rejected.reason) == (bad, "unstorable")
    assert "255 bytes" in rejected.detail
    assert [row.value for row in rows(store, now, now + HOUR)[0]] == [float(at) for at in range(9)]
    assert {item["pk"]["S"] for item in items(dynamodb)} == {"pump-1#2025-11-24", "pump-2#2025-11-24"}


def test_what_dynamodb_leaves_unprocessed_is_written_again_after_a_wait(make, dynamodb, now, waits):
    store, watching = make(lambda call, request: call <= 2)
    assert store.write([point(now), point(now - HOUR)]) == []
    assert len(items(dynamodb)) == 2
    assert [len(requests) for requests in watching.writes] == [2, 2, 2]
    assert waits == [0.1, 0.2]


def test_exactly_the_points_of_what_stays_unprocessed_are_named(make, dynamodb, now, waits):
    store, _ = make(lambda call, request: request["PutRequest"]["Item"]["sk"]["S"].startswith("15#"))
    points = [point(now), point(now - HOUR), point(now - 30 * 60_000), point(now, device="pump-2"), point(0)]
    with pytest.raises(PartialWriteError, match="1 of 3 chunks were not stored") as caught:
        store.write(points)
    assert caught.value.failed == {1, 2}
    assert [one.reason for one in caught.value.rejected] == ["expired"]
    assert len(items(dynamodb)) == 2
    assert len(waits) == 3


def test_a_refused_call_names_its_points_and_other_calls_go_on(make, dynamodb, now):
    store, watching = make()
    batch_write = watching.batch_write_item

    def refuse(RequestItems):  # noqa: N803 - boto3's name
        if any(one["PutRequest"]["Item"]["pk"]["S"].startswith("d00#") for one in RequestItems["telemetry"]):
            raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "BatchWriteItem")
        return batch_write(RequestItems)

    watching.batch_write_item = refuse
    with pytest.raises(PartialWriteError, match="AccessDenied") as caught:
        store.write([point(now, device=f"d{at:02}") for at in range(30)])
    assert caught.value.failed == frozenset(range(25))
    assert len(items(dynamodb)) == 5


def test_a_range_is_read_by_its_days_and_hours_only(make, now):
    store, watching = make()
    rows(store, now, now + 30 * 60_000)
    assert watching.queries == [{":pk": {"S": "pump-1#2025-11-24"}, ":first": {"S": "16#"}, ":last": {"S": "16#~"}}]
    watching.queries.clear()
    rows(store, now - 2 * DAY, now - DAY)
    assert [(query[":pk"]["S"][-2:], query[":first"]["S"], query[":last"]["S"]) for query in watching.queries] == [
        ("22", "16#", "23#~"),
        ("23", "00#", "15#~"),
    ]


def test_a_page_that_fills_early_reads_few_days(make, now):
    store, watching = make()
    store.write([point(now - 20 * DAY + at, float(at)) for at in range(50)])
    page = store.series(SeriesQuery(device="pump-1", metrics=("temperature",), start=now - 20 * DAY, end=now, limit=10))
    assert len(page.rows) == 10
    assert len(watching.queries) == 1


def test_a_long_range_is_read_in_bounded_steps(make, now):
    store, watching = make()
    store.write([point(now - 300 * DAY), point(now - DAY)])
    found, pages = rows(store, now - 301 * DAY, now)
    assert [row.ts for row in found] == [now - 300 * DAY, now - DAY]
    assert pages == 5
    assert len(watching.queries) == 302


def test_a_bin_wider_than_a_step_is_still_whole(make, now):
    store, _ = make()
    store.write([point(now - at * 50 * DAY, float(at)) for at in range(6)])
    found, _ = rows(store, now - 300 * DAY, now + 1, bin_ms=200 * DAY, aggregates=(Aggregate.COUNT, Aggregate.LAST))
    expected = {}
    for at in reversed(range(6)):
        ts = now - at * 50 * DAY
        expected.setdefault(ts // (200 * DAY) * 200 * DAY, []).append(float(at))
    assert [(row.ts, row.values) for row in found] == [
        (ts, {"count": len(values), "last": values[-1]}) for ts, values in expected.items()
    ]


@pytest.mark.parametrize("bin_ms", [None, HOUR, 7 * HOUR])
def test_a_page_ends_when_it_has_read_enough_bytes(make, now, monkeypatch, bin_ms):
    monkeypatch.setattr(chunk_pages, "MAX_PAGE_BYTES", 100)
    store, _ = make()
    store.write([point(now - at * 60_000, float(at)) for at in range(60 * 48)])
    whole, pages = rows(store, now - 2 * DAY, now + 1, bin_ms=bin_ms, aggregates=(Aggregate.SUM,), limit=5000)
    monkeypatch.setattr(chunk_pages, "MAX_PAGE_BYTES", 10**9)
    at_once, one = rows(store, now - 2 * DAY, now + 1, bin_ms=bin_ms, aggregates=(Aggregate.SUM,), limit=5000)
    assert whole == at_once
    assert (pages > 3, one) == (True, 1)


def test_a_month_of_one_message_a_minute_is_binned_from_its_chunks(make, now):
    store, _ = make()
    start = now - now % DAY - 31 * DAY
    store.write([point(start + minute * 60_000, float(minute % 60)) for minute in range(31 * 1440)])
    found, pages = rows(store, start, start + 31 * DAY, bin_ms=HOUR, aggregates=(Aggregate.AVG, Aggregate.COUNT))
    assert pages == 1
    assert [row.ts for row in found] == [start + at * HOUR for at in range(31 * 24)]
    assert {tuple(row.values.values()) for row in found} == {(29.5, 60)}


def test_an_export_s_page_ends_with_the_hour_that_fills_it(make, now, monkeypatch):
    monkeypatch.setattr(dynamodb_telemetry, "EXPORT_POINTS", 50)
    store, _ = make()
    points = [point(now - at * 60_000, float(at)) for at in range(60 * 5)]
    store.write(points)
    pages, cursor = [], None
    while True:
        page = store.export("pump-1", now - 5 * HOUR, now + 1, cursor)
        pages.append([one.ts for one in page.points])
        cursor = page.cursor
        if cursor is None:
            break
    assert [len(page) for page in pages] == [59, 60, 60, 60, 60, 1]
    assert [ts for page in pages for ts in sorted(page)] == sorted(one.ts for one in points)


def test_an_export_of_a_long_range_is_read_in_bounded_steps(make, now):
    store, watching = make()
    store.write([point(now - 300 * DAY), point(now - DAY)])
    cursors, cursor = 0, None
    while True:
        page = store.export("pump-1", now - 301 * DAY, now, cursor)
        cursors, cursor = cursors + 1, page.cursor
        if cursor is None:
            break
    assert cursors == 5
    assert len(watching.queries) == 302


def test_devices_are_listed_by_scanning_keys_page_by_page(make, now):
    store, watching = make()
    store.write([point(now, device=f"d{at}") for at in range(5)])
    watching.scan_limit = 2
    devices, cursor, pages = [], None, 0
    while True:
        page = store.devices(cursor)
        devices += page.devices
        cursor, pages = page.cursor, pages + 1
        if cursor is None:
            break
    assert sorted(devices) == ["d0", "d1", "d2", "d3", "d4"]
    assert pages == 3
    assert {request["ProjectionExpression"] for request in watching.scans} == {"pk, sk"}


def test_whose_every_hour_has_left_the_retention_is_no_device(make, now, clock):
    store, _ = make(retention_ms=2 * DAY)
    store.write([point(now - DAY, device="old"), point(now, device="young")])
    clock.now += DAY + HOUR
    assert store.devices().devices == ("young",)


def test_bytes_that_are_no_chunk_are_the_store_s_error(make, dynamodb, now):
    store, _ = make()
    dynamodb.put_item(
        TableName="telemetry",
        Item={"pk": {"S": "pump-1#2025-11-24"}, "sk": {"S": "16#aa"}, "chunk": {"B": b"\x09rubbish"}},
    )
    with pytest.raises(StoreError, match="pump-1"):
        rows(store, now, now + 1)


def test_a_table_that_is_not_there_is_the_store_s_error(dynamodb, clock, backoff):
    store = DynamoDBTelemetryStore(dynamodb, "nowhere", clock=clock, retention_ms=DAY, backoff=backoff)
    with pytest.raises(StoreError):
        rows(store, clock.now, clock.now + 1)
    with pytest.raises(PartialWriteError):
        store.write([point(clock.now)])
    with pytest.raises(StoreError):
        store.delete("pump-1", clock.now, clock.now + 1)
