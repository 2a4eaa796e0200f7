"""While nobody is to be told, in a maintenance window or with the gateway offline: what of it waits, and for what."""

import pytest

from contract.rules import Notify
from functions.adapters.memory import ManualClock
from functions.domain.deliveries import Answer, Outcome, Reason, State
from functions.domain.shadows import ShadowName
from tests.functions.conftest import NOW
from tests.functions.services.actions_world import OFF, ON, ActionsWorld, desire, escalation

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
KINDS = ("raised", "escalated", "downgraded", "flapping", "cleared")
TELL = Notify(recipients=("on-call",), on=KINDS)
WANTED = desire(relay={"on": True})
UNWANTED = desire("cleared", relay={"on": False})


@pytest.fixture
def world(clock):
    return ActionsWorld(clock)


def gateway(world):
    world.device("pump-7", parent="gateway-1")
    world.device("gateway-1")
    world.offline("gateway-1")


def wanted(world):
    return world.wishes.current("pump-7", ShadowName.STATE).values["relay"]["on"]


def why(world, what="on-call"):
    return [(one.state, one.reason) for one in world.of(what)]


def test_an_alarm_that_outlasts_the_window_is_told_at_its_end(world):
    world.window("*", length=HOUR)
    world.happens(actions=(TELL,))
    world.advance(HOUR - 1)
    assert world.receivers.types() == []
    world.advance(1)
    world.advance(MINUTE)
    assert world.receivers.types() == ["alarm.raised"]
    (delivery,) = world.of("on-call")
    assert (delivery.state, delivery.attempts) == (State.DELIVERED, 1)
    assert [(wait.reason, "Filters" in wait.note) for wait in delivery.waits] == [(Reason.MAINTENANCE, True)]


def test_a_window_that_is_ended_early_counts_at_the_next_look(world):
    window = world.window("*", length=DAY)
    world.happens(actions=(TELL,))
    world.advance(20 * MINUTE)
    world.end(window)
    world.advance(6 * MINUTE)
    assert world.receivers.types() == ["alarm.raised"]


def test_an_alarm_whose_gateway_comes_back_is_told(world):
    gateway(world)
    world.happens(actions=(TELL,))
    world.advance(2 * HOUR)
    assert why(world) == [(State.PENDING, Reason.PARENT_OFFLINE)]
    world.online("gateway-1")
    world.advance(6 * MINUTE)
    assert world.receivers.types() == ["alarm.raised"]


def test_each_wait_is_kept_with_its_reason(world):
    world.window("*", length=HOUR)
    gateway(world)
    world.happens(actions=(TELL,))
    world.advance(2 * HOUR)
    world.online("gateway-1")
    world.advance(6 * MINUTE)
    (delivery,) = world.of("on-call")
    assert delivery.state is State.DELIVERED
    assert [wait.reason for wait in delivery.waits] == [Reason.MAINTENANCE, Reason.PARENT_OFFLINE]


def test_an_alarm_that_ended_in_the_window_is_told_to_nobody(world):
    world.window("*", length=HOUR)
    world.happens(actions=(TELL,))
    world.advance(10 * MINUTE)
    world.happens("cleared", actions=(TELL,), step=1)
    world.advance(2 * HOUR)
    assert world.receivers.types() == []
    assert sorted(why(world)) == [(State.MUTED, Reason.CLEARED), (State.MUTED, Reason.MAINTENANCE)]


def test_of_steps_of_a_kind_the_newest_is_told(world):
    world.window("*", length=HOUR)
    for step, kind in enumerate(("raised", "escalated", "downgraded", "escalated", "flapping")):
        world.happens(kind, actions=(TELL,), step=step)
    world.advance(2 * HOUR)
    assert sorted(world.receivers.types()) == ["alarm.downgraded", "alarm.escalated", "alarm.flapping", "alarm.raised"]
    assert {(one.about.step, one.reason) for one in world.of("on-call") if one.state is State.MUTED} == {
        (1, Reason.SUPERSEDED)
    }


@pytest.mark.parametrize("days", [2, 31])
def test_what_waits_for_longer_than_a_day_is_not_late_by_that(world, days):
    world.window("*", length=days * DAY)
    world.happens(actions=(TELL,))
    world.advance(days * DAY + MINUTE)
    assert world.receivers.types() == ["alarm.raised"]


def test_what_is_looked_at_a_day_after_the_muting_is_late(world):
    world.window("*", length=HOUR)
    world.happens(actions=(TELL,))
    world.run()
    world.clock.now += HOUR + DAY
    world.advance(MINUTE)
    assert why(world) == [(State.MUTED, Reason.LATE)]


def test_messages_that_come_twice_change_nothing_of_a_wait(world):
    world.window("*", length=HOUR)
    world.happens(actions=(TELL,))
    world.run(twice=True)
    (delivery,) = world.of("on-call")
    assert (delivery.version, len(delivery.waits)) == (2, 1)


# --- the device


def test_what_a_rule_did_before_the_window_is_undone_in_it(world):
    actions = (ON, OFF, WANTED, UNWANTED)
    world.happens(actions=actions)
    world.run()
    world.window("*", length=HOUR)
    world.advance(MINUTE)
    world.happens("cleared", actions=(*actions, TELL), step=1)
    world.run()
    assert why(world) == [(State.MUTED, Reason.MAINTENANCE)], "the window is seen"
    assert [command.parameters["on"] for command in world.commands.commands.values()] == [True, False]
    assert not wanted(world)


def test_what_was_muted_in_the_window_is_not_undone_in_it(world):
    actions = (ON, OFF, WANTED, UNWANTED)
    world.window("*", length=HOUR)
    world.happens(actions=actions)
    world.run()
    world.happens("cleared", actions=actions, step=1)
    world.run()
    assert world.commands.commands == {}
    assert world.states() == {State.MUTED: 4}
    assert {one.reason for one in world.deliveries.deliveries.values()} == {Reason.MAINTENANCE}


def test_what_is_undone_while_the_gateway_is_offline_is_wanted_all_the_same(world):
    world.device("gateway-1")
    world.device("pump-7", parent="gateway-1")
    world.happens(actions=(WANTED, UNWANTED))
    world.run()
    world.offline("gateway-1")
    world.happens("cleared", actions=(WANTED, UNWANTED), step=1)
    world.run()
    assert not wanted(world)


def test_what_a_rule_does_at_the_end_alone_is_done_in_a_window(world):
    world.window("*", length=HOUR)
    world.happens(actions=(UNWANTED,))
    world.happens("cleared", actions=(UNWANTED,), step=1)
    world.run()
    assert not wanted(world)


# --- escalation


def test_an_escalation_waits_anew_from_when_the_alarm_could_be_told(world):
    world.recipient("managers")
    world.window("*", length=HOUR)
    world.happens(actions=(TELL,), escalation=(escalation(15, "managers"),))
    world.advance(HOUR + 10 * MINUTE)
    assert world.receivers.types("on-call") == ["alarm.raised"]
    assert world.receivers.types("managers") == []
    world.advance(15 * MINUTE)
    assert world.receivers.types("managers") == ["alarm.unacknowledged"]


def test_of_an_escalation_that_waited_an_acknowledgement_is_the_end(world):
    world.recipient("managers")
    world.happens(actions=(TELL,), escalation=(escalation(15, "managers"),))
    world.receivers.answer("managers", Answer(outcome=Outcome.FAILED, status=503))
    world.advance(15 * MINUTE)
    world.window("*", length=HOUR)
    world.advance(10 * MINUTE)
    world.acknowledge()
    world.advance(2 * HOUR)
    assert (State.MUTED, Reason.ACKNOWLEDGED) in why(world, "managers")


# --- a function that dies


def waits(at=None, *, behind=False):
    """Two alarms in a window, one of which ends in it, in a function that dies at its `at`th call."""
    world = ActionsWorld(ManualClock(NOW))
    world.deaths.at, world.deaths.behind = at, behind
    world.window("*", length=12 * MINUTE)
    world.happens(actions=(TELL,), escalation=(escalation(5, "on-call"),))
    world.happens(actions=(TELL,), rule="other", number=43)
    world.advance(8 * MINUTE)
    world.happens("cleared", actions=(TELL,), rule="other", number=43, step=1)
    world.advance(2 * HOUR)
    return world


@pytest.mark.parametrize("behind", [False, True])
def test_what_waits_is_told_once_wherever_the_function_dies(behind):
    lived = waits()
    for at in [None, *range(1, lived.deaths.calls + 1)]:
        world = waits(at, behind=behind)
        assert sorted(world.receivers.taken.values()) == ["alarm.raised", "alarm.unacknowledged"], at
        assert world.pending() == [], at
