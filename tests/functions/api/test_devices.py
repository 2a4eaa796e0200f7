import csv
import json

import pytest

from functions.domain.ingest import Fault, QuarantineEntry
from functions.domain.presence import Presence, Status
from functions.domain.state import Counters, DeviceState, Latest
from tests.functions.alarm_cases import CLEARED, saved, transition
from tests.functions.api_harness import person

HOUR = 3_600_000


def test_the_page_of_devices_is_by_group_then_name(api):
    for thing, group in [("b", "plant-1/line-2"), ("c", "plant-1"), ("a", "plant-2"), ("d", "plant-10")]:
        api.register(thing, group)
    _, body = api.get("/devices")
    assert [item["id"] for item in body["items"]] == ["c", "b", "d", "a"]
    assert body["items"][0] == {
        "id": "c",
        "name": "C",
        "model": "climate",
        "group": "plant-1",
        "status": "unknown",
        "tags": {},
        "created_at": api.clock.now,
        "since": None,
        "seen_at": None,
        "read_at": None,
        "interval_ms": 10_000,
        "stale": False,
        "latest": None,
    }


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
            "derived": False,
            "precision": None,
        },
        "temperature": {
            "ts": now - 5000,
            "value": 21.4,
            "q": "good",
            "unit": "Cel",
            "title": "Temperature",
            "unmodeled": False,
            "age_ms": 5000,
            "derived": False,
            "precision": 1,
        },
    }
    assert body["counters"] == {"messages": 5, "points": 9, "duplicates": 1, "late": 2, "unmodeled": 3}
    assert body["quarantined"] == {"malformed": 1}
    assert (body["group"], body["source"], body["version"]) == ("plant-1", "fleet", 1)
    assert (body["seen_at"], body["read_at"], body["interval_ms"], body["stale"]) == (now, now - 1, 10_000, False)
    assert (body["agent_version"], body["open_alarms"]) == (None, {})


def test_a_list_says_who_is_silent_and_since_when(api):
    now = api.clock.now
    for thing, read, status in [("a", 30_001, "online"), ("b", 29_999, "online"), ("c", 30_001, "offline")]:
        api.register(thing)
        latest = {"temperature": Latest(now - read, 21.4, "good")}
        api.world.states[thing] = DeviceState(version=1, latest=latest, seen_at=now - read + 5)
        api.world.presences[thing] = Presence(revision=1, status=Status(status), since=now - 40_000)
    _, body = api.get("/devices")
    assert {item["id"]: item["stale"] for item in body["items"]} == {"a": True, "b": False, "c": False}
    first = body["items"][0]
    assert (first["since"], first["seen_at"], first["read_at"]) == (now - 40_000, now - 29_996, now - 30_001)
    assert api.get("/devices/a")[1]["stale"] is True


def test_a_list_has_last_values_where_they_are_asked_for(api):
    api.register("a")
    api.register("b")
    api.world.states["a"] = DeviceState(version=1, latest={"temperature": Latest(api.clock.now, 21.4, "good")})
    _, body = api.get("/devices", ("latest", "true"))
    assert [item["latest"] for item in body["items"]] == [api.get("/devices/a/latest")[1]["latest"], {}]
    assert [item["latest"] for item in api.get("/devices", ("latest", "false"))[1]["items"]] == [None, None]


def test_a_page_of_very_many_last_values_ends_without_them(api):
    for nr in range(5):
        api.register(f"pump-{nr}")
        latest = {f"m{at}": Latest(5, "\u20ac" * 256, "good", unmodeled=True) for at in range(200)}
        api.world.states[f"pump-{nr}"] = DeviceState(version=1, latest=latest)
    _, body = api.get("/devices", ("latest", "true"))
    has = [item["latest"] is not None for item in body["items"]]
    assert has == [True, True, False, False, False]


def test_of_a_model_that_is_not_known_no_interval_is(api):
    api.register("a", model="gone")
    api.world.presences["a"] = Presence(revision=1, status=Status.ONLINE, since=1)
    (item,) = api.get("/devices")[1]["items"]
    assert (item["interval_ms"], item["stale"]) == (None, False)


def test_a_device_tells_of_its_agent(api):
    api.register("a")
    api.world.agents["a"] = (api.clock.now, "0.4.2")
    assert api.get("/devices/a")[1]["agent_version"] == "0.4.2"


def test_a_device_s_open_alarms_are_counted_by_severity(api):
    api.register("pump-1")
    for number, severity in enumerate(("major", "critical", "major"), 1):
        saved(api, transition(number=number, rule=f"rule-{number}", severity=severity))
    saved(api, transition(kind=CLEARED, number=1, step=1, rule="rule-1"))
    assert api.get("/devices/pump-1")[1]["open_alarms"] == {"critical": 1, "major": 1}


def test_a_device_that_was_heard_but_never_registered_is_shown(api):
    api.world.states["stray"] = DeviceState(version=1, counters=Counters(messages=1))
    status, body = api.get("/devices/stray")
    assert (status, body["model"], body["counters"]["messages"]) == (200, None, 1)


@pytest.mark.parametrize(
    "path",
    [
        "/devices/nobody",
        "/devices/nobody/latest",
        "/devices/nobody/events",
        "/devices/nobody/quarantine",
        "/nothing",
        "/devices/a/b",
    ],
)
def test_what_is_not_there_is_not_found(api, path):
    status, body = api.get(path, who=person("admin"))
    assert (status, body["status"], body["request_id"]) == (404, 404, "request-1")


@pytest.mark.parametrize("path", ["/devices/Pump", "/devices/-x", "/devices/" + "a" * 64])
def test_a_thing_that_cannot_be_is_refused(api, path):
    status, body = api.get(path)
    assert (status, body["field"]) == (400, "id")


@pytest.mark.parametrize(
    "query",
    [
        ("group", "a//b"),
        ("group", "A"),
        ("model", "a#b"),
        ("model", "é"),
        ("limit", "0"),
        ("limit", "1001"),
        ("cursor", "x"),
        ("status", "asleep"),
        ("sort", "version"),
        ("sort", "name; DROP TABLE"),
        ("q", ""),
        ("q", "x"),
        ("q", "#*%_"),
        ("q", "one two three four five six"),
        ("tag", "site"),
        ("tag", ":x"),
        ("tag", "site:"),
        ("tag", "Site:x"),
        ("tag", "site#1:x"),
        ("tag", "site:a\u202eb"),
    ],
)
def test_a_wrong_parameter_is_named(api, query):
    status, body = api.get("/devices", query)
    assert (status, body["field"]) == (400, query[0])


def test_what_no_list_serves_is_a_plain_refusal(api):
    for first, second, field in [
        (("q", "pump"), ("sort", "name"), "sort"),
        (("q", "pump"), ("status", "online"), "status"),
        (("status", "online"), ("sort", "-created"), "sort"),
        (("tag", "a:1"), ("tag", "a:2"), "tag"),
    ]:
        status, body = api.get("/devices", first, second)
        assert (status, body["field"]) == (400, field)
    assert api.get("/devices", *(("tag", f"k{at}:v") for at in range(5)))[0] == 400


def test_devices_by_tags_status_words_and_in_other_orders(api):
    for thing, group, tags in [
        ("press-1", "plant-1", {"line": "2", "url": "a:b=c#d"}),
        ("press-2", "plant-2", {"line": "2"}),
        ("fan-1", "plant-1", {}),
    ]:
        body = {"id": thing, "model": "machine", "group": group, "tags": tags, "name": f"The {thing[::-1]}"}
        assert api.call("POST", "/devices", body=body, who=person("admin"))[0] == 201
        api.clock.now += 1
    api.world.presences["fan-1"] = Presence(status=Status.ONLINE)

    def found(*query):
        status, body = api.get("/devices", *query)
        assert status == 200, body
        return [item["id"] for item in body["items"]]

    assert found(("tag", "line:2")) == ["press-1", "press-2"]
    assert found(("tag", "line:2"), ("tag", "url:a:b=c#d"), ("group", "plant-1")) == ["press-1"]
    assert found(("status", "online"), ("model", "machine")) == ["fan-1"]
    assert found(("status", "unknown"), ("sort", "-group")) == ["press-2", "press-1"]
    assert found(("q", "PRE 2")) == ["press-2"]
    assert found(("q", "ress")) == []
    assert found(("q", "sserp")) == ["press-1", "press-2"]
    assert found(("sort", "-created")) == ["fan-1", "press-2", "press-1"]
    assert found(("sort", "name"), ("tag", "line:2")) == ["press-1", "press-2"]


def test_a_list_and_a_sum_hold_what_the_caller_may_see(api):
    for thing, group in [("a", "p1"), ("b", "p1/x"), ("c", "p2")]:
        api.register(thing, group)
        api.world.states[thing] = DeviceState(version=1, counters=Counters(messages=1))
    api.world.states["stray"] = DeviceState(version=1, counters=Counters(messages=1))
    api.who = person(("viewer", "group:p1/x"), ("operator", "device:c"))
    assert [item["id"] for item in api.get("/devices")[1]["items"]] == ["b", "c"]
    assert [item["id"] for item in api.get("/devices", ("group", "p1"))[1]["items"]] == ["b"]
    assert api.get("/devices", ("group", "p3")) == (200, {"items": [], "cursor": None})
    _, body = api.get("/fleet/summary")
    assert (body["devices"], body["messages"]) == (2, 2)


def test_a_cursor_is_its_owner_s_and_its_question_s(api):
    for at in range(4):
        api.register(f"pump-{at}")
    cursor = ("cursor", api.get("/devices", ("limit", "2"))[1]["cursor"])
    assert api.get("/devices", ("limit", "2"), cursor)[0] == 200
    assert api.get("/devices", ("limit", "2"), cursor, who=person("viewer", name="bob"))[0] == 400
    assert api.get("/devices", ("limit", "2"), ("sort", "name"), cursor)[0] == 400
    assert api.get("/fleet/summary", cursor)[0] == 400
    assert api.get("/devices", ("limit", "2"), ("cursor", cursor[1][:-1] + "A"))[0] == 400


@pytest.mark.parametrize("path", ["", "/latest", "/events", "/quarantine", "/quarantine/1764000000000-" + "0" * 24])
def test_a_device_out_of_reach_is_as_if_it_were_not_there(api, path):
    api.register("pump-1", "plant-1")
    api.world.states["pump-1"] = api.world.states["stray"] = DeviceState(version=1)
    api.who = person(("admin", "group:plant-2"), ("admin", "device:pump-10"))
    answers = [api.get(f"/devices/{thing}{path}") for thing in ("pump-1", "stray", "nobody")]
    assert [status for status, _ in answers] == [404] * 3
    told = {body["detail"].replace("pump-1", "X").replace("stray", "X").replace("nobody", "X") for _, body in answers}
    assert len(told) == 1
    expected = 404 if "-0" in path else 200
    assert api.get(f"/devices/pump-1{path}", who=person(("operator", "group:plant-1")))[0] == expected
    assert api.get(f"/devices/pump-1{path}", who=person(("operator", "device:pump-1")))[0] == expected


def test_latest_values_alone(api):
    api.register("pump-1")
    api.world.states["pump-1"] = DeviceState(latest={"temperature": Latest(api.clock.now - 5, 21.5, "good")})
    status, body = api.get("/devices/pump-1/latest")
    assert (status, body["device"], body["now"]) == (200, "pump-1", api.clock.now)
    assert body["latest"]["temperature"]["value"] == 21.5
    assert body["latest"]["temperature"]["unit"] == "Cel"


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
        "offline": 0,
        "unknown": 2,
        "stale": 1,
        "window_from": (api.clock.now // HOUR - 1) * HOUR,
        "received": 0,
        "lost": 0,
        "worst": [
            {
                "id": "b",
                "name": "B",
                "model": "climate",
                "group": "plant-1",
                "status": "online",
                "stale": True,
                "troubles": [{"reason": "stale", "since": 30_000, "count": None}],
            }
        ],
    }


def test_a_last_value_says_that_it_was_derived(api):
    api.register("pump-1")
    api.world.states["pump-1"] = DeviceState(version=1, latest={"dew_point": Latest(api.clock.now, 7.23, "good")})
    latest = api.get("/devices/pump-1/latest")[1]["latest"]["dew_point"]
    assert (latest["derived"], latest["precision"], latest["value"]) == (True, 1, 7.23)
    derived = api.get("/models/climate")[1]["properties"]["dew_point"]["fieldline:derived"]
    assert "humidity" in derived


def test_a_damaged_state_of_one_device_does_not_take_the_sums_of_others_with_it(api):
    for thing in ("a", "b"):
        api.register(thing)
        api.world.states[thing] = DeviceState(version=1, counters=Counters(messages=5), rules=b"no release wrote this")
    status, body = api.get("/fleet/summary")
    assert (status, body["messages"], body["lost"]) == (200, 10, 0)


def test_a_page_of_devices_as_a_table(api):
    now = api.clock.now
    api.register("pump-1", name="=Pump, north")
    api.register("pump-2")
    api.world.states["pump-1"] = DeviceState(version=1, seen_at=now - 40_000)
    api.world.presences["pump-1"] = Presence(status=Status.ONLINE, since=now - 50_000)
    status, text = api.ask("GET", "/devices", ("format", "csv"), ("limit", "1"))
    assert (status, api.headers["Content-Type"]) == (200, "text/csv; charset=utf-8")
    header, row = text.splitlines()
    assert header == "id,name,model,group,status,stale,seen_at,tags"
    assert row == f'pump-1,"\'=Pump, north",climate,plant-1,online,true,{now - 40_000},{{}}'
    more = ("cursor", api.headers["X-Next-Cursor"])
    asked = {"headers": {"Accept": "text/csv"}}
    assert (
        api.ask("GET", "/devices", more, **asked)[1].splitlines()[1]
        == "pump-2,Pump-2,climate,plant-1,unknown,false,,{}"
    )
    assert "X-Next-Cursor" not in api.headers
    assert api.get("/devices", ("format", "xml"))[0] == 400


def test_tags_are_json_in_a_table(api):
    api.who = person("admin")
    body = {"id": "pump-1", "model": "climate", "group": "plant-1", "tags": {"site": "Leeds, north"}}
    assert api.call("POST", "/devices", body=body)[0] == 201
    (row,) = csv.DictReader(api.ask("GET", "/devices", ("format", "csv"))[1].splitlines())
    assert json.loads(row["tags"]) == {"site": "Leeds, north"}
