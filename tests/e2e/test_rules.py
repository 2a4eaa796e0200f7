"""From a reading to an alarm, to somebody's own server and to an actuator: once, and in the time of the data."""

import json
import random

import httpx
import pytest

from contract import topics
from tests.e2e.cloud import PATIENCE_S, wait_for
from tests.e2e.probe import Probe
from tests.e2e.receiver import Receiver
from tests.e2e.test_messages import now_ms

RULE = {
    "rule": "bearing-hot",
    "title": "Bearing hot",
    "scope": "group:test/e2e",
    "severity": "critical",
    "when": {
        "all": [{"metric": "temperature", "above": 150}, {"not": {"metric": "relay", "equals": True}}],
        "for": "4s",
    },
    "clear": {"metric": "temperature", "below": 100},
    "message": "{device}: {temperature:.1f} degrees",
    "actions": [
        {"notify": ["works-office"], "on": ["raised", "cleared"]},
        {"command": "relay", "parameters": {"on": True}, "on": ["raised"]},
    ],
}
STEADY = RULE | {
    "rule": "shaking",
    "title": "Shaking",
    "when": {"metric": "vibration", "above": 50, "until": 40, "for": "5s"},
    "clear": None,
    "message": "{device} shakes: {vibration:.0f}",
    "actions": [{"notify": ["works-office"], "on": ["raised", "cleared"]}],
}
SWITCHED = """
[gpio]
factory = "mock"

[[actuator]]
name = "relay"
kind = "relay"
pin = 17

[[sensor]]
kind = "replay"
file = {file!r}
interval_s = 1
loop = false
columns.value = "temperature"
"""
BOOT = "alarm-boot"


@pytest.fixture(scope="module")
def ask(cloud):
    with httpx.Client(base_url=cloud.details["api"], timeout=PATIENCE_S) as http:
        http.headers["Authorization"] = f"Bearer {cloud.token}"

        def ask(method, path, **more):
            answer = http.request(method, path, **more)
            assert answer.is_success, answer.text
            return answer.json() if answer.content else None

        yield ask


@pytest.fixture(scope="module")
def receiver(ask):
    """It refuses the first request, so that whatever is told first is told again."""
    with Receiver(refusing=1) as receiver:
        made = ask(
            "POST",
            "/recipients",
            json={
                "id": "works-office",
                "name": "Works office",
                "scope": "group:test/e2e",
                "channel": "webhook",
                "address": receiver.url,
            },
        )
        receiver.secret = made["secret"]
        for rule in (RULE, STEADY):
            ask("POST", "/rules", json={"document": {key: value for key, value in rule.items() if value is not None}})
        yield receiver


def alarms(ask, thing, rule):
    """Of one rule on a device, the newest first, with all that is known of each."""
    found = ask("GET", f"/devices/{thing}/alarms")["items"]
    return [ask("GET", f"/alarms/{one['id']}") for one in found if one["rule"] == rule]


def until_alarm(ask, thing, rule, state):
    return wait_for(
        f"an alarm {rule} of {thing} that is {state}",
        lambda: next((one for one in alarms(ask, thing, rule) if one["state"] == state), None),
        within_s=120,
        every_s=1,
    )


def told(receiver, thing, *kinds):
    """In the order of their names: what was refused at first comes behind what was not."""

    def heard():
        found = sorted(one["type"].removeprefix("alarm.") for one in receiver.of(thing))
        return found if set(found) >= set(kinds) else None

    return wait_for(f"{thing}: {', '.join(kinds)} at the receiver", heard, within_s=90)


def test_a_reading_raises_one_alarm_that_is_told_once_commands_the_device_and_clears_by_its_own_condition(
    cloud, ask, receiver, tmp_path
):
    recording = tmp_path / "bearing.csv"
    values = [60.0] * 3 + [170.0] * 12 + [60.0] * 600
    recording.write_text("\n".join(["value", *map(str, values)]) + "\n")
    agent = cloud.start_agent(
        cloud.agent_config("alarmed", "machine", SWITCHED.format(file=str(recording)), flush_interval_s=0.3)
    )
    try:
        cleared = until_alarm(ask, "alarmed", "bearing-hot", "cleared")
        assert told(receiver, "alarmed", "raised", "cleared") == ["cleared", "raised"]
        command = wait_for(
            "the command of the rule",
            lambda: next(
                (c for c in ask("GET", "/devices/alarmed/commands")["items"] if c["status"] == "SUCCEEDED"), None
            ),
        )
    finally:
        agent.terminate()
        assert agent.wait(timeout=20) == 0
    assert (command["name"], command["parameters"]) == ("relay", {"on": True})
    assert len(ask("GET", "/devices/alarmed/commands")["items"]) == 1
    assert len(alarms(ask, "alarmed", "bearing-hot")) == 1
    assert (cleared["clearing"], cleared["peak"], cleared["message"]) == ("condition", 170.0, "alarmed: 170.0 degrees")
    raised = next(one["data"] for one in receiver.of("alarmed") if one["type"] == "alarm.raised")
    assert raised["alarm"] == cleared["id"]
    assert receiver.forged == 0


def stream(start):
    """(seq, ts, vibration): shaking from the fifth second to the twentieth, but for a dip that hysteresis bridges."""
    quiet, loud, dip = 10.0, 80.0, 45.0
    values = [quiet] * 5 + [loud] * 4 + [dip] + [loud] * 10 + [quiet] * 10
    return [(seq, start + seq * 1000, value) for seq, value in enumerate(values)]


def sent(thing, ts, seq, value):
    document = {"v": 1, "boot": BOOT, "seq": seq, "sent": now_ms(), "m": [{"ts": ts, "values": {"vibration": value}}]}
    return topics.telemetry(thing), json.dumps(document).encode()


def transitions(ask, thing, start):
    """(kind, seconds since the stream began) of every step that was found, of all alarms."""
    steps = [
        (step["kind"], (found["at"] - start) / 1000)
        for alarm in alarms(ask, thing, "shaking")
        for step in alarm["history"]
        if (found := step["transition"]) is not None
    ]
    return sorted(steps, key=lambda step: step[1])


def test_a_stream_sent_twice_and_shuffled_gives_the_alarms_and_notifications_of_one_in_order(cloud, ask, receiver):
    start = now_ms() - 40_000
    ordered = stream(start)
    chance = random.Random(11)
    mixed = sorted(ordered * 2, key=lambda message: message[0] + chance.uniform(0, 6))
    for thing, messages in (("alarmed-plain", ordered), ("alarmed-mixed", mixed)):
        with Probe(cloud, thing) as device:
            for seq, ts, value in messages:
                device.publish(*sent(thing, ts, seq, value))
    for thing in ("alarmed-plain", "alarmed-mixed"):
        until_alarm(ask, thing, "shaking", "cleared")
        assert transitions(ask, thing, start) == [("raised", 10.0), ("cleared", 20.0)]
        assert told(receiver, thing, "raised", "cleared") == ["cleared", "raised"]
    assert cloud.counter("alarmed-mixed", "duplicates") == len(ordered)
    assert cloud.counter("alarmed-mixed", "messages") == len(ordered)

    with Probe(cloud, "alarmed-mixed") as device:  # a day later, say: everything once more
        for seq, ts, value in mixed:
            device.publish(*sent("alarmed-mixed", ts, seq, value))
    wait_for("the repeats", lambda: cloud.counter("alarmed-mixed", "duplicates") >= 3 * len(ordered))
    assert transitions(ask, "alarmed-mixed", start) == [("raised", 10.0), ("cleared", 20.0)]
    assert told(receiver, "alarmed-mixed", "raised", "cleared") == ["cleared", "raised"]


def test_a_stream_that_comes_late_is_history_and_nobody_is_told(cloud, ask, receiver):
    start = now_ms() - 2 * 3_600_000  # the model takes what is older than an hour as late
    messages = stream(start)
    with Probe(cloud, "alarmed-late") as device:
        for seq, ts, value in messages:
            device.publish(*sent("alarmed-late", ts, seq, value))
    rows = wait_for(
        "the late points",
        lambda: len(r := cloud.points("alarmed-late", "vibration", start, now_ms())) == len(messages) and r,
    )
    assert all(row["late"] for row in rows)
    assert alarms(ask, "alarmed-late", "shaking") == []
    assert receiver.of("alarmed-late") == []
