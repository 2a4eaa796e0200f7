"""Alarms through the API: what is listed, shown and changed, by whom. What raises them is the real engine."""

import msgspec
import pytest

from functions.domain.access import Kind as PrincipalKind
from functions.domain.access import Principal
from functions.domain.alarm_work import Act
from functions.domain.engine.inputs import Input
from functions.domain.grants import Holder
from functions.domain.live import Kind
from functions.domain.state import Change, Latest, Saved
from functions.errors import AlarmsError
from tests.functions.alarm_cases import CLEARED, ESCALATED, saved, transition
from tests.functions.api_harness import DAY, person

OPERATOR = person(("operator", "group:plant-1"), name="ann")
VIEWER = person(("viewer", "group:plant-1"), name="vic")
ROOT = person("admin", name="root")
HOT = {
    "rule": "hot",
    "title": "Too hot",
    "scope": "*",
    "severity": "major",
    "when": {"metric": "temperature", "above": 90},
}


@pytest.fixture
def plant(api):
    api.register("press-4", group="plant-1/line-2", model="machine")
    api.register("oven-1", group="plant-2", model="machine")
    api.who = ROOT
    assert api.call("POST", "/rules", body={"document": HOT})[0] == 201
    api.live.events.clear()
    api.journal.notes.clear()
    api.who = OPERATOR
    api.sent = {}
    return api


def heard(api, value, thing="press-4", metric="temperature"):
    """The device sends a value, and its rules see it."""
    state = api.states.read([thing])[thing]
    standing = api.rulebook.of([thing])[thing]
    api.clock.now += 1000
    now = api.clock.now
    api.sent[thing] = api.sent.get(thing, -1) + 1
    message = Input("b1", api.sent[thing], now, now, ((now, {metric: value}),))
    outcome = standing.program.run(thing, state, [message], None, name="Press")
    latest = {**state.latest, metric: Latest(now, value, "good")}
    found = {"rules": outcome.rules, "alarms": outcome.alarms, "armed": outcome.armed}
    change = Change(
        state=msgspec.structs.replace(state, latest=latest, **found),
        now=now,
        transitions=outcome.transitions,
        group=standing.device.group,
        wanted=outcome.wanted,
        armed_before=state.armed,
    )
    assert api.states.save({thing: change}).conflicts == frozenset()


def post(api, path, **options):
    return api.call("POST", f"/alarms/{path}", **options)


def noted(api):
    return [(note.action, note.actor.principal.name) for note in api.journal.notes]


def ids(answer):
    return [item["id"] for item in answer[1]["items"]]


def test_an_alarm_is_shown_with_what_the_rule_went_by(plant):
    heard(plant, 95.5)
    status, alarm = plant.get("/alarms/press-4.1")
    assert (status, plant.headers["ETag"]) == (200, '"1"')
    at = plant.clock.now
    told = {key: alarm[key] for key in ("device", "group", "rule", "severity", "state", "title", "version")}
    assert told == {
        "device": "press-4",
        "group": "plant-1/line-2",
        "rule": "hot",
        "severity": "major",
        "state": "active",
        "title": "Too hot",
        "version": 1,
    }
    assert (alarm["raised_at"], alarm["first"], alarm["last"], alarm["peak"]) == (at, 95.5, 95.5, 95.5)
    assert (alarm["cleared_at"], alarm["acknowledged"], alarm["assignee"], alarm["comments"]) == (None, None, None, [])
    (step,) = alarm["history"]
    assert (step["kind"], step["by"], step["transition"]["at"]) == ("raised", None, at)
    assert step["transition"]["values"] == {"temperature": 95.5}
    assert step["transition"]["why"]
    assert alarm["cursor"] is None


def test_an_active_alarm_is_shown_with_the_values_of_now_and_listed_with_those_of_its_last_transition(plant):
    for value in (95.5, 99, 97, 97.5):
        heard(plant, value)
    alarm = plant.get("/alarms/press-4.1")[1]
    assert (alarm["first"], alarm["last"], alarm["peak"], alarm["version"]) == (95.5, 97.5, 99, 1)
    (listed,) = plant.get("/alarms")[1]["items"]
    assert (listed["last"], listed["peak"]) == (95.5, 95.5)
    state = plant.world.states["press-4"]
    plant.world.states["press-4"] = msgspec.structs.replace(state, rules=b"of another release")
    assert plant.get("/alarms/press-4.1")[1]["last"] == 95.5


def test_an_acknowledgement_stays_with_whoever_was_first(plant):
    heard(plant, 95.5)
    status, alarm = post(plant, "press-4.1/acknowledge")
    assert (status, plant.headers["ETag"], alarm["version"]) == (200, '"2"', 2)
    assert alarm["acknowledged"] == {"at": plant.clock.now, "by": {"id": "user:ann", "name": "ann"}}
    plant.who = person("operator", name="bob")
    plant.clock.now += 5
    assert post(plant, "press-4.1/acknowledge")[1]["acknowledged"] == alarm["acknowledged"]
    assert noted(plant) == [("alarm.acknowledge", "ann")]
    status, alarm = post(plant, "press-4.1/unacknowledge")
    assert (status, alarm["acknowledged"]) == (200, None)
    assert post(plant, "press-4.1/unacknowledge")[1]["version"] == alarm["version"]
    assert [step["kind"] for step in plant.get("/alarms/press-4.1")[1]["history"]] == [
        "unacknowledged",
        "acknowledged",
        "raised",
    ]


def test_everybody_who_watches_hears_of_each_change_once(plant):
    heard(plant, 95.5)
    for path in ("acknowledge", "acknowledge", "clear", "clear"):
        post(plant, f"press-4.1/{path}")
    events = plant.live.of(Kind.ALARM)
    assert [(one.alarm, one.data["state"], one.data["acknowledged"]) for one in events] == [
        ("press-4.1", "active", True),
        ("press-4.1", "cleared", True),
    ]
    assert {one.group for one in events} == {"plant-1/line-2"}


def test_a_change_that_was_meant_for_another_version_is_not_made(plant):
    heard(plant, 95.5)
    post(plant, "press-4.1/acknowledge", headers={"If-Match": '"1"'})
    for path, body in (("unacknowledge", None), ("clear", None), ("assign", {"assignee": "me"})):
        status, problem = post(plant, f"press-4.1/{path}", headers={"If-Match": '"1"'}, body=body)
        assert (status, problem["detail"]) == (412, "If-Match: expected the version 2 as of now, got 1")
    assert plant.get("/alarms/press-4.1")[1]["version"] == 2


def test_what_is_cleared_by_hand_begins_anew_and_is_another_alarm_then(plant):
    heard(plant, 95.5)
    status, alarm = post(plant, "press-4.1/clear")
    assert (status, alarm["state"], alarm["clearing"]) == (200, "cleared", "person")
    assert post(plant, "press-4.1/clear")[1] == alarm
    assert noted(plant) == [("alarm.clear", "ann")]
    assert [work for work, _ in plant.actions_queue.work] == [Act(thing="press-4", number=1, step=1)]
    heard(plant, 96)
    assert ids(plant.get("/devices/press-4/alarms")) == ["press-4.2", "press-4.1"]
    (step, _) = plant.get("/alarms/press-4.1")[1]["history"]
    assert (step["kind"], step["by"]["name"], step["transition"]["clearing"]) == ("cleared", "ann", "person")
    heard(plant, 20)
    assert plant.get("/alarms/press-4.2")[1]["clearing"] == "condition"
    assert plant.alarms.active("press-4") == []


def test_an_alarm_that_the_engine_knows_nothing_of_can_be_cleared_too(plant):
    saved(plant, transition(thing="press-4", number=7, rule="gone"), group="plant-1")
    status, alarm = post(plant, "press-4.7/clear")
    assert (status, alarm["state"], alarm["group"]) == (200, "cleared", "plant-1/line-2")
    assert plant.alarms.active("press-4") == []


def test_an_alarm_that_ends_while_somebody_clears_it_ends_once(plant, monkeypatch):
    heard(plant, 95.5)
    read = plant.states.read

    def after_its_end(things):
        monkeypatch.setattr(plant.states, "read", read)
        heard(plant, 20)
        return read(things)

    monkeypatch.setattr(plant.states, "read", after_its_end)
    status, alarm = post(plant, "press-4.1/clear")
    assert (status, alarm["state"], alarm["clearing"]) == (200, "cleared", "condition")
    kinds = [step["kind"] for step in plant.get("/alarms/press-4.1")[1]["history"]]
    assert kinds == ["cleared", "raised"]
    assert noted(plant) == []


def test_a_device_that_sends_all_the_time_does_not_keep_its_alarm_from_being_cleared(plant, monkeypatch):
    heard(plant, 95.5)
    save, calls = plant.states.save, []

    def contested(changes):
        calls.append(changes)
        return Saved(frozenset(changes)) if len(calls) < 3 else save(changes)

    monkeypatch.setattr(plant.states, "save", contested)
    assert post(plant, "press-4.1/clear")[1]["state"] == "cleared"
    assert len(calls) == 3
    heard(plant, 96)
    monkeypatch.setattr(plant.states, "save", lambda changes: Saved(frozenset(changes)))
    status, problem = post(plant, "press-4.2/clear")
    assert (status, "try again" in problem["detail"]) == (409, True)


def test_what_waits_to_be_committed_comes_before_what_somebody_clears(plant, monkeypatch):
    heard(plant, 95.5)
    state = plant.states.read(["press-4"])["press-4"]
    waiting = Change(state=state, now=1, transitions=(transition(thing="press-4", number=2, rule="b"),)).entries
    plant.world.states["press-4"] = msgspec.structs.replace(state, pending=waiting)
    post(plant, "press-4.1/clear")
    assert [alarm.id for alarm in plant.alarms.active("press-4")] == ["press-4.2"]
    assert plant.alarms.read("press-4", 1).clearing == "person"


def test_a_table_that_does_not_answer_is_told_as_unavailable_and_a_queue_is_not_missed(plant, monkeypatch):
    heard(plant, 95.5)
    monkeypatch.setattr(plant.states, "save", lambda changes: Saved(failed=dict.fromkeys(changes, "throttled")))
    assert post(plant, "press-4.1/clear")[0] == 503
    monkeypatch.undo()
    plant.actions_queue.fails = True
    assert post(plant, "press-4.1/clear")[0] == 200


def test_somebody_who_is_faster_at_every_attempt_wins(plant, monkeypatch):
    heard(plant, 95.5)
    monkeypatch.setattr(plant.alarms, "save", lambda *_: False)
    status, problem = post(plant, "press-4.1/acknowledge")
    assert (status, problem["detail"]) == (409, "press-4.1 is being changed by others; try again")


def test_comments_are_kept_in_order_and_bounded(plant):
    heard(plant, 95.5)
    status, alarm = post(plant, "press-4.1/comments", body={"text": " seen \r\n\r\nfan is  off\n"})
    assert (status, [one["text"] for one in alarm["comments"]]) == (201, ["seen\n\nfan is  off"])
    assert alarm["comments"][0]["by"] == {"id": "user:ann", "name": "ann"}
    for text, got in (("\n \n", "nothing"), ("x" * 1001, "1001 characters"), ("a\u202eb", "the character U+202E")):
        status, problem = post(plant, "press-4.1/comments", body={"text": text})
        assert (status, problem["field"], problem["got"]) == (400, "text", got)
    for at in range(49):
        assert post(plant, "press-4.1/comments", body={"text": str(at)})[0] == 201
    status, problem = post(plant, "press-4.1/comments", body={"text": "one more"})
    assert (status, problem["detail"]) == (409, "press-4.1 has 50 comments, and may have no more")
    (note, *_) = plant.journal.notes
    assert note.after == {"alarm": "press-4.1", "text": "seen\n\nfan is  off"}


def admitted(api, name, *grants, **more):
    principal = person(*grants, name=name)
    api.principals.holders[principal.id] = Holder(
        id=principal.id, kind=principal.kind, name=name, version=1, grants=principal.grants, **more
    )
    return principal


def test_an_alarm_is_given_to_somebody_who_may_see_it(plant):
    heard(plant, 95.5)
    admitted(plant, "bob", ("viewer", "device:press-4"))
    admitted(plant, "eve", ("admin", "group:plant-2"))
    admitted(plant, "joe", "admin", disabled=True)
    for to in ("bob", "user:bob"):
        alarm = post(plant, "press-4.1/assign", body={"assignee": to})[1]
        assert (alarm["assignee"], alarm["version"]) == ({"id": "user:bob", "name": "bob"}, 2)
    for to in ("eve", "joe", "nobody", "key:1"):
        status, problem = post(plant, "press-4.1/assign", body={"assignee": to})
        assert (status, problem["field"], problem["got"]) == (400, "assignee", f"'{to}'")
    assert post(plant, "press-4.1/assign", body={"assignee": "me"})[1]["assignee"]["name"] == "ann"
    assert ids(plant.get("/alarms", ("assignee", "me"))) == ["press-4.1"]
    assert ids(plant.get("/alarms", ("assignee", "bob"))) == []
    assert post(plant, "press-4.1/assign", body={"assignee": None})[1]["assignee"] is None
    machine = Principal("key:k", PrincipalKind.KEY, "script", OPERATOR.grants)
    assert post(plant, "press-4.1/assign", body={"assignee": "me"}, who=machine)[0] == 400


def test_many_are_changed_each_by_itself(plant):
    heard(plant, 95.5)
    heard(plant, 95.5, thing="oven-1")
    wanted = ["press-4.1", "oven-1.1", "press-4.9", "x", "press-4.1"]
    status, answer = plant.call("POST", "/alarms/bulk", body={"action": "acknowledge", "alarms": wanted})
    assert status == 200
    told = [(one["id"], one["problem"], (one["alarm"] or {}).get("version")) for one in answer["items"]]
    assert told == [
        ("press-4.1", None, 2),
        ("oven-1.1", "not-found", None),
        ("press-4.9", "not-found", None),
        ("x", "invalid-request", None),
    ]
    assert answer["items"][1]["detail"] == "there is no alarm 'oven-1.1', or you may not see it"
    for body, version in (
        ({"action": "assign", "alarms": ["press-4.1"], "assignee": "me"}, 3),
        ({"action": "unacknowledge", "alarms": ["press-4.1"]}, 4),
        ({"action": "clear", "alarms": ["press-4.1"]}, 5),
    ):
        assert plant.call("POST", "/alarms/bulk", body=body)[1]["items"][0]["alarm"]["version"] == version
    assert plant.call("POST", "/alarms/bulk", body={"action": "clear", "alarms": []})[0] == 400
    plant.who = VIEWER
    status, problem = plant.call("POST", "/alarms/bulk", body={"action": "clear", "alarms": ["press-4.1"]})
    assert (status, problem["type"]) == (403, "urn:fieldline:problem:forbidden")


def test_one_of_many_that_the_tables_do_not_answer_for_is_told_apart(plant, monkeypatch):
    heard(plant, 95.5)
    heard(plant, 95.5, thing="oven-1")
    plant.who = ROOT
    read = plant.alarms.read

    def down(thing, number):
        if thing == "oven-1":
            raise AlarmsError("core: throttled")
        return read(thing, number)

    monkeypatch.setattr(plant.alarms, "read", down)
    body = {"action": "acknowledge", "alarms": ["oven-1.1", "press-4.1"]}
    items = plant.call("POST", "/alarms/bulk", body=body)[1]["items"]
    assert [one["problem"] for one in items] == ["unavailable", None]
    assert "throttled" not in items[0]["detail"]


def test_whoever_may_only_look_changes_nothing(plant):
    heard(plant, 95.5)
    plant.who = VIEWER
    assert plant.get("/alarms/press-4.1")[0] == 200
    for path in ("acknowledge", "unacknowledge", "clear", "assign", "comments"):
        body = {"assign": {"assignee": None}, "comments": {"text": "x"}}.get(path)
        status, problem = post(plant, f"press-4.1/{path}", body=body)
        assert (status, "alarms:write" in problem["detail"]) == (403, True)


def test_an_alarm_out_of_sight_is_as_one_that_never_was(plant):
    heard(plant, 95.5, thing="oven-1")
    for alarm in ("oven-1.1", "oven-1.2", "never.1"):
        assert plant.get(f"/alarms/{alarm}")[1]["detail"] == f"there is no alarm '{alarm}', or you may not see it"
        assert post(plant, f"{alarm}/acknowledge")[0] == 404
    status, problem = plant.get("/alarms/press-4")
    assert (status, problem["field"]) == (400, "alarm")
    assert plant.get("/devices/oven-1/alarms")[0] == 404


def test_lists_are_of_what_one_may_see_and_asks_for(plant):
    heard(plant, 95.5)
    heard(plant, 95.5, thing="oven-1")
    found = {"thing": "press-4", "number": 2, "rule": "door", "at": plant.clock.now, "since": plant.clock.now}
    saved(plant, transition(severity="critical", **found), group="plant-1/line-2")
    assert ids(plant.get("/alarms")) == ["press-4.2", "press-4.1"]
    plant.who = ROOT
    assert ids(plant.get("/alarms")) == ["press-4.2", "oven-1.1", "press-4.1"]
    assert ids(plant.get("/alarms", ("group", "plant-2"))) == ["oven-1.1"]
    assert ids(plant.get("/alarms", ("severity", "major"), ("rule", "hot"))) == ["oven-1.1", "press-4.1"]
    post(plant, "press-4.1/acknowledge")
    assert ids(plant.get("/alarms", ("acknowledged", "true"))) == ["press-4.1"]
    first = plant.get("/alarms", ("limit", "2"))
    second = plant.get("/alarms", ("limit", "2"), ("cursor", first[1]["cursor"]))
    assert (ids(first), ids(second)) == (["press-4.2", "oven-1.1"], ["press-4.1"])
    for name, value in (("severity", "bad"), ("rule", "Hot!"), ("group", "//"), ("cursor", "x"), ("state", "all")):
        status, problem = plant.get("/alarms", (name, value))
        assert (status, problem["field"]) == (400, name)


def test_cleared_ones_are_listed_by_when_and_a_page_goes_on_where_the_last_ended(plant):
    now = plant.clock.now
    for number in range(1, 4):
        found = {"thing": "press-4", "number": number, "since": now - number * DAY}
        saved(plant, transition(at=now, **found), transition(CLEARED, step=1, at=now - number * DAY, **found))
    assert ids(plant.get("/alarms")) == []
    query = [("state", "cleared"), ("limit", "1")]
    first = plant.get("/alarms", *query)
    plant.clock.now += 6 * DAY
    second = plant.get("/alarms", *query, ("cursor", first[1]["cursor"]))
    assert (ids(first), ids(second)) == (["press-4.1"], ["press-4.2"])
    assert ids(plant.get("/alarms", *query)) == ["press-4.1"]
    assert ids(plant.get("/alarms", ("state", "cleared"), ("from", "-8d"), ("to", "-7d"))) == ["press-4.2"]
    status, problem = plant.get("/alarms", ("state", "cleared"), ("from", "-1d"), ("to", "-2d"))
    assert (status, problem["field"]) == (400, "from")
    assert plant.get("/alarms", ("state", "cleared"), ("from", "-500d"))[0] == 400
    far = ("to", "9999-01-01T00:00:00Z")
    assert plant.get("/alarms", ("state", "cleared"), far)[0] == 200


def test_a_device_s_alarms_come_newest_first_whatever_their_state(plant):
    for number in range(1, 5):
        cleared = [transition(CLEARED, "press-4", number, 1, rule=f"r{number}")] if number % 2 else []
        saved(plant, transition(thing="press-4", number=number, rule=f"r{number}"), *cleared, group="plant-1")
    path = "/devices/press-4/alarms"
    assert ids(plant.get(path)) == ["press-4.4", "press-4.3", "press-4.2", "press-4.1"]
    assert ids(plant.get(path, ("state", "active"))) == ["press-4.4", "press-4.2"]
    assert ids(plant.get(path, ("state", "cleared"))) == ["press-4.3", "press-4.1"]
    for state in ("all", "active", "cleared"):
        first = plant.get(path, ("state", state), ("limit", "1"))
        rest = plant.get(path, ("state", state), ("cursor", first[1]["cursor"]))
        assert ids(first) + ids(rest) == ids(plant.get(path, ("state", state)))
    assert plant.get(path, ("cursor", first[1]["cursor"]))[0] == 400


def test_a_long_history_is_read_page_by_page(plant):
    saved(plant, transition(thing="press-4"), group="plant-1")
    for step in range(1, 5):
        saved(plant, transition(ESCALATED, "press-4", 1, step), group="plant-1")
    first = plant.get("/alarms/press-4.1", ("limit", "3"))[1]
    rest = plant.get("/alarms/press-4.1", ("limit", "3"), ("cursor", first["cursor"]))[1]
    versions = [step["version"] for step in (*first["history"], *rest["history"])]
    assert (versions, rest["cursor"]) == ([5, 4, 3, 2, 1], None)


def test_whoever_sees_everything_may_ask_of_a_device_that_is_not_registered(plant):
    saved(plant, transition(thing="stray"), group="")
    assert plant.get("/alarms/stray.1")[0] == 404
    plant.who = ROOT
    assert plant.get("/alarms/stray.1")[0] == 200
    assert post(plant, "stray.1/acknowledge")[0] == 200
    assert post(plant, "stray.1/clear")[1]["state"] == "cleared"


def test_a_sum_of_active_alarms_is_of_what_the_caller_may_see(plant):
    saved(plant, transition(thing="press-4", severity="critical"), group="plant-1/line-2")
    saved(plant, transition(thing="oven-1", severity="info"), group="plant-2")
    assert post(plant, "press-4.1/acknowledge")[0] == 200
    assert plant.get("/alarms/summary") == (
        200,
        {
            "open": {"critical": 1, "major": 0, "minor": 0, "warning": 0, "info": 0},
            "unacknowledged": 0,
            "unassigned": 1,
            "capped": False,
        },
    )
    plant.who = ROOT
    assert plant.get("/alarms/summary")[1]["open"]["info"] == 1
    assert plant.get("/alarms/summary", ("group", "plant-1"))[1]["open"]["info"] == 0
    assert plant.get("/alarms/summary", ("group", "//"))[1]["field"] == "group"


def test_a_sum_counts_a_thousand_alarms_and_says_that_there_are_more(plant):
    plant.who = ROOT
    for nr in range(1001):
        saved(plant, transition(thing=f"pump-{nr}", severity="minor"))
    summary = plant.get("/alarms/summary")[1]
    assert (summary["open"]["minor"], summary["unacknowledged"], summary["capped"]) == (1000, 1000, True)
