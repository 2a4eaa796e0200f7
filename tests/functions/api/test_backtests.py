"""Backtests through the API: asked for, done elsewhere, looked at."""

import pytest

from functions.domain.alarm_work import Backtest
from functions.domain.series import Point
from functions.services.backtests import RunBacktest
from tests.functions.api_harness import person
from tests.functions.conftest import NOW

MINUTE = 60_000
WARM = {
    "rule": "warm",
    "scope": "group:plant-1",
    "severity": "major",
    "when": {"metric": "temperature", "above": 8},
}


@pytest.fixture
def api(api):
    api.register("cold-1")
    api.who = person("admin")
    values = [7.0, 9.0, 12.0, 7.0]
    points = [
        Point("cold-1", "temperature", ts, value, "good", late=False, received_at=ts)
        for ts, value in ((NOW - (4 - at) * MINUTE, value) for at, value in enumerate(values))
    ]
    api.store.write(points)
    return api


def ask(api, **asked):
    return api.call("POST", "/rules/backtests", body={"device": "cold-1", "from": NOW - 10 * MINUTE, **asked})


def test_what_a_document_would_have_found_beside_the_installed_rule(api):
    assert api.call("POST", "/rules", body={"document": WARM})[0] == 201
    status, job = ask(api, document=WARM | {"when": {"metric": "temperature", "above": 11}})
    assert (status, job["state"], job["result"], job["to"]) == (202, "QUEUED", None, NOW)
    assert (job["rule"]["when"]["above"], job["installed_version"]) == (11, 1)
    assert [work for work, _ in api.backtests_queue.work] == [Backtest(id=job["id"])]
    RunBacktest(api.backtests, api.store, api.clock).run(job["id"])
    status, done = api.get(f"/rules/backtests/{job['id']}", who=person(("viewer", "device:cold-1")))
    assert (status, done["state"], done["problem"]) == (200, "DONE", None)
    found = done["result"]
    assert found["samples"] == 4
    first, second = found["tested"]["transitions"]
    assert (first["kind"], first["at"], first["value"]) == ("raised", NOW - 2 * MINUTE, 12)
    assert (second["kind"], second["since"], second["peak"]) == ("cleared", NOW - 2 * MINUTE, 12)
    assert found["installed"]["alarms"][0]["raised_at"] == NOW - 3 * MINUTE
    (changed,) = found["difference"]["changes"]
    assert changed["tested"] == found["tested"]["alarms"][0]
    assert (found["difference"]["changed"], found["difference"]["same"]) == (1, 0)


@pytest.mark.parametrize(
    ("asked", "status", "field"),
    [
        ({}, 400, "rule"),
        ({"rule": "warm", "document": WARM}, 400, "rule"),
        ({"rule": "Not A Rule"}, 400, "rule"),
        ({"rule": "never"}, 404, None),
        ({"rule": "climate:no_data", "device": "cold-9"}, 404, None),
        ({"rule": "climate:no_data", "from": NOW, "to": NOW}, 400, "from"),
        ({"document": {"rule": "x"}}, 400, "scope"),
    ],
)
def test_what_cannot_be_tested_is_refused(api, asked, status, field):
    told = ask(api, **asked)
    assert (told[0], told[1].get("field")) == (status, field)
    assert api.backtests_queue.work == []


def test_a_backtest_that_there_is_not(api):
    assert api.get("/rules/backtests/01AAAAAAAAAAAAAAAAAAAAAAAA")[0] == 404
