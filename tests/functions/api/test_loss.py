"""What was lost of a device's messages, over HTTP, as ingest counted it."""

import pytest

from functions.domain.engine.losses import HOUR_MS
from tests.functions.api_harness import person
from tests.functions.ingest_fleet import NOW, Fleet
from tests.functions.replaying import message

HOUR = NOW - NOW % HOUR_MS


@pytest.fixture
def fleet(api):
    """Ingest over the same world."""
    fleet = Fleet(api.store, api.clock)
    fleet.world = api.world
    fleet.states._world = api.world
    api.register("pump-1")
    return fleet


def take(fleet, *seqs, at=0):
    for seq in seqs:
        body = message((-at, {"temperature": 20.0}), seq=seq, received_at=NOW + at)
        assert fleet.take({"id": body}).failed == set()


def test_each_hour_tells_what_came_what_came_late_or_twice_and_what_was_lost(api, fleet):
    take(fleet, 0, 1, 1)
    # 2, 3 and 4 are missing: nobody waits longer than the model's ten seconds, and 3 comes after that.
    take(fleet, 5, at=1000)
    take(fleet, 6, at=30_000)
    take(fleet, 3, at=40_000)
    api.clock.now = NOW + HOUR_MS
    status, body = api.get("/devices/pump-1/loss")
    assert status == 200
    assert body["device"] == "pump-1"
    assert body["items"] == [
        {"hour": HOUR + HOUR_MS, "received": 0, "duplicates": 0, "late": 0, "lost": 0, "loss_percent": 0.0},
        {"hour": HOUR, "received": 5, "duplicates": 1, "late": 1, "lost": 2, "loss_percent": 28.57},
    ]
    assert body["total"] == body["items"][1]


def test_hours_beyond_two_days_are_not_told(api, fleet):
    take(fleet, 0)
    api.clock.now = NOW + 47 * HOUR_MS
    assert len(api.get("/devices/pump-1/loss")[1]["items"]) == 48
    api.clock.now = NOW + 48 * HOUR_MS
    assert api.get("/devices/pump-1/loss")[1]["items"] == []


def test_a_device_that_was_never_heard_has_lost_nothing(api):
    api.register("pump-2")
    _, body = api.get("/devices/pump-2/loss")
    assert (body["items"], body["total"]["loss_percent"]) == ([], 0.0)


def test_only_who_may_see_the_device_is_told(api, fleet):
    take(fleet, 0)
    assert api.get("/devices/nobody/loss")[0] == 404
    assert api.get("/devices/pump-1/loss", who=person(("viewer", "group:plant-2")))[0] == 404
    assert api.get("/devices/pump-1/loss", who=person(("viewer", "group:plant-1")))[0] == 200


def test_the_sums_of_the_fleet_tell_what_was_lost_in_this_hour_and_the_one_before(api, fleet):
    take(fleet, 0, 1, 4)
    take(fleet, 5, at=60_000)
    summary = api.get("/fleet/summary")[1]
    assert (summary["received"], summary["lost"], summary["window_from"]) == (4, 2, HOUR - HOUR_MS)
    assert summary["worst"][0]["troubles"] == [{"reason": "lossy", "since": HOUR, "count": 2}]
    api.clock.now += HOUR_MS
    assert api.get("/fleet/summary")[1]["lost"] == 2
    api.clock.now += HOUR_MS
    summary = api.get("/fleet/summary")[1]
    assert (summary["received"], summary["lost"], summary["worst"]) == (0, 0, [])
