"""Today's API for clients of its first release: see docs/adr/0015."""

from types import SimpleNamespace

import pytest

from contract import ingest
from contract.ingest import IngestMessage
from functions.adapters.memory_principals import MemorySignIns
from functions.domain.dead_letters import Letter
from functions.domain.deliveries import Reason
from functions.domain.events import DeviceEvent
from functions.domain.grants import Holder
from functions.domain.ingest import Fault, QuarantineEntry
from functions.domain.series import Point
from functions.routes import ROUTES
from tests import oldest_client
from tests.functions.alarm_cases import saved, transition
from tests.functions.api_harness import api_harness, person
from tests.functions.browser import Browser
from tests.functions.domain.deliveries_of import notice
from tests.functions.ingest_fleet import Fleet
from tests.functions.replaying import message

# What a browser or a person asks for, with nothing that a client keeps.
NO_CLIENT = {"openapi", "documentation"}


@pytest.fixture
def world(clock):
    """The API as an administrator sees it, with what a device `pump-7` has sent, and what signs people in."""
    who = person("admin", name="ann")
    api = api_harness(clock, who=who)
    api.principals.holders[who.id] = Holder(id=who.id, kind=who.kind, name=who.name, version=1, grants=who.grants)
    now = clock.now_ms()
    api.store.write([Point("pump-7", "temperature", now - 60_000, 20.5, "good", late=False, received_at=now)])
    api.events.append(
        DeviceEvent("pump-7", now, now - 1000, "alarm", b'{"v":1,"kind":"alarm","data":{"level":"high"}}')
    )
    fault = Fault("out_of_range", "250 is above 200", "temperature", now)
    raw = b'{"v":1,"boot":"b","seq":1,"sent":2,"m":[{"ts":1764000000000,"values":{"temperature":250}}]}'
    api.quarantine.put([QuarantineEntry("pump-7", now, raw, (fault,))])
    letter = IngestMessage(data=b"{}", thing="pump-7", received_at=now)
    api.dead_letters.add("ingest", Letter("letter-1", ingest.encode(letter).decode(), now - 1000, 5))
    fleet = Fleet(api.store, clock)
    fleet.states._world = api.world
    fleet.take({"id": message((0, {"temperature": 20.5}), thing="pump-7")})
    saved(api, transition(thing="pump-7"))
    told = notice("managers", thing="pump-7", number=1, at=now)
    api.deliveries.deliveries[told.id] = told.failed(Reason.NO_RECIPIENT, now, "there is no recipient 'managers'")
    sign_ins = MemorySignIns()
    sign_ins.passwords |= {"ann@example.org": "correct Horse 1", "new@example.org": "temporary 1"}
    sign_ins.temporary.add("new@example.org")
    return SimpleNamespace(api=api, browser=Browser(sign_ins))


def ask(world, request):
    if request["path"].startswith("/auth/"):
        return world.browser.post(request["path"], request.get("body"))
    return world.api.call(
        request["method"],
        request["path"],
        *request.get("query", {}).items(),
        body=request.get("body"),
        headers=request.get("headers"),
    )


@pytest.mark.parametrize("fixture", oldest_client.FIXTURES, ids=lambda path: path.stem)
def test_the_oldest_client_s_requests_get_what_they_got(world, fixture):
    now = world.api.clock.now_ms()
    kept = {"now": now, "later": now + 3_600_000}
    for step in oldest_client.steps(fixture):
        request = oldest_client.filled(step["request"], kept)
        status, document = ask(world, request)
        said = f"{request['method']} {request['path']}: {document}"
        assert status == step["status"], said
        assert oldest_client.missing(step["answer"], document) == [], said
        kept |= {name: oldest_client.found(document, where) for name, where in step.get("keep", {}).items()}


def test_every_operation_is_used_by_the_oldest_client():
    used = {step["request"]["operation"] for fixture in oldest_client.FIXTURES for step in oldest_client.steps(fixture)}
    assert used == {route.operation for route in ROUTES} - NO_CLIENT


@pytest.mark.parametrize(
    ("recorded", "today", "gone"),
    [
        ({"a": 1}, {"a": 2.5, "b": 1}, []),
        ({"a": None}, {"a": "text"}, []),
        ({"a": []}, {"a": [1]}, []),
        ({"a": 1}, {}, ["document.a is gone"]),
        ({"a": 1}, {"a": "1"}, ["document.a was 1, is '1'"]),
        ({"a": {"b": "x"}}, {"a": {"c": "x"}}, ["document.a.b is gone"]),
        ({"a": [{"b": 1}]}, {"a": [{"c": 1}]}, ["document.a[].b is gone"]),
        ({"a": [1]}, {"a": []}, ["document.a had items, is empty"]),
        ({"a": True}, {"a": 1}, ["document.a was True, is 1"]),
    ],
)
def test_what_a_client_would_miss_is_found(recorded, today, gone):
    assert oldest_client.missing(recorded, today) == gone
