"""devices, groups and models, against the real API's code over its in-memory adapters."""

import json
import time

import pytest

from functions.adapters.clock import SystemClock
from functions.domain.events import DeviceEvent
from functions.domain.ingest import Fault, QuarantineEntry
from tests.functions.api_harness import api_harness, person

NOW = time.time_ns() // 1_000_000


@pytest.fixture
def platform(signed_in, says):
    api = api_harness(SystemClock(), who=person("admin", name="ada"))

    def authorized(asked):
        path = asked.path.removeprefix("/v1")
        status, text = api.ask(
            asked.method, path, *asked.query, headers=dict(asked.headers), raw_body=asked.body.decode() or None
        )
        return says(status, text.encode(), {"content-type": api.headers.get("Content-Type", "application/json")})

    signed_in.authorized = authorized
    return api


@pytest.fixture
def press(platform, run):
    args = ("--model", "machine", "--group", "plant-1/line-2", "--name", "Press 9", "-t", "site=leeds", "-t", "url=a=b")
    run("devices", "create", "press-9", *args)
    return platform


def words(result):
    return [line.split() for line in result.stdout.splitlines() if line.strip()]


def test_a_device_is_created_found_changed_and_decommissioned(press, run):
    assert press.registry.devices["press-9"].tags == {"site": "leeds", "url": "a=b"}
    found = run("devices", "list", "-q", "pre", "-t", "site=leeds")
    assert [line[0] for line in words(found)[2:]] == ["press-9"]
    assert words(run("devices", "list", "--status", "online"))[2:] == []
    changed = run(
        "devices", "update", "press-9", "--group", "plant-2", "-t", "line=3", "--untag", "site", "--if-version", "1"
    )
    assert ["group", "plant-2"] in words(changed)
    assert press.registry.devices["press-9"].tags == {"line": "3", "url": "a=b"}
    assert (
        "changed meanwhile" in run("devices", "update", "press-9", "--name", "x", "--if-version", "1", fails=9).stderr
    )
    assert "Decommissioned press-9" in run("devices", "decommission", "press-9", "--if-version", "2").stdout
    assert words(run("devices", "list"))[2:] == []
    back = json.loads(run("devices", "create", "press-9", "-m", "climate", "-g", "plant-3", "--json").stdout)
    assert (back["version"], back["name"]) == (4, "press-9")


def test_a_name_that_is_taken_is_a_conflict(press, run):
    assert "taken" in run("devices", "create", "press-9", "-m", "climate", "-g", "plant-3", fails=9).stderr


@pytest.mark.parametrize(
    "args",
    [
        ("create", "Press", "-m", "machine", "-g", "p"),
        ("create", "press", "-m", "machine", "-g", "p//q"),
        ("create", "press", "-m", "machine", "-g", "p", "-t", "site"),
        ("create", "press", "-m", "machine", "-g", "p", "-t", "a=1", "-t", "a=2"),
        ("update", "press-9"),
        ("list", "--status", "asleep"),
        ("list", "--sort", "version"),
        ("list", "--tag", "=x"),
    ],
)
def test_what_cannot_be_is_refused_here(signed_in, run, args):
    run("devices", *args, fails=2)
    assert not signed_in.asked


def test_events_and_quarantine_of_a_device(press, run):
    raw = json.dumps({"v": 1, "boot": "b1", "at": NOW, "kind": "boot", "data": {"version": "1\u001b[2J"}}).encode()
    press.events.append(DeviceEvent("press-9", NOW, NOW, "boot", raw))
    fault = Fault("out_of_range", "at most 200 Cel", "temperature", NOW)
    press.quarantine.put([QuarantineEntry("press-9", NOW, b"{}", (fault,))])
    lines = words(run("devices", "events", "press-9", "--kind", "boot", "--from", "-1h"))
    assert lines[0] == ["When", "Kind", "Data"]
    assert "\x1b" not in run("devices", "events", "press-9").stdout
    assert json.loads(run("devices", "events", "press-9", "--json").stdout)["items"][0]["boot"] == "b1"
    assert words(run("devices", "events", "press-9", "--kind", "drop"))[2:] == []
    kept = run("devices", "quarantine", "press-9")
    assert "out_of_range" in kept.stdout
    assert "temperature: at most 200 Cel" in kept.stdout
    assert json.loads(run("devices", "quarantine", "press-9", "--json").stdout)["items"][0]["raw"] == "e30="


def test_the_tree_of_groups(press, run):
    run("groups", "create", "plant-1/line-3", "--title", "Line 3", "--description", "new")
    rows = [line[0] for line in words(run("groups", "list", "--recursive"))[2:]]
    assert rows == ["plant-1", "plant-1/line-2", "plant-1/line-3"]
    bounded = run("groups", "list", "-r", "--limit", "2")
    assert [line[0] for line in words(bounded)[2:]] == ["plant-1", "plant-1/line-2"]
    assert "more than 2" in bounded.stderr
    assert [one["group"] for one in json.loads(run("groups", "list", "--json").stdout)["items"]] == ["plant-1"]
    assert ["title", "The", "third"] in words(run("groups", "update", "plant-1/line-3", "--title", "The third"))
    assert json.loads(run("groups", "show", "plant-1/line-3", "--json").stdout)["description"] == "new"
    run("groups", "update", "plant-1/line-3", "--title", "x", "--if-version", "1", fails=9)
    run("groups", "update", "plant-1/line-3", fails=2)
    assert "not empty" in run("groups", "delete", "plant-1/line-2", fails=9).stderr
    run("groups", "delete", "plant-1/line-3")
    run("groups", "show", "plant-1/line-3", fails=4)
    run("groups", "show", "Plant 1", fails=2)


def test_models(platform, run):
    assert [line[0] for line in words(run("models", "list"))[2:]] == ["climate", "machine", "tracker"]
    shown = run("models", "show", "machine").stdout
    assert "vibration" in shown
    assert "on (boolean)" in shown
    assert "-40 … 200" in shown
    assert json.loads(run("models", "show", "machine", "--json").stdout)["fieldline:name"] == "machine"
    assert json.loads(run("models", "list", "--json").stdout)["cursor"] is None
    run("models", "show", "toaster", fails=4)


@pytest.mark.parametrize(
    ("role", "scope", "code", "by"),
    [("operator", "group:plant-1", 0, ["by", "operator", "over", "group:plant-1"]), ("viewer", "*", 5, ["by", "-"])],
)
def test_why_one_may_do_something_and_by_an_exit_code_whether(press, run, role, scope, code, by):
    press.who = person((role, scope), name="ada")
    result = run("why", "commands:send", "--device", "press-9", fails=code)
    assert by in words(result)
    assert ["over", "any", "of", "device:press-9,", "group:plant-1,", "group:plant-1/line-2,", "*"] in words(result)
    assert json.loads(run("why", "commands:send", "-g", "plant-1", "--json", fails=code).stdout)["allowed"] == (
        not code
    )


def test_why_of_a_device_that_one_may_not_see_tells_nothing_of_it(press, run):
    press.who = person(("admin", "group:plant-2"), name="ada")
    assert "or you may not see it" in run("why", "commands:send", "-d", "press-9", fails=4).stderr
    run("why", "commands:send", "-d", "press-9", "-g", "plant-1", fails=2)
