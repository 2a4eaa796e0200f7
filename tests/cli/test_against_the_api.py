"""The command line against the real API's code over its in-memory adapters, so that the two cannot drift apart."""

import json
import time

import pytest

from functions.adapters.clock import SystemClock
from functions.domain.presence import Presence, Status
from functions.domain.series import Point
from functions.domain.state import Counters, DeviceState, Latest
from tests.functions.api_harness import api_harness, person

HOUR = 3_600_000
NOW = time.time_ns() // 1_000_000
START = NOW - NOW % HOUR - 2 * HOUR


@pytest.fixture
def platform(signed_in, says):
    """Three devices of plant 1 and one of plant 2; press-4 was heard every second for 2,500 seconds."""
    api = api_harness(SystemClock(), who=person("viewer", name="ada"))
    for thing, model, group in (
        ("press-4", "machine", "plant-1/line-2"),
        ("press-5", "machine", "plant-1/line-2"),
        ("hall", "climate", "plant-1"),
        ("yard", "climate", "plant-2"),
    ):
        api.register(thing, group, model, f"The {thing}")
    rejected = api.store.write(
        [
            Point("press-4", "temperature", START + n * 1000, 20.0 + n % 60, "good", late=False, received_at=NOW)
            for n in range(2500)
        ]
    )
    assert not rejected
    heard = SystemClock().now_ms() - 90_000  # the command tells ages by its own clock, and the module may be old
    latest = {
        "temperature": Latest(heard, 61.5, "good"),
        "relay": Latest(heard, value=True, q="good"),
        "made_up": Latest(heard, "x", "stale", unmodeled=True),
    }
    api.world.states["press-4"] = DeviceState(1, latest, (), Counters(messages=12, points=24, late=1))
    api.world.presences["press-4"] = Presence(status=Status.ONLINE, since=NOW - 2 * HOUR)
    api.world.quarantined["press-4"] = {"out_of_range": 2}
    api.asked = signed_in.asked

    def authorized(asked):
        path = asked.path.removeprefix("/v1")
        status, document = api.call(asked.method, path, *asked.query, headers=dict(asked.headers), raw_body=asked.body)
        content_type = api.headers.get("Content-Type", "application/json")
        body = document if isinstance(document, str) else json.dumps(document)
        return says(status, (body or "").encode(), {"content-type": content_type})

    signed_in.authorized = authorized
    return api


def words(result):
    return [line.split() for line in result.stdout.splitlines() if line.strip()]


def test_who_i_am_and_what_i_may(run, platform):
    assert ["name", "ada"] in words(run("whoami"))
    assert ["viewer", "*"] in words(run("whoami"))


def test_devices_by_group_and_model(run, platform):
    shown = words(run("devices", "list", "--group", "plant-1", "--model", "machine"))
    assert shown[2:] == [
        ["press-4", "The", "press-4", "machine", "plant-1/line-2", "online,", "stale", "1", "min", "ago"],
        ["press-5", "The", "press-5", "machine", "plant-1/line-2", "unknown", "-"],
    ]


def test_devices_page_by_page(run, platform):
    items = json.loads(run("devices", "list", "--limit", "3", "--json").stdout)
    assert (len(items["items"]), bool(items["cursor"])) == (3, True)
    assert len(json.loads(run("devices", "list", "--json").stdout)["items"]) == 4


def test_a_device_with_latest_values_presence_and_counts(run, platform):
    shown = words(run("devices", "show", "press-4"))
    for line in (
        ["group", "plant-1/line-2"],
        ["decommissioned", "no"],
        ["status", "online"],
        ["since", "2", "h", "ago"],
        ["temperature", "61.5", "°C", "1", "min", "ago", "good"],
        ["relay", "on", "1", "min", "ago", "good"],
        ["made_up", "x", "1", "min", "ago", "stale,", "unmodeled"],
        ["late", "1"],
        ["out_of_range", "2"],
    ):
        assert line in shown


def test_every_raw_point_over_several_pages(run, platform):
    platform.asked.clear()
    given = run("telemetry", "press-4", "temperature", "--since", str(START), "--csv").stdout.splitlines()[1:]
    assert [line.split(",")[1:4] for line in given] == [
        [str(START + n * 1000), "temperature", str(20.0 + n % 60)] for n in range(2500)
    ]
    assert len(platform.asked) == 3


def test_bins_with_the_unit_of_the_model(run, platform):
    args = ("--since", str(START), "--until", str(START + 10 * 60_000), "--bin", "5m", "--agg", "avg,min,max,count")
    shown = words(run("telemetry", "press-4", "temperature", *args))
    assert shown[0][2:] == ["avg", "(°C)", "min", "(°C)", "max", "(°C)", "count"]
    assert [line[1:] for line in shown[2:]] == [["49.5", "20", "79", "300"]] * 2


@pytest.mark.parametrize("length", ["250ms", "1s", "90s", "1h30m", "1w"])
def test_the_api_understands_every_bin_that_the_command_line_takes(run, platform, length):
    args = ("--since", str(START), "--until", str(START + 60_000), "--bin", length, "--json")
    assert json.loads(run("telemetry", "press-4", "temperature", *args).stdout)["items"]


def test_a_refusal_of_the_api_is_told_once_with_its_request(run, platform):
    stderr = run("telemetry", "press-4", "temperature", "--since", "90d", "--bin", "1s", fails=1).stderr
    assert stderr.startswith("error: bin: expected at most")
    assert stderr.endswith(" (request request-1)\n")
    assert stderr.count("expected") == 1


def test_a_device_that_is_not_there(run, platform):
    assert "press-9" in run("devices", "show", "press-9", fails=4).stderr
    run("telemetry", "press-9", "temperature", fails=4)


def test_somebody_without_a_role(run, platform):
    platform.who = person()
    assert "devices:read needs one of the roles" in run("devices", "list", fails=5).stderr


def test_what_is_deployed(run, platform):
    shown = words(run("system"))
    assert ["stage", "dev"] in shown
    assert ["retention_days", "90"] in shown
    assert json.loads(run("system", "--json").stdout)["api"] == "v1"
