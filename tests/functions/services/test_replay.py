"""Replays of the quarantine: what a mended model accepts is stored once, whatever is repeated and wherever it dies."""

import json
from itertools import count

import pytest

from contract import ingest as wrapper
from contract.ingest import IngestMessage
from contract.models import shipped
from functions.adapters.memory import ManualClock, MemoryTelemetryStore
from functions.domain.ingest import Fault, QuarantineEntry
from functions.domain.quarantine import Outcome
from functions.errors import PartialWriteError, QuarantineError, StateError, StoreError
from tests.functions.ingest_fleet import DAY, MINUTE, NOW, Fleet, points
from tests.functions.replaying import climate, entries, message, replay

HOT = ((2000, {"temperature": 90.0, "humidity": 40.0}), (1000, {"temperature": 20.0}))


@pytest.fixture
def fleet():
    clock = ManualClock(NOW)
    return Fleet(MemoryTelemetryStore(clock=clock, retention_ms=30 * DAY), clock)


def stored(fleet, metric="temperature"):
    return {NOW - point.ts: point.value for point in points(fleet.store, "pump-1") if point.metric == metric}


def counters(fleet):
    return fleet.world.states["pump-1"].counters


def only_entry(fleet):
    (entry,) = entries(fleet)
    return entry


def quarantined(fleet, *measurements, **options):
    fleet.take({"id": message(*(measurements or HOT), **options)})
    return only_entry(fleet)


def test_what_a_mended_model_accepts_is_stored_with_the_rest_of_its_message_left_as_it_is(fleet):
    quarantined(fleet)
    before = counters(fleet)
    assert stored(fleet) == {1000: 20.0}
    fleet.models_are(climate(temperature=120.0))
    fleet.clock.now += 3 * MINUTE
    report = replay(fleet)
    assert (report.failed, report.replayed) == (set(), {Outcome.STORED: 1})
    assert stored(fleet) == {2000: 90.0, 1000: 20.0}
    (point,) = (one for one in points(fleet.store, "pump-1") if one.value == 90.0)
    assert (point.received_at, point.late) == (NOW, False)
    after = counters(fleet)
    assert (after.messages, after.duplicates) == (before.messages, 0)
    replayed = only_entry(fleet).replay
    assert (replayed.outcome, replayed.settled_at) == (Outcome.STORED, NOW + 3 * MINUTE)
    assert after.points - before.points == replayed.points


def test_an_input_that_is_mended_has_others_derived_from_it(fleet):
    model = shipped()["climate"]
    derived = [metric.key for metric in model.metrics.values() if metric.derived]
    quarantined(fleet, (0, {"temperature": 90.0, "humidity": 40.0}))
    assert not any(stored(fleet, metric) for metric in derived)
    fleet.models_are(climate(temperature=120.0, **dict.fromkeys(derived, 120.0)))
    replay(fleet)
    assert derived
    assert all(0 in stored(fleet, metric) for metric in derived)


@pytest.mark.parametrize("times", [2, 5])
def test_a_replay_repeated_changes_nothing(fleet, times):
    entry = quarantined(fleet)
    fleet.models_are(climate(temperature=120.0))
    replay(fleet)
    once = (fleet.everything(), fleet.world.states, only_entry(fleet))
    for _ in range(times):
        assert replay(fleet, entry.id).failed == set()
    assert replay(fleet, entry.id, entry.id).failed == set()
    assert (fleet.everything(), fleet.world.states, only_entry(fleet)) == once


def test_a_replay_and_the_message_delivered_again_store_it_once(fleet):
    quarantined(fleet)
    fleet.models_are(climate(temperature=120.0))
    replay(fleet)
    before, state = fleet.everything()[0], fleet.world.states["pump-1"]
    fleet.take({"again": message(*HOT)})
    fleet.take({"later": message(*HOT, received_at=NOW + 1)})
    assert fleet.everything()[0] == before
    assert counters(fleet).points == state.counters.points
    assert len(entries(fleet)) == 1


def test_what_is_still_wrong_stays_with_its_new_reason_and_is_no_second_entry(fleet):
    entry = quarantined(fleet, (0, {"temperature": 90.0}))
    counts = dict(fleet.world.quarantined["pump-1"])
    fleet.models_are(climate(temperature=85.5))
    report = replay(fleet)
    assert report.replayed == {Outcome.REFUSED: 1}
    found = only_entry(fleet)
    assert (found.id, found.replay.outcome, found.replay.points) == (entry.id, Outcome.REFUSED, 0)
    assert [fault.detail for fault in found.faults] == ["expected at most 85.5 Cel, got 90.0"]
    assert fleet.world.quarantined["pump-1"] == counts
    assert stored(fleet) == {}


def test_a_part_that_is_mended_is_stored_and_the_other_can_be_replayed_later(fleet):
    quarantined(fleet, (2, {"temperature": 90.0}), (1, {"temperature": 100.0}), (0, {"pressure": 1000.0}))
    fleet.models_are(climate(temperature=95.0))
    replay(fleet)
    assert (stored(fleet), only_entry(fleet).replay.outcome) == ({2: 90.0}, Outcome.PARTLY)
    assert [fault.ts for fault in only_entry(fleet).faults] == [NOW - 1]
    counted = counters(fleet).points
    fleet.models_are(climate(temperature=120.0))
    replay(fleet)
    assert (stored(fleet), only_entry(fleet).replay.outcome) == ({2: 90.0, 1: 100.0}, Outcome.STORED)
    assert counters(fleet).points == counted + 1
    assert only_entry(fleet).replay.points == 2


def test_latest_never_goes_back(fleet):
    quarantined(fleet, (5000, {"temperature": 90.0}))
    fleet.take({"newer": message((0, {"temperature": 21.0}), seq=1)})
    fleet.models_are(climate(temperature=120.0))
    replay(fleet)
    assert fleet.world.states["pump-1"].latest["temperature"].value == 21.0
    assert stored(fleet) == {5000: 90.0, 0: 21.0}


def test_what_the_device_said_of_the_same_instant_since_then_stands(fleet):
    quarantined(fleet, (0, {"temperature": 90.0}))
    fleet.take({"mended": message((0, {"temperature": 45.0}), seq=1, received_at=NOW + MINUTE)})
    fleet.models_are(climate(temperature=120.0))
    replay(fleet)
    assert stored(fleet) == {0: 45.0}
    assert fleet.world.states["pump-1"].latest["temperature"].value == 45.0


def test_a_clock_that_was_ahead_is_wrong_for_good(fleet):
    quarantined(fleet, (-60 * MINUTE, {"temperature": 20.0}))
    fleet.clock.now += DAY
    replay(fleet)
    assert only_entry(fleet).replay.outcome is Outcome.REFUSED
    assert stored(fleet) == {}


def test_a_message_beyond_the_retention_is_refused_with_that_reason(fleet):
    quarantined(fleet, (0, {"temperature": 90.0}))
    fleet.models_are(climate(temperature=120.0))
    fleet.clock.now += 31 * DAY
    replay(fleet)
    found = only_entry(fleet)
    assert found.replay.outcome is Outcome.REFUSED
    assert [fault.metric for fault in found.faults] == ["temperature"]
    assert found.faults[0].reason != "out_of_range"


def test_no_replay_comes_of_what_is_no_message_no_entry_or_gone(fleet):
    fleet.take({"id": wrapper.encode(IngestMessage(data=b"no JSON", thing="pump-1", received_at=NOW))})
    before = fleet.everything()
    entry = only_entry(fleet)
    report = replay(fleet, entry.id, "1764000000000-" + "0" * 24, "no id")
    assert (report.failed, report.replayed) == (set(), {})
    assert (fleet.everything(), only_entry(fleet)) == (before, entry)


def test_a_message_of_a_version_that_is_known_by_now_counts_as_one(fleet):
    document = {"v": 1, "boot": "b1", "seq": 3, "sent": NOW, "m": [{"ts": NOW, "values": {"temperature": 20.0}}]}
    fleet.take({"first": message((9, {"temperature": 1.0}))})
    raw = json.dumps(document).encode()
    unsupported = Fault("unsupported_version", "expected 0, got 1")
    fleet.quarantine.put([QuarantineEntry("pump-1", NOW, raw, (unsupported,))])
    assert counters(fleet).messages == 1
    assert replay(fleet).replayed == {Outcome.STORED: 1}
    assert (counters(fleet).messages, stored(fleet)) == (2, {9: 1.0, 0: 20.0})
    assert fleet.world.states["pump-1"].has_seen("b1", 3)
    fleet.take({"again": wrapper.encode(IngestMessage(data=raw, thing="pump-1", received_at=NOW))})
    assert (counters(fleet).messages, counters(fleet).duplicates) == (2, 1)


def dying(fleet, step, *, done):
    """The n-th call of an adapter fails, with its work `done` or not."""
    calls = count()

    def wrapped(call, error):
        def maybe(*args, **options):
            fails = next(calls) == step
            if fails and not done:
                raise error("it is down")
            answer = call(*args, **options)
            if fails:
                raise error("its answer was lost")
            return answer

        return maybe

    fleet.store.write = wrapped(fleet.store.write, StoreError)
    fleet.states.read = wrapped(fleet.states.read, StateError)
    fleet.states.save = wrapped(fleet.states.save, StateError)
    fleet.replays.read = wrapped(fleet.replays.read, QuarantineError)
    fleet.replays.settle = wrapped(fleet.replays.settle, QuarantineError)


@pytest.mark.parametrize("done", [False, True])
@pytest.mark.parametrize("step", range(5))
def test_a_replay_that_dies_anywhere_and_is_delivered_again_is_one_replay(step, done):
    def world():
        clock = ManualClock(NOW)
        fleet = Fleet(MemoryTelemetryStore(clock=clock, retention_ms=30 * DAY), clock)
        quarantined(fleet)
        fleet.models_are(climate(temperature=120.0))
        return fleet

    clean, shaken = world(), world()
    replay(clean)
    dying(shaken, step, done=done)
    assert len(replay(shaken).failed) == 1
    for _ in range(2):
        assert replay(shaken).failed == set()
    assert shaken.everything() == clean.everything()
    assert only_entry(shaken).replay == only_entry(clean).replay


def test_a_store_that_takes_a_part_only_has_it_delivered_again(fleet):
    quarantined(fleet)
    fleet.models_are(climate(temperature=120.0))
    write = fleet.store.write

    def partly(some):
        fleet.store.write = write
        raise PartialWriteError("throttled", frozenset({0}))

    fleet.store.write = partly
    assert len(replay(fleet).failed) == 1
    assert only_entry(fleet).replay is None
    assert replay(fleet).replayed == {Outcome.STORED: 1}
    assert stored(fleet) == {2000: 90.0, 1000: 20.0}


def test_a_replay_whose_state_others_write_goes_on_from_theirs(fleet):
    quarantined(fleet)
    fleet.models_are(climate(temperature=120.0))
    read = fleet.states.read

    def meanwhile(things):
        states = read(things)
        fleet.states.read = read
        assert fleet.take({"other": message((0, {"temperature": 21.0}), seq=1)}).failed == set()
        return states

    fleet.states.read = meanwhile
    assert replay(fleet).replayed == {Outcome.STORED: 1}
    assert stored(fleet) == {2000: 90.0, 1000: 20.0, 0: 21.0}
    assert (counters(fleet).messages, fleet.world.states["pump-1"].latest["temperature"].value) == (2, 21.0)


def test_rules_see_nothing_of_a_replay(fleet):
    """The climate model watches for more than 30 Cel over five minutes."""
    hot = [(ago * MINUTE, {"temperature": 90.0}) for ago in range(9, -1, -1)]
    quarantined(fleet, *hot)
    fleet.take({"newer": message((0, {"pressure": 1000.0}), seq=1)})
    rules = fleet.world.states["pump-1"].rules
    fleet.models_are(climate(temperature=120.0))
    replay(fleet)
    assert only_entry(fleet).replay.points == 10
    assert fleet.world.states["pump-1"].rules == rules
    assert fleet.world.alarms.active == {}
    # The same from the device itself, in time, is an alarm.
    fleet.clock.now += 10 * MINUTE
    for at in range(1, 10):
        body = message((-at * MINUTE, {"temperature": 90.0}), seq=1 + at, received_at=NOW + at * MINUTE)
        assert fleet.take({f"id-{at}": body}).failed == set()
    assert fleet.world.alarms.active


def test_a_replay_goes_into_no_lake(fleet):
    quarantined(fleet)
    lines = len(fleet.lake.lines)
    fleet.models_are(climate(temperature=120.0))
    replay(fleet)
    assert len(fleet.lake.lines) == lines
