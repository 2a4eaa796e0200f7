"""Devices registered, changed and decommissioned through the API."""

import pytest

from functions.domain.devices import MAX_TAGS, Source
from functions.domain.live import Kind
from functions.domain.state import Counters, DeviceState
from tests.functions.api_harness import person

PUMP = {"id": "pump-1", "name": "Pumpe Süd", "model": "machine", "group": "plant-1/line-2", "tags": {"site": "Köln"}}


@pytest.fixture
def api(api):
    api.who = person("admin")
    return api


@pytest.fixture
def pump(api):
    status, body = api.call("POST", "/devices", body=PUMP)
    assert status == 201
    api.journal.notes.clear()
    api.live.events.clear()
    return body


def patch(api, body, *, thing="pump-1", version=None, **options):
    headers = {} if version is None else {"If-Match": f'"{version}"'}
    return api.call("PATCH", f"/devices/{thing}", body=body, headers=headers, **options)


def test_a_device_is_created_and_then_there(api):
    status, body = api.call("POST", "/devices", body=PUMP)
    now = api.clock.now
    entry = {**PUMP, "source": "api", "created_at": now, "updated_at": now, "version": 1, "decommissioned": False}
    assert (status, body, api.headers["ETag"]) == (201, entry, '"1"')
    status, shown = api.get("/devices/pump-1")
    assert (status, api.headers["ETag"]) == (200, '"1"')
    assert {name: shown[name] for name in entry} == entry
    assert [one["id"] for one in api.get("/devices", ("tag", "site:Köln"))[1]["items"]] == ["pump-1"]
    assert [one["group"] for one in api.get("/groups")[1]["items"]] == ["plant-1"]


@pytest.mark.parametrize(
    "media",
    [None, "application/json", "application/octet-stream", "application/x-www-form-urlencoded", "multipart/form-data"],
)
def test_a_body_that_is_missing_is_a_problem_whatever_it_is_said_to_be(api, media):
    status, problem = api.call("POST", "/devices", headers={} if media is None else {"Content-Type": media})
    assert (status, problem["type"]) == (400, "urn:fieldline:problem:invalid-request")
    assert problem["got"] == "nothing"


def test_a_body_that_is_no_object_is_told_so_in_the_words_of_json(api):
    status, problem = api.call("POST", "/devices", raw_body="[]")
    assert (status, problem["field"], problem["expected"]) == (400, "body", "an object")


def test_a_change_is_noted_with_before_and_after_and_told_to_who_watches(api, pump):
    api.clock.now += 5
    assert patch(api, {"name": "Pump South", "tags": {"site": None, "line": "2"}})[0] == 200
    (noted,) = api.journal.notes
    assert (noted.action, noted.subject_kind, noted.subject_id) == ("device.update", "device", "pump-1")
    assert (noted.before["name"], noted.after["name"]) == ("Pumpe Süd", "Pump South")
    assert (noted.before["tags"], noted.after["tags"]) == ({"site": "Köln"}, {"line": "2"})
    assert (noted.actor.principal.id, noted.actor.request_id, noted.actor.source) == (
        "user:ann",
        "request-1",
        "192.0.2.1",
    )
    (event,) = api.live.of(Kind.DEVICE)
    assert (event.thing, event.group, event.at, event.data["version"]) == ("pump-1", "plant-1/line-2", api.clock.now, 2)


def test_rules_are_looked_at_when_a_change_stands_and_when_nobody_goes_by_what_was_before(api):
    def woken():
        told = [(work.thing, delay_s) for work, delay_s in api.alarms_queue.work]
        api.alarms_queue.work.clear()
        return told

    both = [("pump-1", 5), ("pump-1", 75)]
    assert api.call("POST", "/devices", body=PUMP)[0] == 201
    assert woken() == both
    assert patch(api, {"group": "plant-2"})[0] == 200
    assert woken() == both
    assert patch(api, {"group": "plant-2"})[0] == 200
    assert woken() == []
    assert api.call("DELETE", "/devices/pump-1")[0] == 204
    assert woken() == both


def test_no_change_is_made_for_which_rules_cannot_be_looked_at(api, pump):
    api.alarms_queue.fails = True
    assert api.call("POST", "/devices", body={**PUMP, "id": "pump-2"})[0] == 503
    assert patch(api, {"name": "P2"})[0] == 503
    assert api.call("DELETE", "/devices/pump-1")[0] == 503
    assert {one.thing: one.name for one in api.registry.devices.values()} == {"pump-1": "Pumpe Süd"}
    assert not api.registry.devices["pump-1"].decommissioned


def test_the_name_of_a_device_that_is_there_is_taken(api, pump):
    status, body = api.call("POST", "/devices", body={**PUMP, "group": "plant-9"})
    assert (status, body["type"]) == (409, "urn:fieldline:problem:conflict")
    assert api.get("/devices/pump-1")[1]["group"] == "plant-1/line-2"
    assert api.journal.notes == []


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"id": "Pump"}, "id"),
        ({"id": "a" * 64}, "id"),
        ({"model": "toaster"}, "model"),
        ({"group": "plant-1//x"}, "group"),
        ({"group": 7}, "group"),
        ({"name": "a\x00b"}, "name"),
        ({"name": "a\u202eb"}, "name"),
        ({"name": "a\u200bb"}, "name"),
        ({"name": " x"}, "name"),
        ({"name": "n" * 129}, "name"),
        ({"tags": {"Site": "x"}}, "tags"),
        ({"tags": {"a#b": "x"}}, "tags"),
        ({"tags": {"site": ""}}, "tags.site"),
        ({"tags": {"site": "a\nb"}}, "tags.site"),
        ({"tags": {"site": "v" * 129}}, "tags.site"),
        ({"tags": {f"k{at}": "v" for at in range(MAX_TAGS + 1)}}, "tags"),
        ({"source": "fleet"}, "source"),
        ({"version": 7}, "version"),
        ({"created_at": 1}, "created_at"),
        ({"decommissioned": True}, "decommissioned"),
        ({"thing": "pump-2"}, "thing"),
    ],
)
def test_what_cannot_be_is_refused_by_its_field(api, change, field):
    status, body = api.call("POST", "/devices", body={**PUMP, **change})
    assert (status, body["field"]) == (400, field), body
    assert api.registry.devices == {}


@pytest.mark.parametrize("field", ["id", "model", "source", "version", "created_at", "updated_at", "decommissioned"])
def test_nothing_but_name_group_and_tags_can_be_changed(api, pump, field):
    status, body = patch(api, {field: pump[field]})
    assert (status, body["field"]) == (400, field)
    assert api.registry.devices["pump-1"].version == 1


@pytest.mark.parametrize("body", [{"name": None}, {"group": None}, {"tags": None}, {"tags": {"a": 1}}, [], "x", 7])
def test_a_change_that_is_none_is_refused(api, pump, body):
    assert patch(api, body)[0] == 400


def test_names_may_hold_what_other_programs_take_for_code_and_come_back_as_they_were(api):
    name = "<script>alert('=1+1')</script> %s ' OR 1=1 -- 🚰"
    assert api.call("POST", "/devices", body={**PUMP, "name": name})[0] == 201
    assert api.get("/devices/pump-1")[1]["name"] == name
    assert api.headers["Content-Type"] == "application/json"
    assert [one["name"] for one in api.get("/devices", ("q", "script alert"))[1]["items"]] == [name]


def test_a_change_is_a_merge_and_other_things_stay(api, pump):
    assert patch(api, {"tags": {"line": "2"}})[1]["tags"] == {"site": "Köln", "line": "2"}
    status, body = patch(api, {"tags": {"site": None, "absent": None}})
    assert (status, body["tags"], body["name"], body["version"]) == (200, {"line": "2"}, "Pumpe Süd", 3)


def test_what_changes_nothing_is_no_change(api, pump):
    status, body = patch(api, {"name": "Pumpe Süd", "tags": {}})
    assert (status, body["version"]) == (200, 1)
    assert (api.journal.notes, api.live.events) == ([], [])


def test_a_change_meant_for_another_version_is_refused(api, pump):
    assert patch(api, {"name": "A"}, version=1)[0] == 200
    status, body = patch(api, {"name": "B"}, version=1)
    assert (status, body["type"]) == (412, "urn:fieldline:problem:changed-meanwhile")
    assert api.call("DELETE", "/devices/pump-1", headers={"If-Match": '"1"'})[0] == 412
    assert patch(api, {"name": "B"}, version=2)[0] == 200


def test_a_change_at_the_same_moment_is_made_again_on_what_is_there_then(api, pump, monkeypatch):
    real = api.registry.save

    def raced(before, after, note):
        monkeypatch.setattr(api.registry, "save", real)
        assert patch(api, {"tags": {"by": "bob"}})[0] == 200
        return real(before, after, note)

    monkeypatch.setattr(api.registry, "save", raced)
    status, body = patch(api, {"name": "A"})
    assert (status, body["name"], body["tags"]) == (200, "A", {"site": "Köln", "by": "bob"})


def test_a_move_needs_the_permission_where_it_comes_from_and_where_it_goes(api, pump):
    here, both = ("operator", "group:plant-1"), ("operator", "group:plant-2")
    assert patch(api, {"group": "plant-2"}, who=person(here))[0] == 403
    assert patch(api, {"group": "plant-2"}, who=person(here, ("viewer", "group:plant-2")))[0] == 403
    assert patch(api, {"group": "plant-2"}, who=person(both))[0] == 404
    status, body = patch(api, {"group": "plant-2"}, who=person(here, both))
    assert (status, body["group"]) == (200, "plant-2")
    assert api.get("/devices/pump-1", who=person(here))[0] == 404


def test_who_watches_the_group_that_a_device_leaves_hears_that_and_not_where_it_went(api, pump):
    patch(api, {"group": "plant-2/secret"})
    left, moved = api.live.of(Kind.DEVICE)
    assert (left.group, left.data) == ("plant-1/line-2", {"version": 2, "left": True})
    assert (moved.group, moved.data["group"]) == ("plant-2/secret", "plant-2/secret")
    assert left.at < moved.at


def test_what_the_fleet_file_says_is_changed_there_and_the_rest_here(api):
    api.register("press-4")
    status, body = patch(api, {"group": "plant-2"}, thing="press-4")
    assert status == 409
    assert "fleet file" in body["detail"]
    status, body = api.call("DELETE", "/devices/press-4")
    assert (status, "fleet file" in body["detail"]) == (409, True)
    status, body = patch(api, {"name": "Press four", "tags": {"a": "b"}, "group": "plant-1"}, thing="press-4")
    assert (status, body["name"], body["tags"], body["source"]) == (200, "Press four", {"a": "b"}, "fleet")


def test_a_decommissioned_device_keeps_its_history_and_is_on_no_list(api, pump):
    api.world.states["pump-1"] = DeviceState(version=1, counters=Counters(messages=9))
    assert api.call("DELETE", "/devices/pump-1") == (204, None)
    assert api.call("DELETE", "/devices/pump-1") == (204, None)
    assert [one.action for one in api.journal.notes] == ["device.decommission"]
    assert api.get("/devices")[1]["items"] == []
    status, body = api.get("/devices/pump-1")
    assert (status, body["decommissioned"], body["counters"]["messages"], body["version"]) == (200, True, 9, 2)
    assert patch(api, {"name": "x"})[0] == 409
    assert api.live.of(Kind.DEVICE)[-1].data["decommissioned"]


def test_a_decommissioned_device_comes_back_by_being_created_again(api, pump):
    api.call("DELETE", "/devices/pump-1")
    api.clock.now += 1000
    status, body = api.call("POST", "/devices", body={"id": "pump-1", "model": "climate", "group": "plant-3"})
    assert (status, body["name"], body["tags"], body["version"]) == (201, "pump-1", {}, 3)
    assert body["created_at"] == pump["created_at"]
    assert [one["id"] for one in api.get("/devices")[1]["items"]] == ["pump-1"]


def test_whoever_could_not_have_put_it_where_it_was_cannot_bring_it_back(api, pump):
    api.call("DELETE", "/devices/pump-1")
    who = person(("admin", "group:plant-2"))
    assert api.call("POST", "/devices", body={**PUMP, "group": "plant-2"}, who=who)[0] == 409
    assert api.registry.devices["pump-1"].decommissioned


def test_devices_are_created_where_the_caller_may(api):
    who = person(("admin", "group:plant-1"), ("viewer", "*"))
    assert api.call("POST", "/devices", body={**PUMP, "group": "plant-2"}, who=who)[0] == 403
    assert api.call("POST", "/devices", body=PUMP, who=who)[0] == 201


@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
def test_a_device_out_of_reach_cannot_be_changed_nor_found_out(api, pump, method):
    who = person(("admin", "group:plant-2"))
    body = {"name": "mine"} if method == "PATCH" else None
    answers = [api.call(method, f"/devices/{thing}", body=body, who=who) for thing in ("pump-1", "nobody")]
    assert [status for status, _ in answers] == [404, 404]
    assert answers[0][1]["detail"] == answers[1][1]["detail"].replace("nobody", "pump-1")
    assert api.registry.devices["pump-1"].version == 1
    assert api.call(method, "/devices/pump-1", body=body, who=person(("viewer", "group:plant-1")))[0] == 403


def test_an_owner_of_a_device_may_rename_it_and_not_take_it_away(api, pump):
    owner = person(("operator", "device:pump-1"))
    assert patch(api, {"name": "Mine"}, who=owner)[0] == 200
    assert patch(api, {"group": "plant-2"}, who=owner)[0] == 403
    assert api.call("DELETE", "/devices/pump-1", who=owner)[0] == 403


def test_a_device_that_left_the_fleet_file_can_be_created_here(api, clock):
    api.registry.register("press-4", "press-4", "machine", "plant-1", Source.FLEET, clock.now)
    known = api.registry.devices["press-4"]
    api.registry.devices["press-4"] = type(known)(
        **{name: getattr(known, name) for name in known.__struct_fields__ if name != "decommissioned"},
        decommissioned=True,
    )
    assert api.call("POST", "/devices", body={**PUMP, "id": "press-4"})[1]["source"] == "api"
