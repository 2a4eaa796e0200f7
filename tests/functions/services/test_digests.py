"""Limits, quiet hours and what is told together."""

from itertools import chain

import msgspec
import pytest

from contract.rules import Notify
from functions.domain.deliveries import Answer, Outcome, Reason, State
from functions.domain.messages import DIGEST_LINES
from functions.domain.recipients import parse_quiet_hours
from tests.functions.conftest import NOW
from tests.functions.services.actions_world import TELL, ActionsWorld

MINUTE, HOUR = 60_000, 3_600_000
# The tests' clock stands at 16:00 UTC on a Monday.
AFTERNOONS = parse_quiet_hours("UTC", [(["mon"], "15:00", "18:00")], "critical")


@pytest.fixture
def world(clock):
    return ActionsWorld(clock)


def burst(world, count, **more):
    for number in range(count):
        world.happens(rule=f"rule-{number:03d}", number=number, **more)
    world.run()


def digests(world):
    return [message for _, message in world.receivers.got if message.type == "digest"]


def told_in(message):
    return [one["alarm"] for one in message.data["notifications"]]


def test_what_is_beyond_the_limit_is_told_together(world):
    world.recipient("on-call", per_hour=3, digest_ms=10 * MINUTE)
    burst(world, 7)
    assert world.receivers.types() == ["alarm.raised"] * 3
    gathered = [one for one in world.of("on-call") if one.state is State.DIGESTED]
    assert {(one.reason, one.digest) for one in gathered} == {(Reason.LIMIT, "on-call.digest.1")}
    # Another message is within the limit 20 minutes later, not 10.
    world.advance(19 * MINUTE)
    assert digests(world) == []
    world.advance(2 * MINUTE)
    (digest,) = digests(world)
    assert told_in(digest) == [f"pump-7.{number}" for number in (3, 4, 5, 6)]
    assert digest.subject == "4 notifications of alarms"


def test_no_hour_has_more_messages_than_the_limit_and_what_it_begins_with(world):
    world.recipient("on-call", per_hour=3, digest_ms=MINUTE)
    for number in range(120):
        world.happens(rule=f"rule-{number}", number=number)
        world.advance(MINUTE)
    world.advance(2 * HOUR)
    assert len(world.receivers.got) <= 3 + 4 * 3
    alarms = [one for message in digests(world) for one in told_in(message)]
    alarms += [message.data["alarm"] for _, message in world.receivers.got if message.type == "alarm.raised"]
    assert sorted(alarms) == sorted(f"pump-7.{number}" for number in range(120))


def test_a_busy_receiver_costs_no_more_of_the_limit(world):
    world.recipient("on-call", per_hour=1, digest_ms=10 * MINUTE)
    world.receivers.answer("on-call", *[Answer(outcome=Outcome.FAILED)] * 3)
    world.happens()
    world.advance(10 * MINUTE)
    assert world.receivers.types() == ["alarm.raised"] * 4
    assert world.states() == {State.DELIVERED: 1}


def test_in_quiet_hours_it_waits_for_their_end(world):
    world.recipient("on-call", quiet=AFTERNOONS)
    burst(world, 2)
    world.advance(119 * MINUTE)
    assert world.receivers.got == []
    world.advance(2 * MINUTE)
    (digest,) = digests(world)
    assert told_in(digest) == ["pump-7.0", "pump-7.1"]
    assert {one.reason for one in world.of("on-call") if one.state is State.DIGESTED} == {Reason.QUIET_HOURS}


def test_what_is_bad_enough_is_told_in_quiet_hours(world):
    world.recipient("on-call", quiet=AFTERNOONS)
    world.happens(severity="critical")
    world.run()
    assert world.receivers.types() == ["alarm.raised"]


def test_a_retry_that_falls_into_quiet_hours_waits_as_well(world):
    world.recipient("on-call", quiet=parse_quiet_hours("UTC", [(["mon"], "16:01", "18:00")], None))
    world.receivers.answer("on-call", *[Answer(outcome=Outcome.FAILED)] * 4)
    world.happens()
    world.advance(90 * MINUTE)
    assert world.receivers.types() == ["alarm.raised"] * 3
    world.advance(HOUR)
    assert world.receivers.types() == [*["alarm.raised"] * 3, *["digest"] * 2]
    assert len({message.id for message in digests(world)}) == 1


def test_without_a_digest_it_is_not_told_at_all(world):
    world.recipient("on-call", per_hour=1, digest_ms=None)
    world.recipient("night", quiet=AFTERNOONS, digest_ms=None)
    burst(world, 2, actions=(Notify(recipients=("on-call", "night"), on=("raised",)),))
    world.advance(5 * HOUR)
    assert world.receivers.types("on-call") == ["alarm.raised"]
    assert world.receivers.types("night") == []
    assert {one.reason for one in world.deliveries.deliveries.values() if one.state is State.MUTED} == {
        Reason.LIMIT,
        Reason.QUIET_HOURS,
    }


def test_an_alarm_that_ended_before_the_digest_is_not_in_it(world):
    world.recipient("on-call", quiet=AFTERNOONS)
    burst(world, 2)
    world.happens("cleared", rule="rule-000", number=0, step=1)
    world.advance(3 * HOUR)
    (digest,) = digests(world)
    assert told_in(digest) == ["pump-7.1"]
    assert digest.data["ended"] == 2
    assert "2 more were raised and have ended meanwhile" in digest.lines
    muted = [one for one in world.of("on-call") if one.state is State.MUTED]
    assert {(one.about.number, one.reason) for one in muted} == {(0, Reason.CLEARED)}


def test_the_end_of_an_alarm_that_he_knows_of_is_in_it(world):
    world.recipient("on-call", per_hour=1, digest_ms=10 * MINUTE)
    world.happens()
    world.run()
    world.happens("cleared", step=1)
    world.advance(2 * HOUR)
    (digest,) = digests(world)
    assert [one["type"] for one in digest.data["notifications"]] == ["alarm.cleared"]


def test_a_digest_of_which_all_has_ended_is_not_sent(world):
    world.recipient("on-call", quiet=AFTERNOONS)
    world.happens()
    world.happens("cleared", step=1)
    world.advance(3 * HOUR)
    assert world.receivers.got == []
    (digest,) = world.of("Digest")
    assert (digest.state, digest.reason) == (State.MUTED, Reason.CLEARED)
    world.clock.now += 2 * HOUR
    world.happens(number=43)
    world.run()
    assert world.receivers.types() == ["alarm.raised"]


def test_a_digest_tells_the_same_at_each_attempt(world):
    world.recipient("on-call", quiet=AFTERNOONS)
    world.receivers.answer("on-call", *[Answer(outcome=Outcome.FAILED)] * 2)
    burst(world, 3)
    world.advance(121 * MINUTE)
    world.happens("cleared", rule="rule-000", number=0, step=1, actions=())
    world.happens(rule="rule-009", number=9)
    world.advance(HOUR)
    first, *others = digests(world)
    assert len(others) == 2
    assert all(other == first for other in others)
    assert told_in(first) == ["pump-7.0", "pump-7.1", "pump-7.2"]


def test_what_is_gathered_while_a_digest_is_being_sent_is_in_the_next_one(world):
    world.recipient("on-call", quiet=AFTERNOONS)

    def meanwhile():
        world.recipient("on-call", per_hour=1, digest_ms=MINUTE)
        burst(world, 2, severity="major")
        return Answer(outcome=Outcome.DELIVERED)

    world.happens(rule="first", number=42)
    world.receivers.answer("on-call", meanwhile)
    world.advance(10 * HOUR)
    alarms = [told_in(message) for message in digests(world)]
    sent = [message.data["alarm"] for _, message in world.receivers.got if message.type == "alarm.raised"]
    assert sorted([*chain.from_iterable(alarms), *sent]) == ["pump-7.0", "pump-7.1", "pump-7.42"]
    assert alarms[0] == ["pump-7.42"]


def test_what_is_gathered_until_a_digest_is_begun_is_in_it(world):
    world.recipient("on-call", quiet=AFTERNOONS)
    burst(world, 2)
    (late,) = [one for one in world.of("on-call") if one.about and one.about.number == 1]
    as_it_was = world.deliveries.save(late, msgspec.structs.replace(late.replayed(NOW), due=None, next_at=NOW * 2))
    world.deliveries._gathered["on-call.digest.1"].remove(late.id)
    save = world.deliveries.save

    def meanwhile(was, becomes, **more):
        if becomes.id == "on-call.digest.1" and becomes.attempts == 1 and as_it_was.id not in gathered:
            gathered.append(as_it_was.id)
            world.deliveries.gather(as_it_was, Reason.LIMIT, NOW, NOW)
        return save(was, becomes, **more)

    gathered = []
    world.deliveries.save = meanwhile
    world.advance(3 * HOUR)
    assert [told_in(message) for message in digests(world)] == [["pump-7.0", "pump-7.1"]]


def test_a_digest_shows_the_worst_and_counts_the_rest(world):
    world.recipient("on-call", quiet=AFTERNOONS)
    burst(world, DIGEST_LINES + 5, severity="minor")
    world.happens(rule="worst", number=999, severity="major")
    world.advance(3 * HOUR)
    (digest,) = digests(world)
    assert told_in(digest)[0] == "pump-7.999"
    assert len(told_in(digest)) == DIGEST_LINES
    assert digest.data["left_out"] == 6
    assert digest.lines[-1] == "… and 6 more"


def test_a_recipient_that_is_gone_gets_no_digest(world):
    world.recipient("on-call", quiet=AFTERNOONS)
    world.happens(actions=(TELL,))
    world.run()
    del world.recipients.recipients["on-call"]
    world.advance(3 * HOUR)
    (digest,) = world.of("Digest")
    assert (digest.state, digest.reason) == (State.FAILED, Reason.NO_RECIPIENT)
