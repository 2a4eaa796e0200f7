"""Ingest over fakes: what is failed, what is stored, and that every repetition is harmless."""

import json

import pytest

from contract import ingest as wrapper
from contract.ingest import IngestMessage
from contract.models import shipped
from functions.adapters.backoff import Backoff
from functions.adapters.memory import (
    MemoryLake,
    MemoryQuarantine,
    MemoryStateStore,
    MemoryTelemetryStore,
    MemoryWorld,
)
from functions.adapters.memory_alarm_queues import MemoryActionsQueue
from functions.adapters.memory_live import MemoryLivePublisher
from functions.adapters.memory_registry import MemoryRegistry
from functions.adapters.memory_replays import MemoryReplays
from functions.adapters.memory_rules import MemoryRules
from functions.domain.devices import Source
from functions.domain.series import SeriesQuery
from functions.domain.state import Counters, DeviceState, Saved
from functions.errors import LakeError, PartialWriteError, QuarantineError, RegistryError, StateError, StoreError
from functions.services.engine import Engine
from functions.services.ingest import Ingest
from functions.services.replay import ReplayQuarantined
from functions.services.rulebook import Rulebook

DAY = 86_400_000


class Cloud:
    """The fakes, each of which a test may make fail."""

    def __init__(self, clock):
        self.clock = clock
        self.world = MemoryWorld()
        self.lake = MemoryLake()
        self.store = MemoryTelemetryStore(clock=clock, retention_ms=30 * DAY)
        self.quarantine = MemoryQuarantine(self.world)
        self.states = MemoryStateStore(self.world)
        self.live = MemoryLivePublisher()
        self.registry = MemoryRegistry()
        self.registry.register("pump-1", "Pump", "climate", "plant-1", Source.FLEET, clock.now)

    def take(self, *messages, attempts=range(3)):
        rulebook = Rulebook(MemoryRules(), self.registry, self.clock, shipped=shipped())
        engine = Engine(states=self.states, actions=MemoryActionsQueue(), live=self.live, clock=self.clock)
        ingest = Ingest(
            lake=self.lake,
            store=self.store,
            quarantine=self.quarantine,
            engine=engine,
            rulebook=rulebook,
            attempts=attempts,
            live=self.live,
            replays=ReplayQuarantined(
                store=self.store,
                replays=MemoryReplays(self.quarantine),
                engine=engine,
                rulebook=rulebook,
                attempts=attempts,
                live=self.live,
                clock=self.clock,
            ),
        )
        return ingest.take({f"id-{at}": body for at, body in enumerate(messages)})

    def message(self, seq=0, *, thing="pump-1", ts=None, boot="b1", raw=None, **values):
        ts = self.clock.now if ts is None else ts
        document = {
            "v": 1,
            "boot": boot,
            "seq": seq,
            "sent": ts,
            "m": [{"ts": ts, "values": values or {"temperature": 1}}],
        }
        data = json.dumps(document).encode() if raw is None else raw
        return wrapper.encode(IngestMessage(data=data, thing=thing, received_at=self.clock.now))

    def counters(self, thing="pump-1"):
        return self.world.states.get(thing, DeviceState()).counters

    def points(self, thing="pump-1", metric="temperature"):
        query = SeriesQuery(device=thing, metrics=(metric,), start=0, end=self.clock.now + 1)
        return [row.value for row in self.store.series(query).rows]


@pytest.fixture
def cloud(clock):
    return Cloud(clock)


def failing(exc):
    def fail(*_):
        raise exc

    return fail


def test_a_batch_ends_everywhere_it_belongs(cloud):
    report = cloud.take(
        cloud.message(0, temperature=1),
        cloud.message(1, temperature=5000, mood="fine"),
        cloud.message(raw=b"rubbish"),
        cloud.message(0, thing="stranger", x=1),
    )
    assert report.failed == set()
    assert cloud.points() == [1.0]
    assert cloud.points("stranger", "x") == [1.0]
    assert len(cloud.lake.lines) == 4
    assert cloud.world.quarantined == {"pump-1": {"out_of_range": 1, "malformed": 1}}
    assert cloud.counters() == Counters(messages=2, points=2, unmodeled=1)
    assert (report.messages, report.points, report.quarantined) == (3, 3, {"out_of_range": 1, "malformed": 1})


def test_a_batch_delivered_again_changes_nothing_but_lake_and_duplicates(cloud):
    batch = [cloud.message(seq, ts=cloud.clock.now - seq, temperature=seq) for seq in range(5)]
    batch.append(cloud.message(raw=b"rubbish"))
    cloud.take(*batch)
    before, points, entries = cloud.world.states["pump-1"], cloud.points(), dict(cloud.quarantine.entries)
    cloud.take(*batch)
    after = cloud.world.states["pump-1"]
    assert (after.latest, after.boots) == (before.latest, before.boots)
    assert after.counters == before.counters.plus(Counters(duplicates=5))
    assert (cloud.points(), cloud.quarantine.entries) == (points, entries)
    assert cloud.world.quarantined == {"pump-1": {"malformed": 1}}


@pytest.mark.parametrize("body", ["", "{}", "not JSON", '{"data":"!","thing":"x","received_at":1}', b"\xff"])
def test_a_body_that_no_rule_wrote_is_failed_alone(cloud, body):
    report = cloud.take(cloud.message(0), body)
    assert report.failed == {"id-1"}
    assert "not a message of the topic rule" in report.problems[0]
    assert cloud.counters().messages == 1


def test_what_does_not_reach_the_lake_is_failed_and_not_done(cloud):
    append = cloud.lake.append

    def some(lines):
        append([lines[0]])
        raise LakeError("throttled", frozenset({1}))

    cloud.lake.append = some
    report = cloud.take(cloud.message(0, temperature=1), cloud.message(1, ts=cloud.clock.now - 1, temperature=2))
    assert report.failed == {"id-1"}
    assert cloud.counters().messages == 1
    assert not cloud.world.states["pump-1"].has_seen("b1", 1)
    cloud.lake.append = append
    assert cloud.take(cloud.message(1, ts=cloud.clock.now - 1, temperature=2)).failed == set()
    assert (cloud.counters().messages, len(cloud.lake.lines)) == (2, 2)


@pytest.mark.parametrize(
    ("port", "method", "exc"),
    [
        ("states", "read", StateError("down")),
        ("store", "write", StoreError("down")),
        ("quarantine", "put", QuarantineError("down", frozenset({0}))),
    ],
)
def test_a_message_that_waits_for_a_service_reaches_the_lake_once(cloud, port, method, exc):
    works = getattr(getattr(cloud, port), method)
    setattr(getattr(cloud, port), method, failing(exc))
    for _ in range(5):
        cloud.take(cloud.message(0, temperature=1, humidity=5000))
    assert cloud.lake.lines == []
    setattr(getattr(cloud, port), method, works)
    cloud.take(cloud.message(0, temperature=1, humidity=5000))
    assert len(cloud.lake.lines) == 1


def test_a_message_is_in_the_lake_before_it_counts_as_seen(cloud):
    cloud.states.save = failing(StateError("down"))
    assert cloud.take(cloud.message(0)).failed == {"id-0"}
    assert len(cloud.lake.lines) == 1


def test_a_device_that_is_done_again_is_appended_to_the_lake_once(cloud):
    cloud.states.save = lambda states: Saved(frozenset(states))
    cloud.take(cloud.message(0), attempts=range(5))
    assert len(cloud.lake.lines) == 1


def test_exactly_the_messages_whose_points_were_not_stored_are_failed(cloud):
    write = cloud.store.write

    def partly(points):
        bad = frozenset(at for at, point in enumerate(points) if point.metric == "humidity")
        write([point for at, point in enumerate(points) if at not in bad])
        raise PartialWriteError("throttled", bad)

    cloud.store.write = partly
    report = cloud.take(cloud.message(0, temperature=1), cloud.message(1, humidity=2), cloud.message(raw=b"rubbish"))
    assert report.failed == {"id-1"}
    assert cloud.counters() == Counters(messages=1, points=1)
    assert not cloud.world.states["pump-1"].has_seen("b1", 1)
    assert cloud.world.quarantined == {"pump-1": {"malformed": 1}}
    cloud.store.write = write
    assert cloud.take(cloud.message(1, humidity=2)).failed == set()
    assert cloud.counters() == Counters(messages=2, points=2)


def test_what_a_store_rejects_is_quarantined_also_when_other_points_failed(cloud):
    write = cloud.store.write

    def partly(points):
        rejected = write([point for point in points if point.metric != "humidity"])
        bad = frozenset(at for at, point in enumerate(points) if point.metric == "humidity")
        raise PartialWriteError("throttled", bad, rejected)

    cloud.store.write = partly
    old = cloud.message(0, ts=cloud.clock.now - 31 * DAY, temperature=1)
    assert cloud.take(old, cloud.message(1, humidity=1)).failed == {"id-1"}
    assert cloud.world.quarantined == {"pump-1": {"expired": 1}}


def test_a_point_older_than_the_retention_is_quarantined_and_its_message_counts(cloud):
    report = cloud.take(cloud.message(0, ts=cloud.clock.now - 31 * DAY))
    assert report.failed == set()
    assert cloud.world.quarantined == {"pump-1": {"expired": 1}}
    assert cloud.counters() == Counters(messages=1)


def test_a_repeated_message_whose_points_could_not_be_looked_for_is_failed_alone(cloud):
    cloud.take(cloud.message(0))
    cloud.store.recount = failing(StoreError("down"))
    report = cloud.take(cloud.message(0), cloud.message(1, humidity=1))
    assert (report.failed, report.problems) == ({"id-0"}, ["down"])
    assert cloud.counters() == Counters(messages=2, points=2)


def test_a_message_repeated_hours_later_leaves_its_points_as_they_were(cloud):
    sent = cloud.clock.now
    cloud.take(cloud.message(0))
    before = cloud.store.export("pump-1", 0, sent + 1).points
    cloud.clock.now += DAY
    cloud.take(cloud.message(0, ts=sent))
    assert cloud.store.export("pump-1", 0, sent + 1).points == before


def test_what_a_store_rejects_of_a_repeated_message_is_not_quarantined_again(cloud):
    old = cloud.message(0, ts=cloud.clock.now - 31 * DAY, temperature=1)
    cloud.take(old)
    report = cloud.take(old)
    assert (report.failed, report.duplicates, report.points, report.late) == (set(), 1, 0, 0)
    assert cloud.world.quarantined == {"pump-1": {"expired": 1}}
    assert len(cloud.quarantine.entries) == 1


def test_a_message_whose_entry_was_not_kept_is_failed_alone(cloud):
    cloud.quarantine.put = failing(QuarantineError("throttled", frozenset({0})))
    report = cloud.take(cloud.message(0, temperature=5000), cloud.message(1, humidity=1))
    assert report.failed == {"id-0"}
    assert cloud.counters().messages == 1
    assert not cloud.world.states["pump-1"].has_seen("b1", 0)


@pytest.mark.parametrize(
    ("port", "method", "exc"),
    [
        ("states", "read", StateError("down")),
        ("states", "save", StateError("down")),
        ("registry", "find", RegistryError("down")),
        ("store", "write", StoreError("down")),
    ],
)
def test_when_a_service_is_down_every_message_is_delivered_again(cloud, port, method, exc):
    setattr(getattr(cloud, port), method, failing(exc))
    report = cloud.take(cloud.message(0), cloud.message(0, thing="stranger"), "not ours")
    assert report.failed == {"id-0", "id-1", "id-2"}
    assert "down" in report.problems


def test_what_mqtt_delivers_twice_is_quarantined_once(cloud):
    read, raced = cloud.states.read, []

    def race(things):
        states = read(things)
        if not raced:
            raced.append(True)
            cloud.clock.now += 700
            Cloud.take(
                cloud, cloud.message(0, ts=cloud.clock.now - 700, temperature=5000), cloud.message(raw=b"rubbish")
            )
        return states

    twice = [cloud.message(0, temperature=5000), cloud.message(raw=b"rubbish")]
    cloud.states.read = race
    assert cloud.take(*twice).failed == set()
    assert cloud.world.quarantined == {"pump-1": {"out_of_range": 1, "malformed": 1}}
    assert cloud.counters() == Counters(messages=1, duplicates=1)


def test_after_any_interruption_a_redelivery_completes_without_counting_twice(cloud):
    batch = [cloud.message(0, temperature=1, humidity=5000), cloud.message(raw=b"rubbish")]
    save = cloud.states.save
    cloud.states.save = failing(StateError("lost on the way"))
    assert cloud.take(*batch).failed == {"id-0", "id-1"}
    cloud.states.save = save
    assert cloud.take(*batch).failed == set()
    assert cloud.points() == [1.0]
    assert cloud.counters() == Counters(messages=1, points=1)
    assert cloud.world.quarantined == {"pump-1": {"out_of_range": 1, "malformed": 1}}


def test_another_invocation_s_write_is_not_overwritten(cloud):
    read, raced = cloud.states.read, []

    def race(things):
        states = read(things)
        if not raced:
            raced.append(True)
            Cloud.take(cloud, cloud.message(0, ts=cloud.clock.now + 5, temperature=9))
        return states

    cloud.states.read = race
    report = cloud.take(cloud.message(1, temperature=1), cloud.message(0, thing="other", x=1))
    assert report.failed == set()
    assert (report.messages, report.points) == (2, 2)
    state = cloud.world.states["pump-1"]
    assert state.latest["temperature"].value == 9.0
    assert state.counters == Counters(messages=2, points=2)
    assert state.has_seen("b1", 0)
    assert state.has_seen("b1", 1)
    assert cloud.counters("other").messages == 1


def test_the_same_message_in_two_invocations_at_once_counts_once(cloud):
    read, raced = cloud.states.read, []
    message = cloud.message(0, temperature=5000, humidity=1)

    def race(things):
        states = read(things)
        if not raced:
            raced.append(True)
            Cloud.take(cloud, message)
        return states

    cloud.states.read = race
    assert cloud.take(message).failed == set()
    assert cloud.counters() == Counters(messages=1, points=1, duplicates=1)
    assert cloud.world.quarantined == {"pump-1": {"out_of_range": 1}}


def test_a_device_that_others_keep_writing_is_delivered_again_and_the_rest_is_done(cloud):
    save = cloud.states.save

    def contested(states):
        saved = save({thing: state for thing, state in states.items() if thing != "pump-1"})
        return Saved(saved.conflicts | {"pump-1"} & set(states))

    cloud.states.save = contested
    report = cloud.take(cloud.message(0), cloud.message(0, thing="other", x=1))
    assert report.failed == {"id-0"}
    assert "written by others" in report.problems[0]
    assert cloud.counters("other").messages == 1


def test_a_device_whose_state_cannot_be_written_is_delivered_again_and_the_rest_is_done(cloud):
    save = cloud.states.save

    def throttled(states):
        saved = save({thing: state for thing, state in states.items() if thing != "pump-1"})
        return Saved(saved.conflicts, {"pump-1": "throttled"})

    cloud.states.save = throttled
    report = cloud.take(cloud.message(0), cloud.message(0, thing="other", x=1))
    assert (report.failed, report.problems, report.messages) == ({"id-0"}, ["throttled"], 1)
    cloud.states.save = save
    assert cloud.take(cloud.message(0)).failed == set()
    assert (cloud.counters(), cloud.counters("other")) == (
        Counters(messages=1, points=1),
        Counters(messages=1, points=1, unmodeled=1),
    )


def test_a_bug_that_one_device_trips_does_not_hold_up_the_others(cloud, monkeypatch):
    from functions.services import ingest

    def tripping(assess):
        def trip(messages, *more):
            if messages[0].thing == "pump-1":
                raise ZeroDivisionError("a bug")
            return assess(messages, *more)

        return trip

    for name in ("assess", "assess_usual"):
        monkeypatch.setattr(ingest, name, tripping(getattr(ingest, name)))
    report = cloud.take(cloud.message(0), cloud.message(0, thing="other", x=1))
    assert (report.failed, report.problems) == ({"id-0"}, ["ZeroDivisionError: a bug"])
    assert cloud.counters("other").messages == 1


def test_nobody_waits_after_a_batch_that_went_well(cloud):
    waits = []
    assert cloud.take(cloud.message(0), attempts=Backoff(sleep=waits.append)).failed == set()
    assert waits == []


def test_whoever_was_slower_with_a_device_waits_before_the_next_attempt(cloud):
    save, waits = cloud.states.save, []

    def contested_once(states):
        cloud.states.save = save
        return Saved(frozenset(states))

    cloud.states.save = contested_once
    assert cloud.take(cloud.message(0), attempts=Backoff(sleep=waits.append)).failed == set()
    assert len(waits) == 1


def test_an_empty_batch_asks_nobody(cloud):
    cloud.states.read = cloud.store.write = failing(AssertionError("asked"))
    assert cloud.take().failed == set()


def test_whoever_watches_is_told_once_a_device_and_batch_of_what_moved(cloud):
    cloud.take(cloud.message(0, temperature=1, pressure=1000), cloud.message(1, ts=cloud.clock.now + 5, temperature=2))
    (event,) = cloud.live.events
    assert (event.kind, event.thing, event.group, event.at) == ("latest", "pump-1", None, cloud.clock.now + 5)
    assert {metric: one["value"] for metric, one in event.data.items()} == {"temperature": 2, "pressure": 1000}


def test_nobody_is_told_of_what_was_seen_before_or_is_old_or_could_not_be_stored(cloud):
    message = cloud.message(0, temperature=1)
    cloud.take(message)
    cloud.take(message)
    cloud.take(cloud.message(1, ts=cloud.clock.now - 1000, temperature=5))
    assert len(cloud.live.events) == 1
    cloud.states.save = lambda states: Saved(failed=dict.fromkeys(states, "down"))
    cloud.take(cloud.message(2, ts=cloud.clock.now + 9, temperature=7))
    assert len(cloud.live.events) == 1


def test_a_device_was_seen_when_its_newest_message_was_received(cloud):
    first = cloud.message(0)
    cloud.clock.now += 500
    second = cloud.message(1)
    cloud.clock.now += 500
    cloud.take(second, first)
    assert cloud.world.states["pump-1"].seen_at == cloud.clock.now - 500
    cloud.take(first)
    assert cloud.world.states["pump-1"].seen_at == cloud.clock.now - 500


def test_messages_of_which_nothing_comes_are_seen_too(cloud):
    for seq in range(4):
        cloud.clock.now += 10_000
        cloud.take(cloud.message(seq, temperature=20 + seq))
        assert cloud.world.states["pump-1"].seen_at == cloud.clock.now


def test_of_rubbish_it_is_written_when_it_came(cloud):
    cloud.take(cloud.message(raw=b"rubbish"))
    assert "pump-1" not in cloud.world.states
    assert cloud.world.statuses(["pump-1"])["pump-1"].seen_at == cloud.clock.now
