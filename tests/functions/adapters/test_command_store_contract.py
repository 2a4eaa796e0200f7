"""What every ledger of commands does, in memory and in DynamoDB alike."""

import msgspec
import pytest

from functions.adapters.dynamodb_audit import AuditedWrites
from functions.adapters.dynamodb_commands import DynamoDBCommands
from functions.adapters.memory_audit import MemoryJournal
from functions.adapters.memory_commands import MemoryCommands
from functions.domain import ulids
from functions.domain.access import Grant, Kind, Principal, Reach, Role
from functions.domain.audit import Actor, Note
from functions.domain.bulk_commands import Bulk, BulkRow, Selection, Stage
from functions.domain.commands import Behind, Command, Due, Outcome, Requester, Status
from functions.domain.fences import Fence, Passed
from tests.functions.domain.test_commands import EXPIRES, NEW, NOW, after, said

ANN = Actor(Principal("user:1", Kind.USER, "ann", (Grant(Role.ADMIN, "*"),)), "request-1", "127.0.0.1")
BULK = Bulk(
    id="bulk-1",
    name="relay",
    parameters={"on": True},
    selection=Selection(group="plant-1"),
    reach=Reach(everything=True),
    created_at=NOW,
    expires_at=EXPIRES,
    timeout_ms=1000,
    by=Requester("user:1", "ann"),
)


def note(thing):
    return Note(actor=ANN, action="command.send", subject_kind="device", subject_id=thing, at=NOW, after={"name": "r"})


@pytest.fixture(params=["memory", "dynamodb"])
def store(request):
    if request.param == "memory":
        memory = MemoryCommands(MemoryJournal())
        memory.count_notes = lambda: len(memory.journal.notes)
        return memory
    client = request.getfixturevalue("dynamodb")
    made = DynamoDBCommands(client, "core", AuditedWrites(client, "events"))
    made.count_notes = lambda: sum("body" in item for item in client.scan(TableName="events")["Items"])
    return made


def new(thing="pump-7", at=NOW, bulk=None, number=0):
    command = msgspec.structs.replace(NEW, thing=thing, created_at=at, bulk=bulk)
    return command.with_id(ulids.new(at, number.to_bytes(10, "big")))


def made(store, *args, **more):
    command = store.create(new(*args, **more))
    assert isinstance(command, Command)
    return command


def due_of(store, until, limit=100):
    return sorted(due for shard in store.shards() for due in store.due(shard, until, None, limit).found)


def test_what_is_created_is_read_as_it_was(store):
    command = made(store)
    assert command.version == 1
    assert store.read("pump-7", command.id) == command
    assert store.open("pump-7") == [command]
    assert store.read("pump-7", "unknown") is None
    assert store.read("pump-8", command.id) is None
    assert store.open("pump-8") == []


def test_a_device_s_ids_only_grow(store):
    last = made(store, at=NOW + 5000)
    assert store.create(new(at=NOW)) == Behind(last.id)
    assert store.create(new(at=NOW + 5000)) == Behind(last.id)
    assert len(store.page("pump-7", 10, None).commands) == 1
    assert made(store, "pump-8").id < last.id


def test_what_is_asked_for_once_is_made_once_a_device(store):
    first = store.create(new(), once="key")
    again = store.create(new(at=NOW + 1), once="key", notes=[note("pump-7")])
    assert again == first == store.once("pump-7", "key")
    assert store.count_notes() == 0
    other = store.create(new("pump-8"), once="key")
    assert other.thing == "pump-8"
    assert store.once("pump-7", "other") is None


def test_a_key_used_before_is_found_though_the_id_would_be_behind(store):
    first = store.create(new(at=NOW + 9), once="key")
    assert store.create(new(at=NOW), once="key") == first


def test_a_command_that_comes_late_at_its_fence_is_not_made(store):
    first = store.create(new(at=NOW), once="second step", fence=Fence("too-warm#fan", "00000042#0001"))
    assert isinstance(first, Command)
    late = store.create(new(at=NOW + 1), once="first step", fence=Fence("too-warm#fan", "00000042#0000"))
    equal = store.create(new(at=NOW + 1), once="another", fence=Fence("too-warm#fan", "00000042#0001"))
    assert late == equal == Passed("too-warm#fan", "00000042#0001")
    assert store.page("pump-7", 10, None).commands == (first,)
    again = store.create(new(at=NOW + 1), once="second step", fence=Fence("too-warm#fan", "00000042#0001"))
    assert again == first
    later = store.create(new(at=NOW + 1), once="third step", fence=Fence("too-warm#fan", "00000043#0000"))
    other = store.create(new(at=NOW + 2), once="fourth step", fence=Fence("too-cold#fan", "00000001#0000"))
    assert isinstance(later, Command)
    assert isinstance(other, Command)


def test_a_command_that_is_behind_passes_no_fence(store):
    made(store, at=NOW + 9)
    fence = Fence("too-warm#fan", "00000042#0001")
    assert isinstance(store.create(new(at=NOW), once="step", fence=fence), Behind)
    assert isinstance(store.create(new(at=NOW + 10), once="step", fence=fence), Command)


def test_a_command_and_its_note_are_kept_together(store):
    made(store, at=NOW + 9)
    assert store.create(new(at=NOW), notes=[note("pump-7")]) == Behind(new(at=NOW + 9).id)
    assert store.count_notes() == 0
    command = store.create(new(at=NOW + 10), notes=[note("pump-7")])
    assert store.count_notes() == 1
    stale = msgspec.structs.replace(command, version=7)
    assert store.save(stale, stale.cancelled(NOW + 11), [note("pump-7")]) is None
    assert store.count_notes() == 1
    assert store.save(command, command.cancelled(NOW + 11), [note("pump-7")]).status is Status.CANCELLED
    assert store.count_notes() == 2


def test_of_two_who_change_a_command_one_is_refused(store):
    command = made(store)
    first = store.save(command, command.attempting(NOW))
    assert first.version == 2
    assert store.save(command, command.attempting(NOW + 1)) is None
    assert store.save(command, command.parked()) is None
    assert store.read("pump-7", command.id) == first


def test_a_step_that_moves_nothing_else_is_written_too(store):
    command = made(store)
    told = store.save(command, after(command.attempting(NOW), said("IN_PROGRESS", NOW + 5, result={"p": 1})))
    more = store.save(told, after(told, said("IN_PROGRESS", NOW + 9, result={"p": 2})))
    assert store.read("pump-7", command.id) == more
    assert more.progress.result == {"p": 2}


def test_what_is_closed_is_open_and_due_no_longer(store):
    command = made(store)
    sent = store.save(command, command.attempting(NOW).published(NOW, NOW + 5, Outcome.PUBLISHED))
    assert due_of(store, EXPIRES) == [Due(NOW + 15_000, "pump-7", command.id)]
    done = store.save(sent, after(sent, said("SUCCEEDED", NOW + 9, result={"on": True})))
    assert store.open("pump-7") == []
    assert due_of(store, EXPIRES * 2) == []
    late = store.save(done, after(done, said("DELIVERED", NOW + 99)))
    assert store.read("pump-7", command.id) == late
    assert store.open("pump-7") == []


def test_open_commands_come_in_the_order_of_their_ids(store):
    commands = [made(store, at=NOW + number) for number in range(5)]
    assert store.open("pump-7") == commands


def test_what_is_due_comes_by_its_time_and_page_by_page(store):
    commands = [made(store, f"pump-{number}", NOW + number) for number in range(9)]
    assert due_of(store, NOW + 4999) == []
    assert [due.thing for due in due_of(store, NOW + 5003)] == ["pump-0", "pump-1", "pump-2", "pump-3"]
    found = []
    for shard in store.shards():
        after, pages = None, 0
        while pages == 0 or after is not None:
            page = store.due(shard, NOW + 9999, after, 2)
            found += page.found
            after, pages = page.after, pages + 1
    assert sorted(found) == [Due(command.due, command.thing, command.id) for command in commands]


def test_a_history_is_paged_newest_first(store):
    commands = [made(store, at=NOW + number) for number in range(5)]
    made(store, "pump-70")
    found, before = [], None
    for _ in range(3):
        page = store.page("pump-7", 2, before)
        found += page.commands
        before = page.before
    assert found == commands[::-1]
    assert before is None


def test_a_bulk_is_made_once_and_changed_by_who_read_it_last(store):
    bulk = store.create_bulk(BULK, [note("bulk")])
    assert (bulk.version, store.read_bulk("bulk-1")) == (1, bulk)
    assert store.create_bulk(msgspec.structs.replace(BULK, name="other"), [note("bulk")]) == bulk
    assert store.count_notes() == 1
    sent = store.save_bulk(msgspec.structs.replace(bulk, stage=Stage.SENT))
    assert store.save_bulk(msgspec.structs.replace(bulk, stage=Stage.CANCELLED)) is None
    assert store.read_bulk("bulk-1") == sent
    assert store.read_bulk("other") is None


def test_the_rows_of_a_bulk_move_with_its_commands(store):
    store.create_bulk(BULK, [note("bulk")])
    commands = [made(store, f"pump-{number}", bulk="bulk-1") for number in range(7)]
    made(store, "pump-9")
    store.put_row("bulk-1", BulkRow(thing="lamp-1", group="", problem="no such device"))
    store.put_row("bulk-1", BulkRow(thing="pump-3", group="", problem="it has one already"))
    sent = store.save(commands[2], commands[2].attempting(NOW).published(NOW, NOW + 5, Outcome.PUBLISHED))
    store.save(sent, after(sent, said("FAILED", NOW + 9)))
    rows, cursor = [], None
    for _ in range(4):
        page = store.rows("bulk-1", 2, cursor)
        rows += page.rows
        cursor = page.after
    assert cursor is None
    assert [row.thing for row in rows] == ["lamp-1", *(f"pump-{number}" for number in range(7))]
    assert [row.status for row in rows[1:]] == ["CREATED", "CREATED", "FAILED", *["CREATED"] * 4]
    for consistent in (False, True):
        assert sorted(store.all_rows("bulk-1", consistent=consistent), key=lambda row: row.thing) == rows
