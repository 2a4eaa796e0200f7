import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from functions.domain.access import Permission, Target
from functions.domain.alarms import Alarm
from functions.domain.live import (
    FRAME_BYTES,
    Connection,
    Kind,
    LiveEvent,
    alarm_event,
    coalesced,
    frames,
    latest_event,
    mark_of,
    target_of,
    thing_of,
    topics_of,
)
from functions.domain.state import Latest
from tests.functions.alarm_cases import transition


def latest(thing="pump-1", at=1, **values):
    return LiveEvent(
        Kind.LATEST, thing, "plant-1", at, {m: {"ts": at, "value": v, "q": "good"} for m, v in values.items()}
    )


def step(state, at, thing="pump-1", command="c1"):
    return LiveEvent(Kind.COMMAND, thing, "plant-1", at, {"status": state}, command)


values = st.one_of(st.integers(-3, 3), st.booleans(), st.text("ab", max_size=3))
events = st.builds(
    lambda kind, thing, at, metrics, command: (
        LiveEvent(kind, thing, "g", at, {m: {"ts": ts, "value": v, "q": "good"} for m, (ts, v) in metrics.items()})
        if kind is Kind.LATEST
        else LiveEvent(
            kind,
            thing,
            "g",
            at,
            {"n": at % 3, "version": -at},
            command if kind is Kind.COMMAND else "",
            command if kind is Kind.ALARM else "",
        )
    ),
    st.sampled_from(Kind),
    st.sampled_from(["a", "b"]),
    st.integers(0, 5),
    st.dictionaries(st.sampled_from("xyz"), st.tuples(st.integers(0, 5), values), min_size=1),
    st.sampled_from(["c1", "c2"]),
)


@given(st.lists(events, max_size=12), st.randoms(use_true_random=False))
def test_coalescing_does_not_depend_on_the_order_or_on_how_often_an_event_comes(some, chance):
    again = [*some, *(chance.choice(some) for _ in range(3) if some)]
    chance.shuffle(again)
    assert coalesced(again) == coalesced(some)


@given(st.lists(events, max_size=12), st.lists(events, max_size=12))
def test_coalescing_in_two_steps_is_coalescing_at_once(some, others):
    assert coalesced([*coalesced(some), *others]) == coalesced([*some, *others])


@given(st.lists(events, max_size=12))
def test_each_metric_ends_on_its_newest_value_and_no_step_of_a_command_is_lost(some):
    result = coalesced(some)
    for event in result:
        if event.kind is Kind.LATEST:
            for metric, value in event.data.items():
                known = [
                    e.data[metric]["ts"]
                    for e in some
                    if (e.kind, e.thing) == (event.kind, event.thing) and metric in e.data
                ]
                assert value["ts"] == max(known)
    steps = {(e.thing, e.command, e.at) for e in some if e.kind is Kind.COMMAND}
    assert {(e.thing, e.command, e.at) for e in result if e.kind is Kind.COMMAND} == steps
    others = [(e.kind, e.thing, e.alarm) for e in result if e.kind is not Kind.COMMAND]
    assert len(others) == len(set(others))


def test_metrics_of_one_device_gather_in_one_event():
    (event,) = coalesced([latest(at=1, temperature=1, humidity=5), latest(at=2, temperature=2)])
    assert {metric: one["value"] for metric, one in event.data.items()} == {"temperature": 2, "humidity": 5}


def test_steps_of_a_command_stay_apart_and_in_order():
    assert [e.data["status"] for e in coalesced([step("DELIVERED", 3), step("SENT", 2)])] == ["SENT", "DELIVERED"]


big = st.builds(
    lambda thing, count, size: LiveEvent(
        Kind.LATEST, thing, "g", 1, {f"metric_{n}": {"ts": 1, "value": "é" * size, "q": "good"} for n in range(count)}
    ),
    st.sampled_from(["a", "b"]),
    st.integers(1, 400),
    st.integers(0, 256),
)


@given(st.lists(big, max_size=3))
def test_every_frame_is_below_the_bound_and_no_value_is_lost(some):
    made = [*frames(some)]
    assert all(len(frame) < FRAME_BYTES for frame in made)
    told = [event for frame in made for event in json.loads(frame)["events"]]
    assert sum(len(event["data"]) for event in told) == sum(len(event.data) for event in some)


def test_of_each_alarm_the_newest_version_is_told_whatever_the_clocks_said():
    def alarm(version, at, number=1):
        raised = Alarm.raised(transition(number=number, thing="a"), "plant-1", at)
        return alarm_event(replace(raised, version=version))

    told = coalesced([alarm(2, 5), alarm(3, 4), alarm(1, 6), alarm(1, 5, number=2)])
    assert [(one.alarm, one.data["version"]) for one in told] == [("a.1", 3), ("a.2", 1)]
    (frame,) = frames(told)
    first = json.loads(frame)["events"][0]
    assert (first["kind"], first["device"], first["alarm"], first["group"]) == ("alarm", "a", "a.1", "plant-1")


def test_what_fits_into_no_frame_is_told_without_its_data():
    (frame,) = frames([LiveEvent(Kind.CONFIG, "pump-1", "g", 5, {"reported": "x" * FRAME_BYTES})])
    assert json.loads(frame)["events"] == [
        {"kind": "config", "device": "pump-1", "group": "g", "at": 5, "truncated": True}
    ]


def test_nothing_to_tell_makes_no_frame():
    assert [*frames([])] == []


def test_a_frame_shows_a_step_of_a_command_with_its_id():
    (frame,) = frames([step("SENT", 2)])
    (event,) = json.loads(frame)["events"]
    assert (event["kind"], event["command"], event["data"]) == ("command", "c1", {"status": "SENT"})


def test_an_event_is_watched_by_its_device_all_groups_above_and_everything():
    event = LiveEvent(Kind.LATEST, "pump-7", "plant-1/line-2", 0, {})
    assert topics_of(event) == ("*", "device:pump-7", "group:plant-1", "group:plant-1/line-2")


def test_a_step_of_a_command_is_watched_by_the_command_too():
    assert topics_of(step("SENT", 1))[-1] == "command:pump-1/c1"
    assert not any(topic.startswith("command:") for topic in topics_of(latest(x=1)))


def test_alarms_are_a_topic_for_what_happens_to_an_alarm_and_for_nothing_else():
    about = {kind: topics_of(LiveEvent(kind, "pump-7", "plant-1", 0, {})) for kind in Kind}
    assert about[Kind.ALARM] == ("*", "alarms", "device:pump-7", "group:plant-1")
    assert [kind for kind, topics in about.items() if "alarms" in topics] == [Kind.ALARM]


@pytest.mark.parametrize(
    ("topic", "group", "target"),
    [
        ("*", "plant-1", Target()),
        ("group:plant-1/line-2", None, Target(group="plant-1/line-2")),
        ("device:pump-1", "plant-1", Target("pump-1", "plant-1")),
        ("command:pump-1/c1", "plant-1", Target("pump-1", "plant-1")),
        ("device:pump-1", None, Target()),
        ("alarms", None, Target()),
        ("alarms", "", Target()),
    ],
)
def test_a_subscription_is_about_its_device_or_group_or_everything(topic, group, target):
    assert target_of(topic, group) == target


def test_the_device_of_a_topic():
    topics = ("*", "alarms", "group:a", "device:a", "device:alarms", "command:a/b")
    assert [thing_of(topic) for topic in topics] == [None, None, None, "a", "alarms", "a"]


def test_every_kind_takes_a_permission_to_read():
    assert {kind.permission for kind in Kind} <= set(Permission)
    assert all(kind.permission.endswith(":read") for kind in Kind)


def test_what_a_batch_moved_is_told_and_nothing_else():
    old = {"a": Latest(1, 1.0, "good"), "b": Latest(1, 2.0, "good")}
    new = {**old, "a": Latest(9, 1.5, "good")}
    event = latest_event("pump-1", old, new)
    assert event == LiveEvent(Kind.LATEST, "pump-1", None, 9, {"a": {"ts": 9, "value": 1.5, "q": "good"}})
    assert latest_event("pump-1", old, old) is None
    assert latest_event("pump-1", old, dict(old)) is None


def test_marks_are_small_and_differ():
    chance = random.Random(7)
    topics = {f"device:t-{chance.getrandbits(40)}" for _ in range(10_000)}
    marks = {mark_of(topic) for topic in topics}
    assert len(marks) == len(topics)
    assert {len(mark) for mark in marks} == {6}


def test_connections_that_open_together_renew_apart_and_well_before_their_end():
    renewals = {Connection(f"c-{n}", "user:1", 0).renew_at for n in range(100)}
    assert len(renewals) > 90
    assert all(90 * 60_000 <= at <= 110 * 60_000 for at in renewals)
    assert Connection("c", "user:1", 5).closes_at == 5 + 2 * 3600 * 1000
