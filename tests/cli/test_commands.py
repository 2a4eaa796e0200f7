"""Commands on the command line, against the real API's code over in-memory adapters."""

import json

import pytest

from cli.commands import commands as under_test
from functions.adapters.clock import SystemClock
from functions.domain.commands import Outcome, Response, Status
from tests.functions.api_harness import api_harness, person


@pytest.fixture
def platform(signed_in, says, monkeypatch):
    api = api_harness(SystemClock(), who=person("operator", name="ada"))
    for thing, model in (("press-4", "machine"), ("press-5", "machine"), ("hall", "climate")):
        api.register(thing, "plant-1/line-2", model)

    def authorized(asked):
        path = asked.path.removeprefix("/v1")
        status, document = api.call(
            asked.method, path, *asked.query, headers=dict(asked.headers), raw_body=asked.body.decode()
        )
        return says(status, json.dumps(document or {}).encode(), {"content-type": api.headers.get("Content-Type", "")})

    signed_in.authorized = authorized
    api.script = []
    # In place of the time between two looks: what the world does meanwhile.
    monkeypatch.setattr(under_test.time, "sleep", lambda _: api.script.pop(0)() if api.script else None)
    return api


def only(api):
    (command,) = api.commands.commands.values()
    return command


def sent(api):
    command, now = only(api), api.clock.now_ms()
    api.commands.save(command, command.attempting(now).published(now, now, Outcome.PUBLISHED))


def answered(api, status, **more):
    command, now = only(api), api.clock.now_ms()
    api.commands.save(command, command.heard(Response(status=Status(status), at=now, received_at=now, **more)).command)


@pytest.mark.parametrize(
    ("status", "code"), [("SUCCEEDED", 0), ("FAILED", 20), ("REJECTED", 21), ("EXPIRED", 23)], ids=str
)
def test_following_a_command_prints_its_steps_and_exits_by_its_end(platform, run, status, code):
    platform.script = [
        lambda: sent(platform),
        lambda: answered(platform, "DELIVERED"),
        lambda: answered(platform, status, result={"on": True}, note="because"),
    ]
    result = run("commands", "send", "press-4", "relay", "on=true", "for_s=30", "--follow", fails=code)
    steps = [line.split()[1] for line in result.stdout.splitlines() if line[0].isdigit()]
    assert steps == ["CREATED", "SENT", "DELIVERED", status]
    assert '{"on": true}' in result.stdout
    assert only(platform).parameters == {"on": True, "for_s": 30}


def test_a_command_that_is_over_is_followed_to_its_end_at_once(platform, run):
    made = json.loads(run("commands", "send", "press-4", "relay", "on=true", "--json").stdout)
    run("commands", "cancel", "press-4", made["id"])
    run("commands", "follow", "press-4", made["id"], fails=24)


def test_a_command_is_shown_with_its_steps_and_attempts(platform, run):
    run("commands", "send", "press-4", "relay", "on=true", "--expires", "10m", "--timeout", "1m")
    sent(platform)
    command = only(platform)
    shown = run("commands", "show", "press-4", command.id).stdout
    assert "SENT" in shown
    assert "published" in shown
    assert (command.expires_at - command.created_at, command.timeout_ms) == (600_000, 60_000)


def test_a_list_is_a_table_or_json_and_takes_a_status(platform, run):
    for _ in range(2):
        run("commands", "send", "press-4", "relay", "on=true")
    assert len(json.loads(run("commands", "list", "press-4", "--json").stdout)["items"]) == 2
    table = run("commands", "list", "press-4", "--status", "created", "--limit", "1")
    assert table.stdout.count("CREATED") == 1
    assert "more than 1" in table.stderr


def test_what_was_sent_cannot_be_taken_back(platform, run):
    run("commands", "send", "press-4", "relay", "on=true")
    sent(platform)
    assert "already sent" in run("commands", "cancel", "press-4", only(platform).id, fails=9).stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("send", "press-4", "relay", "on"),
        ("send", "press-4", "relay", "on=true", "--expires", "soon"),
        ("send", "Press 4", "relay", "on=true"),
        ("show", "press-4", "../../keys"),
        ("bulk", "show", "a/b"),
    ],
)
def test_what_cannot_be_meant_is_told_before_anything_is_asked(platform, run, arguments):
    run("commands", *arguments, fails=2)
    assert platform.commands.commands == {}


def test_a_bulk_is_sent_shown_and_cancelled(platform, run):
    result = run("commands", "bulk", "send", "relay", "on=true", "--group", "plant-1", "--json")
    made = json.loads(result.stdout)
    assert (made["stage"], made["selection"]["group"]) == ("sending", "plant-1")
    assert "sending" in run("commands", "bulk", "show", made["id"]).stdout
    assert json.loads(run("commands", "bulk", "devices", made["id"], "--json").stdout)["items"] == []
    assert json.loads(run("commands", "bulk", "cancel", made["id"], "--json").stdout)["stage"] == "cancelled"
    run("commands", "bulk", "follow", made["id"])


def test_a_command_that_is_open_expires_in_the_future(platform, run):
    shown = run("commands", "send", "press-4", "relay", "on=true", "--expires", "30s").stdout
    (line,) = [line for line in shown.splitlines() if line.startswith("expires")]
    assert line.split()[1] == "in"
