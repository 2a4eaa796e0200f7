"""state and config on the command line, against the real API's code over in-memory adapters."""

import json
from types import SimpleNamespace

import pytest

from cli.commands import shadows as under_test
from functions.adapters.clock import SystemClock
from functions.domain.shadows import ShadowName
from tests.functions.api_harness import api_harness, person


@pytest.fixture
def platform(signed_in, says, monkeypatch):
    api = api_harness(SystemClock(), who=person("operator", name="ada"))
    api.register("press-4", "plant-1/line-2", "machine")

    def authorized(asked):
        path = asked.path.removeprefix("/v1")
        status, document = api.call(
            asked.method, path, *asked.query, headers=dict(asked.headers), raw_body=asked.body.decode()
        )
        return says(status, json.dumps(document or {}).encode(), {"content-type": api.headers.get("Content-Type", "")})

    signed_in.authorized = authorized
    api.script = []
    api.seconds = 0.0

    def pause(seconds):
        """In place of the time between two looks: what the device does meanwhile."""
        api.seconds += seconds
        if api.script:
            api.script.pop(0)()

    monkeypatch.setattr(under_test, "time", SimpleNamespace(monotonic=lambda: api.seconds, sleep=pause))
    return api


def wanted(api, name=ShadowName.STATE):
    return api.shadows.read("press-4", name).desired


def test_setting_an_actuator_gives_it_exactly_the_parameters_named(run, platform):
    run("state", "set", "press-4", "relay.on=true", "relay.for_s=5")
    assert wanted(platform) == {"relay": {"on": True, "for_s": 5}}
    result = run("state", "set", "press-4", "relay.on=false")
    assert wanted(platform) == {"relay": {"on": False}}
    assert ["relay", '{"on":', "false}", "yes"] in [line.split() for line in result.stdout.splitlines()]


def test_unset_takes_a_wish_back(run, platform):
    run("state", "set", "press-4", "relay.on=true")
    run("state", "set", "press-4", "--unset", "relay")
    assert wanted(platform) == {}


def test_settings_are_merged_and_listed_with_who_set_them(run, platform):
    run("config", "set", "press-4", "interval_ms=2000")
    run("config", "set", "press-4", "stop_on_overheat=false", "--json")
    assert wanted(platform, ShadowName.CONFIG) == {"interval_ms": 2000, "stop_on_overheat": False}
    history = json.loads(run("config", "history", "press-4", "--json").stdout)
    assert [(one["version"], one["set_by"]["name"]) for one in history["items"]] == [(2, "ada"), (1, "ada")]
    assert "ada" in run("config", "history", "press-4").stdout


def test_waiting_ends_when_the_device_reports_it(run, platform):
    platform.script = [
        lambda: None,
        lambda: platform.shadows.report("press-4", ShadowName.STATE, {"relay": {"on": True}}, 1),
    ]
    result = run("state", "set", "press-4", "relay.on=true", "--wait", "1m")
    assert ["in", "sync", "yes"] in [line.split() for line in result.stdout.splitlines()]


def test_waiting_in_vain_is_a_conflict_that_says_what_stays(run, platform):
    assert "stays desired" in run("state", "set", "press-4", "relay.on=true", "--wait", "5s", fails=9).stderr


def test_a_version_that_is_not_the_current_one_is_a_conflict(run, platform):
    run("state", "set", "press-4", "relay.on=true")
    assert "If-Match" in run("state", "set", "press-4", "relay.on=false", "--if-version", "0", fails=9).stderr
    assert wanted(platform) == {"relay": {"on": True}}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("relay=true",), "ACTUATOR.PARAMETER=VALUE"),
        (("relay.on",), "NAME=VALUE"),
        ((), "at least one value"),
        (("relay.on=true", "--wait", "soon"), "--wait"),
    ],
)
def test_what_cannot_be_meant_is_said_before_anything_is_asked(run, platform, arguments, said):
    assert said in run("state", "set", "press-4", *arguments, fails=2).stderr
    assert platform.shadows.read("press-4", ShadowName.STATE) is None


def test_what_the_model_refuses_is_told_by_its_field(run, platform):
    assert "values.relay.on" in run("state", "set", "press-4", "relay.on=5", fails=1).stderr
