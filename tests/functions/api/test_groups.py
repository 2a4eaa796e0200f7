"""The tree of groups through the API."""

import pytest

from functions.adapters.memory_registry import MemoryGroups
from tests.functions.api_harness import person

NOTHING = {
    "title": None,
    "description": None,
    "devices": None,
    "groups": None,
    "created_at": None,
    "updated_at": None,
    "version": None,
}


@pytest.fixture
def api(api):
    api.who = person("admin")
    for thing, group in [("a", "p1/x"), ("b", "p1/x"), ("c", "p1/y/z"), ("d", "p2")]:
        api.register(thing, group)
    return api


def listed(api, *query, **options):
    status, body = api.get("/groups", *query, **options)
    assert status == 200, body
    return {one["group"]: (one["devices"], one["groups"]) for one in body["items"]}


def test_the_groups_of_devices_are_there_with_those_above_them(api):
    assert listed(api) == {"p1": (0, 2), "p2": (1, 0)}
    assert listed(api, ("parent", "p1")) == {"p1/x": (2, 0), "p1/y": (0, 1)}
    assert listed(api, ("parent", "p1/x")) == {}
    assert api.get("/groups", ("parent", "p3"))[0] == 404


def test_groups_come_in_pages(api):
    seen, cursor = [], ()
    while cursor is not None:
        _, body = api.get("/groups", ("limit", "1"), *cursor)
        seen += [one["group"] for one in body["items"]]
        cursor = (("cursor", body["cursor"]),) if body["cursor"] else None
    assert seen == ["p1", "p2"]


def test_a_group_is_created_shown_titled_and_deleted(api):
    body = {"group": "p3/deep/er", "title": "Dritte <Halle>", "description": "hinten\u00a0links"}
    status, made = api.call("POST", "/groups", body=body)
    assert (status, api.headers["ETag"], made["group"], made["title"]) == (201, '"1"', "p3/deep/er", "Dritte <Halle>")
    assert api.get("/groups/p3:deep:er") == (200, made)
    assert listed(api, ("parent", "p3")) == {"p3/deep": (0, 1)}
    status, made = api.call(
        "PATCH", "/groups/p3:deep:er", body={"title": "Third", "description": None}, headers={"If-Match": '"1"'}
    )
    assert (status, made["title"], made["description"], made["version"]) == (200, "Third", "", 2)
    assert api.call("DELETE", "/groups/p3:deep:er") == (204, None)
    assert api.get("/groups/p3:deep:er")[0] == 404
    assert listed(api, ("parent", "p3")) == {"p3/deep": (0, 0)}
    noted = [(one.action, one.subject_kind, one.subject_id) for one in api.journal.notes]
    assert noted == [(f"group.{verb}", "group", "p3/deep/er") for verb in ("create", "update", "delete")]
    assert api.journal.notes[-1].after is None


@pytest.mark.parametrize("group", ["p1", "p1:y", "p1:x"])
def test_a_group_with_something_in_it_is_not_deleted(api, group):
    status, body = api.call("DELETE", f"/groups/{group}")
    assert status == 409
    assert "not empty" in body["detail"]


def test_a_group_that_devices_have_left_can_be_deleted(api):
    assert api.call("PATCH", "/devices/d", body={"group": "p1"})[0] == 409  # the fleet file's
    assert api.call("POST", "/devices", body={"id": "e", "model": "climate", "group": "p9"})[0] == 201
    assert api.call("DELETE", "/groups/p9")[0] == 409
    assert api.call("PATCH", "/devices/e", body={"group": "p1"})[0] == 200
    assert api.call("DELETE", "/groups/p9")[0] == 204


def test_a_group_is_created_once_and_changed_in_the_version_that_was_read(api):
    assert api.call("POST", "/groups", body={"group": "p1"})[0] == 409
    assert api.call("PATCH", "/groups/p1", body={"title": "A"})[0] == 200
    assert api.call("PATCH", "/groups/p1", body={"title": "B"}, headers={"If-Match": '"1"'})[0] == 412
    assert api.call("DELETE", "/groups/p1", headers={"If-Match": '"1"'})[0] == 412
    status, body = api.call("PATCH", "/groups/p1", body={"title": "A"})
    assert (status, body["version"]) == (200, 2)


def test_somebody_sees_the_groups_that_he_holds_and_of_the_way_to_them_the_names(api):
    api.call("PATCH", "/groups/p1", body={"title": "Secret"})
    api.who = person(("viewer", "group:p1/y"), ("viewer", "group:p7"))
    _, body = api.get("/groups")
    assert body == {"items": [{"group": "p1", **NOTHING}], "cursor": None}
    assert listed(api, ("parent", "p1")) == {"p1/y": (0, 1)}
    assert listed(api, ("parent", "p1/y")) == {"p1/y/z": (1, 0)}
    assert api.get("/groups/p1") == (200, {"group": "p1", **NOTHING})
    assert api.get("/groups/p1:y:z")[1]["devices"] == 1


@pytest.mark.parametrize("group", ["p2", "p1:x", "p3", "p1:y2"])
def test_a_group_out_of_reach_is_as_if_it_were_not_there(api, group):
    api.who = person(("admin", "group:p1/y"), ("admin", "device:d"))
    path = group.replace(":", "/")
    body = {"title": "x"}
    answers = [
        api.get(f"/groups/{group}"),
        api.get("/groups", ("parent", path)),
        api.call("PATCH", f"/groups/{group}", body=body),
        api.call("DELETE", f"/groups/{group}"),
    ]
    assert {status for status, _ in answers} == {404}
    assert {body["detail"] for _, body in answers} == {f"there is no group {path!r}, or you may not see it"}


def test_the_way_to_somebody_s_groups_cannot_be_changed(api):
    api.who = person(("admin", "group:p1/y"))
    assert api.call("PATCH", "/groups/p1", body={"title": "mine"})[0] == 404
    assert api.call("DELETE", "/groups/p1")[0] == 404
    assert api.call("POST", "/groups", body={"group": "p1/q"})[0] == 403
    assert api.call("POST", "/groups", body={"group": "p1/y/q"})[0] == 201
    assert api.call("PATCH", "/groups/p1:y", body={"title": "mine"}, who=person(("viewer", "group:p1")))[0] == 403


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"group": "P"}, "group"),
        ({"group": "a/b/c/d/e/f/g"}, "group"),
        ({"group": "a", "title": "x\x07"}, "title"),
        ({"group": "a", "title": "x" * 129}, "title"),
        ({"group": "a", "description": "\u2066x"}, "description"),
        ({"group": "a", "devices": 3}, "devices"),
        ({"group": "a", "version": 3}, "version"),
        ({}, "group"),
    ],
)
def test_what_cannot_be_a_group_is_refused_by_its_field(api, body, field):
    status, problem = api.call("POST", "/groups", body=body)
    assert (status, problem["field"]) == (400, field)


@pytest.mark.parametrize("path", ["/groups/P1", "/groups/a::b", "/groups/" + "a" * 64])
def test_a_path_that_cannot_be_is_refused(api, path):
    assert api.get(path)[0] == 400


@pytest.mark.parametrize(("headers", "status"), [({}, 409), ({"If-Match": '"1"'}, 412)])
def test_a_group_that_is_changed_at_the_same_moment_is_a_conflict(api, monkeypatch, headers, status):
    with monkeypatch.context() as faster:
        faster.setattr(MemoryGroups, "save", lambda *_: False)
        assert api.call("PATCH", "/groups/p1", body={"title": "A"}, headers=headers)[0] == status
    assert api.call("PATCH", "/groups/p1", body={"title": "A"}, headers=headers)[0] == 200
