"""What is done about alarms: told, commanded, set; once, in its order, or not at all and with its reason."""

from itertools import pairwise

import pytest

from contract.rules import Notify
from functions.domain.alarm_work import Act, Deliver
from functions.domain.alarms import Clearing
from functions.domain.deliveries import Answer, Outcome, Reason, State
from functions.domain.shadows import ShadowName
from functions.errors import QueueMessageError
from tests.functions.services.actions_world import OFF, ON, TELL, ActionsWorld, desire, escalation

MINUTE, HOUR = 60_000, 3_600_000
BUSY = Answer(outcome=Outcome.FAILED, status=503, note="answered 503")
WRONG = Answer(outcome=Outcome.REFUSED, status=400, note="answered 400: no")


@pytest.fixture
def world(clock):
    return ActionsWorld(clock)


def test_an_alarm_is_told_and_acted_on_once(world):
    world.happens(actions=(TELL, ON, desire(relay={"on": True})))
    world.run()
    assert world.receivers.types() == ["alarm.raised"]
    (command,) = world.commands.commands.values()
    assert (command.name, command.parameters, command.by.id) == ("relay", {"on": True}, "rule:too-warm")
    assert world.wishes.current("pump-7", ShadowName.STATE).values == {"relay": {"on": True}}
    assert world.shadows.read("pump-7", ShadowName.STATE).desired == {"relay": {"on": True}}
    assert world.states() == {State.DELIVERED: 3}
    assert world.outbox.entries == {}
    assert world.command_queue.wakes == [("pump-7", "command_waiting", world.clock.now_ms())]


def test_a_device_that_was_moved_since_is_told_by_the_next_alarm_though_the_wish_stands(world):
    world.happens(actions=(desire(relay={"on": False}),))
    world.run()
    world.shadows.report("pump-7", ShadowName.STATE, {"relay": {"on": True}}, world.clock.now_ms())
    before = world.shadows.read("pump-7", ShadowName.STATE).version
    world.happens(actions=(desire(relay={"on": False}),), number=43)
    world.run(twice=True)
    assert world.wishes.current("pump-7", ShadowName.STATE).version == 2
    assert world.shadows.read("pump-7", ShadowName.STATE).version == before + 1


def test_what_a_rule_does_is_in_the_audit_as_the_rule_s(world):
    world.happens(actions=(ON, desire(relay={"on": True})))
    world.run()
    notes = [note for note in world.journal.notes if note.actor.principal.kind == "rule"]
    assert {(note.action, note.subject_id, note.actor.principal.id) for note in notes} == {
        ("command.send", "pump-7", "rule:too-warm"),
        ("state.desire", "pump-7", "rule:too-warm"),
    }
    assert all("pump-7.42" in note.actor.request_id for note in notes)


def test_only_what_the_rule_wants_at_this_moment_is_done(world):
    world.happens("raised", actions=(TELL, OFF))
    world.happens("downgraded", actions=(TELL, OFF), step=1)
    world.run()
    assert world.receivers.types() == ["alarm.raised"]
    assert world.commands.commands == {}
    world.happens("cleared", actions=(TELL, OFF), step=2)
    world.run()
    assert world.receivers.types() == ["alarm.raised", "alarm.cleared"]
    assert len(world.commands.commands) == 1


def test_a_recipient_that_is_named_twice_is_told_once(world):
    world.happens(actions=(TELL, Notify(recipients=("on-call", "on-call"), on=("raised",))))
    world.run()
    assert world.receivers.types() == ["alarm.raised"]


def test_all_that_several_actions_name_are_told(world):
    world.recipient("managers")
    world.happens(actions=(TELL, Notify(recipients=("managers",), on=("raised",))))
    world.run()
    assert sorted(who for who, _ in world.receivers.got) == ["managers", "on-call"]


def test_messages_that_come_twice_change_nothing(world):
    world.happens(actions=(TELL, ON, desire(relay={"on": True})))
    world.queue.waiting *= 2
    world.run(twice=True)
    assert world.receivers.types() == ["alarm.raised"]
    assert len(world.commands.commands) == 1
    assert world.wishes.current("pump-7", ShadowName.STATE).version == 1


def test_a_transition_that_nobody_was_told_of_is_found_by_the_sweep(world):
    world.happens(send=False)
    world.advance(50_000)
    assert world.receivers.types() == []
    world.advance(40_000)
    assert world.receivers.types() == ["alarm.raised"]


def test_deliveries_whose_messages_were_lost_are_found_by_the_sweep(world):
    world.happens()
    world.queue.lose = True
    world.run()
    assert world.receivers.types() == []
    world.queue.lose = False
    world.advance(2 * MINUTE)
    assert world.receivers.types() == ["alarm.raised"]
    assert world.pending() == []


def test_a_sweep_that_finds_more_than_a_page_goes_on(world):
    for number in range(60):
        world.happens(number=number, send=False)
    world.advance(2 * MINUTE)
    assert len(world.receivers.taken) == 60


def test_a_message_that_is_none_of_ours_is_refused(world):
    for body in ("{}", "no", '{"kind":"act"}', '{"v":9,"kind":"tick"}'):
        with pytest.raises(QueueMessageError):
            world.work.take(body)


# --- trying again


def test_a_receiver_that_is_busy_is_tried_again_later_and_later(world):
    world.receivers.answer("on-call", *[BUSY] * 4)
    world.happens()
    world.advance(HOUR)
    (delivery,) = world.of("on-call")
    assert delivery.state is State.DELIVERED
    attempts = world.deliveries.attempts(delivery.id)
    waits = [later.at - earlier.ended_at for earlier, later in pairwise(attempts)]
    assert [(attempt.outcome, attempt.status) for attempt in attempts] == [*[("failed", 503)] * 4, ("delivered", 200)]
    assert waits == [5_000, 30_000, 120_000, 600_000]
    assert len(world.receivers.taken) == 1


def test_waits_are_spread(world):
    found = []
    for world.chance in (0.0, 0.999):
        world.receivers.answer("on-call", BUSY)
        world.happens(number=len(found) + 1)
        world.run()
        (delivery,) = [one for one in world.of("on-call") if one.state is State.PENDING]
        found.append(delivery.next_at - world.clock.now_ms())
        world.advance(10_000)
    assert found == [4_000, 5_998]


def test_a_receiver_is_left_alone_as_long_as_it_asks_for(world):
    asked = Answer(outcome=Outcome.FAILED, status=429, retry_after_ms=400_000)
    world.receivers.answer("on-call", asked)
    world.happens()
    world.advance(399_000)
    assert len(world.receivers.got) == 1
    world.advance(30_000)
    assert len(world.receivers.got) == 2


def test_a_receiver_that_asks_for_years_is_tried_within_hours(world):
    asked = Answer(outcome=Outcome.FAILED, status=429, retry_after_ms=99_999_999_000)
    world.receivers.answer("on-call", asked)
    world.happens()
    world.advance(7 * HOUR)
    assert len(world.receivers.got) == 2


def test_after_a_day_it_is_given_up(world):
    world.receivers.answer("on-call", *[BUSY] * 100)
    world.happens()
    world.advance(25 * HOUR)
    (delivery,) = world.of("on-call")
    assert (delivery.state, delivery.reason, delivery.note) == (State.FAILED, Reason.GIVEN_UP, "answered 503")
    assert 25 <= delivery.attempts <= 32
    assert world.queue.waiting == [one for one in world.queue.waiting if "sweep" in one[2]]


def test_what_a_receiver_refuses_is_not_tried_again_until_somebody_replays_it(world):
    world.receivers.answer("on-call", WRONG)
    world.happens()
    world.advance(HOUR)
    (delivery,) = world.of("on-call")
    assert (delivery.state, delivery.reason, delivery.attempts) == (State.FAILED, Reason.REFUSED, 1)
    replayed = world.deliveries.save(delivery, delivery.replayed(world.clock.now_ms()))
    world.queue.put(Deliver(id=replayed.id))
    world.run()
    assert world.of("on-call")[0].state is State.DELIVERED
    assert [one.number for one in world.deliveries.attempts(delivery.id)] == [1, 2]
    assert len(world.receivers.taken) == 1


def test_while_an_attempt_lasts_nobody_makes_another(world):
    def meanwhile():
        world.take('{"v":1,"kind":"deliver","id":"' + world.of("on-call")[0].id + '"}')
        return Answer(outcome=Outcome.DELIVERED)

    world.receivers.answer("on-call", meanwhile)
    world.happens()
    world.run()
    assert len(world.receivers.got) == 1
    assert world.report["early"] == 1


# --- who is not told


@pytest.mark.parametrize("scope", ["*", "group:plant-1", "group:plant-1/line-2", "device:pump-7"])
def test_in_a_maintenance_window_nobody_is_told_and_nothing_is_done(world, scope):
    world.window(scope)
    world.happens(actions=(TELL, ON, desire(relay={"on": True})))
    world.run()
    assert world.receivers.got == []
    assert world.commands.commands == {}
    assert world.wishes.current("pump-7", ShadowName.STATE) is None
    assert {(type(one.task).__name__, one.state, one.reason) for one in world.deliveries.deliveries.values()} == {
        ("Notice", State.PENDING, Reason.MAINTENANCE),
        ("Order", State.MUTED, Reason.MAINTENANCE),
        ("Wanted", State.MUTED, Reason.MAINTENANCE),
    }
    assert "Filters" in world.of("on-call")[0].note


def test_a_window_of_another_place_or_time_mutes_nothing(world):
    world.window("group:plant-10")
    world.window("*", start=HOUR)
    world.happens()
    world.run()
    assert world.receivers.types() == ["alarm.raised"]


def test_a_window_that_begins_between_two_attempts_has_the_second_wait(world):
    world.receivers.answer("on-call", BUSY)
    world.happens()
    world.run()
    world.window("*")
    world.advance(MINUTE)
    (delivery,) = world.of("on-call")
    assert (delivery.state, delivery.reason, delivery.attempts) == (State.PENDING, Reason.MAINTENANCE, 1)
    world.advance(2 * HOUR)
    (delivery,) = world.of("on-call")
    assert (delivery.state, delivery.reason, delivery.attempts) == (State.DELIVERED, None, 2)


def test_a_device_whose_gateway_is_offline_is_not_told_of(world):
    world.device("pump-7", parent="gateway-1")
    world.device("gateway-1")
    world.offline("gateway-1")
    world.happens(actions=(TELL, ON))
    world.happens(thing="gateway-1", number=1)
    world.run()
    assert [message.data["device"] for _, message in world.receivers.got] == ["gateway-1"]
    assert {one.reason for one in world.deliveries.deliveries.values() if one.about.thing == "pump-7"} == {
        Reason.PARENT_OFFLINE
    }


@pytest.mark.parametrize("parent", ["pump-7", "nobody-1", "No such thing!"])
def test_a_parent_that_is_none_mutes_nothing(world, parent):
    world.device("pump-7", parent=parent)
    world.offline("pump-7")
    world.happens()
    world.run()
    assert world.receivers.types() == ["alarm.raised"]


def test_a_recipient_is_told_of_his_scope_and_of_what_is_bad_enough(world):
    world.recipient("elsewhere", scope="group:plant-2")
    world.recipient("managers", minimum="critical")
    world.happens(actions=(Notify(recipients=("elsewhere", "managers", "on-call"), on=("raised",)),))
    world.run()
    assert {who for who, _ in world.receivers.got} == {"on-call"}
    assert world.of("elsewhere")[0].reason is Reason.OUT_OF_SCOPE
    assert world.of("managers")[0].reason is Reason.BELOW_SEVERITY


def test_whoever_was_told_of_an_alarm_is_told_of_its_end_however_little_is_left_of_it(world):
    world.recipient("managers", minimum="critical")
    rule = (Notify(recipients=("managers", "on-call"), on=("raised", "escalated", "cleared")),)
    world.happens(actions=rule)
    world.happens("escalated", actions=rule, step=1, severity="critical")
    world.run()
    world.happens("cleared", actions=rule, step=2)
    world.happens("raised", actions=rule, number=43)
    world.run()
    world.happens("cleared", actions=rule, number=43, step=1)
    world.run()
    assert world.receivers.types("managers") == ["alarm.escalated", "alarm.cleared"]


def test_of_an_alarm_that_began_while_nobody_was_told_the_end_is_told_to_nobody_either(world):
    world.recipient("cleaners")
    rule = (TELL, Notify(recipients=("cleaners",), on=("cleared",)))
    world.window("*", length=HOUR)
    world.happens(actions=rule)
    world.run()
    world.advance(HOUR - 1)
    world.clock.now += 2
    world.happens("cleared", actions=rule, step=1)
    world.advance(10 * MINUTE)
    assert world.receivers.types("on-call") == []
    assert [(one.state, one.reason) for one in world.of("on-call")] == [(State.MUTED, Reason.CLEARED)] * 2
    assert world.receivers.types("cleaners") == ["alarm.cleared"], "who is told of ends alone"


def test_of_an_alarm_that_got_worse_after_what_was_late_the_end_is_told(world):
    world.happens(ago=25 * HOUR)
    world.run()
    world.happens("escalated", step=1, severity="critical")
    world.run()
    world.happens("cleared", step=2)
    world.run()
    assert world.receivers.types() == ["alarm.escalated", "alarm.cleared"]


def test_a_recipient_that_is_gone_fails_and_can_be_replayed_once_he_is_there(world):
    world.happens(actions=(Notify(recipients=("night-shift",), on=("raised",)),))
    world.run()
    (delivery,) = world.of("night-shift")
    assert (delivery.state, delivery.reason, delivery.attempts) == (State.FAILED, Reason.NO_RECIPIENT, 0)
    world.recipient("night-shift")
    world.deliveries.save(delivery, delivery.replayed(world.clock.now_ms()))
    world.advance(MINUTE)
    assert world.receivers.types("night-shift") == ["alarm.raised"]


def test_what_was_found_long_ago_is_neither_told_nor_done(world):
    world.happens(actions=(TELL, ON), send=False)
    world.clock.now += 16 * MINUTE
    world.advance(MINUTE)
    assert world.receivers.types() == ["alarm.raised"]
    assert world.commands.commands == {}
    assert world.of("Order")[0].reason is Reason.LATE
    world.happens(number=43, send=False)
    world.clock.now += 24 * HOUR
    world.advance(MINUTE)
    assert world.receivers.types() == ["alarm.raised"]


def test_nor_is_what_happened_long_before_it_was_found(world):
    """As when messages come back from the dead letters: they were received in their time, days ago."""
    world.happens(actions=(TELL, ON, desire(relay={"on": True})), ago=HOUR)
    world.run()
    assert (len(world.commands.commands), world.receivers.types()) == (1, ["alarm.raised"]), "in time, if barely"
    world.happens(actions=(TELL, ON, desire(relay={"on": True})), ago=2 * HOUR, number=43)
    world.happens(actions=(TELL, ON, desire(relay={"on": True})), ago=25 * HOUR, number=44)
    world.run()
    assert (len(world.commands.commands), world.receivers.types()) == (1, ["alarm.raised"] * 2)
    late = [one for one in world.deliveries.deliveries.values() if one.reason is Reason.LATE]
    assert sorted(one.about.number for one in late) == [43, 43, 44, 44, 44]
    assert all("before it was found" in one.note for one in late)


def test_an_alarm_that_ended_before_its_first_attempt_is_told_all_the_same(world):
    world.happens()
    world.happens("cleared", step=1)
    world.run()
    assert sorted(world.receivers.types()) == ["alarm.cleared", "alarm.raised"]


# --- the device


def last_step_first(ready):
    """Whatever is of the first step of an alarm comes behind all else."""
    return sorted(ready, key=lambda one: '"step":0' in one[2] or ".42.0." in one[2])


def test_a_step_that_comes_late_does_not_undo_what_came_after_it(world):
    world.happens(actions=(ON, OFF, desire(relay={"on": True}), desire("cleared", relay={"on": False})))
    world.happens("cleared", actions=(ON, OFF, desire("cleared", relay={"on": False})), step=1)
    world.run(order=last_step_first)
    assert [command.parameters for command in world.commands.commands.values()] == [{"on": False}]
    assert world.wishes.current("pump-7", ShadowName.STATE).values == {"relay": {"on": False}}
    assert {one.reason for one in world.deliveries.deliveries.values() if one.state is State.MUTED} == {
        Reason.SUPERSEDED
    }


def test_the_next_alarm_of_a_rule_acts_again(world):
    for number in (42, 43):
        world.happens(actions=(ON, OFF), number=number)
        world.run()
        world.happens("cleared", actions=(ON, OFF), number=number, step=1)
        world.run()
    assert [command.parameters["on"] for command in world.commands.commands.values()] == [True, False, True, False]


def test_of_a_wish_only_that_is_left_out_which_something_later_has_set(world):
    world.device("pump-7", model="twin")
    world.happens(actions=(desire(relay={"on": True}, lamp={"on": True}),))
    world.happens("cleared", actions=(desire("cleared", relay={"on": False}),), step=1)
    world.run(order=last_step_first)
    wish = world.wishes.current("pump-7", ShadowName.STATE)
    assert wish.values == {"relay": {"on": False}, "lamp": {"on": True}}
    assert world.states() == {State.DELIVERED: 2}


def test_a_wish_that_others_change_at_every_attempt_is_wished_again(world, monkeypatch):
    save, attempts = world.wishes.save, []

    def contended(*args):
        attempts.append(args)
        return len(attempts) > 5 and save(*args)

    monkeypatch.setattr(world.wishes, "save", contended)
    world.happens(actions=(desire(relay={"on": True}),))
    world.advance(HOUR)
    assert world.states() == {State.DELIVERED: 1}
    assert world.wishes.current("pump-7", ShadowName.STATE).values == {"relay": {"on": True}}


def test_a_command_that_the_model_does_not_have_fails_at_once(world):
    wrong = type(ON)(actuator="laser", parameters={}, on=("raised",))
    world.happens(actions=(wrong,))
    world.advance(HOUR)
    (delivery,) = world.of("Order")
    assert (delivery.state, delivery.reason, delivery.attempts) == (State.FAILED, Reason.REFUSED, 1)
    assert "relay" in delivery.note


def test_a_device_with_no_room_for_commands_is_tried_again(world):
    for number in range(100):
        world.happens(number=number, actions=(ON,))
    world.run()
    world.happens(number=100, actions=(ON,))
    world.run()
    (waiting,) = world.pending()
    assert "commands that are not closed" in waiting.note


def test_a_command_that_was_made_is_known_again_though_there_is_no_more_room(world):
    for number in range(100):
        world.happens(number=number, actions=(ON,))
    world.run()
    last = world.of("Order")[-1]
    unnoted = world.deliveries.save(last, last.replayed(world.clock.now_ms()))
    world.queue.put(Deliver(id=unnoted.id))
    world.run()
    assert world.states() == {State.DELIVERED: 100}
    assert len(world.commands.commands) == 100


def test_a_device_that_is_gone_is_neither_commanded_nor_set(world):
    world.happens(actions=(ON, desire(relay={"on": True})))
    del world.registry.devices["pump-7"]
    world.run()
    assert world.states() == {State.FAILED: 2}


# --- escalation


def test_an_alarm_that_nobody_acknowledges_is_told_to_others(world):
    world.recipient("managers")
    world.recipient("director")
    world.happens(escalation=(escalation(15, "managers"), escalation(60, "director", "managers")))
    world.advance(14 * MINUTE)
    assert world.receivers.types("managers") == []
    world.advance(2 * MINUTE)
    assert world.receivers.types("managers") == ["alarm.unacknowledged"]
    world.advance(HOUR)
    assert world.receivers.types("director") == ["alarm.unacknowledged"]
    assert world.receivers.types("managers") == ["alarm.unacknowledged"] * 2
    assert world.receivers.types("on-call") == ["alarm.raised"]
    assert len(world.receivers.taken) == 4


def test_an_alarm_that_was_acknowledged_is_not(world):
    world.recipient("managers")
    world.happens(escalation=(escalation(15, "managers"),))
    world.advance(10 * MINUTE)
    world.acknowledge()
    world.advance(10 * MINUTE)
    assert world.receivers.types("managers") == []
    (delivery,) = world.of("Escalate")
    assert (delivery.state, delivery.reason, delivery.note) == (State.MUTED, Reason.ACKNOWLEDGED, "by bob")


def test_an_alarm_that_has_ended_is_not(world):
    world.recipient("managers")
    world.happens(escalation=(escalation(15, "managers"),))
    world.advance(10 * MINUTE)
    world.happens("cleared", step=1)
    world.advance(10 * MINUTE)
    assert world.receivers.types("managers") == []
    assert world.of("Escalate")[0].reason is Reason.CLEARED


def test_an_escalation_tells_how_bad_it_is_by_then_and_is_muted_like_all_else(world):
    world.recipient("managers", minimum="critical")
    world.happens(escalation=(escalation(15, "managers"),))
    world.happens("escalated", step=1, severity="critical")
    world.advance(16 * MINUTE)
    (_, message) = next(one for one in world.receivers.got if one[0] == "managers")
    assert (message.type, message.data["severity"]) == ("alarm.unacknowledged", "critical")
    world.window("*")
    world.happens(number=43, severity="critical", escalation=(escalation(15, "managers"),))
    world.advance(16 * MINUTE)
    assert len(world.receivers.types("managers")) == 1


def test_whoever_an_alarm_escalated_to_is_told_of_its_end_and_nobody_who_never_heard_of_it(world):
    world.recipient("managers", minimum="critical")
    world.recipient("director")
    steps = (escalation(15, "managers"), escalation(60, "director"))
    world.happens(escalation=steps, severity="critical")
    world.advance(20 * MINUTE)
    world.happens("cleared", step=1, escalation=steps)
    world.run(twice=True)
    assert world.receivers.types("managers") == ["alarm.unacknowledged", "alarm.cleared"]
    assert world.receivers.types("on-call") == ["alarm.raised", "alarm.cleared"]
    assert world.of("director") == []


def test_the_end_of_an_alarm_whose_rule_is_gone_is_told_to_whoever_was_told_of_it(world):
    world.recipient("cleaners", scope="group:plant-2")
    world.happens(actions=(TELL, Notify(recipients=("cleaners",), on=("raised",))), escalation=())
    world.run()
    world.happens("cleared", actions=(), step=1, clearing=Clearing.RULE_CHANGED)
    world.run(twice=True)
    assert world.receivers.types("on-call") == ["alarm.raised", "alarm.cleared"]
    assert world.receivers.types("cleaners") == []


def test_an_escalation_waits_for_no_message(world):
    world.recipient("managers")
    world.happens(escalation=(escalation(15, "managers"),))
    world.run()
    assert not any("deliver" in body for _, _, body in world.queue.waiting)


def test_work_of_an_outbox_entry_that_never_was_does_nothing(world):
    world.queue.put(Act(thing="pump-7", number=1, step=0), Deliver(id="pump-7.1.0.aa"))
    world.run()
    assert world.report == {"over": 2}
