"""Every role over every scope against every operation, with real tokens and keys, asked of the laptop cloud."""

import time
from concurrent.futures import ThreadPoolExecutor
from itertools import count

import pytest

from functions.domain.access import Kind
from tests import access_matrix
from tests.access_matrix import PROTECTED, Seeds, Verdict, people
from tests.e2e.cloud import wait_for
from tests.e2e.people import Asking

WORKERS = 6


@pytest.fixture(scope="module")
def seeds(cloud):
    ask = Asking(cloud)
    unique = f"{time.time_ns() // 1_000_000}-"
    seeds = Seeds(
        ask,
        lambda thing: quarantined(ask, thing),
        lambda thing: alarmed(ask, thing),
        lambda thing: failed(ask, thing),
        unique=unique,
    )

    def admit(person):
        who = person.principal
        if who is not None and who.kind is Kind.USER:
            grants = [{"role": one.role.value, "scope": one.scope} for one in who.grants]
            ask.add_user(person.name, seeds.email(), grants)
        elif who is not None:
            ask.add_device_key(person.name, who.grants[0].scope.removeprefix("device:"))

    with ThreadPoolExecutor(WORKERS) as pool:
        list(pool.map(admit, people()))
    yield seeds
    ask.close()


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


def test_every_cell_is_as_the_domain_has_it(seeds):
    wrong, counted = access_matrix.ask_all(seeds, WORKERS)
    assert wrong == []
    assert sum(counted.values()) == len(PROTECTED) * len(people())
    assert all(counted[verdict] for verdict in Verdict)


def test_an_outsider_cannot_tell_what_is_there_from_what_is_not(seeds):
    with ThreadPoolExecutor(WORKERS) as pool:
        told = pool.map(lambda route: access_matrix.telling_apart(route, seeds), PROTECTED)
    assert [one for several in told for one in several] == []
