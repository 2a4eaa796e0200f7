"""Every store as the target and as the source of a move, on whatever its suite runs against."""

from datetime import UTC, datetime

import pytest

from functions.domain.series import Point, SeriesQuery
from functions.services.backfill_reading import DAY_MS
from tests.functions.adapters.telemetry_stores import STORES
from tests.functions.moving import Deployment, everything, message

HOUR = 3_600_000
MINUTE = 60_000
DEVICES = ("pump-1", "stranger")
METRICS = ("humidity", "mood", "on", "temperature")


@pytest.fixture(params=STORES)
def store(request, clock):
    return STORES[request.param](request, clock)


@pytest.fixture
def cloud(clock):
    """Three days of two devices in `old` and in the lake: late, corrected, delivered twice, of every type."""
    cloud = Deployment(clock)
    for seq in range(72):
        at = clock.now - 3 * DAY_MS + seq * HOUR
        body = message(
            seq,
            at + 7,
            (at, "good", {"temperature": 20 + seq / 7, "humidity": seq, "mood": f"Tür {seq % 3} 'offen', \"ja\""}),
            (at - 90 * MINUTE, "estimated", {"temperature": -seq, "on": seq % 2 == 0}),
        )
        cloud.take(body, body) if seq % 10 == 0 else cloud.take(body)
        cloud.take(message(seq, at + 9, (at - 2 * HOUR, "bad", {"temperature": seq, "on": "no"}), thing="stranger"))
    cloud.deliver([31, 50])
    return cloud


def answers(store, now):
    """All that the API could be asked: rows and bins of every device and metric."""
    given = []
    for device in DEVICES:
        for bin_ms in (None, 5 * MINUTE, DAY_MS):
            cursor = None
            while True:
                page = store.series(
                    SeriesQuery(
                        device=device,
                        metrics=METRICS,
                        start=now - 5 * DAY_MS,
                        end=now + 1,
                        bin_ms=bin_ms,
                        aggregates=("count", "min", "max", "last"),
                        cursor=cursor,
                    )
                )
                given += page.rows
                cursor = page.cursor
                if cursor is None:
                    break
    return given


@pytest.mark.parametrize("source", ["lake", "old"])
def test_a_store_that_history_was_moved_into_answers_as_the_one_before(cloud, store, clock, source):
    cloud.new = cloud.stores["new"] = store
    for again in range(2):
        slices = cloud.move(source)
        days = [day for one in slices for day in one.days]
        assert [day for day in days if not day.verified] == [], again
        assert {day.extra for day in days} == {0 if source == "old" else None}, again
    assert answers(cloud.new, clock.now) == answers(cloud.old, clock.now)
    for device in DEVICES:
        assert everything(cloud.new, device, clock.now) == everything(cloud.old, device, clock.now) != {}


def test_what_only_the_target_holds_is_found_in_every_store(cloud, store, clock):
    cloud.new = cloud.stores["new"] = store
    yesterday = clock.now - DAY_MS
    live = [
        Point("pump-1", "new", yesterday, 1.0, "good", late=False, received_at=clock.now),
        Point("pump-1", "mood", yesterday + 1, "x", "bad", late=True, received_at=clock.now),
    ]
    store.write(live)
    days = [day for one in cloud.move("old") for day in one.days]
    assert all(day.verified for day in days)
    day_of_live = f"{datetime.fromtimestamp(yesterday // 1000, UTC):%Y-%m-%d}"
    assert {(day.device, day.day): day.extra for day in days if day.extra} == {("pump-1", day_of_live): len(live)}


def test_a_store_gives_back_what_was_moved_into_it(cloud, store, clock):
    before = {device: everything(cloud.old, device, clock.now) for device in DEVICES}
    store.write([point for points in before.values() for point in points.values()])
    cloud.old = cloud.stores["old"] = store
    slices = cloud.move("old")
    assert all(day.verified for one in slices for day in one.days)
    assert {device: everything(cloud.new, device, clock.now) for device in DEVICES} == before
