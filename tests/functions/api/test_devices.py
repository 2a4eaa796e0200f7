import base64

import pytest

from functions.domain.ingest import Fault, QuarantineEntry
from functions.domain.presence import Presence, Status
from functions.domain.state import Counters, DeviceState, Latest


def test_the_page_of_devices_is_by_group_then_name(api):
    for thing, group in [("b", "plant-1/line-2"), ("c", "plant-1"), ("a", "plant-2"), ("d", "plant-10")]:
        api.register(thing, group)
    _, body = api.get("/devices")
    assert [item["id"] for item in body["items"]] == ["c", "b", "d", "a"]
    assert body["items"][0] == {"id": "c", "name": "C", "model": "climate", "group": "plant-1", "status": "unknown"}


def test_a_group_holds_what_is_below_it_and_no_namesake(api):
    for thing, group in [("b", "plant-1/line-2"), ("c", "plant-1"), ("d", "plant-10")]:
        api.register(thing, group)
    _, body = api.get("/devices", ("group", "plant-1"))
    assert [item["id"] for item in body["items"]] == ["c", "b"]


def test_devices_of_a_model(api):
    api.register("a", model="climate")
    api.register("b", model="machine")
    _, body = api.get("/devices", ("model", "machine"))
    assert [item["id"] for item in body["items"]] == ["b"]


def test_pages_of_devices_join(api):
    for at in range(7):
        api.register(f"pump-{at}")
    seen, cursor = [], ()
    while cursor is not None:
        _, body = api.get("/devices", ("limit", "3"), *cursor)
        seen += [item["id"] for item in body["items"]]
        cursor = (("cursor", body["cursor"]),) if body["cursor"] else None
    assert seen == [f"pump-{at}" for at in range(7)]


def test_a_device_with_its_latest_values_units_and_counts(api):
    now = api.clock.now
    api.register("pump-1")
    api.world.states["pump-1"] = DeviceState(
        version=3,
        latest={
            "temperature": Latest(now - 5000, 21.4, "good"),
            "mood": Latest(now - 1, "fine", "stale", unmodeled=True),
        },
        counters=Counters(messages=5, points=9, duplicates=1, late=2, unmodeled=3),
    )
    api.world.presences["pump-1"] = Presence(revision=1, status=Status.ONLINE, since=now - 9)
    api.quarantine.put([QuarantineEntry("pump-1", now, b"x", (Fault("malformed", "bad"),))])
    status, body = api.get("/devices/pump-1")
    assert status == 200
    assert body["presence"] == {"status": "online", "since": now - 9, "reason": None}
    assert body["latest"] == {
        "mood": {
            "ts": now - 1,
            "value": "fine",
            "q": "stale",
            "unit": None,
            "title": None,
            "unmodeled": True,
            "age_ms": 1,
        },
        "temperature": {
            "ts": now - 5000,
            "value": 21.4,
            "q": "good",
            "unit": "Cel",
            "title": "Temperature",
            "unmodeled": False,
            "age_ms": 5000,
        },
    }
    assert body["counters"] == {"messages": 5, "points": 9, "duplicates": 1, "late": 2, "unmodeled": 3}
    assert body["quarantined"] == {"malformed": 1}
    assert (body["group"], body["source"], body["version"]) == ("plant-1", "fleet", 1)


def test_a_device_that_was_heard_but_never_registered_is_shown(api):
    api.world.states["stray"] = DeviceState(version=1, counters=Counters(messages=1))
    status, body = api.get("/devices/stray")
    assert (status, body["model"], body["counters"]["messages"]) == (200, None, 1)


@pytest.mark.parametrize("path", ["/devices/nobody", "/devices/nobody/quarantine", "/nothing", "/devices/a/b"])
def test_what_is_not_there_is_not_found(api, path):
    status, body = api.get(path, roles=("admin",))
    assert (status, body["status"], body["request_id"]) == (404, 404, "request-1")


@pytest.mark.parametrize("path", ["/devices/Pump", "/devices/-x", "/devices/" + "a" * 64])
def test_a_thing_that_cannot_be_is_refused(api, path):
    status, body = api.get(path)
    assert (status, body["field"]) == (400, "id")


@pytest.mark.parametrize(
    "query", [("group", "a//b"), ("group", "A"), ("model", "a#b"), ("limit", "0"), ("cursor", "x"), ("model", "é")]
)
def test_a_wrong_parameter_is_named(api, query):
    status, body = api.get("/devices", query)
    assert (status, body["field"]) == (400, query[0])


def test_quarantine_is_newest_first_with_raw_bytes(api):
    now = api.clock.now
    api.register("pump-1")
    faults = (Fault("out_of_range", "too hot", "temperature", now), Fault("out_of_range", "x"), Fault("future", "y"))
    api.quarantine.put(
        [
            QuarantineEntry("pump-1", now - 1, b"\xff\x00", (Fault("malformed", "no JSON"),)),
            QuarantineEntry("pump-1", now, b"{}", faults),
        ]
    )
    _, first = api.get("/devices/pump-1/quarantine", ("limit", "1"), roles=("operator",))
    assert first["items"] == [
        {
            "received_at": now,
            "reasons": ["out_of_range", "future"],
            "faults": [
                {"reason": "out_of_range", "detail": "too hot", "metric": "temperature", "ts": now},
                {"reason": "out_of_range", "detail": "x"},
                {"reason": "future", "detail": "y"},
            ],
            "bytes": 2,
            "truncated": False,
            "raw": "e30=",
        }
    ]
    _, second = api.get("/devices/pump-1/quarantine", ("limit", "1"), ("cursor", first["cursor"]), roles=("operator",))
    assert base64.b64decode(second["items"][0]["raw"]) == b"\xff\x00"
    assert second["cursor"] is None


def test_the_fleet_in_sums(api):
    for thing in ("a", "b", "c"):
        api.register(thing)
    api.world.states["a"] = DeviceState(version=1, counters=Counters(5, 9, 1, 2, 3))
    api.world.states["b"] = DeviceState(version=1, counters=Counters(1, 1, 1, 1, 1))
    api.world.presences["b"] = Presence(status=Status.ONLINE)
    api.world.quarantined["a"] = {"future": 2}
    _, body = api.get("/fleet/summary")
    assert body == {
        "devices": 3,
        "online": 1,
        "messages": 6,
        "points": 10,
        "duplicates": 2,
        "late": 3,
        "unmodeled": 4,
        "quarantined": {"future": 2},
        "cursor": None,
    }
