from contextlib import contextmanager

import msgspec
import pytest

from functions.domain.audit import Actor
from functions.domain.live import Kind
from functions.domain.shadows import ShadowName
from functions.errors import ShadowError
from tests.functions.api_harness import person

OPERATOR = person(("operator", "group:plant-1"))


@pytest.fixture
def machine(api):
    api.register("press-4", group="plant-1/line-2", model="machine")
    api.who = OPERATOR
    return api


def desire(api, path="/devices/press-4/state", headers=None, **values):
    return api.call("PATCH", path, body={"values": values}, headers=headers)


@contextmanager
def told(api):
    """What the shadows are updated with meanwhile."""
    patches, update = [], api.shadows.update

    def noted(thing, name, patch, version):
        patches.append(patch)
        return update(thing, name, patch, version)

    api.shadows.update = noted
    yield patches
    api.shadows.update = update


def test_what_nobody_ever_set_is_empty_and_in_sync(machine):
    status, body = machine.get("/devices/press-4/state")
    assert (status, machine.headers["ETag"]) == (200, '"0"')
    assert body == {
        "device": "press-4",
        "desired": {"values": {}, "version": 0, "set_by": None, "set_at": None, "sent": True},
        "reported": {"values": {}, "rejected": {}, "at": None},
        "delta": {},
        "in_sync": True,
    }


def test_a_wish_reaches_the_shadow_and_is_in_sync_once_the_device_reports_it(machine):
    status, body = desire(machine, relay={"on": True})
    assert (status, body["desired"]["version"], body["desired"]["sent"]) == (200, 1, True)
    assert body["desired"]["set_by"] == {"id": "user:ann", "name": "ann"}
    assert (body["delta"], body["in_sync"]) == ({"relay": {"on": True}}, False)
    assert machine.shadows.read("press-4", ShadowName.STATE).desired == {"relay": {"on": True}}
    machine.shadows.report("press-4", ShadowName.STATE, {"relay": {"on": True}}, machine.clock.now)
    body = machine.get("/devices/press-4/state")[1]
    assert (body["delta"], body["in_sync"]) == ({}, True)
    assert body["reported"] == {"values": {"relay": {"on": True}}, "rejected": {}, "at": machine.clock.now}


def test_parameters_of_a_former_wish_do_not_stay(machine):
    desire(machine, relay={"on": True, "for_s": 5})
    desire(machine, relay={"on": False})
    assert machine.shadows.read("press-4", ShadowName.STATE).desired == {"relay": {"on": False}}


def test_settings_are_merged_and_null_takes_one_out(machine):
    desire(machine, "/devices/press-4/config", interval_ms=2000, stop_on_overheat=False)
    status, body = desire(machine, "/devices/press-4/config", interval_ms=None)
    assert (status, body["desired"]["values"]) == (200, {"stop_on_overheat": False})


def test_history_tells_who_set_what_newest_first(machine):
    desire(machine, relay={"on": True})
    machine.clock.now += 1000
    machine.who = person("admin", name="eve")
    desire(machine, relay={"on": False})
    first = machine.get("/devices/press-4/state/history", ("limit", "1"))[1]
    second = machine.get("/devices/press-4/state/history", ("limit", "1"), ("cursor", first["cursor"]))[1]
    told = [(one["version"], one["set_by"]["name"], one["values"]) for one in (*first["items"], *second["items"])]
    assert told == [(2, "eve", {"relay": {"on": False}}), (1, "ann", {"relay": {"on": True}})]
    assert second["cursor"] is None


def test_the_same_wish_again_makes_no_new_version(machine):
    desire(machine, relay={"on": True})
    assert desire(machine, relay={"on": True})[1]["desired"]["version"] == 1
    assert len(machine.journal.notes) == 1


def test_a_shadow_that_was_not_told_is_told_when_the_same_is_asked_for_again(machine, monkeypatch):
    with monkeypatch.context() as broken:

        def fail(*_):
            raise ShadowError("no answer")

        broken.setattr(machine.shadows, "update", fail)
        assert desire(machine, relay={"on": True})[0] == 503
    assert machine.get("/devices/press-4/state")[1]["desired"]["sent"] is False
    assert desire(machine, relay={"on": True})[1]["desired"]["sent"] is True
    assert machine.shadows.read("press-4", ShadowName.STATE).desired == {"relay": {"on": True}}


def test_the_same_wish_again_is_told_again_to_a_device_that_is_no_longer_as_wished(machine):
    """A command has moved it, or it started anew in its safe state: the agent acts upon each telling once."""
    desire(machine, relay={"on": True})
    machine.shadows.report("press-4", ShadowName.STATE, {"relay": {"on": False}}, machine.clock.now)
    with told(machine) as patches:
        assert desire(machine, relay={"on": True})[1]["desired"]["version"] == 1
    assert patches == [{"relay": {"on": True}}]
    assert len(machine.journal.notes) == 1


def test_a_device_that_is_as_wished_is_not_told_again_nor_what_was_not_named(machine):
    path = "/devices/press-4/config"
    desire(machine, path, interval_ms=2000, stop_on_overheat=False)
    reported = {"interval_ms": 2000, "stop_on_overheat": True}
    machine.shadows.report("press-4", ShadowName.CONFIG, reported, machine.clock.now)
    with told(machine) as patches:
        assert desire(machine, path, interval_ms=2000)[0] == 200
        assert patches == []
        assert desire(machine, path, stop_on_overheat=False)[0] == 200
    assert patches == [{"stop_on_overheat": False}]


def test_of_two_first_wishes_at_once_the_shadow_has_the_later_one(machine, monkeypatch):
    update = machine.shadows.update

    def behind_another(*args):
        monkeypatch.setattr(machine.shadows, "update", update)
        actor = Actor(OPERATOR, "request-2", "192.0.2.1")
        machine.services.shadows.desire(actor, "press-4", ShadowName.STATE, {"relay": {"on": False}}, None)
        return update(*args)

    monkeypatch.setattr(machine.shadows, "update", behind_another)
    assert desire(machine, relay={"on": True})[0] == 200
    assert machine.get("/devices/press-4/state")[1]["desired"]["values"] == {"relay": {"on": False}}
    assert machine.shadows.read("press-4", ShadowName.STATE).desired == {"relay": {"on": False}}


def test_whoever_makes_the_shadow_and_is_cut_off_then_has_overwritten_nothing(machine, monkeypatch):
    read, update = machine.shadows.read, machine.shadows.update

    def slowly(*args):
        monkeypatch.setattr(machine.shadows, "update", update)
        assert desire(machine, relay={"on": False})[0] == 200
        update(*args)
        monkeypatch.setattr(machine.shadows, "read", cut_off)

    def cut_off(*_):
        monkeypatch.setattr(machine.shadows, "read", read)
        raise ShadowError("the function was ended")

    monkeypatch.setattr(machine.shadows, "update", slowly)
    assert desire(machine, relay={"on": True})[0] == 503
    assert machine.shadows.read("press-4", ShadowName.STATE).desired == {"relay": {"on": False}}


@pytest.mark.parametrize("room", ["state", "config"])
def test_nothing_is_wished_of_a_decommissioned_device(machine, room):
    wished = {"state": {"relay": {"on": True}}, "config": {"interval_ms": 2000}}[room]
    gone = msgspec.structs.replace(machine.registry.devices["press-4"], decommissioned=True)
    machine.registry.devices["press-4"] = gone
    assert desire(machine, f"/devices/press-4/{room}", **wished)[0] == 409
    machine.registry.devices["press-4"] = msgspec.structs.replace(gone, decommissioned=False)
    assert desire(machine, f"/devices/press-4/{room}", **wished)[0] == 200


def test_a_change_made_on_an_old_version_is_refused(machine):
    desire(machine, relay={"on": True})
    assert desire(machine, headers={"If-Match": '"0"'}, relay={"on": False})[0] == 412
    assert desire(machine, headers={"If-Match": '"1"'}, relay={"on": False})[0] == 200
    assert desire(machine, headers={"If-Match": "1"}, relay={"on": True})[0] == 400


def test_a_change_is_audited_with_what_was_there_before(machine):
    desire(machine, relay={"on": True})
    desire(machine, relay={"on": False})
    note = machine.journal.notes[-1]
    assert (note.action, note.subject_kind, note.subject_id) == ("state.desire", "device", "press-4")
    assert (note.before, note.after) == ({"relay": {"on": True}}, {"relay": {"on": False}})
    assert note.actor.principal == OPERATOR


def test_watchers_are_told(machine):
    desire(machine, relay={"on": True})
    (event,) = machine.live.of(Kind.STATE)
    assert (event.thing, event.group, event.data["delta"]) == ("press-4", "plant-1/line-2", {"relay": {"on": True}})


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"values": {"relay": {"on": "yes"}}}, "values.relay.on"),
        ({"values": {"pump": {}}}, "values.pump"),
        ({"values": []}, "values"),
        ({"values": {}, "set_by": "eve"}, "set_by"),
        ({}, "values"),
    ],
)
def test_what_cannot_be_wished_is_named(machine, body, field):
    status, problem = machine.call("PATCH", "/devices/press-4/state", body=body)
    assert (status, problem["field"]) == (400, field)


@pytest.mark.parametrize("room", ["state", "config"])
@pytest.mark.parametrize(
    ("who", "read", "write"),
    [
        (person("viewer"), 200, 403),
        (person(("operator", "device:press-4")), 200, 200),
        (person(("admin", "group:plant-2")), 404, 404),
        (person(("operator", "group:plant-2"), ("viewer", "group:plant-1")), 200, 403),
    ],
)
def test_only_within_the_scope(machine, room, who, read, write):
    path = f"/devices/press-4/{room}"
    assert machine.get(path, who=who)[0] == read
    assert machine.get(f"{path}/history", who=who)[0] == read
    assert machine.call("PATCH", path, body={"values": {}}, who=who)[0] == write


def test_a_device_outside_the_scope_looks_like_one_that_does_not_exist(machine):
    outsider = person(("admin", "group:plant-2"))
    there, nowhere = (machine.get(f"/devices/{name}/state", who=outsider)[1] for name in ("press-4", "press-5"))
    assert there["detail"].replace("press-4", "press-5") == nowhere["detail"]
