"""Rules through the API: documents in versions, over scopes that one may see and change."""

import pytest

from functions.adapters.memory_rules import MemoryShelf
from functions.domain.alarm_work import Refresh
from functions.errors import DeliveriesError
from tests.functions.api_harness import person
from tests.functions.conftest import NOW

ADMIN = person("admin")
OF_PLANT = person(("admin", "group:plant-1"), name="bob")
WARM = {
    "rule": "too-warm",
    "title": "Cold store too warm",
    "scope": "group:plant-1/line-2",
    "severity": "major",
    "when": {"metric": "temperature", "above": 8, "for": "5m"},
}


@pytest.fixture
def api(api):
    api.register("cold-1", "plant-1/line-2")
    api.register("cold-2", "plant-2")
    api.who = ADMIN
    return api


def install(api, document=WARM, who=ADMIN, **more):
    status, rule = api.call("POST", "/rules", body={"document": document, **more}, who=who)
    assert status == 201, rule
    return rule


def replace(api, document, version, who=ADMIN, **more):
    body = {"document": document, **more}
    return api.call("PUT", f"/rules/{document['rule']}", body=body, headers={"If-Match": f'"{version}"'}, who=who)


def refreshed(api):
    return [(one.scope, delay) for one, delay in api.alarms_queue.work if isinstance(one, Refresh)]


def test_a_rule_s_life_in_versions(api):
    made = install(api, origin="plant-rules")
    assert (made["id"], made["version"], made["origin"], made["default"]) == ("too-warm", 1, "plant-rules", False)
    assert made["document"]["when"] == {"metric": "temperature", "above": 8, "for_ms": 300_000}, "as it is kept"
    assert made["by"] == {"id": "user:ann", "name": "ann"}
    assert api.headers["ETag"] == '"1"'
    assert api.get("/rules/too-warm") == (200, made)
    assert api.call("POST", "/rules", body={"document": WARM})[0] == 409

    api.clock.now += 1000
    status, second = replace(api, WARM | {"severity": "critical"}, 1)
    assert (status, second["version"], second["severity"], second["origin"]) == (200, 2, "critical", "plant-rules")
    assert (second["created_at"], second["updated_at"]) == (NOW, NOW + 1000)
    assert replace(api, WARM | {"severity": "critical"}, 2) == (200, second), "nothing to change"
    assert replace(api, WARM, 1)[1]["type"] == "urn:fieldline:problem:changed-meanwhile"
    assert api.call("PUT", "/rules/too-warm", body={"document": WARM})[0] == 428
    assert api.call("DELETE", "/rules/too-warm", headers={"If-Match": '"1"'})[0] == 412
    assert api.call("DELETE", "/rules/too-warm", headers={"If-Match": '"2"'})[0] == 204
    assert api.get("/rules/too-warm")[0] == 404
    assert install(api)["version"] == 4

    _, page = api.get("/rules/too-warm/versions", ("limit", "3"))
    assert [(one["version"], one["deleted"]) for one in page["items"]] == [(4, False), (3, True), (2, False)]
    assert page["items"][1]["document"] is None
    _, rest = api.get("/rules/too-warm/versions", ("cursor", page["cursor"]))
    assert [one["version"] for one in rest["items"]] == [1]
    assert rest["items"][0]["document"] == made["document"]


def test_each_change_is_audited_and_has_the_devices_of_its_scopes_looked_at(api):
    install(api)
    replace(api, WARM | {"scope": "model:climate"}, 1)
    replace(api, WARM | {"scope": "model:climate"}, 2)
    api.call("DELETE", "/rules/too-warm")
    notes = [one for one in api.journal.notes if one.subject_kind == "rule"]
    assert [one.action for one in notes] == ["rule.create", "rule.update", "rule.delete"]
    assert (notes[1].before["scope"], notes[1].after["scope"]) == ("group:plant-1/line-2", "model:climate")
    assert notes[2].after is None
    first, second, *rest = refreshed(api)
    assert [first[0], second[0], *(scope for scope, _ in rest)] == [
        "group:plant-1/line-2",
        "group:plant-1/line-2",
        "model:climate",
        "model:climate",
    ]
    assert first[1] > 5, "when every function has read the change"


def test_of_a_change_that_nobody_could_be_told_of_nothing_is_made(api):
    api.alarms_queue.fails = True
    assert api.call("POST", "/rules", body={"document": WARM})[0] == 503
    assert api.rules.rules.kept == {}


def test_everything_that_is_wrong_with_a_document_is_told_at_once(api):
    wrong = WARM | {"severity": "terrible", "when": {"metric": "temperature", "above": "8"}, "colour": "red"}
    status, problem = api.call("POST", "/rules", body={"document": wrong})
    assert status == 400
    assert {one["field"] for one in problem["problems"]} == {"severity", "when.above", "colour"}
    assert problem["field"] in {one["field"] for one in problem["problems"]}
    status, checked = api.call("POST", "/rules/validate", body={"document": wrong})
    assert (status, checked["valid"], checked["document"]) == (200, False, None)
    assert checked["problems"] == problem["problems"]


def test_what_is_too_big_or_not_for_the_path_is_refused(api):
    install(api)
    parameters = {"text": "x" * 4000}
    big = WARM | {"rule": "big", "actions": [{"desire": parameters}] * 5}
    assert "16384 bytes" in api.call("POST", "/rules", body={"document": big})[1]["expected"]
    status, problem = api.call(
        "PUT", "/rules/too-warm", body={"document": WARM | {"rule": "other"}}, headers={"If-Match": '"1"'}
    )
    assert (status, problem["field"]) == (400, "rule")
    assert api.get("/rules/Too Warm!")[0] == 400


def test_a_metric_that_no_model_has_is_remarked_and_one_that_the_model_lacks_is_refused(api):
    strange = WARM | {"when": {"metric": "tmeperature", "above": 8}}
    assert [one["field"] for one in install(api, strange)["remarks"]] == ["when"]
    of_model = strange | {"rule": "of-model", "scope": "model:climate"}
    assert api.call("POST", "/rules", body={"document": of_model})[0] == 400
    assert api.call("POST", "/rules", body={"document": of_model | {"scope": "model:toaster"}})[1]["field"] == "scope"
    of_device = WARM | {"rule": "of-device", "scope": "device:cold-1", "when": {"metric": "vibration", "above": 1}}
    (remark,) = install(api, of_device)["remarks"]
    assert "climate" in remark["detail"], "machines have it, and this is none"
    (remark,) = install(api, of_device | {"rule": "of-none", "scope": "device:cold-9", "when": WARM["when"]})["remarks"]
    assert remark["field"] == "scope"


TELLS = WARM | {
    "actions": [{"notify": ["on-call", "on-cal"]}, {"desire": {"fan": {"on": True}}, "on": ["raised"]}],
    "escalation": [{"after": "15m", "notify": ["boss"]}],
}


def test_a_recipient_that_there_is_none_of_is_remarked_by_name(api):
    hook = {"id": "on-call", "name": "On call", "channel": "webhook", "address": "https://hooks.example.com/alarms"}
    assert api.call("POST", "/recipients", body=hook)[0] == 201
    told = [(one["field"], one["detail"].split(":")[0]) for one in install(api, TELLS)["remarks"]]
    assert told == [
        ("actions[0].notify", "there is no recipient 'on-cal'"),
        ("escalation[0].notify", "there is no recipient 'boss'"),
    ]
    assert len(replace(api, TELLS | {"escalation": []}, 1)[1]["remarks"]) == 1
    assert len(api.get("/rules/too-warm")[1]["remarks"]) == 1
    assert len(api.call("POST", "/rules/validate", body={"document": TELLS}, who=OF_PLANT)[1]["remarks"]) == 2


@pytest.mark.parametrize("who", [person("viewer"), person(("admin", "group:plant-2"), "viewer")])
def test_whoever_may_not_install_a_rule_does_not_learn_from_it_which_recipients_there_are(api, who):
    install(api, TELLS)
    assert api.get("/rules/too-warm", who=who)[1]["remarks"] == []
    assert api.call("POST", "/rules/validate", body={"document": TELLS}, who=who)[1]["remarks"] == []


def test_a_rule_is_installed_though_its_recipients_cannot_be_read(api, monkeypatch):
    def fails(ids):
        raise DeliveriesError("the table is away")

    monkeypatch.setattr(api.recipients, "find", fails)
    (remark,) = install(api, TELLS)["remarks"]
    assert (remark["field"], remark["detail"]) == (
        "actions[0].notify",
        "whether there are such recipients could not be read just now",
    )


@pytest.mark.parametrize("when", [WARM["when"], {"metric": "vibration", "above": 1}])
def test_whoever_may_not_see_a_device_learns_nothing_of_it_from_a_document(api, when):
    def said_of(thing, who):
        document = WARM | {"scope": f"device:{thing}", "when": when}
        return api.call("POST", "/rules/validate", body={"document": document}, who=who)[1]["remarks"]

    assert said_of("cold-2", OF_PLANT) == said_of("cold-9", OF_PLANT) == []
    assert said_of("cold-9", ADMIN)[0]["field"] == "scope"


def test_a_model_s_own_rules_are_shown_and_replaced_under_their_name(api):
    _, page = api.get("/rules")
    own = {one["id"]: one for one in page["items"]}
    assert "climate:no_data" in own
    default = own["climate:no_data"]
    assert (default["default"], default["version"], default["by"]) == (True, 0, None)
    assert api.get("/rules", ("defaults", "false"))[1]["items"] == []
    assert api.get("/rules/climate:no_data") == (200, default)
    assert api.get("/rules/climate:no_such")[0] == 404
    assert api.get("/rules/climate:no_data/versions")[1]["items"] == []
    assert api.call("DELETE", "/rules/climate:no_data")[0] == 409
    ours = install(api, {"rule": "climate:no_data", "enabled": False})
    assert (ours["scope"], ours["severity"], ours["enabled"], ours["version"]) == ("model:climate", None, False, 1)
    assert [one["default"] for one in api.get("/rules")[1]["items"] if one["id"] == "climate:no_data"] == [False]
    (remark,) = install(api, WARM | {"rule": "climate:no_such", "scope": "model:climate"})["remarks"]
    assert remark["field"] == "rule"


def test_whoever_administers_a_group_writes_rules_of_it_and_of_nothing_above(api):
    install(api, who=OF_PLANT)
    install(api, WARM | {"rule": "r2", "scope": "device:cold-1"}, who=OF_PLANT)
    for scope in ("*", "model:climate", "group:plant-2", "group:plant-10", "device:cold-2", "device:unheard"):
        status, _ = api.call("POST", "/rules", body={"document": WARM | {"rule": "r3", "scope": scope}}, who=OF_PLANT)
        assert status == 403, scope
    assert replace(api, WARM | {"scope": "*"}, 1, who=OF_PLANT)[0] == 403, "nor carries one out of it"
    install(api, WARM | {"rule": "r3", "scope": "*"})
    assert replace(api, WARM | {"rule": "r3", "scope": "group:plant-1"}, 1, who=OF_PLANT)[0] == 403, "nor into it"
    assert api.call("DELETE", "/rules/r3", who=OF_PLANT)[0] == 403
    install(api, WARM | {"rule": "r4", "scope": "group:plant-2"})
    assert api.call("DELETE", "/rules/r4", who=OF_PLANT)[0] == 404, "he may not even know of it"
    assert api.get("/rules/r4/versions", who=OF_PLANT)[0] == 404


@pytest.mark.parametrize(
    ("grant", "seen"),
    [
        ("*", "all"),
        ("group:plant-1", {"everything", "model", "plant", "line", "device"}),
        ("group:plant-1/line-2", {"everything", "model", "plant", "line", "device"}),
        ("group:plant-1/line-3", {"everything", "model", "plant"}),
        ("device:cold-1", {"everything", "model", "plant", "line", "device"}),
        ("device:cold-2", {"everything", "model", "other"}),
        ("group:plant-2", {"everything", "model", "other"}),
    ],
)
def test_one_sees_the_rules_that_concern_something_that_one_may_see(api, grant, seen):
    scopes = {
        "everything": "*",
        "model": "model:climate",
        "plant": "group:plant-1",
        "line": "group:plant-1/line-2",
        "device": "device:cold-1",
        "other": "group:plant-2",
    }
    for name, scope in scopes.items():
        install(api, WARM | {"rule": name, "scope": scope})
    who = person(("viewer", grant))
    listed = {one["id"] for one in api.get("/rules", ("defaults", "false"), who=who)[1]["items"]}
    assert listed == (set(scopes) if seen == "all" else seen)
    assert {name for name in scopes if api.get(f"/rules/{name}", who=who)[0] == 200} == listed


def test_a_list_comes_in_pages_and_by_scope_or_source(api):
    for number in range(7):
        origin = {"origin": "plant-rules"} if number % 2 else {}
        install(api, WARM | {"rule": f"r{number}", "scope": f"group:plant-{number % 3}"}, **origin)
    found, cursor = [], None
    while True:
        query = [("defaults", "false"), ("limit", "3"), *([("cursor", cursor)] if cursor else [])]
        _, page = api.get("/rules", *query)
        found += [one["id"] for one in page["items"]]
        cursor = page["cursor"]
        if cursor is None:
            break
    assert found == [f"r{number}" for number in range(7)]

    def ids(*query):
        return [one["id"] for one in api.get("/rules", *query)[1]["items"]]

    assert ids(("origin", "plant-rules")) == ["r1", "r3", "r5"]
    assert ids(("scope", "group:plant-2")) == ["r2", "r5"]
    assert "climate:no_data" in ids(("scope", "model:climate"))
    assert api.get("/rules", ("scope", "plant-2"))[0] == 400


def test_a_page_of_somebody_who_sees_few_looks_at_so_many_and_goes_on(api, monkeypatch):
    monkeypatch.setattr("functions.services.rules._SCANNED", 4)
    monkeypatch.setattr("functions.services.rules._AT_ONCE", 2)
    for number in range(9):
        install(api, WARM | {"rule": f"r{number}", "scope": "device:cold-2" if number < 8 else "device:cold-1"})
    who, cursor, pages = person(("viewer", "group:plant-1")), None, []
    while not pages or cursor:
        query = [("defaults", "false"), *([("cursor", cursor)] if cursor else [])]
        _, page = api.get("/rules", *query, who=who)
        pages.append([one["id"] for one in page["items"]])
        cursor = page["cursor"]
    assert pages == [[], [], ["r8"]]


def test_two_who_change_a_rule_at_once_do_not_overwrite_each_other(api, monkeypatch):
    install(api)
    monkeypatch.setattr(MemoryShelf, "save", lambda *_: False)
    monkeypatch.setattr(MemoryShelf, "delete", lambda *_: False)
    assert replace(api, WARM | {"severity": "minor"}, 1)[0] == 412
    assert api.call("DELETE", "/rules/too-warm")[0] == 412
    assert api.call("POST", "/rules", body={"document": WARM | {"rule": "new"}})[0] == 409
