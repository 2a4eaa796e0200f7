"""From a sensor to an API answer, compared with a calculation of its own."""

import csv
import time
from collections import defaultdict

import pytest

from tests.e2e.cloud import ROOT, wait_for

RECORDING = ROOT / "simulator" / "sample_data" / "nab" / "ambient_temperature_system_failure.csv"
INTERVAL_S = 0.005
FIVE_MINUTES = 300_000

SENSOR = f"""
[[sensor]]
kind = "replay"
file = {str(RECORDING)!r}
interval_s = {INTERVAL_S}
loop = false
columns.value = {{ metric = "temperature", scale = 0.5555555555555556, offset = -17.77777777777778, decimals = 3 }}
"""


def recorded_celsius():
    with RECORDING.open() as file:
        return [round(float(row["value"]) * 0.5555555555555556 - 17.77777777777778, 3) for row in csv.DictReader(file)]


@pytest.fixture(scope="module")
def replayed(cloud):
    """The rows that the API has once the agent has played the whole recording, and the span of time it took."""
    expected = len(recorded_celsius())
    start = int(time.time() * 1000)
    agent = cloud.start_agent(cloud.agent_config("replayer", "climate", SENSOR, flush_interval_s=1.0))
    try:
        wait_for(
            f"{expected} points stored",
            lambda: cloud.counter("replayer", "points") >= expected,
            within_s=expected * INTERVAL_S * 3 + 60,
            every_s=1,
        )
    finally:
        agent.terminate()
        assert agent.wait(timeout=20) == 0
    end = int(time.time() * 1000) + 1
    return cloud.points("replayer", "temperature", start, end), start, end


def test_the_status_of_a_running_cloud_counts_its_devices_and_messages(cloud):
    status = wait_for(
        "twelve devices online", lambda: (s := cloud.status())["ready"] and s["devices"] == 12 and s, within_s=60
    )
    assert status["api"] == f"http://127.0.0.1:{cloud.port}/v1"
    assert status["mqtt"].startswith("localhost:")
    assert status["errors"] == 0
    before = status["messages_stored"]
    wait_for("more messages stored", lambda: cloud.status()["messages_stored"] > before)


def test_every_raw_point_of_a_replayed_file_is_answered_in_order(replayed):
    rows, start, end = replayed
    assert [row["value"] for row in rows] == recorded_celsius()
    times = [row["ts"] for row in rows]
    assert times == sorted(set(times))
    assert start <= times[0] <= times[-1] < end
    assert {(row["q"], row["late"], row["metric"]) for row in rows} == {("good", False, "temperature")}


def test_five_minute_bins_agree_with_an_independent_calculation(cloud, replayed):
    rows, start, end = replayed
    bins = defaultdict(list)
    for row in rows:
        bins[row["ts"] - row["ts"] % FIVE_MINUTES].append(row["value"])
    answered = cloud.points("replayer", "temperature", start, end, bin="5m", agg="avg,min,max,sum,count,last")
    assert [row["ts"] for row in answered] == sorted(bins)
    for row in answered:
        values = bins[row["ts"]]
        assert row["count"] == len(values)
        assert (row["min"], row["max"], row["last"]) == (min(values), max(values), values[-1])
        assert row["sum"] == pytest.approx(sum(values), rel=1e-12)
        assert row["avg"] == pytest.approx(sum(values) / len(values), rel=1e-12)


def test_the_last_value_is_the_recording_s_last_row(cloud, replayed):
    rows, _, _ = replayed
    device = cloud.device("replayer")
    assert device["latest"]["temperature"]["value"] == recorded_celsius()[-1]
    assert device["latest"]["temperature"]["ts"] == rows[-1]["ts"]
    assert device["latest"]["temperature"]["unit"] == "Cel"
    assert device["counters"]["points"] == len(rows)
    assert device["counters"]["duplicates"] == 0


def test_the_devices_of_the_fleet_file_are_listed_by_group(cloud):
    listed = cloud.get("/devices", group="test").raise_for_status().json()["items"]
    assert [(device["id"], device["model"], device["group"]) for device in listed] == [
        ("other", "climate", "test/e2e"),
        ("probe", "climate", "test/e2e"),
        ("replayer", "climate", "test/e2e"),
        ("survivor", "machine", "test/e2e"),
    ]


@pytest.mark.parametrize("token", ["", "Bearer", "Bearer nonsense", "Bearer a.b.c"])
def test_without_a_valid_token_the_api_answers_401(cloud, token):
    import httpx

    answer = httpx.get(f"{cloud.details['api']}/devices", headers={"Authorization": token} if token else {})
    assert answer.status_code == 401
    assert answer.headers["content-type"].startswith("application/problem+json")


def test_the_command_line_answers_what_the_api_answers(cloud, tmp_path, replayed, monkeypatch):
    import json

    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    cloud.run("login", "--local", "--port", str(cloud.port))
    assert any(row["id"] == "replayer" for row in json.loads(cloud.run("devices", "list", "--json").stdout)["items"])
    shown = json.loads(cloud.run("devices", "show", "replayer", "--json").stdout)
    assert shown["latest"]["temperature"]["value"] == recorded_celsius()[-1]
    binned = cloud.run("telemetry", "replayer", "temperature", "--since", "1h", "--bin", "5m", "--csv").stdout
    assert len(binned.splitlines()) >= 2
