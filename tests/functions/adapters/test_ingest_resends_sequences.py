"""Whatever devices send again, and whenever invocations die or meet, InfluxDB counts each value once."""

import itertools
import json
from math import fsum

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contract import ingest as wrapper
from contract.ingest import IngestMessage
from functions.adapters.memory import ManualClock
from functions.domain.series import Aggregate, SeriesQuery
from functions.errors import StateError
from tests.functions.adapters.influx_backends import BACKENDS
from tests.functions.ingest_fleet import DAY, MINUTE, NOW, Fleet

devices = (f"pump-{number}" for number in itertools.count())

# A few messages, of which some speak of the same instants, and a few copies of each; the last come by noted slots. None
# is late: what ADR 0010 says of late points that overtake others is left out.
delays = st.sampled_from([0, 1, 7, 30_000, 40 * MINUTE])
copies = st.tuples(st.integers(0, 3), delays)
batches = st.lists(copies, min_size=1, max_size=3)
# Each batch ends well, dies before the state is saved, or meets another invocation that has just read the same state.
steps = st.lists(st.tuples(st.sampled_from(["well", "dies", "meets"]), batches, batches), min_size=1, max_size=5)


def sent(device, seq, delay):
    # No two are received in the same millisecond: of a tie either may stand.
    values = {"m": float(seq + 1), "shared": float(-seq)}
    m = [{"ts": NOW + seq % 2, "values": values}]
    document = {"v": 1, "boot": "b1", "seq": seq, "sent": NOW, "m": m}
    received_at = NOW + 2 + delay + seq * 11_003
    return wrapper.encode(IngestMessage(data=json.dumps(document).encode(), thing=device, received_at=received_at))


def bodies(device, batch):
    return {f"{seq}-{delay}-{at}": sent(device, seq, delay) for at, (seq, delay) in enumerate(batch)}


class Deaths:
    """Invocations, and what the queue delivers again when they die."""

    def __init__(self, fleet):
        self.fleet = fleet
        self.read, self.save = fleet.states.read, fleet.states.save
        self.waiting = []

    def dies(self, batch, _other):
        def die(_states):
            raise StateError("the invocation died")

        self.fleet.states.save = die
        assert self.fleet.take(batch).failed == set(batch)
        self.fleet.states.save = self.save
        self.waiting.append(batch)

    def well(self, batch, _other):
        assert self.fleet.take(batch).failed == set()

    def meets(self, batch, other):
        def race(things):
            states = self.read(things)
            self.fleet.states.read = self.read
            self.well(other, {})
            return states

        self.fleet.states.read = race
        self.well(batch, {})

    def over(self):
        for batch in self.waiting:
            self.well(batch, {})


def standing(store, device):
    points, cursor = {}, None
    while True:
        page = store.export(device, NOW - DAY, NOW + DAY, cursor)
        for one in page.points:
            points.setdefault(one.metric, []).append(one.value)
        cursor = page.cursor
        if cursor is None:
            return points


@pytest.fixture(params=BACKENDS)
def store(request):
    return BACKENDS[request.param](request, ManualClock(NOW + DAY))


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(steps)
def test_what_is_counted_is_what_stands(store, steps):
    device = next(devices)
    fleet = Fleet(store, ManualClock(NOW + DAY))
    deaths = Deaths(fleet)
    for kind, batch, other in steps:
        getattr(deaths, kind)(bodies(device, batch), bodies(device, other))
    deaths.over()
    query = SeriesQuery(
        device=device,
        metrics=("m", "shared"),
        start=NOW - DAY,
        end=NOW + DAY,
        bin_ms=7 * DAY,
        aggregates=(Aggregate.COUNT, Aggregate.SUM, Aggregate.MIN, Aggregate.MAX),
    )
    counted = {row.metric: dict(row.values) for row in store.series(query).rows}
    assert counted == {
        metric: {"count": len(some), "sum": fsum(some), "min": min(some), "max": max(some)}
        for metric, some in standing(store, device).items()
    }
    delivered = [[*batch, *(other if kind == "meets" else [])] for kind, batch, other in steps]
    seqs = {seq for some in delivered for seq, _ in some}
    assert fleet.world.states[device].counters.messages == len(seqs)
