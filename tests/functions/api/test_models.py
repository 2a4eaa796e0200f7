"""Device models through the API."""

import json

import pytest

from contract import models
from contract.models import shipped
from tests.functions.api_harness import person


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
