"""What is promised of entries that are replayed, over the fake and the real adapter; and replays over every store."""

from types import SimpleNamespace

import pytest
from botocore.exceptions import ClientError

from functions.adapters.dynamodb_audit import AuditedWrites
from functions.adapters.dynamodb_audit_log import DynamoDBAuditLog
from functions.adapters.dynamodb_quarantine import DynamoDBQuarantine
from functions.adapters.dynamodb_replays import DynamoDBReplays
from functions.adapters.dynamodb_state import DynamoDBStateStore
from functions.adapters.memory import MemoryQuarantine, MemoryWorld
from functions.adapters.memory_audit import MemoryJournal
from functions.adapters.memory_replays import MemoryReplays
from functions.domain.access import Kind, Principal
from functions.domain.audit import Actor, AuditFilter, Note
from functions.domain.ingest import Fault, QuarantineEntry
from functions.domain.quarantine import Outcome, Replay
from functions.domain.replays import Settlement
from functions.domain.series import Aggregate, SeriesQuery
from functions.errors import QuarantineError
from tests.functions.adapters.telemetry_stores import STORES
from tests.functions.ingest_fleet import DAY, NOW, Fleet
from tests.functions.replaying import climate, entries, message, replay

HOT = Fault("out_of_range", "expected at most 85 Cel, got 90.0", "temperature", NOW)
COLD = Fault("out_of_range", "expected at least 95 Cel, got 90.0", "temperature", NOW)
KEPT = frozenset({("humidity", NOW), ("humidity", NOW - 1000), ("dew_point", NOW)})
ANN = Actor(Principal("user:ann", Kind.USER, "Ann"), "request-1", "192.0.2.1")


@pytest.fixture(params=["memory", "dynamodb"])
def parts(request):
    if request.param == "memory":
        world, journal = MemoryWorld(), MemoryJournal()
        quarantine = MemoryQuarantine(world)
        return SimpleNamespace(
            quarantine=quarantine, replays=MemoryReplays(quarantine, journal), statuses=world, audit=journal
        )
    client = request.getfixturevalue("dynamodb")
    return SimpleNamespace(
        quarantine=DynamoDBQuarantine(client, "events", "state"),
        replays=DynamoDBReplays(client, "events", AuditedWrites(client, "events")),
        statuses=DynamoDBStateStore(client, "state"),
        audit=DynamoDBAuditLog(client, "events"),
    )


def put(parts, raw=b"{}", thing="pump-1", faults=(HOT,), kept=KEPT, origin="telemetry"):
    """The id that it was given."""
    parts.quarantine.put([QuarantineEntry(thing, NOW, raw, tuple(faults), kept, origin)])
    return next(one.id for one in parts.quarantine.page(thing, 10, None).entries if one.raw == raw)


def note(thing="pump-1"):
    return Note(actor=ANN, action="quarantine.replay", subject_kind="device", subject_id=thing, at=NOW)


def settled(outcome=Outcome.STORED, faults=(), stored=KEPT, points=1, at=NOW + 9):
    return Settlement(outcome, at, tuple(faults), stored, points)


def test_an_entry_says_what_was_kept_of_its_message_and_what_it_was(parts):
    entry = put(parts)
    kept = parts.replays.read("pump-1", entry)
    assert (kept.thing, kept.stored, kept.revision, kept.entry.replay) == ("pump-1", KEPT, 0, None)
    assert kept.entry == parts.quarantine.entry("pump-1", entry)
    event = put(parts, b"event", kept=frozenset(), origin="event")
    assert (parts.replays.read("pump-1", event).stored, parts.quarantine.entry("pump-1", event).origin) == (
        frozenset(),
        "event",
    )


@pytest.mark.parametrize("entry", ["x", f"{NOW}-{'0' * 24}", "SEEN#" + "0" * 24])
def test_an_entry_that_is_not_there_is_neither_read_begun_nor_noted(parts, entry):
    put(parts)
    assert parts.replays.read("pump-1", entry) is None
    assert parts.replays.begin("pump-1", entry, Replay(NOW, "user:ann", "Ann"), note()) is None
    assert parts.audit.page(AuditFilter(start=0, end=NOW + 1), 10, None).entries == ()


def test_no_replay_begins_without_its_audit():
    replays = DynamoDBReplays(None, "events")
    with pytest.raises(QuarantineError, match="expected somewhere to keep its audit"):
        replays.begin("pump-1", f"{NOW}-{'0' * 24}", Replay(NOW, "user:ann", "Ann"), note())


def test_a_replay_is_on_the_entry_and_in_the_audit(parts):
    entry = put(parts)
    asked = Replay(NOW + 5, "user:ann", "Ann")
    begun = parts.replays.begin("pump-1", entry, asked, note())
    assert begun == parts.quarantine.entry("pump-1", entry)
    assert begun.replay == asked
    assert begun.replay.outcome is Outcome.QUEUED
    (noted,) = parts.audit.page(AuditFilter(start=0, end=NOW + 1), 10, None).entries
    assert (noted.action, noted.subject.id, noted.who.id) == ("quarantine.replay", "pump-1", "user:ann")


def test_what_became_of_it_stands_on_the_same_entry_and_counts_nowhere(parts):
    entry = put(parts)
    before = parts.statuses.statuses(["pump-1"])["pump-1"].quarantined
    parts.replays.begin("pump-1", entry, Replay(NOW + 5, "user:ann", "Ann"), note())
    kept = parts.replays.read("pump-1", entry)
    assert parts.replays.settle(kept, settled(Outcome.PARTLY, [COLD], KEPT | {("temperature", NOW)}))
    (found,) = parts.quarantine.page("pump-1", 10, None).entries
    assert (found.id, found.faults) == (entry, (COLD,))
    assert found.replay == Replay(NOW + 5, "user:ann", "Ann", Outcome.PARTLY, NOW + 9, 1)
    again = parts.replays.read("pump-1", entry)
    assert (again.stored, again.revision) == (KEPT | {("temperature", NOW)}, 1)
    assert again.key != kept.key
    assert parts.statuses.statuses(["pump-1"])["pump-1"].quarantined == before == {"out_of_range": 1}


def test_the_points_of_all_replays_of_an_entry_are_counted(parts):
    entry = put(parts)
    for _ in range(3):
        kept = parts.replays.read("pump-1", entry)
        assert parts.replays.settle(kept, settled(Outcome.PARTLY, [COLD], points=2))
    assert parts.quarantine.entry("pump-1", entry).replay.points == 6


def test_once_nothing_is_left_the_entry_still_says_what_was_wrong(parts):
    entry = put(parts)
    assert parts.replays.settle(parts.replays.read("pump-1", entry), settled())
    found = parts.quarantine.entry("pump-1", entry)
    assert (found.faults, found.replay.outcome) == ((HOT,), Outcome.STORED)


def test_it_is_settled_as_it_was_read_and_once(parts):
    entry = put(parts)
    first = parts.replays.read("pump-1", entry)
    assert parts.replays.settle(first, settled())
    assert not parts.replays.settle(first, settled(Outcome.REFUSED, [COLD]))
    assert parts.quarantine.entry("pump-1", entry).replay.outcome is Outcome.STORED


def test_of_the_day_an_entry_shows_the_reasons_that_are_left(parts):
    entry = put(parts)
    future = Fault("future", "ahead")
    parts.replays.settle(parts.replays.read("pump-1", entry), settled(Outcome.REFUSED, [future]))
    (found,) = parts.quarantine.of_day("2025-11-24", 10, None).notices
    assert (found.id, found.reasons) == (entry, ("future",))


def test_a_message_with_thousands_of_values_fits_with_what_was_kept_of_it(dynamodb):
    kept = frozenset((f"metric_{at % 4}", NOW - at * 7919 % 10**9) for at in range(10_000))
    raw = b"\xff" * 131_072
    quarantine = DynamoDBQuarantine(dynamodb, "events", "state")
    quarantine.put([QuarantineEntry("pump-1", NOW, raw, (HOT,) * 200, kept)])
    (entry,) = quarantine.page("pump-1", 1, None).entries
    assert DynamoDBReplays(dynamodb, "events").read("pump-1", entry.id).stored == kept


class Conflicting:
    def __init__(self, *codes):
        self.codes = list(codes)

    def update_item(self, **_):
        if self.codes:
            raise ClientError({"Error": {"Code": self.codes.pop(0), "Message": "no"}}, "UpdateItem")


def test_settling_beside_another_transaction_is_tried_again(parts, backoff, waits):
    kept = parts.replays.read("pump-1", put(parts))
    busy = ["TransactionConflictException"] * 2
    assert DynamoDBReplays(Conflicting(*busy), "events", backoff=backoff).settle(kept, settled())
    assert len(waits) == 2
    with pytest.raises(QuarantineError, match="at every attempt"):
        DynamoDBReplays(Conflicting(*busy * 5), "events", backoff=backoff).settle(kept, settled())


@pytest.mark.parametrize("store", STORES)
def test_a_replay_repeated_and_the_message_delivered_again_count_once_in_every_store(store, request, clock):
    fleet = Fleet(STORES[store](request, clock), clock)
    hot = message((2000, {"temperature": 90.0, "pressure": 1000.0}), (1000, {"temperature": 20.0}))
    fleet.take({"id": hot})
    (entry,) = entries(fleet)
    fleet.models_are(climate(temperature=120.0))
    for step in ("replay", "replay", "message", "replay"):
        report = replay(fleet, entry.id) if step == "replay" else fleet.take({"again": hot})
        assert report.failed == set()
    query = SeriesQuery(
        device="pump-1",
        metrics=("temperature", "pressure"),
        start=NOW - DAY,
        end=NOW + DAY,
        bin_ms=7 * DAY,
        aggregates=(Aggregate.COUNT, Aggregate.SUM),
    )
    rows = {row.metric: dict(row.values) for row in fleet.store.series(query).rows}
    assert rows == {"temperature": {"count": 2, "sum": 110.0}, "pressure": {"count": 1, "sum": 1000.0}}
    counters = fleet.world.states["pump-1"].counters
    assert (counters.messages, counters.points, counters.duplicates) == (1, 3, 1)
    assert entries(fleet)[0].replay.outcome is Outcome.STORED
