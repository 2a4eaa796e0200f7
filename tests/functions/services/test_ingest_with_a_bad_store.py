"""A store that fails in whatever way delays messages: none is lost, counted twice or quarantined for it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions import bootstrap
from functions.adapters.backoff import Backoff
from functions.adapters.memory import ManualClock, MemoryTelemetryStore
from functions.catalogue import FUNCTIONS, StoreAccess
from functions.domain.state import DeviceState, Saved
from functions.errors import PartialWriteError, StoreError
from tests.functions.ingest_fleet import BATCH, DAY, NOW, Fleet


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


def test_however_long_the_store_is_down_each_raw_message_reaches_the_lake_once():
    clock = ManualClock(NOW)
    fleet = Fleet(Sick(clock, [("down", 0)] * 20), clock)
    fleet.deliver(BATCH)
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
    """A store that answers just before the end of its budget, and a device that others keep writing to."""
    clock, hours = ManualClock(NOW), Hours()
    fleet = Fleet(Sick(clock), clock)
    write = fleet.store.write

    def slow(points):
        hours.now += bootstrap.STORE_BUDGET_S[StoreAccess.WRITE] - 1
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
