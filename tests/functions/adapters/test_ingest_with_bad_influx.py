"""Ingest through the real adapter, before a real server that is down, slow, full or answers garbage for a while."""

import json

import pytest

from contract import ingest as wrapper
from contract.ingest import IngestMessage
from functions.adapters.backoff import Backoff
from functions.adapters.influx_telemetry import InfluxTelemetryStore
from functions.adapters.influx_writes import BATCH_POINTS
from functions.domain.series import Aggregate, SeriesQuery
from tests.functions.adapters.moody_server import MoodyServer
from tests.functions.ingest_fleet import BATCH, DAY, NOW, Fleet
from tests.influxd import ADMIN

BUDGET_S = 1.5
SIDE_BY_SIDE = 4
"""More batches than this are never under way at once; of a hanging server each would cost the whole budget anew."""
UNAVAILABLE = {"error": "service unavailable"}
FULL = {"error": "engine: cache-max-memory-size exceeded: (1073741880/1073741824)"}
NO_SPACE = {"error": "write /var/lib/influxdb/wal/telemetry/autogen/1/_00001.wal: no space left on device"}
TOO_MANY = {"error": "partial write: max-values-per-tag limit exceeded (100001/100000) dropped=1"}
MOODS = {
    "gone": "gone",
    "the answer is lost": "lost",
    "breaks in the middle of a batch": "half",
    "hangs": "hangs",
    "drips": "drips",
    "babbles": "babbles",
    "an answer that breaks off": "breaks_off",
    "busy": (503, json.dumps(UNAVAILABLE).encode()),
    "throttles": (429, b""),
    "fails": (500, json.dumps({"error": "timeout"}).encode()),
    "its cache is full": (500, json.dumps(FULL).encode()),
    "its disk is full": (500, json.dumps(NO_SPACE).encode()),
    "it takes no new device": (400, json.dumps(TOO_MANY).encode()),
    "a load balancer without servers": (502, b"<html>Bad Gateway</html>"),
    "a web page": (200, b"<html>welcome</html>"),
    "a web page that refuses": (400, b"<html>what?</html>"),
    "redirects": (301, b""),
    "another service": (404, b'{"error":"no such path"}'),
    "its users are gone": (401, b'{"error":"authorization failed"}'),
}


@pytest.fixture
def server(influxd):
    server = MoodyServer(influxd.url)
    yield server
    server.close()


def store_on(url, database, clock, budget_s=30.0):
    return InfluxTelemetryStore(
        url,
        database,
        auth=ADMIN,
        clock=clock,
        retention_ms=30 * DAY,
        budget_s=budget_s,
        backoff=Backoff(attempts=3, sleep=lambda _: None),
    )


@pytest.fixture
def fleet(server, database, clock):
    return Fleet(store_on(server.url, database, clock), clock)


@pytest.fixture
def well(influxd, clock):
    """What a server that was always well ends with."""
    name = influxd.database("always-well")
    fleet = Fleet(store_on(influxd.url, name, clock), clock)
    fleet.deliver(BATCH)
    yield fleet.everything()
    influxd.ask(f'DROP DATABASE "{name}"')


@pytest.mark.parametrize("mood", MOODS.values(), ids=MOODS)
def test_messages_wait_until_the_server_is_well_and_are_then_stored_once(server, fleet, well, mood, database, clock):
    server.mood = mood
    fleet.store = store_on(server.url, database, clock, BUDGET_S)
    for _ in range(2):
        report = fleet.take(BATCH)
        assert report.failed == set(BATCH)
        assert fleet.world.states == {}
        assert fleet.world.quarantined == {}
    server.mood = "well"
    fleet.store = store_on(server.url, database, clock)
    fleet.deliver(BATCH)
    assert fleet.everything() == well
    query = SeriesQuery(
        device="pump-1",
        metrics=("humidity", "temperature"),
        start=NOW - DAY,
        end=NOW + DAY,
        bin_ms=7 * DAY,
        aggregates=(Aggregate.COUNT,),
    )
    assert [row.values for row in fleet.store.series(query).rows] == [{"count": 5}, {"count": 4}]


def test_a_server_whose_mood_changes_with_each_request_ends_with_the_same(server, fleet, well):
    quick = [mood for mood in MOODS.values() if mood not in {"hangs", "drips"}]
    server.moods = [*quick, "half", "lost", *quick[::-1], "lost", "half"]
    fleet.deliver(BATCH)
    assert fleet.everything() == well
    assert server.moods == []


def test_a_moment_s_trouble_is_over_within_the_same_delivery(server, fleet, well):
    server.moods = ["gone", (503, b"")]
    assert fleet.take(BATCH).failed == set()
    assert fleet.everything() == well


def many(messages, points):
    """As many bodies as an invocation may bring, each of many points."""
    for number in range(messages):
        m = [{"ts": NOW - at, "values": {"temperature": 1.0, "pressure": 1000.0}} for at in range(points // 2)]
        document = {"v": 1, "boot": "b1", "seq": number, "sent": NOW, "m": m}
        data = json.dumps(document).encode()
        yield f"id-{number}", wrapper.encode(IngestMessage(data=data, thing=f"pump-{number}", received_at=NOW))


@pytest.mark.parametrize("mood", ["hangs", "drips"])
def test_of_many_batches_only_the_first_wait_for_a_server_that_hangs(server, fleet, database, clock, mood):
    bodies = dict(many(40, BATCH_POINTS // 2))
    server.mood = mood
    fleet.store = store_on(server.url, database, clock, BUDGET_S)
    assert fleet.take(bodies).failed == set(bodies)
    assert 1 <= server.requests <= SIDE_BY_SIDE


def test_a_server_that_hangs_later_keeps_what_it_took(server, fleet, database, clock):
    bodies = dict(many(6, BATCH_POINTS // 2))
    server.moods, server.mood = ["well"], "hangs"
    fleet.store = store_on(server.url, database, clock, 5.0)
    report = fleet.take(bodies)
    assert len(report.failed) == len(bodies) - 2
    assert report.messages == 2
    assert server.requests <= 1 + SIDE_BY_SIDE
    server.mood = "well"
    fleet.store = store_on(server.url, database, clock)
    fleet.deliver({id_: bodies[id_] for id_ in report.failed})
    assert sum(one.counters.messages for one in fleet.world.states.values()) == len(bodies)
