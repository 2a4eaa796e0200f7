"""Every role over every scope against every operation, with real tokens and keys, asked of the laptop cloud."""

import time
from concurrent.futures import ThreadPoolExecutor

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
    seeds = Seeds(ask, lambda thing: quarantined(ask, thing), unique=f"{time.time_ns() // 1_000_000}-")

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


def quarantined(ask, thing):
    """A value out of its range, sent as the device itself would, until it is in the quarantine."""
    now = ask("root", "GET", "/health").document["time"]
    message = {
        "v": 1,
        "boot": "00000000000000bb",
        "seq": 1,
        "sent": now,
        "m": [{"ts": now, "q": "good", "values": {"temperature": 9999}}],
    }
    sent = ask("root", "POST", "/telemetry", query={"device": thing}, body=message)
    assert sent.status == 202, sent
    found = wait_for(
        "the entry in the quarantine", lambda: ask("root", "GET", f"/devices/{thing}/quarantine").document["items"]
    )
    return found[0]["id"]


def test_every_cell_is_as_the_domain_has_it(seeds):
    wrong, counted = access_matrix.ask_all(seeds, WORKERS)
    assert wrong == []
    assert sum(counted.values()) == len(PROTECTED) * len(people())
    assert all(counted[verdict] for verdict in Verdict)


def test_an_outsider_cannot_tell_what_is_there_from_what_is_not(seeds):
    with ThreadPoolExecutor(WORKERS) as pool:
        told = pool.map(lambda route: access_matrix.telling_apart(route, seeds), PROTECTED)
    assert [one for several in told for one in several] == []
