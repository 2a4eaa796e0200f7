"""What the requests of the access matrix are about, in a running cloud: what devices sent, and what came of it."""

import time
from itertools import count

from tests.access_matrix import Seeds
from tests.e2e.cloud import wait_for


def seeded(ask):
    """Made by an administrator; may be made again in the same cloud."""
    return Seeds(
        ask,
        lambda thing: quarantined(ask, thing),
        lambda thing: alarmed(ask, thing),
        lambda thing: failed(ask, thing),
        unique=f"{time.time_ns() // 1_000_000}-",
    )


def sent(ask, thing, seq, temperature):
    """As the device itself would."""
    now = ask("root", "GET", "/health").document["time"]
    message = {
        "v": 1,
        "boot": "00000000000000bb",
        "seq": seq,
        "sent": now,
        "m": [{"ts": now, "q": "good", "values": {"temperature": temperature}}],
    }
    answer = ask("root", "POST", "/telemetry", query={"device": thing}, body=message)
    assert answer.status == 202, answer


def quarantined(ask, thing):
    """A value out of its range, until it is in the quarantine."""
    sent(ask, thing, 1, 9999)
    found = wait_for(
        "the entry in the quarantine", lambda: ask("root", "GET", f"/devices/{thing}/quarantine").document["items"]
    )
    return found[0]["id"]


def alarmed(ask, thing):
    """Values above what a rule allows, until one has raised its alarm: a new rule is seen within some seconds."""
    when = {"metric": "temperature", "above": -40}
    rule = {"rule": "mx-alarm", "scope": f"device:{thing}", "severity": "info", "when": when}
    rule["actions"] = [{"notify": ["mx-nobody"], "on": ["raised"]}]
    made = ask("root", "POST", "/rules", body={"document": rule})
    assert made.status in {201, 409}, made
    seqs = count(2)

    def raised():
        sent(ask, thing, next(seqs), 20.5)
        return ask("root", "GET", f"/devices/{thing}/alarms").document["items"]

    return wait_for("an alarm", raised, every_s=1)[0]["id"]


def failed(ask, thing):
    """What was to be told of the device's first alarm to somebody whom there is not, once that has failed."""

    def failures():
        items = ask("root", "GET", f"/alarms/{thing}.1/deliveries").document["items"]
        return [one["id"] for one in items if one["state"] == "FAILED"]

    return wait_for("a delivery that failed", failures, every_s=0.5)[0]
