"""From a sensor to an API answer, compared with a calculation of its own."""

import json

import psutil
import pytest

from tests.e2e.cloud import PATIENCE_S, wait_for
from tests.e2e.conftest import MODELS
from tests.e2e.replay import assert_bins, assert_every_raw_point, assert_last_value, recorded_celsius


def test_the_status_of_a_running_cloud_counts_its_devices_and_messages(cloud):
    status = wait_for(
        "twelve devices online", lambda: (s := cloud.status())["ready"] and s["devices"] == 12 and s, within_s=60
    )
    assert status["api"] == f"http://127.0.0.1:{cloud.port}/v1"
    assert status["mqtt"].startswith("localhost:")
    assert status["errors"] == 0
    before = status["messages_stored"]
    wait_for("more messages stored", lambda: cloud.status()["messages_stored"] > before)


def test_every_listener_is_on_loopback(cloud):
    supervisor = json.loads((cloud.root / "run.json").read_text())["supervisor"]["pid"]
    listening = [
        connection
        for pid in (supervisor, *cloud.processes())
        for connection in psutil.Process(pid).net_connections()
        if connection.status == "LISTEN"
    ]
    assert {connection.laddr.port for connection in listening} >= {cloud.port + offset for offset in range(4)}
    assert {connection.laddr.ip for connection in listening} == {"127.0.0.1"}


def test_every_raw_point_of_a_replayed_file_is_answered_in_order(replayed):
    assert_every_raw_point(replayed)


def test_five_minute_bins_agree_with_an_independent_calculation(cloud, replayed):
    assert_bins(cloud, replayed)


def test_the_last_value_is_the_recording_s_last_row(cloud, replayed):
    assert_last_value(cloud, replayed)
    assert cloud.counter("replayer", "duplicates") == 0


def test_the_devices_of_the_fleet_file_are_listed_by_group(cloud):
    listed = cloud.get("/devices", group="test").raise_for_status().json()["items"]
    assert [(device["id"], device["model"], device["group"]) for device in listed] == [
        (name, model, "test/e2e") for name, model in sorted(MODELS.items())
    ]


@pytest.mark.parametrize("token", ["", "Bearer", "Bearer nonsense", "Bearer a.b.c"])
def test_without_a_valid_token_the_api_answers_401(cloud, token):
    import httpx

    answer = httpx.get(
        f"{cloud.details['api']}/devices", headers={"Authorization": token} if token else {}, timeout=PATIENCE_S
    )
    assert answer.status_code == 401
    assert answer.headers["content-type"].startswith("application/problem+json")


def test_the_command_line_answers_what_the_api_answers(cloud, tmp_path, replayed, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    cloud.run("login", "--local", "--port", str(cloud.port))
    assert any(row["id"] == "replayer" for row in json.loads(cloud.run("devices", "list", "--json").stdout)["items"])
    shown = json.loads(cloud.run("devices", "show", "replayer", "--json").stdout)
    assert shown["latest"]["temperature"]["value"] == recorded_celsius()[-1]
    binned = cloud.run("telemetry", "replayer", "temperature", "--since", "1h", "--bin", "5m", "--csv").stdout
    assert len(binned.splitlines()) >= 2
