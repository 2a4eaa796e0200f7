import pytest

from functions.domain import command_work
from functions.domain.access import Role
from functions.domain.bulk_commands import PAGE, Selection, Stage
from functions.domain.command_work import SendBulk
from functions.domain.commands import MAX_OPEN, Status
from functions.domain.live import Kind
from functions.errors import CommandsError, ConflictError, CursorError, NotFoundError, RequestError, ReusedKeyError
from functions.services.commands import Asked
from tests.functions.services.command_world import CommandWorld, actor

READER = actor().principal


@pytest.fixture
def world(clock):
    return CommandWorld(clock)


def fleet(world, count, group="plant-1", model="machine", *, connected=True):
    things = [f"{group.replace('/', '-')}-{number:03d}" for number in range(count)]
    for thing in things:
        world.device(thing, group, model)
        if connected:
            world.connect(thing)
    world.pump()
    return things


def send(world, *, by=None, key=None, life_s=60, parameters=None, **selection):
    asked = Asked(name="relay", parameters=parameters or {"on": True}, life_ms=life_s * 1000, timeout_ms=120_000)
    return world.bulks.send(by or actor(), asked, Selection(**selection), key).bulk


def rows(world, bulk, who=READER, limit=1000):
    found, cursor = {}, None
    while True:
        page = world.bulks.devices(who, bulk.id, limit, cursor)
        found |= {row.thing: row.status or row.problem for row in page.rows}
        cursor = page.cursor
        if cursor is None:
            return found


def test_a_group_is_gone_through_page_by_page_and_each_device_acts_once(world):
    things = fleet(world, PAGE * 2 + 7)
    fleet(world, 3, "plant-10")
    bulk = send(world, group="plant-1")
    assert bulk.stage is Stage.SENDING
    world.pump()
    shown = world.bulks.show(READER, bulk.id)
    assert (shown.bulk.stage, shown.counts.devices, dict(shown.counts.by_status)) == (
        Stage.SENT,
        len(things),
        {"SUCCEEDED": len(things)},
    )
    assert rows(world, bulk, limit=10) == dict.fromkeys(things, "SUCCEEDED")
    assert all(len(world.devices[thing].acted) == 1 for thing in things)
    assert world.at_once == [PAGE, PAGE, 7]
    assert [note.action for note in world.journal.notes] == ["command.bulk"]


def test_devices_that_are_offline_get_theirs_when_they_return(world):
    things = fleet(world, 3, connected=False)
    bulk = send(world, group="plant-1", life_s=3600)
    world.pump()
    assert world.bulks.show(READER, bulk.id).counts.by_status == {"CREATED": 3}
    world.connect(things[1])
    world.pump()
    world.wait(3600)
    assert rows(world, bulk) == dict(zip(things, ["EXPIRED", "SUCCEEDED", "EXPIRED"], strict=True))


def test_every_device_has_an_answer_and_those_without_a_command_say_why(world):
    world.device("press-1", "plant-1", "machine")
    world.device("hall", "plant-1", "climate")
    world.device("busy", "plant-1", "machine")
    for _ in range(MAX_OPEN):
        world.send("busy")
    bulk = send(world, devices=("press-1", "hall", "busy", "nobody"))
    world.pump()
    found = rows(world, bulk)
    assert found["press-1"] is Status.CREATED
    assert "a command of the model climate" in found["hall"]
    assert "100" in found["busy"]
    assert found["nobody"] == "there is no device 'nobody', or you may not see it"
    counts = world.bulks.show(READER, bulk.id).counts
    assert (counts.devices, counts.refused, counts.by_status) == (4, 3, {"CREATED": 1})


def test_no_device_outside_its_maker_s_reach_gets_one_and_nothing_is_told_of_it(world):
    fleet(world, 2, "plant-1")
    fleet(world, 2, "plant-2")
    op = actor("op", (Role.OPERATOR, "group:plant-1"), (Role.VIEWER, "group:plant-2"))
    of_model, named = send(world, by=op, model="machine"), send(world, by=op, devices=("plant-2-000", "nobody"))
    world.pump()
    assert set(rows(world, of_model)) == {"plant-1-000", "plant-1-001"}
    said = rows(world, named, op.principal)
    assert said["plant-2-000"].replace("plant-2-000", "nobody") == said["nobody"]
    assert world.devices["plant-2-000"].acted == []


def test_a_bulk_is_its_maker_s_and_is_seen_by_who_reads_everything_and_nobody_else(world):
    fleet(world, 1)
    op = actor("op", (Role.OPERATOR, "group:plant-1"))
    bulk = send(world, by=op, group="plant-1")
    world.pump()
    assert rows(world, bulk, op.principal) == rows(world, bulk, READER)
    other = actor("eve", (Role.ADMIN, "group:plant-1"))
    for ask in (
        lambda: world.bulks.show(other.principal, bulk.id),
        lambda: world.bulks.devices(other.principal, bulk.id, 10, None),
        lambda: world.bulks.cancel(other, bulk.id),
        lambda: world.bulks.show(READER, "unknown"),
    ):
        with pytest.raises(NotFoundError, match="you may not see it"):
            ask()


def test_a_page_that_comes_twice_makes_no_second_command(world):
    things = fleet(world, 5)
    bulk = send(world, group="plant-1")
    message = command_work.encode(SendBulk(bulk=bulk.id))
    for _ in range(3):
        world.work.take(message)
    world.pump()
    assert len(world.store.commands) == 5
    assert all(len(world.devices[thing].acted) == 1 for thing in things)


def test_a_page_that_fails_for_one_device_serves_the_others_and_comes_again(world, monkeypatch):
    things = fleet(world, 5)
    bulk = send(world, group="plant-1")
    create = world.store.create

    def fails(command, **options):
        if command.thing == things[2]:
            raise CommandsError("throttled")
        return create(command, **options)

    message = command_work.encode(world.queue.work.pop()[0])
    with monkeypatch.context() as patched:
        patched.setattr(world.store, "create", fails)
        with pytest.raises(CommandsError, match="throttled"):
            world.work.take(message)
    assert set(rows(world, bulk)) == {*things} - {things[2]}
    world.work.take(message)
    world.pump()
    assert rows(world, bulk) == dict.fromkeys(things, "SUCCEEDED")


def test_a_cancelled_bulk_reaches_no_device_more_and_takes_back_what_was_not_sent(world):
    online = fleet(world, 1, "plant-1")
    offline = fleet(world, PAGE + 20, "plant-2", connected=False)
    bulk = send(world, model="machine", life_s=3600)
    first = world.queue.work.pop()[0]
    world.work.take(command_work.encode(first))
    assert world.bulks.cancel(actor(), bulk.id).bulk.stage is Stage.CANCELLED
    world.pump()
    counts = world.bulks.show(READER, bulk.id).counts
    assert counts.by_status == {"CANCELLED": PAGE - 1, "SUCCEEDED": 1}
    told = [event.data["status"] for event in world.live.of(Kind.COMMAND)]
    assert (told.count("CREATED"), told.count("CANCELLED")) == (PAGE, PAGE - 1)
    for thing in [*online, *offline]:
        world.connect(thing)
    world.pump()
    assert sum(len(world.devices[thing].acted) for thing in offline) == 0
    assert world.bulks.cancel(actor(), bulk.id).bulk.stage is Stage.CANCELLED
    assert [note.action for note in world.journal.notes] == ["command.bulk", "command.bulk.cancel"]


def test_a_bulk_that_expired_cannot_be_cancelled(world):
    bulk = send(world, group="plant-1")
    world.clock.now += 60_000
    with pytest.raises(ConflictError, match="expired"):
        world.bulks.cancel(actor(), bulk.id)


def test_the_same_request_again_is_the_same_bulk(world):
    fleet(world, 2)
    first = send(world, key="k", group="plant-1")
    again = send(world, key="k", group="plant-1")
    assert (first.id, len(world.journal.notes)) == (again.id, 1)
    assert send(world, key="k", by=actor("bob"), group="plant-1").id != first.id
    with pytest.raises(ReusedKeyError):
        send(world, key="k", group="plant-2")
    world.pump()
    assert sorted(len(device.acted) for device in world.devices.values()) == [2, 2]


@pytest.mark.parametrize(
    ("selection", "field"),
    [
        ({}, "devices"),
        ({"devices": ("a",), "group": "plant-1"}, "devices"),
        ({"devices": tuple(f"d-{n}" for n in range(1001))}, "devices"),
        ({"devices": ("a", "a")}, "devices"),
        ({"model": "unknown"}, "model"),
        ({"model": "climate"}, "name"),
        ({"group": "plant-1", "parameters": {"on": "yes"}}, "parameters.on"),
    ],
)
def test_what_no_device_could_do_is_refused_at_once(world, selection, field):
    with pytest.raises(RequestError) as refused:
        send(world, **selection)
    assert refused.value.field == field
    assert world.store.bulks == {}


def test_counts_that_nothing_can_change_any_more_are_kept(world, monkeypatch):
    fleet(world, 3)
    bulk = send(world, group="plant-1")
    world.pump()
    before = world.bulks.show(READER, bulk.id).counts
    monkeypatch.setattr(world.store, "all_rows", None)
    after = world.bulks.show(READER, bulk.id)
    assert after.counts == before
    assert after.bulk.final is not None


def test_counts_are_kept_for_good_only_as_they_really_stand(world, monkeypatch):
    fleet(world, 3)
    bulk = send(world, group="plant-1")
    world.pump()
    all_rows = world.store.all_rows

    def behind(bulk, *, consistent=False):
        rows = list(all_rows(bulk, consistent=consistent))
        return iter(rows if consistent else rows[:-1])

    monkeypatch.setattr(world.store, "all_rows", behind)
    assert [world.bulks.show(READER, bulk.id).counts.devices for _ in range(2)] == [3, 3]


def test_a_cancelled_bulk_is_counted_for_the_last_time_a_day_after_its_end(world, monkeypatch):
    fleet(world, 3, connected=False)
    bulk = send(world, group="plant-1")
    world.pump()
    world.bulks.cancel(actor(), bulk.id)
    world.pump()
    assert world.bulks.show(READER, bulk.id).counts.by_status == {"CANCELLED": 3}
    # Pages that were on their way when it was cancelled may still come.
    assert world.bulks.show(READER, bulk.id).bulk.final is None
    world.clock.now += 25 * 3_600_000
    before = world.bulks.show(READER, bulk.id).counts
    monkeypatch.setattr(world.store, "all_rows", None)
    assert (world.bulks.show(READER, bulk.id).counts, before.by_status) == (before, {"CANCELLED": 3})


def test_a_cursor_of_another_bulk_is_refused(world):
    fleet(world, 3)
    one, other = send(world, group="plant-1"), send(world, group="plant-1")
    world.pump()
    cursor = world.bulks.devices(READER, one.id, 1, None).cursor
    with pytest.raises(CursorError):
        world.bulks.devices(READER, other.id, 1, cursor)


def test_a_maker_who_lost_a_group_is_not_shown_its_devices_any_more(world):
    fleet(world, 1, "plant-1")
    fleet(world, 1, "plant-2")
    bulk = send(world, by=actor("op", (Role.OPERATOR, "*")), model="machine")
    world.pump()
    now = actor("op", (Role.OPERATOR, "group:plant-1"))
    assert set(rows(world, bulk, now.principal)) == {"plant-1-000"}
