"""Alarms on the command line, against the real API's code over in-memory adapters."""

import json

import pytest

from functions.adapters.clock import SystemClock
from functions.domain.grants import Holder
from tests.functions.alarm_cases import CLEARED, ESCALATED, saved, transition
from tests.functions.api_harness import api_harness, person

BOB = "11111111-2222-3333-4444-555555555555"


@pytest.fixture
def platform(signed_in, says):
    """press-4 has a major alarm, and a critical one that is over; hall has a minor one."""
    api = api_harness(SystemClock(), who=person("operator", name="ada"))
    for thing, group in (("press-4", "plant-1/line-2"), ("hall", "plant-2")):
        api.register(thing, group, "machine")
    now = api.clock.now_ms()
    when = {"at": now, "since": now}
    saved(api, transition(thing="press-4", **when), now=now)
    saved(api, transition(thing="hall", severity="minor", rule="door", **when), group="plant-2", now=now)
    over = {"thing": "press-4", "number": 2, "rule": "fan", "severity": "critical", **when}
    saved(api, transition(**over), transition(CLEARED, step=1, **over), now=now)

    def authorized(asked):
        path = asked.path.removeprefix("/v1")
        status, document = api.call(
            asked.method, path, *asked.query, headers=dict(asked.headers), raw_body=asked.body.decode()
        )
        return says(status, json.dumps(document or {}).encode(), {"content-type": api.headers.get("Content-Type", "")})

    signed_in.authorized = authorized
    return api


def column(result, number=1):
    return [line.split()[number] for line in result.stdout.splitlines()[2:] if line.strip()]


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ((), ["press-4.1", "hall.1"]),
        (("--group", "plant-2"), ["hall.1"]),
        (("--severity", "major"), ["press-4.1"]),
        (("--rule", "door"), ["hall.1"]),
        (("--unseen",), ["press-4.1", "hall.1"]),
        (("--mine",), []),
        (("--cleared",), ["press-4.2"]),
        (("--cleared", "--since", "1h"), ["press-4.2"]),
        (("--device", "press-4"), ["press-4.1"]),
        (("--device", "press-4", "--cleared"), ["press-4.2"]),
    ],
)
def test_lists_are_of_what_is_asked_for(platform, run, options, found):
    assert [one["id"] for one in json.loads(run("alarms", "list", *options, "--json").stdout)["items"]] == found


def test_a_table_has_the_worst_first_and_tells_who_saw_it(platform, run):
    run("alarms", "ack", "hall.1")
    table = run("alarms", "list")
    first, second = [line for line in table.stdout.splitlines() if ".1 " in line]
    assert first.split()[:2] == ["major", "press-4.1"]
    assert second.split()[:2] == ["minor", "hall.1"]
    assert " ada " in f"{second} "
    assert "more than 1" in run("alarms", "list", "--limit", "1").stderr


@pytest.mark.parametrize(
    "options", [("--since", "1h"), ("--device", "press-4", "--rule", "hot"), ("--group", "No"), ("--device", "A b")]
)
def test_what_cannot_be_asked_together_is_told_before_anything_is_sent(platform, run, options):
    run("alarms", "list", *options, fails=2)


def test_an_alarm_is_shown_with_its_comments_and_its_history(platform, run):
    run("alarms", "comment", "press-4.1", "The fan was off")
    run("alarms", "assign", "me", "press-4.1")
    shown = run("alarms", "show", "press-4.1").stdout
    for text in ("press-4.1", "major", "Too hot", "first 88.5, last 91, peak 91", "ada: The fan was off", "to ada"):
        assert text in shown
    document = json.loads(run("alarms", "show", "press-4.1", "--json").stdout)
    assert document["history"][-1]["transition"]["why"]
    assert "cleared (condition)" in run("alarms", "show", "press-4.2").stdout


def test_a_long_history_is_told_to_its_end(platform, run):
    for step in range(1, 25):
        saved(platform, transition(ESCALATED, "press-4", 1, step))
    assert "fieldline alarms history press-4.1" in run("alarms", "show", "press-4.1").stderr
    lines = run("alarms", "history", "press-4.1").stdout.splitlines()
    assert [line.split()[2] for line in lines] == ["escalated"] * 24 + ["raised"]
    assert '"temperature": 91' in lines[0]
    few = run("alarms", "history", "press-4.1", "--limit", "3")
    assert (len(few.stdout.splitlines()), "more than 3" in few.stderr) == (3, True)
    assert len(json.loads(run("alarms", "history", "press-4.1", "--json").stdout)["history"]) == 25


def test_many_are_acknowledged_and_what_fails_is_told_apart(platform, run):
    done = run("alarms", "ack", "press-4.1", "press-4.9", "hall.1", fails=4)
    assert [line.split()[0] for line in done.stdout.splitlines()] == ["press-4.1", "hall.1"]
    assert "seen by ada" in done.stdout
    assert "press-4.9: there is no alarm" in done.stderr
    assert "not seen" in run("alarms", "unack", "press-4.1").stdout
    answer = json.loads(run("alarms", "ack", "press-4.9", "--json", fails=4).stdout)
    assert answer["items"][0]["problem"] == "not-found"
    run("alarms", "ack", *(f"press-4.{at}" for at in range(101)), fails=2)
    run("alarms", "ack", "press-4", fails=2)


def test_an_alarm_is_cleared_by_hand(platform, run):
    assert "cleared" in run("alarms", "clear", "press-4.1").stdout
    assert "cleared (person)" in run("alarms", "show", "press-4.1").stdout


def test_alarms_are_given_to_people_by_any_of_their_names(platform, run):
    who = person("viewer", name=BOB)
    platform.principals.holders[who.id] = Holder(id=who.id, kind=who.kind, name="bob", version=1, grants=who.grants)
    for name in (BOB, f"user:{BOB}"):
        assert "assigned to bob" in run("alarms", "assign", name, "press-4.1").stdout
    assert "assigned" not in run("alarms", "assign", "nobody", "press-4.1").stdout
    run("alarms", "assign", "bob", "press-4.1", fails=2)
    run("alarms", "assign", "bob@example.com", "press-4.1", fails=5)


def test_active_alarms_are_counted_by_severity(platform, run):
    counted = dict(line.split() for line in run("alarms", "summary").stdout.splitlines())
    assert counted == {
        "critical": "0",
        "major": "1",
        "minor": "1",
        "warning": "0",
        "info": "0",
        "unacknowledged": "2",
        "unassigned": "2",
    }
    of_group = json.loads(run("alarms", "summary", "--group", "plant-2", "--json").stdout)
    assert (of_group["open"]["major"], of_group["open"]["minor"]) == (0, 1)


def test_a_sum_that_is_not_of_all_says_so(signed_in, run, says):
    some = {"open": {"critical": 1000}, "unacknowledged": 3, "unassigned": 4, "capped": True}
    signed_in.script("/v1/alarms/summary", says(body=some))
    assert "There may be more" in run("alarms", "summary").stderr
