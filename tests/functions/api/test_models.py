"""Device models through the API."""

import json

import pytest

from contract import models
from contract.models import shipped
from functions.domain.alarm_work import Refresh
from tests.functions.api_harness import person

ADMIN = person("admin")


def document(name="climate", **changed):
    return json.loads(models.encode(shipped()["climate"])) | {"fieldline:name": name} | changed


def save(api, wanted, tag=None, *query):
    headers = {} if tag is None else {"If-Match": tag}
    path = f"/models/{wanted['fieldline:name']}"
    return api.call("PUT", path, *query, body=wanted, headers=headers, who=ADMIN)


def tag_of(api, name="climate"):
    assert api.get(f"/models/{name}")[0] == 200
    return api.headers["ETag"]


def without(metric, **changed):
    wanted = document(**changed)
    rules = {key: one for key, one in wanted["fieldline:rules"].items() if metric not in json.dumps(one)}
    kept = {key: one for key, one in wanted["properties"].items() if metric not in f"{key} {json.dumps(one)}"}
    return wanted | {"properties": kept, "fieldline:rules": rules}


def install(api, rule, scope, metric="humidity"):
    wanted = {"rule": rule, "scope": scope, "severity": "minor", "when": {"metric": metric, "above": 1}}
    assert api.call("POST", "/rules", body={"document": wanted}, who=ADMIN)[0] == 201


def test_the_models_of_this_deployment(api):
    status, body = api.get("/models")
    assert (status, body["cursor"]) == (200, None)
    assert [one["name"] for one in body["items"]] == sorted(shipped())
    (machine,) = [one for one in body["items"] if one["name"] == "machine"]
    assert (machine["version"], machine["interval_ms"], machine["actuators"]) == ("1.0.0", 5000, ["relay"])
    assert "vibration" in machine["metrics"]


@pytest.mark.parametrize("name", sorted(shipped()))
def test_a_model_is_shown_as_the_thing_model_that_it_was_read_from(api, name):
    status, body = api.get(f"/models/{name}", who=person(("viewer", "device:pump-1")))
    assert status == 200
    assert models.decode(json.dumps(body).encode()) == shipped()[name]


def test_a_model_has_a_tag_that_stays_as_long_as_it_does(api):
    def tag(name):
        api.get(f"/models/{name}")
        return api.headers["ETag"]

    assert tag("machine") == tag("machine") != tag("climate")


@pytest.mark.parametrize(("path", "status"), [("/models/toaster", 404), ("/models/%2e%2e", 400)])
def test_a_model_that_there_is_not(api, path, status):
    assert api.get(path)[0] == status


def test_a_stored_version_takes_the_place_of_the_shipped_model_until_it_is_deleted(api):
    was = tag_of(api)
    status, saved = save(api, document(title="Ours"), was)
    assert (status, saved["title"]) == (200, "Ours")
    assert api.headers["ETag"] != was
    now = tag_of(api)
    assert save(api, document(title="Ours"), now)[0] == 200, "the same again"
    assert save(api, document(title="Mine"), was)[1]["type"] == "urn:fieldline:problem:changed-meanwhile"
    assert save(api, document(title="Mine"))[0] == 428
    assert save(api, document(title="Mine"), now)[0] == 200
    (listed,) = [one for one in api.get("/models")[1]["items"] if one["name"] == "climate"]
    assert (listed["title"], listed["stored"]) == ("Mine", 2)

    assert api.call("DELETE", "/models/climate", who=ADMIN)[0] == 204
    assert tag_of(api) == was
    assert api.call("DELETE", "/models/climate", who=ADMIN)[0] == 409
    _, page = api.get("/models/climate/versions")
    told = [(one["version"], one["deleted"]) for one in page["items"]]
    assert told == [(3, True), (2, False), (1, False)]
    assert page["items"][1]["document"]["title"] == "Mine"
    notes = [one for one in api.journal.notes if one.subject_kind == "model"]
    assert [one.action for one in notes] == ["model.update", "model.update", "model.delete"]
    assert (notes[0].before["title"], notes[0].after["title"]) == (shipped()["climate"].title, "Ours")
    assert {one.scope for one, _ in api.alarms_queue.work if isinstance(one, Refresh)} == {"model:climate"}


def test_a_new_model_is_known_at_once_wherever_models_are(api):
    assert save(api, document("boiler"), '"7"')[0] == 412
    assert save(api, document("boiler"))[0] == 200
    assert "boiler" in [one["name"] for one in api.get("/models")[1]["items"]]
    device = {"id": "boiler-1", "name": "Boiler", "model": "boiler", "group": "plant-1"}
    assert api.call("POST", "/devices", body=device, who=ADMIN)[0] == 201
    assert "boiler-1" in api.call("DELETE", "/models/boiler", who=ADMIN)[1]["detail"]
    install(api, "r1", "model:boiler")
    assert "r1" in api.call("DELETE", "/models/boiler", who=ADMIN)[1]["detail"]
    assert api.call("DELETE", "/models/boiler", ("force", "true"), who=ADMIN)[0] == 204
    assert api.get("/models/boiler")[0] == 404


def test_a_version_without_a_metric_that_installed_rules_name_is_refused_with_their_list_unless_forced(api):
    install(api, "of-model", "model:climate")
    install(api, "of-all", "*")
    install(api, "of-another", "*", "temperature")
    tag = tag_of(api)
    status, problem = save(api, without("humidity"), tag)
    assert status == 409
    assert "of-model" in problem["detail"]
    assert "of-all" in problem["detail"]
    assert "of-another" not in problem["detail"]
    assert tag_of(api) == tag
    assert save(api, without("humidity"), tag, ("force", "true"))[0] == 200
    install(api, "of-absent", "group:plant-1")
    assert save(api, without("humidity", title="Dry"), tag_of(api))[0] == 409, "those of its scope stay broken"


def test_what_another_model_has_too_breaks_only_the_rules_of_the_model(api):
    assert "humidity" not in shipped()["machine"].metrics
    assert save(api, document("boiler"))[0] == 200
    install(api, "of-all", "*")
    assert save(api, without("humidity"), tag_of(api))[0] == 200


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"fieldline:intervalMs": 0}, "fieldline:intervalMs"),
        ({"properties": {}}, "properties"),
        ({"colour": "red"}, "colour"),
        ({"fieldline:name": "other"}, "fieldline:name"),
        ({"title": "x" * 140_000}, "body"),
    ],
)
def test_a_document_that_is_no_model_is_refused(api, changed, field):
    status, problem = api.call("PUT", "/models/boiler", body=document("boiler", **changed), who=ADMIN)
    assert (status, problem["field"]) == (400, field)


def test_a_model_takes_a_role_over_everything(api):
    whole_plant = person(("admin", "group:plant-1"))
    assert api.call("PUT", "/models/boiler", body=document("boiler"), who=whole_plant)[0] == 403
    assert api.call("DELETE", "/models/climate", who=whole_plant)[0] == 403
