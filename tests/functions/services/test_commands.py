"""Commands from the request to the device and back, with a device that can be killed anywhere."""

from itertools import product

import msgspec
import pytest

from contract.documents import CommandResponse, encode
from functions.domain import command_work
from functions.domain.access import Role
from functions.domain.command_work import Sweep, Tick
from functions.domain.commands import MAX_OPEN, Status
from functions.domain.live import Kind
from functions.errors import (
    CommandsError,
    ConflictError,
    CursorError,
    ForbiddenError,
    NotFoundError,
    QueueMessageError,
    RateLimitError,
    RequestError,
    ReusedKeyError,
)
from functions.services.commands import Asked
from tests.functions.services.command_world import CommandWorld, actor


@pytest.fixture
def world(clock):
    world = CommandWorld(clock)
    world.device()
    return world


@pytest.fixture
def pump(world):
    world.connect()
    world.pump()
    return world.devices["pump-7"]


def history(world, command):
    return [step.status for step in world.store.read(command.thing, command.id).steps if step.moved]


def told(world):
    return [event.data["status"] for event in world.live.of(Kind.COMMAND)]


def reasons(world):
    return [fault.reason for entry in world.quarantine.entries.values() for fault in entry.faults]


# --- as it should go


def test_a_command_to_a_connected_device_succeeds_and_every_step_is_told(world, pump):
    command = world.send()
    assert command.status is Status.CREATED
    world.pump()
    assert history(world, command) == ["CREATED", "SENT", "DELIVERED", "SUCCEEDED"]
    assert pump.acted == [command.id]
    assert told(world) == ["CREATED", "SENT", "DELIVERED", "SUCCEEDED"]
    assert {event.command for event in world.live.of(Kind.COMMAND)} == {command.id}


def test_what_the_device_gets_is_what_was_asked_for(world, pump):
    command = world.send(parameters={"on": True, "for_s": 60})
    world.pump()
    (thing, request) = world.broker.published[0]
    assert (thing, request.id, request.name) == ("pump-7", command.id, "relay")
    assert (request.parameters, request.expires_at) == ({"on": True, "for_s": 60}, command.expires_at)


def test_a_device_that_is_not_connected_is_sent_nothing_until_it_returns(world):
    command = world.send(life_s=3600)
    world.pump()
    world.wait(600)
    assert (world.broker.published, world.status(command)) == ([], Status.CREATED)
    world.connect()
    world.pump()
    assert world.status(command) is Status.SUCCEEDED


def test_a_device_that_has_just_gone_is_sent_nothing_though_people_still_see_it_online(world, pump):
    world.disconnect()
    world.send()
    world.pump()
    assert world.presences.read("pump-7").status == "online"
    assert world.broker.published == []


def test_a_device_that_returns_after_the_expiry_is_sent_nothing(world, pump):
    world.disconnect()
    command = world.send(life_s=60)
    world.wait(61)
    world.connect()
    world.pump()
    assert (world.status(command), pump.received, world.broker.published) == (Status.EXPIRED, [], [])


def test_commands_are_sent_one_after_the_other_each_once_the_one_before_was_delivered(world, pump):
    pump.alive = False
    commands = [world.send() for _ in range(3)]
    world.pump()
    assert [request.id for _, request in world.broker.published] == [commands[0].id]
    pump.restart()
    world.wait(20)
    assert pump.acted == [command.id for command in commands]
    assert [world.status(command) for command in commands] == ["SUCCEEDED"] * 3


def test_a_command_that_is_closed_by_the_clock_lets_the_next_one_go(world, pump):
    pump.alive = False
    first, second = world.send(life_s=30), world.send(life_s=600)
    world.wait(40)
    assert [request.id for _, request in world.broker.published[-1:]] == [second.id]
    assert world.status(first) is Status.TIMED_OUT


def test_a_waiting_command_that_is_cancelled_is_not_sent_and_the_next_one_is(world):
    first, second = world.send(), world.send()
    world.pump()
    world.commands.cancel(actor(), "pump-7", first.id)
    world.connect()
    world.pump()
    assert (world.status(first), world.status(second)) == (Status.CANCELLED, Status.SUCCEEDED)
    assert world.devices["pump-7"].received == [second.id]


def test_watchers_hear_that_a_command_waits_and_that_it_was_cancelled(world):
    command = world.send()
    world.pump()
    for _ in range(2):
        world.commands.cancel(actor(), "pump-7", command.id)
    assert told(world) == ["CREATED", "CANCELLED"]


# --- what is lost on the way


def test_a_wake_up_that_is_lost_is_made_good_by_the_sweep(world, pump):
    command = world.send()
    world.queue.wakes.clear()
    world.wait(20)
    assert world.status(command) is Status.SUCCEEDED


def test_a_queue_that_fails_after_the_command_was_made_loses_no_command(world, pump, monkeypatch):
    def fail(*_args, **_options):
        raise CommandsError("the queue did not answer")

    with monkeypatch.context() as patched:
        patched.setattr(world.queue, "wake", fail)
        command = world.send()
    world.wait(20)
    assert world.status(command) is Status.SUCCEEDED


def test_a_message_that_the_device_lost_is_sent_again_while_it_is_connected(world, pump):
    pump.alive = False
    command = world.send(life_s=300)
    world.pump()
    pump.alive = True
    world.wait(20)
    assert (world.status(command), pump.acted) == (Status.SUCCEEDED, [command.id])
    assert world.store.read("pump-7", command.id).attempted == 2


def test_an_invocation_that_dies_between_the_attempt_and_its_note_leaves_a_trace_and_is_made_good(world, pump):
    command = world.send()
    begun = world.store.read("pump-7", command.id)
    world.store.save(begun, begun.attempting(world.clock.now_ms()))
    world.pump()
    assert (world.broker.published, world.status(command)) == ([], Status.CREATED)
    with pytest.raises(ConflictError, match="already sent"):
        world.commands.cancel(actor(), "pump-7", command.id)
    world.wait(20)
    assert world.status(command) is Status.SUCCEEDED


def test_a_broker_that_refuses_is_tried_again_and_leaves_each_try_in_the_ledger(world, pump):
    world.broker.fails = True
    command = world.send(life_s=300)
    world.pump()
    assert world.status(command) is Status.CREATED
    world.broker.fails = False
    world.wait(20)
    known = world.store.read("pump-7", command.id)
    assert (known.status, [attempt.outcome for attempt in known.attempts]) == ("SUCCEEDED", ["failed", "published"])
    assert "refused" in known.attempts[0].note


def test_a_broker_that_never_takes_it_ends_in_a_time_out_since_nobody_knows(world, pump):
    world.broker.fails = True
    command = world.send(life_s=60)
    world.wait(80)
    assert world.status(command) is Status.TIMED_OUT


def test_an_invocation_that_dies_before_it_closes_the_expired_has_sent_the_next_and_comes_back(
    world, pump, monkeypatch
):
    pump.alive = False
    first, second = world.send(life_s=30), world.send(life_s=600)
    world.pump()
    world.clock.now += 31_000
    save = world.store.save

    def dies(was, becomes, notes=()):
        if becomes.status is Status.TIMED_OUT:
            raise CommandsError("killed")
        return save(was, becomes, notes)

    with monkeypatch.context() as patched:
        patched.setattr(world.store, "save", dies)
        assert world.work.take(command_work.encode(Sweep()))["unswept"] == 1
    assert world.broker.published[-1][1].id == second.id
    assert world.store.read("pump-7", first.id).status is Status.SENT
    assert world.status(first) is Status.TIMED_OUT
    world.sweep()
    assert world.store.read("pump-7", first.id).status is Status.TIMED_OUT


# --- a device that is killed

STEPS = ("received", "taken", "delivered", "acted", "answered")


@pytest.mark.parametrize(("dies_at", "returns_s"), list(product(STEPS, (10, 400))))
def test_a_device_killed_at_any_step_leaves_a_command_that_ends_honestly_and_acted_at_most_once(
    world, pump, dies_at, returns_s
):
    command = world.send(life_s=60)
    pump.dies_at = dies_at
    world.pump()
    world.disconnect()
    world.wait(returns_s)
    if returns_s == 400 and dies_at != "answered":
        assert world.status(command) is Status.TIMED_OUT
    pump.restart()
    world.connect()
    world.wait(40)
    acted = pump.acted.count(command.id)
    expected = {
        "received": Status.SUCCEEDED if returns_s == 10 else Status.TIMED_OUT,
        "taken": Status.FAILED,
        "delivered": Status.FAILED,
        "acted": Status.FAILED,
        "answered": Status.SUCCEEDED,
    }[dies_at]
    assert (world.status(command), acted <= 1) == (expected, True)
    if dies_at in {"taken", "delivered", "acted"} and returns_s == 400:
        assert world.store.read("pump-7", command.id).steps[-1].late
    assert world.store.open("pump-7") == []
    world.connect()
    world.wait(60)
    assert (world.status(command), pump.acted.count(command.id)) == (expected, acted)


def test_a_device_that_never_returns_leaves_a_command_that_timed_out(world, pump):
    command = world.send(life_s=60)
    pump.dies_at = "delivered"
    world.pump()
    world.wait(1200)
    assert history(world, command) == ["CREATED", "SENT", "DELIVERED", "TIMED_OUT"]


# --- what must not be believed


def test_an_answer_that_comes_twice_or_out_of_order_changes_nothing(world, pump):
    command = world.send()
    pump.alive = False
    world.pump()
    world.say("pump-7", command.id, "SUCCEEDED", {"on": True})
    world.say("pump-7", command.id, "DELIVERED")
    world.say("pump-7", command.id, "SUCCEEDED", {"on": False})
    world.pump()
    assert history(world, command) == ["CREATED", "SENT", "SUCCEEDED"]
    assert world.store.read("pump-7", command.id).result == {"on": True}
    assert (world.report["kept"], world.report["repeated"]) == (1, 1)


def test_a_device_cannot_answer_for_another_s_command(world, pump):
    world.device("lamp-1")
    command = world.send()
    pump.alive = False
    world.pump()
    world.say("lamp-1", command.id, "SUCCEEDED")
    world.pump()
    assert (world.status(command), reasons(world)) == (Status.SENT, ["unknown_command"])
    world.say("pump-7", command.id, "SUCCEEDED")
    world.pump()
    assert world.status(command) is Status.SUCCEEDED


def test_an_answer_that_names_another_command_than_its_topic_is_set_aside(world, pump):
    first, second = world.send(), world.send()
    world.say("pump-7", first.id, "FAILED", named=second.id)
    world.pump()
    assert reasons(world) == ["misaddressed"]
    assert world.status(second) is Status.SUCCEEDED


def test_an_answer_to_a_command_that_was_never_sent_is_set_aside(world):
    command = world.send()
    world.say("pump-7", command.id, "SUCCEEDED")
    world.pump()
    assert (world.status(command), reasons(world)) == (Status.CREATED, ["unsent_command"])


def test_an_answer_replayed_long_after_the_end_changes_nothing(world, pump):
    command = world.send()
    world.pump()
    before = world.store.read("pump-7", command.id)
    world.clock.now += 10_000_000
    world.say("pump-7", command.id, "SUCCEEDED")
    world.pump()
    assert world.store.read("pump-7", command.id) == before


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"\xff\x00", "malformed"),
        (b'{"v":1,"id":"c","status":"CREATED","at":5}', "malformed"),
        (b'{"v":2,"id":"c","status":"SUCCEEDED","at":5}', "unsupported_version"),
        (encode(CommandResponse(id="c", status="SUCCEEDED", at=5)), "unknown_command"),
    ],
)
def test_what_no_command_can_be_made_of_goes_to_the_quarantine_with_its_reason(world, data, reason):
    world.answers.append(world.message("pump-7", "c", data))
    world.pump()
    assert (reasons(world), world.report["quarantined"]) == ([reason], 1)


@pytest.mark.parametrize("body", ["", "{}", "[]", '{"kind":"sweep","v":2}', '{"kind":"other","v":1}'])
def test_a_body_that_nobody_of_us_wrote_is_refused(world, body):
    with pytest.raises(QueueMessageError):
        world.work.take(body)


def test_a_result_that_is_too_large_is_left_out_and_said_to_be(world, pump):
    command = world.send()
    pump.alive = False
    world.pump()
    world.say("pump-7", command.id, "SUCCEEDED", {"text": "x" * 9000})
    world.pump()
    known = world.store.read("pump-7", command.id)
    assert (known.status, known.result) == (Status.SUCCEEDED, None)
    assert "more than 8192" in known.reason


# --- what people may ask


def test_the_parameters_are_checked_against_the_model(world):
    with pytest.raises(RequestError, match=r"parameters.on: expected of type boolean, got 'yes'"):
        world.send(parameters={"on": "yes"})
    with pytest.raises(RequestError, match=r"name: expected a command of the model machine: relay"):
        world.commands.send(actor(), "pump-7", Asked(name="fly", parameters={}, life_ms=5000, timeout_ms=5000))
    assert world.store.commands == {}


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"life_ms": 999}, "expires_in_s"),
        ({"life_ms": 86_400_001}, "expires_in_s"),
        ({"timeout_ms": 900_001}, "timeout_s"),
        ({"parameters": {"on": True, "more": "x" * 9000}}, "parameters"),
    ],
)
def test_bounds_are_told(world, change, field):
    asked = Asked(name="relay", parameters={"on": True}, life_ms=60_000, timeout_ms=60_000)
    with pytest.raises(RequestError) as refused:
        world.commands.send(actor(), "pump-7", msgspec.structs.replace(asked, **change))
    assert refused.value.field == field


def test_the_same_request_again_is_the_same_command(world, pump):
    first = world.send(key="k")
    world.pump()
    again = world.send(key="k")
    assert (again.id, len(world.store.commands), len(world.journal.notes)) == (first.id, 1, 1)
    assert world.send(key="k", by=actor("bob")).id != first.id
    with pytest.raises(ReusedKeyError):
        world.send(key="k", parameters={"on": False})
    world.pump()
    assert pump.acted.count(first.id) == 1


def test_a_device_has_so_many_open_commands_and_no_more(world):
    for _ in range(MAX_OPEN):
        world.send(life_s=60)
    with pytest.raises(RateLimitError) as refused:
        world.send()
    assert refused.value.retry_after == 60
    world.clock.now += 60_000
    world.send()


def test_ids_follow_the_order_of_the_requests_even_if_the_clock_steps_back(world):
    ids = []
    for _ in range(5):
        ids.append(world.send().id)
        world.clock.now -= 1000
    assert ids == sorted(ids)


def test_a_command_is_cancelled_while_nothing_was_sent_and_not_after(world):
    command = world.send()
    for _ in range(2):
        assert world.commands.cancel(actor(), "pump-7", command.id).status is Status.CANCELLED
    assert [note.action for note in world.journal.notes] == ["command.send", "command.cancel"]
    other = world.send()
    world.connect()
    world.devices["pump-7"].alive = False
    world.pump()
    with pytest.raises(ConflictError, match="was already sent"):
        world.commands.cancel(actor(), "pump-7", other.id)
    world.wait(100)
    with pytest.raises(ConflictError, match="is TIMED_OUT"):
        world.commands.cancel(actor(), "pump-7", other.id)


def test_a_note_says_what_was_asked_of_which_device(world):
    command = world.send()
    (note,) = world.journal.notes
    assert (note.action, note.subject_kind, note.subject_id) == ("command.send", "device", "pump-7")
    assert note.after["command"] == command.id


def test_who_may_not_send_is_refused_and_who_may_not_see_the_device_is_told_nothing(world):
    for outsider in (actor("eve", (Role.ADMIN, "group:plant-2")), actor("eve", (Role.OPERATOR, "device:pump-8"))):
        with pytest.raises(NotFoundError, match="you may not see it"):
            world.send(by=outsider)
    with pytest.raises(ForbiddenError):
        world.send(by=actor("eve", (Role.VIEWER, "*")))
    assert world.send(by=actor("op", (Role.OPERATOR, "group:plant-1")))


def test_a_command_is_not_found_under_another_device(world):
    world.device("lamp-1")
    command = world.send()
    reader = actor().principal
    with pytest.raises(NotFoundError):
        world.commands.show(reader, "lamp-1", command.id)
    with pytest.raises(NotFoundError):
        world.commands.cancel(actor(), "lamp-1", command.id)


def test_a_list_shows_what_time_has_done_and_filters_by_it(world):
    old = [world.send(life_s=10) for _ in range(3)]
    world.clock.now += 11_000
    new = [world.send() for _ in range(2)]
    reader = actor().principal

    def ids(wanted, limit=2):
        found, cursor = [], None
        while True:
            page = world.commands.listed(reader, "pump-7", wanted, limit, cursor)
            found += [command.id for command in page.commands]
            cursor = page.cursor
            if cursor is None:
                return found

    assert ids("all") == [command.id for command in reversed(old + new)]
    assert ids("open") == [command.id for command in reversed(new)]
    assert ids(Status.EXPIRED) == [command.id for command in reversed(old)]
    assert ids(Status.SUCCEEDED) == []
    with pytest.raises(CursorError):
        world.commands.listed(
            reader, "pump-7", "open", 2, world.commands.listed(reader, "pump-7", "all", 2, None).cursor
        )


def test_a_small_page_of_a_rare_status_asks_the_ledger_seldom(world, monkeypatch):
    for _ in range(250):
        world.send(life_s=10)
        world.clock.now += 11_000
    rare = world.send()
    pages, page = [], world.store.page
    monkeypatch.setattr(world.store, "page", lambda *args: pages.append(args) or page(*args))
    listed = world.commands.listed(actor().principal, "pump-7", Status.SUCCEEDED, 1, None)
    assert (listed.commands, listed.cursor, len(pages)) == ((), None, 3)
    listed = world.commands.listed(actor().principal, "pump-7", Status.CREATED, 1, None)
    assert ([one.id for one in listed.commands], len(pages)) == ([rare.id], 4)
    again = world.commands.listed(actor().principal, "pump-7", Status.CREATED, 1, listed.cursor)
    assert (again.commands, again.cursor) == ((), None)


# --- the beat


def test_a_minute_has_three_sweeps(world):
    world.work.take(command_work.encode(Tick()))
    assert world.queue.work == [(Sweep(), 0), (Sweep(), 20), (Sweep(), 40)]


def test_a_sweep_of_many_goes_on_by_message_and_leaves_nobody_out(world):
    for number in range(60):
        world.device(f"pump-{number}")
        world.send(f"pump-{number}", life_s=30)
    world.queue.wakes.clear()
    world.clock.now += 31_000
    world.sweep()
    assert world.report["due"] == world.report["closed"] == 60


def test_a_device_that_fails_does_not_stop_the_sweep_of_the_others(world, monkeypatch):
    for number in range(3):
        world.device(f"pump-{number}")
        world.send(f"pump-{number}", life_s=30)
    world.queue.wakes.clear()
    world.clock.now += 31_000
    opened = world.store.open

    def fail(thing):
        if thing == "pump-1":
            raise CommandsError("no answer")
        return opened(thing)

    with monkeypatch.context() as patched:
        patched.setattr(world.store, "open", fail)
        world.sweep()
    assert (world.report["closed"], world.report["unswept"]) == (2, 1)
    world.sweep()
    assert world.report["closed"] == 3


def test_commands_that_wait_for_a_device_are_not_looked_at_in_every_sweep(world):
    for _ in range(3):
        world.send(life_s=3600)
    world.wait(40)
    world.report.clear()
    world.wait(600)
    assert world.report["due"] == 0
