"""Sums, envelopes and the quarantine on the command line, against the real API's code over in-memory adapters."""

import json
import time

import pytest

from functions.adapters.clock import SystemClock
from functions.domain.ingest import Fault, QuarantineEntry
from functions.domain.state import Counters, DeviceState
from tests.functions.api_harness import api_harness, person

RAW = b'{"v": 1, "bad": "\xff"'

KEYS = ("reason", "since", "count")


@pytest.fixture
def platform(signed_in, says):
    api = api_harness(SystemClock(), who=person("admin", name="ada"))
    api.register("press-4", "plant-1/line-2", "machine")
    api.register("press-5", "plant-1/line-2", "machine")

    def authorized(asked):
        path = asked.path.removeprefix("/v1")
        status, document = api.call(
            asked.method, path, *asked.query, headers=dict(asked.headers), raw_body=asked.body.decode()
        )
        return says(status, json.dumps(document or {}).encode(), {"content-type": api.headers.get("Content-Type", "")})

    signed_in.authorized = authorized
    return api


@pytest.fixture
def quarantined(platform):
    faults = (Fault("malformed", "it must be UTF-8"), Fault("out_of_range", "at most 200", metric="temperature", ts=5))
    platform.quarantine.put([QuarantineEntry("press-4", platform.clock.now_ms(), RAW, faults)])
    (entry,) = platform.get("/devices/press-4/quarantine")[1]["items"]
    return entry["id"]


def words(result):
    return [line.split() for line in result.stdout.splitlines() if line.strip()]


def test_a_summary_is_of_all_pages(run, platform):
    for thing in ("press-4", "press-5"):
        platform.world.states[thing] = DeviceState(1, {}, (), Counters(messages=3, points=12))
    platform.world.quarantined["press-5"] = {"malformed": 2}
    shown = words(run("devices", "summary"))
    assert ["devices", "2"] in shown
    assert ["messages", "6"] in shown
    assert ["malformed", "2"] in shown
    assert json.loads(run("devices", "summary", "--json").stdout)["points"] == 24


def test_a_summary_names_those_that_are_not_well_whatever_page_they_are_on(run, signed_in, says):
    def page(cursor, *worst):
        counted = ("devices", "online", "offline", "unknown", "stale", "messages", "points", "duplicates", "late")
        sums = dict.fromkeys((*counted, "unmodeled", "received", "lost"), 1)
        return says(body={**sums, "quarantined": {}, "cursor": cursor, "worst": worst})

    def device(name, *troubles):
        return {"id": name, "group": "plant-1", "troubles": [dict(zip(KEYS, one, strict=True)) for one in troubles]}

    ago = int(time.time() * 1000) - 125_000
    first = page("1", device("lossy-1", ("lossy", ago, 7)), device("new-1", ("of a newer release", None, None)))
    second = page(None, device("off-1", ("offline", ago, None), ("quarantined", ago, 2)))
    signed_in.script("/v1/fleet/summary", first, second, first, second)
    rows = run("devices", "summary").stdout.splitlines()
    assert [line.split()[0] for line in rows if "plant-1" in line] == ["off-1", "lossy-1", "new-1"]
    (line,) = [line for line in rows if "off-1" in line]
    assert "offline (2 min ago), quarantined 2 (2 min ago)" in line
    document = json.loads(run("devices", "summary", "--json").stdout)
    assert (document["lost"], [one["id"] for one in document["worst"]]) == (2, ["off-1", "lossy-1", "new-1"])


def test_an_envelope_is_sent_byte_for_byte(run, platform, tmp_path):
    envelope = tmp_path / "envelope.json"
    envelope.write_text('{"v": 1, "boot": "b1", "seq": 1, "sent": 5,\n "m": []}')
    assert "of press-4" in run("devices", "send", "press-4", str(envelope)).stdout
    (message,) = platform.telemetry_queue.messages
    assert (message.thing, message.data) == ("press-4", envelope.read_bytes())


def test_what_is_no_envelope_is_not_sent(run, platform, tmp_path):
    envelope = tmp_path / "envelope.json"
    envelope.write_text('{"v": 9}')
    assert "`v` must be" in run("devices", "send", "press-4", str(envelope), fails=2).stderr
    assert "No such file" in run("devices", "send", "press-4", str(tmp_path / "none"), fails=2).stderr
    assert not platform.telemetry_queue.messages


def test_a_day_of_the_quarantine_names_device_and_entry(run, platform, quarantined):
    assert [quarantined] in [line[-1:] for line in words(run("quarantine", "list"))]
    assert json.loads(run("quarantine", "list", "--json").stdout)["items"][0]["device"] == "press-4"
    assert "day" in run("quarantine", "list", "--day", "yesterday", fails=1).stderr


def test_an_entry_shows_every_fault_and_its_bytes(run, platform, quarantined):
    result = run("quarantine", "show", "press-4", quarantined)
    assert "it must be UTF-8" in result.stdout
    assert "temperature" in result.stdout
    assert r"\xff" in result.stdout
    assert json.loads(run("quarantine", "show", "press-4", quarantined, "--json").stdout)["bytes"] == len(RAW)
    run("quarantine", "show", "press-5", quarantined, fails=4)


def test_the_bytes_alone_come_as_they_came(run, platform, quarantined):
    assert run("quarantine", "show", "press-4", quarantined, "--raw").stdout_bytes == RAW
