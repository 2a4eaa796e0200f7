"""Events and quarantine through the API."""

import base64
import json

import pytest

from functions.domain.events import DeviceEvent
from functions.domain.ingest import Fault, QuarantineEntry
from tests.functions.api_harness import person


@pytest.fixture
def api(api):
    api.register("pump-1")
    api.register("pump-2", "plant-2")
    api.who = person("operator")
    return api


def event(api, at, kind="boot", data=None, thing="pump-1"):
    raw = json.dumps({"v": 1, "boot": "b1", "at": at, "kind": kind, "data": data or {"n": at}}).encode()
    api.events.append(DeviceEvent(thing, api.clock.now, at, kind, raw))


def test_events_are_newest_first_and_decoded(api):
    for at in (5, 7, 6):
        event(api, at, data={"version": "1.0", "n": at})
    status, body = api.get("/devices/pump-1/events", ("limit", "2"))
    assert status == 200
    assert body["items"][0] == {
        "at": 7,
        "received_at": api.clock.now,
        "kind": "boot",
        "boot": "b1",
        "data": {"version": "1.0", "n": 7},
    }
    _, rest = api.get("/devices/pump-1/events", ("limit", "2"), ("cursor", body["cursor"]))
    assert ([one["at"] for one in rest["items"]], rest["cursor"]) == ([5], None)


def test_events_of_a_kind_and_a_time(api):
    for at in range(10):
        event(api, at, "drop" if at % 2 else "boot")
    _, body = api.get("/devices/pump-1/events", ("kind", "drop"), ("from", "3"), ("to", "9"))
    assert [one["at"] for one in body["items"]] == [7, 5, 3]


def test_an_event_that_only_another_release_can_read_is_shown_without_its_data(api):
    api.events.append(DeviceEvent("pump-1", 1, 2, "future", b'{"v": 99}'))
    assert api.get("/devices/pump-1/events")[1]["items"][0]["data"] == {}


@pytest.mark.parametrize(
    ("query", "field"),
    [
        (("kind", "Boot"), "kind"),
        (("kind", "a' OR 1=1"), "kind"),
        (("from", "yesterday"), "from"),
        (("limit", "201"), "limit"),
        (("cursor", "x"), "cursor"),
    ],
)
def test_a_wrong_parameter_is_named(api, query, field):
    status, body = api.get("/devices/pump-1/events", query)
    assert (status, body["field"]) == (400, field)


def test_a_range_that_is_none_is_refused(api):
    status, body = api.get("/devices/pump-1/events", ("from", "9"), ("to", "8"))
    assert (status, body["field"]) == (400, "from")


def quarantine(api):
    now = api.clock.now
    faults = (Fault("out_of_range", "too hot", "temperature", now), Fault("out_of_range", "x"), Fault("future", "y"))
    api.quarantine.put(
        [
            QuarantineEntry("pump-1", now - 1, b"\xff\x00", (Fault("malformed", "no JSON"),)),
            QuarantineEntry("pump-1", now, b"{}", faults),
            QuarantineEntry("stray", now - 2, b"?", (Fault("malformed", "no JSON"),)),
        ]
    )
    return now


def test_quarantine_is_newest_first_with_raw_bytes(api):
    now = quarantine(api)
    _, first = api.get("/devices/pump-1/quarantine", ("limit", "1"))
    (item,) = first["items"]
    assert item.pop("id").startswith(f"{now}-")
    assert item == {
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
        "origin": "telemetry",
        "replay": None,
    }
    _, second = api.get("/devices/pump-1/quarantine", ("limit", "1"), ("cursor", first["cursor"]))
    assert base64.b64decode(second["items"][0]["raw"]) == b"\xff\x00"
    assert second["cursor"] is None


def test_one_entry_is_shown_by_its_id_of_its_own_device_only(api):
    quarantine(api)
    _, page = api.get("/devices/pump-1/quarantine")
    for item in page["items"]:
        assert api.get(f"/devices/pump-1/quarantine/{item['id']}") == (200, item)
        assert api.get(f"/devices/pump-2/quarantine/{item['id']}")[0] == 404
    for unknown in ("x", "1764000000000-" + "0" * 24, "SEEN%23" + "0" * 24, "9" * 99):
        assert api.get(f"/devices/pump-1/quarantine/{unknown}")[0] == 404


def test_the_quarantine_of_a_day_is_of_all_devices_for_whoever_may_see_all(api):
    now = quarantine(api)
    _, first = api.get("/quarantine", ("day", "2025-11-24"), ("limit", "2"))
    assert [(one["device"], one["received_at"], one["reasons"]) for one in first["items"]] == [
        ("pump-1", now, ["out_of_range", "future"]),
        ("pump-1", now - 1, ["malformed"]),
    ]
    _, second = api.get("/quarantine", ("day", "2025-11-24"), ("limit", "2"), ("cursor", first["cursor"]))
    assert ([one["device"] for one in second["items"]], second["cursor"]) == (["stray"], None)
    shown = api.get(f"/devices/stray/quarantine/{second['items'][0]['id']}")[1]
    assert base64.b64decode(shown["raw"]) == b"?"
    assert api.get("/quarantine", ("day", "2025-11-25"))[1]["items"] == []
    assert api.get("/quarantine", ("day", "2025-11-24"), who=person(("operator", "group:plant-1")))[0] == 403


@pytest.mark.parametrize("day", ["2025-02-30", "today", "20251124", "2025-11-24#", "٢٠٢٥-11-24", ""])
def test_a_day_that_is_none_is_refused(api, day):
    status, body = api.get("/quarantine", ("day", day))
    assert (status, body["field"]) == (400, "day")


def test_raw_bytes_are_for_operators(api):
    quarantine(api)
    for path in ("/devices/pump-1/quarantine", "/devices/pump-1/quarantine/x"):
        assert api.get(path, who=person("viewer"))[0] == 403
