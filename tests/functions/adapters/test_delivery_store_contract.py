"""What every ledger of deliveries does, in memory and in DynamoDB alike."""

import itertools

import msgspec
import pytest

from functions.adapters.backoff import Backoff
from functions.adapters.dynamodb_audit import AuditedWrites
from functions.adapters.dynamodb_deliveries import AT_ONCE, DynamoDBDeliveries
from functions.adapters.memory_deliveries import MemoryDeliveries
from functions.domain.access import Reach
from functions.domain.audit import Note
from functions.domain.deliveries import (
    LEASE_MS,
    Answer,
    Attempt,
    DeliveryFilter,
    Digest,
    Due,
    Outcome,
    Reason,
    State,
    Trial,
)
from functions.domain.delivery_ids import own_id
from functions.errors import CursorError, DeliveriesError, RequestError
from tests.functions.adapters.test_command_store_contract import ANN
from tests.functions.domain.deliveries_of import NOW, alarm, notice

STEP = ("pump-7", 42, 0)
EVERYTHING = DeliveryFilter(reach=Reach(everything=True))


def note():
    return Note(actor=ANN, action="recipient.test", subject_kind="recipient", subject_id="on-call", at=NOW)


@pytest.fixture(params=["memory", "dynamodb"])
def store(request):
    if request.param == "memory":
        memory = MemoryDeliveries()
        memory.keep_entry = lambda step: memory.outbox.setdefault(step, object())
        memory.entries = lambda: list(memory.outbox)
        memory.count_notes = lambda: len(memory.journal.notes)
        return memory
    client = request.getfixturevalue("dynamodb")
    made = DynamoDBDeliveries(
        client, "core", "events", AuditedWrites(client, "events"), backoff=Backoff(attempts=4, sleep=lambda _: None)
    )

    def keep_entry(step):
        thing, number, at = step
        item = {"pk": {"S": f"DEVICE#{thing}"}, "sk": {"S": f"OUTBOX#{number:08d}#{at:04d}"}}
        client.put_item(TableName="core", Item=item)

    made.keep_entry = keep_entry
    made.entries = lambda: [
        one for one in client.scan(TableName="core")["Items"] if one["sk"]["S"].startswith("OUTBOX#")
    ]
    made.count_notes = lambda: sum("spk" in item for item in client.scan(TableName="events")["Items"])
    return made


def planned(store, *deliveries, step=STEP):
    store.keep_entry(step)
    assert store.plan(step, deliveries)
    return [store.read(one.id) for one in deliveries]


def due_of(store, until, limit=100):
    return sorted(due for shard in store.shards() for due in store.due(shard, until, None, limit).found)


def test_deliveries_take_the_place_of_the_outbox_entry(store):
    first, second = planned(store, notice("on-call"), notice("managers"))
    assert (first.version, first.state, first.about) == (1, State.PENDING, alarm())
    assert store.entries() == []
    assert not store.plan(STEP, [notice("somebody-else")])
    assert store.read(notice("somebody-else").id) is None
    assert store.of_alarm("pump-7", 42, 10, None).deliveries == tuple(
        sorted((first, second), key=lambda one: one.id, reverse=True)
    )


def test_nothing_to_do_takes_the_entry_away_too(store):
    assert planned(store) == []
    assert store.entries() == []


def test_a_delivery_that_is_there_already_stays_as_it_is(store):
    store.keep_entry(STEP)
    one = notice("on-call")
    store.plan(STEP, [one])
    begun = store.save(store.read(one.id), store.read(one.id).beginning(NOW))
    store.keep_entry(STEP)
    assert store.plan(STEP, [notice("managers"), one])
    assert store.read(one.id) == begun
    assert store.read(notice("managers").id).version == 1


def test_more_deliveries_than_a_transaction_holds_are_planned_as_well(store):
    many = [notice(f"person-{number:03d}") for number in range(AT_ONCE + 3)]
    assert len(planned(store, *many)) == len(many)
    assert store.entries() == []


def test_of_two_who_are_at_a_delivery_one_is_refused(store):
    (one,) = planned(store, notice("on-call"))
    begun = store.save(one, one.beginning(NOW), attempt=Attempt(number=1, at=NOW))
    assert begun.version == 2
    assert store.save(one, one.beginning(NOW), attempt=Attempt(number=1, at=NOW + 5)) is None
    assert store.attempts(one.id) == (Attempt(number=1, at=NOW),)
    assert store.read(one.id) == begun


def test_an_attempt_is_written_over_by_what_came_of_it(store):
    (one,) = planned(store, notice("on-call"))
    begun = store.save(one, one.beginning(NOW), attempt=Attempt(number=1, at=NOW))
    answer = Answer(outcome=Outcome.FAILED, status=503, note="busy")
    ended = Attempt(number=1, at=NOW, outcome=Outcome.FAILED, status=503, ended_at=NOW + 9)
    waiting = store.save(begun, begun.ended(NOW + 9, answer, lambda: 0.5), attempt=ended)
    again = store.save(waiting, waiting.beginning(NOW + 99), attempt=Attempt(number=2, at=NOW + 99))
    assert store.attempts(one.id) == (ended, Attempt(number=2, at=NOW + 99))
    assert again.attempts == 2
    assert store.attempts(notice("managers").id) == ()


def test_what_comes_of_a_delivery_comes_with_it_or_not_at_all(store):
    (one,) = planned(store, notice("on-call"))
    assert store.save(one, one.done(NOW), also=[notice("managers")]).state is State.DELIVERED
    assert store.read(notice("managers").id).state is State.PENDING
    assert store.save(one, one.done(NOW), also=[notice("third")]) is None
    assert store.read(notice("third").id) is None


def test_what_is_open_is_due_and_what_is_closed_is_not(store):
    (one,) = planned(store, notice("on-call"))
    assert due_of(store, one.due - 1) == []
    assert due_of(store, one.due) == [Due(one.due, one.id)]
    begun = store.save(one, one.beginning(NOW))
    assert due_of(store, NOW + LEASE_MS) == [Due(NOW + LEASE_MS, one.id)]
    store.save(begun, begun.done(NOW))
    assert due_of(store, NOW + 10**9) == []


def test_what_is_due_comes_page_by_page(store):
    planned(store, *(notice(f"person-{number}") for number in range(9)))
    found = []
    for shard in store.shards():
        after = None
        while True:
            page = store.due(shard, NOW + 10**9, after, 2)
            found += page.found
            after = page.after
            if after is None:
                break
    assert len(found) == len(set(found)) == 9


def test_a_deferred_delivery_comes_up_later_and_is_otherwise_untouched(store):
    (one,) = planned(store, notice("on-call"))
    due = Due(one.due, one.id)
    assert store.defer(due, one.due + 5000)
    assert not store.defer(due, one.due + 9000)
    assert due_of(store, one.due) == []
    assert due_of(store, one.due + 5000) == [Due(one.due + 5000, one.id)]
    assert store.save(one, one.done(NOW)) is not None
    assert not store.defer(Due(one.due + 5000, one.id), one.due + 9000)
    assert due_of(store, NOW + 10**9) == []


def test_deliveries_of_an_alarm_are_those_of_its_newest_step_first(store):
    planned(store, notice("on-call"))
    planned(store, notice("on-call", step=1), step=("pump-7", 42, 1))
    planned(store, notice("on-call", number=43), step=("pump-7", 43, 0))
    planned(store, notice("on-call", thing="pump-70", number=42), step=("pump-70", 42, 0))
    first = store.of_alarm("pump-7", 42, 1, None)
    rest = store.of_alarm("pump-7", 42, 1, first.cursor)
    assert [one.about.step for one in first.deliveries + rest.deliveries] == [1, 0]
    with pytest.raises(CursorError):
        store.of_alarm("pump-7", 43, 1, first.cursor)


def test_the_list_is_newest_first_and_holds_what_is_asked_for(store):
    deliveries = [notice(f"person-{number}", at=NOW + number) for number in range(7)]
    found = planned(store, *deliveries)
    store.save(found[2], found[2].failed(Reason.REFUSED, NOW, "400"))
    store.save(found[3], found[3].muted(Reason.MAINTENANCE, NOW))

    def listed(wanted, limit=3):
        cursor, some = None, []
        for _ in range(9):
            page = store.page(wanted, limit, cursor)
            some += page.deliveries
            cursor = page.cursor
            if cursor is None:
                return [one.recipient.removeprefix("person-") for one in some]
        raise AssertionError("no end")

    assert listed(EVERYTHING) == list("6543210")
    assert listed(msgspec.structs.replace(EVERYTHING, state=State.FAILED)) == ["2"]
    assert listed(msgspec.structs.replace(EVERYTHING, state=State.MUTED)) == ["3"]
    assert listed(msgspec.structs.replace(EVERYTHING, recipient="person-5")) == ["5"]
    assert listed(DeliveryFilter(reach=Reach(groups=("plant-2",)))) == []
    assert listed(DeliveryFilter(reach=Reach(groups=("plant-1",)))) == list("6543210")
    assert listed(DeliveryFilter(reach=Reach(things=("pump-7",)))) == list("6543210")
    with pytest.raises(CursorError):
        store.page(msgspec.structs.replace(EVERYTHING, state=State.MUTED), 3, store.page(EVERYTHING, 3, None).cursor)


def test_a_failed_one_that_is_replayed_leaves_the_list_of_failed_ones(store):
    (one,) = planned(store, notice("on-call"))
    failed = store.save(one, one.failed(Reason.REFUSED, NOW, "400"))
    replayed = store.save(failed, failed.replayed(NOW + 9), notes=[note()])
    assert store.page(msgspec.structs.replace(EVERYTHING, state=State.FAILED), 9, None).deliveries == ()
    assert store.page(EVERYTHING, 9, None).deliveries == (replayed,)
    assert store.count_notes() == 1
    assert store.save(failed, failed.replayed(NOW + 9), notes=[note()]) is None
    assert store.count_notes() == 1


def test_one_of_a_recipient_has_no_device(store):
    trial = msgspec.structs.replace(
        notice("on-call"),
        id=own_id("on-call", "test", 7),
        task=Trial(recipient="on-call", by="ann"),
        about=None,
        group="",
    )
    assert store.create(trial, note()).version == 1
    assert store.read(trial.id).task == trial.task
    assert store.count_notes() == 1
    with pytest.raises(DeliveriesError, match="one already"):
        store.create(trial, note())
    assert store.page(DeliveryFilter(reach=Reach(groups=("plant-1",))), 9, None).deliveries == ()
    assert [one.id for one in store.page(EVERYTHING, 9, None).deliveries] == [trial.id]
    with pytest.raises(RequestError, match="delivery: expected the id of a delivery"):
        store.read("on-call.other.7")


def test_what_is_gathered_is_told_in_one_digest(store):
    one, other, third = planned(store, notice("on-call"), notice("on-call", step=1), notice("managers"))
    gathered = store.gather(one, Reason.LIMIT, NOW, NOW + 900_000)
    store.gather(other, Reason.QUIET_HOURS, NOW + 5, NOW + 999_999)
    store.gather(third, Reason.LIMIT, NOW, NOW + 900_000)
    assert (gathered.state, gathered.digest, gathered.reason) == (State.DIGESTED, "on-call.digest.1", Reason.LIMIT)
    digest = store.read(gathered.digest)
    assert (digest.task, digest.next_at, digest.due) == (
        Digest(recipient="on-call", number=1),
        NOW + 900_000,
        NOW + 900_000,
    )
    told = store.gathered(digest, 10)
    assert {found.id for found in told.deliveries} == {one.id, other.id}
    assert not told.more
    assert store.gathered(digest, 1).more
    assert due_of(store, NOW + 900_000) == [
        Due(NOW + 900_000, "managers.digest.1"),
        Due(NOW + 900_000, "on-call.digest.1"),
    ]


def test_a_digest_that_is_being_sent_takes_no_more(store):
    deliveries = planned(store, *(notice("on-call", step=step) for step in range(3)))
    first = store.gather(deliveries[0], Reason.LIMIT, NOW, NOW + 1000)
    digest = store.read(first.digest)
    begun = store.save(digest, digest.beginning(NOW + 1000))
    second = store.gather(deliveries[1], Reason.LIMIT, NOW + 1001, NOW + 2000)
    assert second.digest == "on-call.digest.2"
    store.save(begun, begun.done(NOW + 1002))
    assert store.gather(deliveries[2], Reason.LIMIT, NOW + 1003, NOW + 3000).digest == "on-call.digest.2"
    assert [one.id for one in store.gathered(digest, 10).deliveries] == [deliveries[0].id]


def test_what_others_have_moved_is_not_gathered(store):
    (one,) = planned(store, notice("on-call"))
    store.save(one, one.beginning(NOW))
    assert store.gather(one, Reason.LIMIT, NOW, NOW + 1000) is None
    assert store.read("on-call.digest.1") is None


def test_ids_say_what_they_are_of():
    ids = [notice(name, number=number, step=step).id for name, number, step in itertools.product("ab", (1, 2), (0, 1))]
    assert len(set(ids)) == 8
    assert len({notice("a", number=1).message_id, notice("b", number=1).message_id}) == 2
    assert "." not in notice("a").message_id
