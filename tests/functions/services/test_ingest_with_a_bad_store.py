"""A store that fails in whatever way delays messages: none is lost, counted twice or quarantined for it."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract import ingest as wrapper
from contract.ingest import IngestMessage
from contract.models import shipped
from functions import bootstrap
from functions.adapters.backoff import Backoff
from functions.adapters.memory import (
    ManualClock,
    MemoryLake,
    MemoryQuarantine,
    MemoryRegistry,
    MemoryStateStore,
    MemoryTelemetryStore,
    MemoryWorld,
)
from functions.catalogue import FUNCTIONS, StoreAccess
from functions.domain.devices import Source
from functions.domain.state import DeviceState, Saved
from functions.errors import PartialWriteError, StoreError
from functions.services.device_models import DeviceModels
from functions.services.ingest import Ingest

NOW = 1_764_000_000_000
DAY = 86_400_000
MINUTE = 60_000


class Sick(MemoryTelemetryStore):
    """Does to each write what `illness` says next, and is well when it says no more."""

    def __init__(self, clock, illness=()):
        super().__init__(clock=clock, retention_ms=30 * DAY)
        self.illness = [*illness]
        self.writes = 0

    def write(self, points):
        self.writes += 1
        if not self.illness:
            return super().write(points)
        kind, share = self.illness.pop(0)
        cut = round(len(points) * share)
        if kind == "down":
            raise StoreError("down")
        if kind == "lost":  # it stored some, and nobody heard of it
            super().write(points[:cut])
            raise StoreError("the answer was lost")
        rejected = super().write(points[:cut])
        if cut == len(points):
            return rejected
        raise PartialWriteError("full", frozenset(range(cut, len(points))), rejected)


class Fleet:
    """Ingest over a store, and the queue before it: what failed is delivered again."""

    def __init__(self, store, clock):
        self.clock, self.store = clock, store
        self.world = MemoryWorld()
        self.lake = MemoryLake()
        self.quarantine = MemoryQuarantine(self.world)
        self.states = MemoryStateStore(self.world)
        registry = MemoryRegistry()
        registry.register("pump-1", "Pump", "climate", "plant-1", Source.FLEET, clock.now)
        self.models = DeviceModels(registry, shipped(), clock)

    def take(self, bodies, attempts=range(3)):
        ingest = Ingest(
            lake=self.lake,
            store=self.store,
            quarantine=self.quarantine,
            states=self.states,
            models=self.models,
            attempts=attempts,
        )
        return ingest.take(bodies)

    def deliver(self, bodies):
        """The batch, and what failed of it, until nothing does."""
        for _ in range(100):
            failed = self.take(bodies).failed
            bodies = {id_: body for id_, body in bodies.items() if id_ in failed}
            self.clock.now += 6 * MINUTE
            if not bodies:
                return
        raise AssertionError("something is delivered for ever")

    def everything(self):
        stored = {device: points(self.store, device) for device in ("pump-1", "pump-2")}
        states = {thing: (one.latest, one.counters, one.boots) for thing, one in self.world.states.items()}
        return stored, states, self.world.quarantined


def points(store, device):
    return sorted(store.export(device, 0, NOW + DAY).points, key=lambda one: (one.ts, one.metric))


def body(seq, thing="pump-1", **values):
    document = {"v": 1, "boot": "b1", "seq": seq, "sent": NOW, "m": [{"ts": NOW - seq * 1000, "values": values}]}
    return wrapper.encode(IngestMessage(data=json.dumps(document).encode(), thing=thing, received_at=NOW))


BATCH = {
    **{f"id-{seq}": body(seq, temperature=float(seq), humidity=40.0) for seq in range(4)},
    "id-other": body(0, "pump-2", x=True),
    "id-wrong": body(9, temperature=5000.0, humidity=41.0),
}

illnesses = st.lists(st.tuples(st.sampled_from(["down", "lost", "partly"]), st.floats(0, 1)), max_size=8)


def well():
    clock = ManualClock(NOW)
    fleet = Fleet(Sick(clock), clock)
    fleet.deliver(BATCH)
    return fleet


@given(illnesses)
def test_after_whatever_illness_everything_is_as_if_the_store_had_been_well(illness):
    clock = ManualClock(NOW)
    fleet = Fleet(Sick(clock, illness), clock)
    fleet.deliver(BATCH)
    assert fleet.everything() == well().everything()


@pytest.mark.parametrize("kind", ["down", "lost"])
def test_while_the_store_does_not_answer_nothing_counts_as_done(kind):
    clock = ManualClock(NOW)
    fleet = Fleet(Sick(clock, [(kind, 0.5)] * 5), clock)
    for _ in range(5):
        report = fleet.take(BATCH)
        assert report.failed == set(BATCH)
        assert (report.messages, report.points, report.quarantined) == (0, 0, {})
        assert fleet.world.states == {}
        assert fleet.world.quarantined == {}
    assert fleet.take(BATCH).failed == set()


def test_raw_messages_reach_the_lake_also_while_the_store_is_down():
    clock = ManualClock(NOW)
    fleet = Fleet(Sick(clock, [("down", 0)]), clock)
    fleet.take(BATCH)
    assert len(fleet.lake.lines) == len(BATCH)


def test_a_store_that_is_full_takes_what_it_can_and_the_rest_later():
    clock = ManualClock(NOW)
    fleet = Fleet(Sick(clock, [("partly", 0.5)]), clock)
    report = fleet.take(BATCH)
    assert 0 < len(report.failed) < len(BATCH)
    assert sum(one.counters.messages for one in fleet.world.states.values()) == len(BATCH) - len(report.failed)
    fleet.deliver({id_: BATCH[id_] for id_ in report.failed})
    assert fleet.everything() == well().everything()


class Hours:
    """Monotonic time that passes only while somebody waits for a store."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def test_attempts_at_a_batch_end_while_there_is_time_to_say_so():
    """A store that answers at the very end of its budget, and a device that others keep writing to."""
    clock, hours = ManualClock(NOW), Hours()
    fleet = Fleet(Sick(clock), clock)
    write = fleet.store.write

    def slow(points):
        hours.now += bootstrap.STORE_BUDGET_S[StoreAccess.WRITE]
        return write(points)

    def wait(seconds):
        hours.now += seconds

    fleet.store.write = slow
    fleet.states.save = lambda states: Saved(frozenset(states))
    attempts = Backoff(within_s=bootstrap.INGEST_WITHIN_S, sleep=wait, monotonic=hours, chance=lambda: 1.0)
    report = fleet.take(BATCH, attempts)
    (function,) = (spec for spec in FUNCTIONS if spec.name == "ingest")
    assert hours.now < function.timeout_s - 10
    assert report.failed == set(BATCH)
    assert fleet.store.writes == 2


def test_messages_that_were_stored_but_not_counted_are_counted_once():
    clock = ManualClock(NOW)
    fleet = Fleet(Sick(clock), clock)
    save = fleet.states.save
    fleet.states.save = lambda states: Saved(frozenset(), dict.fromkeys(states, "throttled"))
    assert fleet.take(BATCH).failed == set(BATCH)
    assert fleet.world.states.get("pump-1", DeviceState()).counters.messages == 0
    fleet.states.save = save
    fleet.deliver(BATCH)
    assert fleet.everything() == well().everything()
