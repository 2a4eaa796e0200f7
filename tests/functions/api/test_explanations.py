"""Where rules stand on a device, through the API."""

import pytest
from msgspec.structs import replace

from functions.domain.engine.inputs import Input
from functions.domain.series import Point
from functions.domain.state import DeviceState
from tests.functions.api_harness import person
from tests.functions.conftest import NOW

WARM = {
    "rule": "warm",
    "title": "Too warm",
    "scope": "group:plant-1",
    "severity": "major",
    "when": {"metric": "temperature", "above": 8},
    "clear": {"metric": "temperature", "below": 5},
}


@pytest.fixture
def api(api):
    api.register("cold-1")
    api.who = person("admin")
    assert api.call("POST", "/rules", body={"document": WARM})[0] == 201
    return api


def heard(api, value, seq=0):
    """A message, as ingest has rules see it."""
    now = api.clock.now
    api.store.write([Point("cold-1", "temperature", now, value, "good", late=False, received_at=now)])
    before = api.world.states.get("cold-1", DeviceState())
    program = api.rulebook.of(["cold-1"])["cold-1"].program
    outcome = program.run("cold-1", before, [Input("b", seq, now, now, ((now, {"temperature": value}),))], None)
    becomes = replace(before, version=before.version + 1, rules=outcome.rules, alarms=outcome.alarms)
    api.world.states["cold-1"] = becomes


def test_the_rules_of_a_device_with_where_each_stands(api):
    heard(api, 9.0)
    api.clock.now += 60_000
    status, told = api.get("/devices/cold-1/rules", who=person(("viewer", "device:cold-1")))
    assert (status, told["device"], told["now"]) == (200, "cold-1", NOW + 60_000)
    items = {one["rule"]: one for one in told["items"]}
    assert items["warm"] == {
        "rule": "warm",
        "title": "Too warm",
        "scope": "group:plant-1",
        "version": 1,
        "default": False,
        "outlook": "active",
        "alarm": "cold-1.1",
        "since": NOW,
        "severity": "major",
        "reasons": ["not cleared: temperature below 5: it was 9 at 16:00:00"],
    }
    assert (items["climate:no_data"]["default"], items["climate:no_data"]["outlook"]) == (True, "inactive")


def test_why_a_rule_has_fired_and_why_it_had_not_before(api):
    heard(api, 7.0)
    api.clock.now += 60_000
    heard(api, 9.0, seq=1)
    status, now = api.get("/devices/cold-1/rules/warm/explain")
    assert (status, now["replayed"], now["outlook"], now["alarm"]) == (200, False, "active", "cold-1.1")
    assert now["bands"][0]["when"]["value"] == 9
    assert now["bands"][0]["clear"]["verdict"] == "false"
    assert now["document"]["rule"] == "warm"
    status, then = api.get("/devices/cold-1/rules/warm/explain", ("at", "-1m"))
    assert (status, then["replayed"], then["outlook"], then["at"]) == (200, True, "inactive", NOW)
    assert then["reasons"] == ["temperature above 8: it was 7 at 16:00:00"]
    assert then["bands"][0]["clear"] is None


@pytest.mark.parametrize(
    ("path", "query", "status"),
    [
        ("/devices/cold-1/rules/never/explain", [], 404),
        ("/devices/cold-9/rules/warm/explain", [], 404),
        ("/devices/cold-9/rules", [], 404),
        ("/devices/cold-1/rules/warm/explain", [("at", "soon")], 400),
        ("/devices/cold-1/rules/warm/explain", [("at", str(NOW + 1))], 400),
        ("/devices/cold-1/rules/No%20Rule/explain", [], 400),
    ],
)
def test_what_cannot_be_explained_is_refused(api, path, query, status):
    assert api.get(path, *query)[0] == status


def test_a_disabled_rule_has_nothing_to_explain(api):
    off = {"rule": "climate:no_data", "enabled": False}
    assert api.call("POST", "/rules", body={"document": off})[0] == 201
    status, told = api.get("/devices/cold-1/rules/climate:no_data/explain")
    assert (status, told["outlook"], told["at"], told["bands"]) == (200, "disabled", None, [])
    assert api.get("/devices/cold-1/rules/climate:no_data/explain", ("at", "-1m"))[1]["outlook"] == "disabled"
