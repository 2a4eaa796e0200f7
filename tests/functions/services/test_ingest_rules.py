"""Messages, ticks and whatever else happens to a device: the alarms are those of one ordered pass."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from contract.models import shipped
from functions.adapters.memory import ManualClock
from functions.domain.alarm_work import Act
from functions.domain.engine.codec import losses
from functions.domain.presence import Presence, Status
from functions.domain.series import Rejected
from functions.domain.state import Saved
from functions.errors import StateError
from functions.services.rulebook import Rulebook
from tests.functions.services.rules_world import RulesWorld, message

NOW = 1_764_000_000_000
HOLD = 10_000
HOT = {"rule": "hot", "when": {"metric": "temperature", "above": 60}, "clear": {"metric": "temperature", "below": 50}}
LONG = {"rule": "long", "when": {"metric": "temperature", "above": 55, "for": "20s", "until": 45}}
BOTH = {"rule": "both", "when": {"all": [{"metric": "current", "above": 20}, {"metric": "temperature", "above": 40}]}}
OFF = {"rule": "off", "when": {"online": False, "for": "1m"}, "severity": "critical"}
LIMIT = {"rule": "limit", "when": {"metric": "temperature", "above": {"attribute": "limit"}}}


@pytest.fixture
def world(clock):
    return RulesWorld(clock, HOT, LONG)


def rules_found(world, *rules):
    return [(rule, str(kind), at - NOW) for rule, _, _, kind, at, *_ in world.found if not rules or rule in rules]


def test_a_reading_beyond_the_threshold_raises_one_alarm_that_is_acted_on_and_told(world):
    report = world.take(message(0, NOW, temperature=20), message(1, NOW + 5_000, temperature=61))
    (alarm,) = world.alarms.active("pump-1")
    assert (alarm.id, alarm.rule, alarm.severity, alarm.first, alarm.group) == (
        "pump-1.1",
        "hot",
        "major",
        61,
        "plant-1",
    )
    assert world.actions.work == [(Act(thing="pump-1", number=1, step=0), 0)]
    assert [event.alarm for event in world.live.events if event.kind == "alarm"] == ["pump-1.1"]
    assert report.transitions == {"raised": 1}


def test_the_alarm_clears_by_its_own_condition(world):
    for seq, temperature in enumerate([61, 55, 49]):
        world.take(message(seq, NOW + seq, temperature=temperature))
    assert rules_found(world, "hot") == [("hot", "raised", 0), ("hot", "cleared", 2)]
    assert world.alarms.active("pump-1") == []


def test_a_queue_that_refuses_loses_nothing_since_the_outbox_has_it(world):
    world.actions.fails = True
    assert world.take(message(0, NOW, temperature=61)).failed == set()
    assert [*world.world.alarms.outbox] == [("pump-1", 1, 0)]


def test_late_data_is_history_and_raises_nothing(world):
    world.take(message(0, NOW + 7_200_000, ts=NOW, temperature=61))
    world.take(message(1, NOW + 7_200_000, temperature=20), message(3, NOW + 7_201_000, temperature=20))
    world.tick(NOW + 7_211_000)
    world.take(message(2, NOW + 7_212_000, ts=NOW + 7_200_500, temperature=61))
    assert world.found == []
    assert (world.state.counters.messages, losses(world.state)[-1].late) == (4, 1)


def test_a_duration_ends_without_a_message(world):
    world.take(message(0, NOW, temperature=58))
    armed = world.state.armed
    assert armed == NOW + 20_000 + 1 + HOLD
    assert world.tick(armed - 1) == {}
    assert world.tick(armed)["raised"] == 1
    assert rules_found(world, "long") == [("long", "raised", 20_000)]


def test_a_timer_that_came_up_in_vain_is_set_anew(clock):
    world = RulesWorld(clock)
    world.take(message(0, NOW, temperature=20))
    first = world.state.armed
    world.take(message(1, NOW + 5_000, temperature=20))
    assert world.state.armed == first == NOW + 30_000 + 1 + HOLD
    world.tick(first)
    assert (world.state.armed, world.found) == (NOW + 35_000 + 1 + HOLD, [])


def test_a_message_that_begins_and_ends_nothing_leaves_the_timer_alone(world):
    saved, save = [], world.states.save
    world.states.save = lambda changes: saved.append(changes["pump-1"]) or save(changes)
    world.take(message(0, NOW, temperature=20))
    world.take(*(message(seq, NOW + seq * 1_000, temperature=20 + seq) for seq in range(1, 20)))
    assert [change.rearmed for change in saved] == [True, False]


def test_presence_raises_and_clears_like_anything_else(clock):
    world = RulesWorld(clock, OFF)
    world.world.presences["pump-1"] = Presence(status=Status.OFFLINE, since=NOW)
    world.tick(NOW + 30_000, fresh=True)
    world.tick(NOW + 60_000 + 1 + HOLD)
    world.world.presences["pump-1"] = Presence(status=Status.ONLINE, since=NOW + 80_000)
    world.tick(NOW + 81_000, fresh=True)
    assert rules_found(world, "off") == [("off", "raised", 60_000), ("off", "cleared", 80_000)]


@pytest.mark.parametrize("since", [NOW - 5_000, NOW, None])
def test_presence_cannot_stick_whatever_its_times_are(clock, since):
    world = RulesWorld(clock, OFF)
    world.world.presences["pump-1"] = Presence(status=Status.OFFLINE, since=NOW)
    world.tick(NOW + 75_000, fresh=True)
    assert len(world.alarms.active("pump-1")) == 1
    status = Status.UNKNOWN if since is None else Status.ONLINE
    world.world.presences["pump-1"] = Presence(status=status, since=since)
    world.tick(NOW + 80_000, fresh=True)
    assert len(world.alarms.active("pump-1")) == (since is None)


def test_an_attribute_is_a_threshold_as_it_is_now(clock):
    world = RulesWorld(clock, LIMIT, tags={"limit": "80"})
    world.take(message(0, NOW, temperature=70))
    before = world.registry.find(["pump-1"])["pump-1"]
    world.registry.put(replace(before, tags={"limit": "65"}))
    world.tick(NOW + 20_000, fresh=True)
    assert rules_found(world, "limit") == [("limit", "raised", 10_000)]


def test_an_alarm_that_goes_to_another_group_with_its_device_is_told_there(world):
    world.take(message(0, NOW, temperature=61))
    before = world.registry.find(["pump-1"])["pump-1"]
    world.registry.put(replace(before, group="plant-2"))
    told = len(world.live.events)
    world.tick(NOW + 6_000, fresh=True)
    (alarm,) = world.alarms.active("pump-1")
    events = [(one.kind, one.alarm, one.group, one.data["version"]) for one in world.live.events[told:]]
    assert events == [("alarm", alarm.id, "plant-2", alarm.version)]
    world.tick(NOW + 7_000, fresh=True)
    assert len(world.live.events) == told + 1


def test_the_alarm_of_a_rule_that_is_gone_is_cleared_and_says_why(world):
    world.take(message(0, NOW, temperature=61))
    world.withdraw("hot")
    world.tick(NOW + 6_000, fresh=True)
    (alarm,) = world.alarms.cleared("pump-1", 10, None)
    assert (alarm.rule, alarm.clearing, alarm.cleared_at) == ("hot", "rule_changed", NOW + 6_000)


def test_a_rule_of_other_conditions_starts_anew_and_one_of_the_same_goes_on(world):
    world.take(message(0, NOW, temperature=61))
    world.install({**HOT, "title": "Very hot"})
    world.clock.now += 6_000
    world.take(message(1, NOW + 6_000, temperature=62))
    assert rules_found(world, "hot") == [("hot", "raised", 0)]
    world.install({**HOT, "when": {"metric": "temperature", "above": 61.5}})
    world.clock.now += 6_000
    world.take(message(2, NOW + 12_000, temperature=62))
    assert rules_found(world, "hot") == [("hot", "raised", 0), ("hot", "cleared", 12_000), ("hot", "raised", 12_000)]


@pytest.mark.parametrize("ticks", [False, True])
def test_whoever_knows_only_older_rules_reads_them_anew(world, ticks):
    world.take(message(0, NOW, temperature=61))
    here = world.rulebook
    world.install({**HOT, "rule": "new", "when": {"metric": "temperature", "above": 60.5}})
    world.rulebook = Rulebook(world.rules, world.registry, world.clock, shipped=shipped())
    world.take(message(1, NOW + 1, temperature=62))
    world.rulebook = here
    if ticks:
        world.tick(NOW + 2)
    else:
        assert world.take(message(2, NOW + 2, temperature=62)).failed == set()
    assert rules_found(world, "new") == [("new", "raised", 1)]


def test_a_device_whose_state_is_damaged_is_failed_alone_and_says_why(world):
    world.take(message(0, NOW, temperature=20))
    world.world.states["pump-1"] = replace(world.world.states["pump-1"], rules=b"rubbish")
    report = world.take(message(1, NOW + 1, temperature=61))
    assert report.failed == {"id-0"}
    assert "cannot be read" in report.problems[0]
    with pytest.raises(StateError, match="cannot be read"):
        world.tick(NOW + 5)


def test_what_a_store_refuses_of_messages_that_were_spared_is_no_last_value(world):
    world.take(message(0, NOW, temperature=20), message(1, NOW + 1_000, temperature=20))
    world.store.write = lambda points: [Rejected(points[-1], "expired", "too old")]
    assert world.take(message(2, NOW + 2_000, temperature=21)).failed == set()
    assert (world.state.latest["temperature"].value, world.state.counters.points) == (20, 2)
    assert world.world.quarantined == {"pump-1": {"expired": 1}}


def test_a_tick_goes_again_when_a_message_was_faster(world):
    world.take(message(0, NOW, temperature=58))
    armed = world.state.armed
    world.during_the_next_read(lambda: world.take(message(1, NOW + 40_000, temperature=30)))
    world.tick(armed)
    assert rules_found(world, "long") == [("long", "raised", 20_000), ("long", "cleared", 40_000)]


def test_a_tick_that_never_gets_a_turn_says_so(world):
    world.take(message(0, NOW, temperature=58))
    world.states.save = lambda changes: Saved(frozenset(changes))
    with pytest.raises(StateError, match="by others at every attempt"):
        world.tick(NOW + 40_000)


def test_a_device_without_rules_of_its_own_or_of_its_model_is_left_alone(clock):
    world = RulesWorld(clock)
    world.registry.put(replace(world.registry.find(["pump-1"])["pump-1"], model="nothing-we-know"))
    assert +world.tick(NOW, fresh=True) == {}
    assert world.world.states == {}


@st.composite
def lives(draw):
    sent, at = [(0, NOW, {"temperature": 20})], NOW
    for seq in range(1, draw(st.integers(2, 10))):
        at += draw(st.sampled_from([500, 3_000, 8_000, 25_000]))
        temperature = draw(st.sampled_from([20, 42, 48, 56, 58, 61, 65]))
        values = {"temperature": temperature, "current": draw(st.sampled_from([10, 25]))}
        sent.append((seq, at, values if draw(st.booleans()) else {"temperature": temperature}))
    arrivals = [(at + (draw(st.integers(0, HOLD - 1)) if seq else 0), (seq, at, values)) for seq, at, values in sent]
    again = draw(st.lists(st.sampled_from(arrivals), max_size=3))
    arrivals += [(at + draw(st.integers(0, 3 * HOLD)), one) for at, one in again]
    ticks = draw(st.lists(st.integers(NOW + 1, at + 2 * HOLD), max_size=4))
    events = sorted([*arrivals, *((tick, None) for tick in ticks)], key=lambda pair: pair[0])
    return sent, events, draw(st.lists(st.sampled_from(["with the next", "alone", "racing the next"]), min_size=30))


def in_one_pass(sent):
    world = RulesWorld(ManualClock(NOW), HOT, LONG, BOTH)
    for seq, at, values in sent:
        world.clock.now = at
        world.take(message(seq, at, **values))
    return world, settled(world, sent[-1][1] + 200_000)


def settled(world, until):
    """Whatever was still to come, by the timers."""
    while (armed := world.state.armed) is not None and armed <= until:
        world.tick(armed)
    return sorted(world.found)


@settings(max_examples=40)
@given(lives())
def test_however_messages_and_ticks_come_the_alarms_are_those_of_one_ordered_pass(life):
    sent, events, how = life
    plain, expected = in_one_pass(sent)
    world, batch, first_at = RulesWorld(ManualClock(NOW), HOT, LONG, BOTH), [], NOW
    for (at, one), turn in zip(events, [*how, *["alone"] * len(events)], strict=False):
        # No batch is older than the hold when it is done.
        if one is None or (batch and at >= first_at + HOLD):
            assert world.take(*batch).failed == set()
            batch = []
        world.clock.now = at
        if one is None:
            world.tick(at)
            continue
        first_at = min(first_at, one[1]) if batch else one[1]
        batch.append(message(one[0], one[1], **one[2]))
        if turn == "racing the next" and len(batch) > 1:
            first, second = batch[::2], batch[1::2]
            world.during_the_next_read(lambda first=first: world.take(*first))
            assert world.take(*second).failed == set()
            batch = []
        elif turn == "alone":
            assert world.take(*batch).failed == set()
            batch = []
    assert world.take(*batch).failed == set()
    assert settled(world, sent[-1][1] + 200_000) == expected
    assert world.state.latest == plain.state.latest
    assert [*world.world.alarms.outbox] == [*plain.world.alarms.outbox]
