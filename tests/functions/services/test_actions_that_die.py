"""The function ends at any of its calls, before or behind it, and what comes of the alarm is what comes of it else.

A receiver is told once as far as he looks at the message's id; a device is commanded and set once without looking.
"""

import itertools

import pytest

from contract.rules import Notify
from functions.adapters.memory import ManualClock
from functions.domain.deliveries import Answer, Outcome, Reason, State
from functions.domain.recipients import Channel
from functions.domain.shadows import ShadowName
from tests.functions.conftest import NOW
from tests.functions.services.actions_world import OFF, ON, ActionsWorld, Killed, desire, escalation

MINUTE, HOUR = 60_000, 3_600_000
WANTED = desire(relay={"on": True})
UNWANTED = desire("cleared", relay={"on": False})
BUSY = Answer(outcome=Outcome.FAILED, status=503)
TELL = Notify(recipients=("on-call", "managers"), on=("raised", "cleared"))
TELL_ONE = Notify(recipients=("on-call",), on=("raised",))
ACTIONS = (TELL, ON, OFF, WANTED, UNWANTED)


def told(world):
    return sorted((who, kind) for (who, _), kind in world.receivers.taken.items())


def raised_and_cleared(at=None, *, behind=False):
    """An alarm with all that can be done about it, in a function that dies at its `at`th call."""
    world = ActionsWorld(ManualClock(NOW))
    world.recipient("managers", channel=Channel.SLACK)
    world.receivers.answer("on-call", BUSY)
    world.deaths.at, world.deaths.behind = at, behind
    world.happens(actions=ACTIONS, escalation=(escalation(5, "managers"),))
    world.advance(10 * MINUTE)
    world.happens("cleared", actions=ACTIONS, step=1)
    world.advance(10 * MINUTE)
    world.advance(HOUR)
    return world


def calls_of(scenario):
    world = scenario()
    return world.deaths.calls


def right(world):
    assert told(world) == [
        ("managers", "alarm.cleared"),
        ("managers", "alarm.raised"),
        ("managers", "alarm.unacknowledged"),
        ("on-call", "alarm.cleared"),
        ("on-call", "alarm.raised"),
    ]
    assert [command.parameters["on"] for command in world.commands.commands.values()] == [True, False]
    page = world.wishes.page("pump-7", ShadowName.STATE, 10, None)
    assert [(wish.version, wish.values["relay"]["on"]) for wish in page.wishes] == [(2, False), (1, True)]
    assert world.shadows.read("pump-7", ShadowName.STATE).desired == {"relay": {"on": False}}
    assert world.pending() == []
    assert world.outbox.entries == {}
    assert world.states() == {State.DELIVERED: 10}


def test_a_function_that_lives_does_all_of_it():
    world = raised_and_cleared()
    right(world)
    assert world.deaths.calls > 100


@pytest.mark.parametrize("behind", [False, True])
def test_a_function_that_dies_at_any_call_does_all_of_it_in_the_end(behind):
    for at in range(1, calls_of(raised_and_cleared) + 1):
        world = raised_and_cleared(at, behind=behind)
        try:
            right(world)
        except AssertionError as exc:
            raise AssertionError(f"dying {'behind' if behind else 'before'} call {at}: {exc}") from exc


def test_a_function_that_dies_again_and_again_does_all_of_it_in_the_end():
    for every in (7, 11, 23):
        world = ActionsWorld(ManualClock(NOW))
        world.recipient("managers")
        world.happens(actions=ACTIONS)
        for at in itertools.count(every, every):
            world.deaths.at = at
            world.advance(2 * MINUTE)
            if not world.pending() and not world.outbox.entries:
                break
            assert at < 100 * every
        world.deaths.at = None
        world.advance(HOUR)
        assert told(world) == [("managers", "alarm.raised"), ("on-call", "alarm.raised")]
        assert len(world.commands.commands) == 1
        assert world.wishes.current("pump-7", ShadowName.STATE).version == 1


def gathered(at=None, *, behind=False):
    """More than a recipient wants in an hour, told together, in a function that dies at its `at`th call."""
    world = ActionsWorld(ManualClock(NOW))
    world.recipient("on-call", per_hour=2, digest_ms=5 * MINUTE)
    world.deaths.at, world.deaths.behind = at, behind
    for number in range(6):
        world.happens(actions=(TELL_ONE,), rule=f"rule-{number}", number=number)
    world.advance(2 * HOUR)
    return world


@pytest.mark.parametrize("behind", [False, True])
def test_what_is_gathered_is_told_once_wherever_the_function_dies(behind):
    for at in range(1, calls_of(gathered) + 1):
        world = gathered(at, behind=behind)
        alarms = []
        for (who, _), kind in world.receivers.taken.items():
            assert (who, kind) in {("on-call", "alarm.raised"), ("on-call", "digest")}, at
        for message in {message.id: message for _, message in world.receivers.got}.values():
            found = [message.data] if message.type != "digest" else message.data["notifications"]
            alarms += [one["alarm"] for one in found]
        assert sorted(alarms) == [f"pump-7.{number}" for number in range(6)], at
        assert world.pending() == [], at


def test_an_attempt_that_dies_each_time_is_made_ever_more_seldom_and_given_up_after_a_day():
    world = ActionsWorld(ManualClock(NOW))

    def dies():
        raise Killed

    world.receivers.answer("on-call", *[dies] * 1000)
    world.happens(actions=(TELL_ONE,))
    world.advance(26 * HOUR)
    (delivery,) = world.of("on-call")
    assert (delivery.state, delivery.reason) == (State.FAILED, Reason.GIVEN_UP)
    assert delivery.note == "no attempt came to its end"
    assert 20 < len(world.receivers.got) < 40
    assert all(attempt.outcome is Outcome.UNKNOWN for attempt in world.deliveries.attempts(delivery.id))
