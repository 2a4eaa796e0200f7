"""From a real agent's sensor to a WebSocket frame, for whoever may see it and for nobody else."""

import json
import time

import httpx
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from tests.e2e.cloud import wait_for

DEVICE = "climate-001"


@pytest.fixture(scope="module")
def keys(cloud):
    """API keys of two apps: one sees the device, the other another group only."""
    group = cloud.device(DEVICE)["group"]

    def key(name, scope):
        body = {
            "name": name,
            "grants": [{"role": "viewer", "scope": scope}],
            "expires_at": int(time.time() * 1000) + 3_600_000,
        }
        answer = post(cloud, "/keys", cloud.token, json=body)
        return answer.raise_for_status().json()["key"]

    return {"inside": key("inside", f"group:{group}"), "outside": key("outside", "group:elsewhere")}


def post(cloud, path, token, **options):
    headers = {"Authorization": f"Bearer {token}"}
    return httpx.post(f"{cloud.details['api']}{path}", headers=headers, timeout=60, **options)


def ticket(cloud, token):
    return post(cloud, "/live/ticket", token).raise_for_status().json()


def opened(url, **options):
    return connect(url, legacy=True, proxy=None, ping_interval=None, **options)


def asked(socket, **document):
    socket.send(json.dumps(document))
    while (frame := json.loads(socket.recv(timeout=20)))["type"] == "events":
        pass
    return frame


def told(socket, device, after_ms, within_s=30.0):
    """An event of the device with a value measured after that moment; None when none comes."""
    end = time.monotonic() + within_s
    while (left := end - time.monotonic()) > 0:
        try:
            frame = json.loads(socket.recv(timeout=left))
        except TimeoutError:
            return None
        for event in frame.get("events", ()):
            if event["device"] == device and event["kind"] == "latest" and event["at"] > after_ms:
                return event
    return None


def test_what_an_agent_measures_arrives_at_a_watcher(cloud):
    with opened(ticket(cloud, cloud.token)["url"]) as socket:
        assert asked(socket, type="hello", v=1)["type"] == "welcome"
        subscribed = asked(socket, type="subscribe", devices=[DEVICE])
        assert subscribed["topics"] == [f"device:{DEVICE}"]
        event = told(socket, DEVICE, subscribed["complete_from"])
        assert event is not None
        assert event["data"]["temperature"]["ts"] <= time.time() * 1000
        latest = cloud.device(DEVICE)["latest"]["temperature"]
        assert latest["ts"] >= event["data"]["temperature"]["ts"]


def test_who_may_see_the_device_is_told_and_who_may_not_is_not(cloud, keys):
    with (
        opened(ticket(cloud, keys["inside"])["url"]) as inside,
        opened(ticket(cloud, keys["outside"])["url"]) as outside,
    ):
        refused = asked(outside, type="subscribe", devices=[DEVICE])
        assert refused == {"type": "refused", "refused": [{"topic": f"device:{DEVICE}", "reason": "not_found"}]}
        unknown = asked(outside, type="subscribe", devices=["no-such-device"])
        assert unknown["refused"][0]["reason"] == "not_found"
        assert asked(outside, type="subscribe", all=True)["topics"] == ["group:elsewhere"]
        subscribed = asked(inside, type="subscribe", all=True)
        assert told(inside, DEVICE, subscribed["complete_from"]) is not None
        assert told(outside, DEVICE, 0, within_s=1) is None


def alarms_told(socket, within_s, rule):
    """Events of that rule's alarms until one has cleared, and every other kind of event that came meanwhile."""
    alarms, others = [], set()
    end = time.monotonic() + within_s
    while (left := end - time.monotonic()) > 0:
        try:
            frame = json.loads(socket.recv(timeout=left))
        except TimeoutError:
            break
        for event in frame.get("events", ()):
            if event["kind"] != "alarm":
                others.add(event["kind"])
            elif event["data"]["rule"] == rule:
                alarms.append(event)
        if any(event["data"]["state"] == "cleared" for event in alarms):
            break
    return alarms, others


def test_whoever_watches_alarms_hears_of_those_he_may_see_and_of_no_value(cloud, keys):
    headers = {"Authorization": f"Bearer {cloud.token}"}
    rule = {
        "rule": "watched-live",
        "title": "Watched live",
        "scope": f"device:{DEVICE}",
        "severity": "minor",
        "when": {"metric": "temperature", "above": -100},
        "message": "{device}: {temperature:.1f} degrees",
    }
    with (
        opened(ticket(cloud, keys["inside"])["url"]) as inside,
        opened(ticket(cloud, keys["outside"])["url"]) as outside,
    ):
        for socket in (inside, outside):
            subscribed = asked(socket, type="subscribe", alarms=True)
            assert subscribed["topics"] == ["alarms"]
        time.sleep(max(0.0, subscribed["complete_from"] / 1000 - time.time()))
        post(cloud, "/rules", cloud.token, json={"document": rule}).raise_for_status()
        raised = wait_for(
            "the alarm by REST",
            lambda: next(
                (one for one in cloud.get(f"/devices/{DEVICE}/alarms").json()["items"] if one["rule"] == rule["rule"]),
                None,
            ),
            within_s=120,
        )
        url = f"{cloud.details['api']}/rules/{rule['rule']}"
        httpx.delete(url, headers=headers, timeout=60).raise_for_status()
        alarms, others = alarms_told(inside, 60, rule["rule"])
        assert {event["alarm"] for event in alarms} == {raised["id"]}
        assert [event["data"]["state"] for event in alarms] == ["active", "cleared"]
        assert others == set()
        assert alarms_told(outside, 2, rule["rule"]) == ([], set())


def test_a_ticket_opens_one_connection(cloud):
    url = ticket(cloud, cloud.token)["url"]
    with opened(url) as socket:
        assert asked(socket, type="ping")["type"] == "pong"
        with pytest.raises(InvalidStatus) as caught:
            opened(url)
        assert caught.value.response.status_code in {401, 403}


def test_a_page_elsewhere_cannot_connect_and_the_laptop_s_own_can(cloud):
    with pytest.raises(InvalidStatus) as caught:
        opened(ticket(cloud, cloud.token)["url"], origin="https://evil.example")
    assert caught.value.response.status_code == 403
    with opened(ticket(cloud, cloud.token)["url"], origin=f"http://127.0.0.1:{cloud.port}") as socket:
        assert asked(socket, type="ping")["type"] == "pong"


def test_a_revoked_key_is_cut_off_within_a_minute(cloud, keys):
    with opened(ticket(cloud, keys["inside"])["url"]) as socket:
        asked(socket, type="subscribe", devices=[DEVICE])
        listed = cloud.get("/keys").raise_for_status().json()["items"]
        (identifier,) = [one["id"] for one in listed if one["name"] == "inside"]
        headers = {"Authorization": f"Bearer {cloud.token}"}
        httpx.delete(f"{cloud.details['api']}/keys/{identifier}", headers=headers, timeout=60).raise_for_status()
        revoked_at = time.monotonic()

        def frame():
            try:
                return json.loads(socket.recv(timeout=1))["type"] == "revoked"
            except TimeoutError:
                return False

        wait_for("the end of the subscription", frame, within_s=60, every_s=0)
        assert time.monotonic() - revoked_at < 60


def test_the_command_line_follows_the_device(cloud, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    cloud.run("login", "--local", "--port", str(cloud.port))
    lines = cloud.run("live", "watch", "--device", DEVICE, "--for", "20s", "--json").stdout.splitlines()
    events = [json.loads(line) for line in lines]
    assert any("read" not in event and event["kind"] == "latest" for event in events)
