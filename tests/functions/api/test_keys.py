"""Keys of apps and devices through the API: shown once, stored hashed, never more than their maker."""

import msgspec
import pytest

from functions.domain.access import EVERYTHING, Grant, Kind, Principal, Role
from functions.domain.audit import Actor
from functions.domain.grants import Holder
from functions.domain.keys import MAX_AGE_MS, MAX_LIVE_DEVICE_KEYS, looks_like_one, read
from functions.errors import ForbiddenError
from tests.functions.api_harness import person

VIEWER = {"role": "viewer", "scope": "group:plant-1"}


@pytest.fixture
def stored(api):
    """Makes a caller who is stored with his grants."""

    def store(who):
        holder = Holder(id=who.id, kind=who.kind, name=who.name, version=1, grants=who.grants)
        api.principals.holders[who.id] = holder
        return who

    return store


@pytest.fixture
def root(stored):
    return stored(person("admin", name="root"))


@pytest.fixture
def lead(api, stored):
    api.register("pump-7", "plant-1/line-2")
    api.register("fan-1", "plant-2")
    return stored(person(("admin", "group:plant-1"), ("viewer", "group:plant-2"), name="lead"))


def body(api, **more):
    return {"name": "shop floor", "grants": [VIEWER], "expires_at": api.clock.now + 86_400_000, **more}


def create(api, who, **more):
    return api.call("POST", "/keys", body=body(api, **more), who=who)


def create_for_device(api, who, thing="pump-7", **more):
    return api.call("POST", f"/devices/{thing}/keys", body={"name": "modem", **more}, who=who)


def test_a_key_is_shown_once_and_only_its_digest_is_kept(api, root):
    status, made = create(api, root)
    assert status == 201
    assert looks_like_one(made["key"])
    assert read(made["key"]).digest == api.keys.keys[made["id"]].digest
    secret = made["key"].rpartition("_")[2]
    _, shown = api.get(f"/keys/{made['id']}", who=root)
    _, listed = api.get("/keys", who=root)
    assert shown == {name: value for name, value in made.items() if name != "key"}
    assert listed == {"items": [shown], "cursor": None}
    for kept in (api.keys.keys, api.journal.notes, api.journal.chains):
        assert secret not in str(kept)
    assert (shown["status"], shown["grants"], shown["created_by"]) == ("live", [VIEWER], "user:root")


def test_a_key_is_revoked_and_stays_on_the_list(api, root):
    _, made = create(api, root)
    for _ in range(2):
        assert api.call("DELETE", f"/keys/{made['id']}", who=root) == (204, None)
    _, shown = api.get(f"/keys/{made['id']}", who=root)
    assert (shown["status"], shown["revoked_at"], shown["grants"]) == ("revoked", api.clock.now, [VIEWER])
    assert [note.action for note in api.journal.notes] == ["key.create", "key.revoke"]


def test_a_key_expires(api, root):
    _, made = create(api, root)
    api.clock.now = made["expires_at"]
    assert api.get(f"/keys/{made['id']}", who=root)[1]["status"] == "expired"


def test_the_day_of_the_last_use_is_shown(api, root):
    _, made = create(api, root)
    api.keys.used(made["id"], 20_000)
    assert api.get(f"/keys/{made['id']}", who=root)[1]["last_used"] == "2024-10-04"


@pytest.mark.parametrize("ahead", [-1, 0, 59_999, MAX_AGE_MS + 1, 10**14])
def test_a_key_ends_within_a_year_and_not_at_once(api, root, ahead):
    status, problem = create(api, root, expires_at=api.clock.now + ahead)
    assert (status, problem["field"]) == (400, "expires_at")
    assert create(api, root, expires_at=api.clock.now + MAX_AGE_MS)[0] == 201


@pytest.mark.parametrize(
    "more",
    [
        {"id": "a" * 16},
        {"digest": "d" * 64},
        {"created_by": "user:other"},
        {"revoked_at": None},
        {"kind": "device"},
        {"device": "pump-7"},
        {"key": "flk_x"},
    ],
)
def test_a_key_with_more_than_it_may_say_is_refused(api, root, lead, more):
    assert create(api, root, **more)[0] == 400
    assert create_for_device(api, lead, **more)[0] == 400
    assert create(api, root)[0] == 201
    assert create_for_device(api, lead)[0] == 201


@pytest.mark.parametrize(
    "more",
    [
        {"name": ""},
        {"name": "<script>"},
        {"name": "x" * 101},
        {"name": "a\nb"},
        {"grants": []},
        {"grants": [{"role": "device", "scope": "device:pump-7"}]},
        {"grants": [VIEWER, VIEWER]},
        {"expires_at": "tomorrow"},
        {"expires_at": None},
        {"expires_at": 1.5},
    ],
)
def test_a_key_that_cannot_be_is_refused(api, root, more):
    assert create(api, root, **more)[0] == 400
    assert api.keys.keys == {}


def test_a_key_can_do_no_more_than_whoever_makes_it_can_now(api, root):
    everything = [{"role": "admin", "scope": "*"}]
    assert create(api, root, grants=everything)[0] == 201
    viewer = msgspec.structs.replace(api.principals.holders[root.id], grants=(Grant(Role.VIEWER, EVERYTHING),))
    api.principals.holders[root.id] = viewer
    assert create(api, root, grants=everything)[0] == 403


def test_whoever_may_make_keys_gives_them_no_more_than_he_holds(api, lead, monkeypatch):
    monkeypatch.setattr("functions.services.keys.demand", lambda *_: None)  # as if administrators of groups might
    actor, ends = Actor(lead, "request-1", "192.0.2.1"), api.clock.now + 86_400_000
    for role, scope in (("viewer", "*"), ("operator", "group:plant-2"), ("viewer", "group:plant-10")):
        with pytest.raises(ForbiddenError):
            api.services.keys.create(actor, "a key", [Grant(Role(role), scope)], ends)
    for role, scope in (("admin", "group:plant-1"), ("viewer", "group:plant-1/line-2"), ("viewer", "group:plant-2")):
        assert api.services.keys.create(actor, "a key", [Grant(Role(role), scope)], ends).key.grants


@pytest.mark.parametrize("make", [create, create_for_device])
def test_whoever_was_taken_away_makes_no_key_with_what_the_gateway_remembers(api, root, lead, make):
    who = root if make is create else lead
    stored = api.principals.holders[who.id]
    assert make(api, who)[0] == 201
    api.principals.holders[who.id] = msgspec.structs.replace(stored, grants=(Grant(Role.VIEWER, EVERYTHING),))
    assert make(api, who)[0] == 403
    assert len(api.keys.keys) == 1


def test_only_an_administrator_of_everything_sees_or_makes_keys_of_apps(api, root, lead):
    _, made = create(api, root)
    for method, path in (("GET", "/keys"), ("GET", f"/keys/{made['id']}"), ("DELETE", f"/keys/{made['id']}")):
        assert api.call(method, path, who=lead)[0] == 403
    assert create(api, lead)[0] == 403


def test_no_key_makes_a_key(api, root, lead):
    key = Principal("key:" + "a" * 16, Kind.KEY, "a key", (Grant(Role.ADMIN, EVERYTHING),))
    for attempt in (create, create_for_device):
        assert attempt(api, key)[0] == 403
        assert attempt(api, root)[0] == 201


def test_keys_are_listed_page_by_page(api, root):
    names = []
    for at in range(3):
        api.clock.now += 1
        names.append(create(api, root, name=f"key {at}")[1]["name"])
    _, first = api.get("/keys", ("limit", "2"), who=root)
    _, rest = api.get("/keys", ("limit", "2"), ("cursor", first["cursor"]), who=root)
    assert [one["name"] for one in (*first["items"], *rest["items"])] == names[::-1]
    assert api.get("/keys", ("cursor", first["cursor"][:-1]), who=root)[0] == 400


@pytest.mark.parametrize("key", ["b" * 16, "a" * 15, "A" * 16, "x"])
def test_a_key_that_is_not_there_is_not_found_and_another_id_is_none(api, root, key):
    expected = 404 if key == "b" * 16 else 400
    assert api.get(f"/keys/{key}", who=root)[0] == expected
    assert api.call("DELETE", f"/keys/{key}", who=root)[0] == expected


def test_a_key_in_the_place_of_its_id_is_not_repeated(api, root):
    _, made = create(api, root)
    status, problem = api.get(f"/keys/{made['key'][:64]}", who=root)
    assert status == 400
    assert made["key"][21:40] not in str(problem)


def test_a_device_s_key_belongs_to_it(api, lead):
    status, made = create_for_device(api, lead)
    assert status == 201
    assert made["key"].startswith("fld_")
    assert (made["grants"], made["expires_at"], made["status"]) == ([], None, "live")
    _, listed = api.get("/devices/pump-7/keys", who=lead)
    assert [one["id"] for one in listed["items"]] == [made["id"]]
    assert "key" not in listed["items"][0]
    (note,) = api.journal.notes
    assert (note.action, note.subject_kind, note.subject_id) == ("device.key.create", "device", "pump-7")


def test_a_device_s_key_is_revoked(api, lead):
    _, made = create_for_device(api, lead)
    assert api.call("DELETE", f"/devices/pump-7/keys/{made['id']}", who=lead) == (204, None)
    assert api.keys.keys[made["id"]].revoked_at == api.clock.now


def test_a_device_has_few_live_keys(api, lead):
    made = [create_for_device(api, lead)[1] for _ in range(MAX_LIVE_DEVICE_KEYS)]
    assert create_for_device(api, lead)[0] == 409
    api.call("DELETE", f"/devices/pump-7/keys/{made[0]['id']}", who=lead)
    assert create_for_device(api, lead)[0] == 201


def test_a_decommissioned_device_gets_no_key(api, lead):
    api.registry.devices["pump-7"] = msgspec.structs.replace(api.registry.devices["pump-7"], decommissioned=True)
    assert create_for_device(api, lead)[0] == 409


@pytest.mark.parametrize(("thing", "status"), [("pump-7", 201), ("fan-1", 403), ("unknown", 404)])
def test_keys_of_devices_outside_the_scope_are_not_to_be_had(api, lead, thing, status):
    assert create_for_device(api, lead, thing)[0] == status
    assert api.get(f"/devices/{thing}/keys", who=lead)[0] == (200 if status == 201 else status)


def test_a_device_that_may_not_be_seen_is_not_found_like_one_that_does_not_exist(api, lead):
    api.register("far-1", "plant-3")
    hidden, missing = (create_for_device(api, lead, thing) for thing in ("far-1", "far-2"))
    assert hidden[0] == missing[0] == 404
    assert hidden[1]["detail"].replace("far-1", "far-2") == missing[1]["detail"]


def test_a_key_of_another_device_or_app_is_not_found_below_a_device(api, root, lead):
    _, app = create(api, root)
    _, other = create_for_device(api, root, "fan-1")
    _, own = create_for_device(api, lead)
    for key in (app["id"], other["id"]):
        assert api.call("DELETE", f"/devices/pump-7/keys/{key}", who=lead)[0] == 404
        assert api.keys.keys[key].revoked_at is None
    assert api.get(f"/keys/{own['id']}", who=root)[0] == 404
    assert api.call("DELETE", f"/keys/{own['id']}", who=root)[0] == 404
    assert api.call("DELETE", f"/devices/pump-7/keys/{own['id']}", who=lead)[0] == 204
