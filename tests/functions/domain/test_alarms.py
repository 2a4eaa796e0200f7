"""What an alarm becomes with each transition, and with what people do."""

import pytest
from msgspec.structs import replace

from functions.domain.access import By, Reach
from functions.domain.alarms import Alarm, AlarmFilter, Clearing, StepKind, parse_alarm_id
from functions.domain.outbox import folded
from functions.domain.state import Change, DeviceState
from tests.functions.alarm_cases import CLEARED, DOWNGRADED, ESCALATED, FLAPPING, NOW, WANTED, transition

ANN, BOB = By("user:ann", "Ann"), By("user:bob", "Bob")
ALARM = Alarm.raised(transition(), "plant-1", NOW)


def test_an_alarm_is_as_bad_as_its_newest_transition_says():
    worse = ALARM.after(transition(ESCALATED, step=1, severity="critical", peak=99.0), NOW + 1)
    better = worse.after(transition(DOWNGRADED, step=2, severity="info"), NOW + 2)
    assert [(one.severity, one.version, one.updated_at) for one in (ALARM, worse, better)] == [
        ("major", 1, NOW),
        ("critical", 2, NOW + 1),
        ("info", 3, NOW + 2),
    ]
    assert (worse.peak, better.active, better.raised_at) == (99.0, True, NOW)


def test_an_alarm_that_flaps_does_so_until_it_is_cleared():
    flapping = ALARM.after(transition(FLAPPING, step=1, count=5), NOW)
    assert (flapping.flapping, flapping.active, flapping.count) == (True, True, 5)
    assert flapping.after(transition(ESCALATED, step=2), NOW).flapping
    over = flapping.after(transition(CLEARED, step=2, at=NOW + 9), NOW)
    assert (over.flapping, over.cleared_at, over.clearing) == (False, NOW + 9, Clearing.CONDITION)


def test_a_transition_that_is_in_it_already_changes_nothing_and_one_of_another_alarm_is_refused():
    assert ALARM.after(transition(CLEARED), NOW) is ALARM
    with pytest.raises(ValueError, match=r"pump-1\.1, got one of pump-1\.2"):
        ALARM.after(transition(number=2, step=5), NOW)


def test_what_people_do_twice_changes_nothing_the_second_time():
    seen = ALARM.with_acknowledgement(ANN, NOW + 1)
    assert (seen.acknowledged, seen.acknowledged_by, seen.version) == (True, ANN, 2)
    assert seen.with_acknowledgement(BOB, NOW + 2) is seen
    again = seen.without_acknowledgement(NOW + 3)
    assert (again.acknowledged, again.acknowledged_by, again.version) == (False, None, 3)
    assert again.without_acknowledgement(NOW + 4) is again
    his = ALARM.assigned_to(BOB, NOW)
    assert his.assigned_to(replace(BOB, name="Robert"), NOW) is his
    assert his.assigned_to(None, NOW).assignee is None
    assert ALARM.assigned_to(None, NOW) is ALARM
    assert ALARM.moved_to("plant-1", NOW) is ALARM
    assert [one.text for one in ALARM.with_comment(ANN, "a", NOW).with_comment(BOB, "b", NOW).comments] == ["a", "b"]


def test_what_people_did_outlives_what_the_engine_finds():
    seen = ALARM.with_acknowledgement(ANN, NOW).assigned_to(BOB, NOW).with_comment(ANN, "x", NOW)
    over = seen.after(transition(CLEARED, step=1), NOW)
    assert (over.acknowledged_by, over.assignee, over.comments) == (ANN, BOB, seen.comments)


def entries(*found, now=NOW, group="plant-1"):
    return Change(state=DeviceState(), now=now, transitions=found, group=group, wanted={"hot": WANTED}).entries


def test_what_was_raised_and_cleared_in_one_pass_was_never_active():
    what = folded({}, entries(transition(), transition(CLEARED, step=1)))
    assert what.active == {"hot": None}
    assert [one.id for one in what.cleared] == ["pump-1.1"]
    assert [(number, step.version, step.kind) for number, step in what.steps] == [(1, 1, "raised"), (1, 2, "cleared")]
    assert [one.actions for one in what.entries] == [WANTED.actions] * 2


def test_folding_in_parts_is_folding_at_once():
    found = entries(
        transition(),
        transition(ESCALATED, step=1, severity="critical"),
        transition(CLEARED, step=2),
        transition(number=2),
        transition(number=3, rule="door"),
    )
    whole = folded({}, found)
    first = folded({}, found[:2])
    active = {rule: alarm for rule, alarm in first.active.items() if alarm is not None}
    rest = folded(active, found[2:])
    assert {**first.active, **rest.active} == whole.active
    assert first.stages + rest.stages == whole.stages
    assert first.steps + rest.steps == whole.steps
    assert folded({rule: one for rule, one in whole.active.items() if one}, found[3:]).stages == ()


def test_an_alarm_whose_beginning_is_not_known_is_made_of_what_is():
    what = folded({}, entries(transition(ESCALATED, step=3, since=NOW - 9, severity="critical")))
    assert (what.active["hot"].raised_at, what.active["hot"].step) == (NOW - 9, 3)


def test_an_alarm_of_a_device_that_has_moved_goes_where_the_device_is():
    what = folded({"hot": ALARM}, entries(transition(ESCALATED, step=1), group="plant-2"))
    assert what.active["hot"].group == "plant-2"


def test_one_that_the_engine_has_lost_is_over_when_the_next_begins():
    what = folded({"hot": ALARM}, entries(transition(number=2, since=NOW + 7)))
    assert [(one.number, one.cleared_at, one.clearing) for one in what.cleared] == [(1, NOW + 7, "rule_changed")]
    assert [(number, step.did) for number, step in what.steps] == [(1, StepKind.LOST), (2, None)]


def test_what_waits_is_committed_before_what_is_new():
    waiting = entries(transition())
    change = Change(state=DeviceState(pending=waiting), now=NOW, transitions=(transition(CLEARED, step=1),), by=ANN)
    assert [(one.transition.step, one.by) for one in change.entries] == [(0, None), (1, ANN)]
    assert (change.rearmed, replace(change, armed_before=5).rearmed) == (False, True)


@pytest.mark.parametrize(
    ("wanted", "matches"),
    [
        ({}, True),
        ({"group": "plant-1"}, True),
        ({"group": "plant"}, False),
        ({"group": "plant-1/line-2"}, False),
        ({"severity": "minor"}, False),
        ({"rule": "door"}, False),
        ({"acknowledged": False}, True),
        ({"acknowledged": True}, False),
        ({"assignee": "user:bob"}, False),
        ({"cleared": True, "end": NOW * 2}, False),
    ],
)
def test_a_filter_takes_what_it_asks_for(wanted, matches):
    assert AlarmFilter(reach=Reach(everything=True), **wanted).matches(ALARM) is matches


def test_cleared_ones_are_taken_by_when_they_were():
    over = ALARM.after(transition(CLEARED, step=1, at=NOW), NOW)
    spans = [(NOW, NOW + 1), (NOW, NOW), (NOW + 1, NOW + 2), (0, NOW)]
    found = [AlarmFilter(reach=Reach(), cleared=True, start=start, end=end).matches(over) for start, end in spans]
    assert found == [True, False, False, False]
    assert not AlarmFilter(reach=Reach()).matches(over)


def test_the_id_of_an_alarm_says_whose_it_is():
    assert parse_alarm_id(ALARM.id) == ("pump-1", 1)
