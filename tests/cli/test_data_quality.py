"""Replays, dead letters, loss and derived values on the command line, against the real API's code."""

import json
from datetime import UTC, datetime

import pytest

from contract import ingest
from contract.ingest import IngestMessage
from functions.adapters.clock import SystemClock
from functions.domain.dead_letters import Letter
from functions.domain.ingest import Fault, QuarantineEntry
from functions.domain.quarantine import Outcome, Replay
from functions.domain.state import DeviceState, Latest
from tests.functions.api_harness import api_harness, person

HOT = Fault("out_of_range", "expected at most 200 Cel, got 250.0", "temperature", 5)


@pytest.fixture
def platform(signed_in, says):
    api = api_harness(SystemClock(), who=person("admin", name="ada"))
    api.register("press-4", "plant-1/line-2", "machine")

    def authorized(asked):
        path = asked.path.removeprefix("/v1")
        status, document = api.call(
            asked.method, path, *asked.query, headers=dict(asked.headers), raw_body=asked.body.decode() or None
        )
        return says(status, json.dumps(document or {}).encode(), {"content-type": api.headers.get("Content-Type", "")})

    signed_in.authorized = authorized
    return api


def put(api, seq=0, raw=None, faults=(HOT,), thing="press-4"):
    document = {"v": 1, "boot": "b", "seq": seq, "sent": 2, "m": [{"ts": 1, "values": {"temperature": 250}}]}
    raw = json.dumps(document).encode() if raw is None else raw
    api.quarantine.put([QuarantineEntry(thing, api.clock.now_ms(), raw, tuple(faults))])
    return next(one.id for one in api.quarantine.page(thing, 100, None).entries if one.raw == raw)


def queued(api):
    return [message.replay for message in api.telemetry_queue.messages]


def words(result):
    return [line.split() for line in result.stdout.splitlines() if line.strip()]


# --- the quarantine


def test_an_entry_is_replayed_and_says_what_became_of_it(run, platform):
    entry = put(platform)
    assert f"Queued {entry}" in run("quarantine", "replay", "press-4", entry).stdout
    assert queued(platform) == [entry]
    (key,) = platform.quarantine.entries
    platform.quarantine.replays[key] = Replay(platform.clock.now_ms(), "user:ada", "ada", Outcome.STORED, 7, 2)
    shown = run("quarantine", "show", "press-4", entry).stdout
    assert "stored, 2 points stored, asked for 0 s ago by ada" in shown
    assert words(run("devices", "quarantine", "press-4"))[-1][-2:] == [entry, "stored"]
    assert "cannot be replayed" in run("quarantine", "replay", "press-4", entry, fails=9).stderr


def test_a_device_s_entries_are_replayed_page_by_page_and_the_rest_is_explained(run, platform, monkeypatch):
    monkeypatch.setattr("cli.commands.quarantine._AT_ONCE", 2)
    entries = {put(platform, seq) for seq in range(5)}
    bad = put(platform, raw=b"?", faults=[Fault("malformed", "x")])
    result = run("quarantine", "replay", "press-4")
    assert "Queued 5 entries, passed over 1." in result.stdout
    assert bad in result.stdout
    assert {*queued(platform)} == entries
    asked = json.loads(run("quarantine", "replay", "press-4", "--reason", "future", "--json").stdout)
    assert asked == {"queued": [], "skipped": [], "cursor": None}
    assert "raise --limit" in run("quarantine", "replay", "press-4", "--limit", "3").stderr


def test_a_day_of_all_devices_can_be_replayed(run, platform):
    platform.register("press-5", "plant-2", "machine")
    entries = {put(platform), put(platform, thing="press-5")}
    received_at = platform.quarantine.page("press-4", 1, None).entries[0].received_at
    today = datetime.fromtimestamp(received_at // 1000, UTC).date().isoformat()
    assert "Queued 2 entries" in run("quarantine", "replay", "--day", today).stdout
    assert {*queued(platform)} == entries


def test_what_to_replay_must_be_said(run, platform):
    assert "Say what to replay" in run("quarantine", "replay", fails=2).stderr
    assert "starting with a letter or digit" in run("quarantine", "replay", "Press 4", fails=2).stderr
    assert run("quarantine", "replay", "nobody", fails=4).stderr


# --- dead letters


def letter(api, at, data=b"x", name="ingest"):
    body = ingest.encode(IngestMessage(data=data, thing="press-4", received_at=7)).decode()
    api.dead_letters.add(name, Letter(f"id-{at}", body, api.clock.now_ms() - 90_000, 5))


def test_queues_of_dead_letters_are_listed(run, platform):
    letter(platform, 1)
    rows = words(run("dlq", "list"))
    assert ["ingest", "1", "0", "1", "min", "ago"] in rows
    assert ["live", "0", "0", "-"] in rows
    assert json.loads(run("dlq", "list", "--json").stdout)["items"][0]["name"] == "answer-errors"


def test_a_dead_letter_is_shown_without_control_codes(run, platform):
    letter(platform, 1, b"\x1b[2J\xff")
    result = run("dlq", "show", "ingest")
    assert ["device", "press-4"] in words(result)
    assert r"\u001b[2J\xff" in result.stdout
    assert "1 messages wait in ingest" in result.stderr
    assert json.loads(run("dlq", "show", "ingest", "--limit", "1", "--json").stdout)["items"][0]["id"] == "id-1"
    assert run("dlq", "show", "nothing", fails=4).stderr


def test_dead_letters_are_moved_back_all_or_by_name(run, platform):
    for at in range(4):
        letter(platform, at, f"{at}".encode())
    result = run("dlq", "replay", "ingest", "id-2", "id-9")
    assert "Moved 1 messages back; 3 are in ingest now." in result.stdout
    assert "no message id-9" in result.stderr
    assert "Moved 3 messages back; 0 are" in run("dlq", "replay", "ingest", "--all").stdout
    assert len(platform.dead_letters.sent["ingest"]) == 4


class Hurried:
    """Time enough in each call for one batch."""

    def __init__(self, now):
        self.now, self.asked = now, 0

    def now_ms(self):
        self.asked += 1
        self.now += 8000
        return self.now


def test_all_are_moved_over_several_calls(run, platform):
    for at in range(30):
        letter(platform, at)
    clock = platform.services.dead_letters._clock = Hurried(platform.clock.now_ms())
    result = run("dlq", "replay", "ingest", "--all")
    assert "Moved 30 messages back; 0 are in ingest now." in result.stdout
    assert "Moved 10 so far, 20 left." in result.stderr
    assert clock.asked > 6


def test_what_cannot_go_back_is_told(run, platform):
    letter(platform, 1, name="rule-errors")
    result = run("dlq", "replay", "rule-errors", "--all")
    assert "Moved 0 messages back; 1 are" in result.stdout
    assert "1 stayed: it comes from no queue" in result.stderr


@pytest.mark.parametrize("args", [[], ["id-1", "--all"], [f"id-{at}" for at in range(101)]])
def test_what_to_move_must_be_said(run, platform, args):
    assert run("dlq", "replay", "ingest", *args, fails=2).stderr


# --- loss, and what was derived


def test_loss_is_told_by_the_hour(run, platform, monkeypatch):
    loss = {"received": 90, "duplicates": 2, "late": 1, "lost": 10, "loss_percent": 10.0}
    hour = 1_764_000_000_000 // 3_600_000 * 3_600_000
    document = {"device": "press-4", "total": {"hour": hour, **loss}, "items": [{"hour": hour, **loss}], "cursor": None}
    monkeypatch.setattr("cli.api.Api.get", lambda _self, path, _params=(): {"/devices/press-4/loss": document}[path])
    header, *_, row, total = words(run("devices", "loss", "press-4"))
    assert header == ["Hour", "(UTC)", "Received", "Duplicates", "Late", "Lost", "Loss", "%"]
    assert row == ["2025-11-24", "16:00", "90", "2", "1", "10", "10.00"]
    assert total == ["all", "90", "2", "1", "10", "10.00"]
    assert json.loads(run("devices", "loss", "press-4", "--json").stdout) == document


def test_loss_of_a_device_as_the_api_tells_it(run, platform):
    assert words(run("devices", "loss", "press-4"))[-1] == ["all", "0", "0", "0", "0", "0.00"]


def test_a_derived_value_says_so_and_has_the_decimals_worth_showing(run, platform):
    platform.register("hall", "plant-1", "climate")
    latest = {
        "dew_point": Latest(platform.clock.now_ms(), 7.234848, "good"),
        "mood": Latest(platform.clock.now_ms(), 1.23456, "good", unmodeled=True),
    }
    platform.world.states["hall"] = DeviceState(version=1, latest=latest)
    shown = {line[0]: line for line in words(run("devices", "show", "hall")) if line}
    assert (shown["dew_point"][1], shown["dew_point"][-1]) == ("7.2", "derived")
    assert (shown["mood"][1], shown["mood"][-1]) == ("1.23456", "unmodeled")
    document = json.loads(run("devices", "show", "hall", "--json").stdout)
    assert document["latest"]["dew_point"]["value"] == 7.234848


def test_a_model_shows_what_is_derived_and_by_which_expression(run, platform):
    shown = run("models", "show", "climate").stdout
    assert "derived from others" in shown
    assert "temperature / (243.12 + temperature)" in " ".join(shown.split())
    assert "derived" not in run("models", "show", "machine").stdout
