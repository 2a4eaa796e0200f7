"""What a state is saved with: alarms, their rows and history, the timer and the outbox, all of it or nothing."""

import json
from types import SimpleNamespace

import pytest
from botocore.exceptions import ClientError
from msgspec.structs import replace

from functions.adapters import dynamodb_state
from functions.adapters.dynamodb_alarm_items import open_place, rows_of
from functions.adapters.dynamodb_pending import MAX_BYTES, pending_attribute, pending_of
from functions.domain.access import By
from functions.domain.outbox import MAX_TRACE_BYTES
from functions.domain.state import AT_ONCE, Change, DeviceState, Saved
from functions.errors import StateError
from tests.functions.alarm_cases import (
    CLEARED,
    DOWNGRADED,
    ESCALATED,
    NOW,
    WANTED,
    history,
    in_dynamodb,
    in_memory,
    note,
    saved,
    transition,
)


@pytest.fixture(params=["memory", "dynamodb"])
def kept(request):
    return in_memory() if request.param == "memory" else in_dynamodb(request.getfixturevalue("dynamodb"))


def timers(kept, until=NOW * 2):
    return [thing for shard in kept.timers.shards() for thing in kept.timers.due(shard, until, None, 10).things]


def outbox(kept, until=NOW * 2):
    pages = [kept.outbox.due(shard, until, None, 10) for shard in kept.outbox.shards()]
    return sorted(place for page in pages for place in page.places)


def test_what_the_engine_keeps_is_read_as_it_was_saved_and_goes_when_it_is_empty(kept):
    state = DeviceState(rules=b"\x00rules", alarms=7, armed=NOW + 1)
    assert kept.states.save({"pump-1": Change(state=state)}) == Saved()
    (read,) = kept.states.read(["pump-1"]).values()
    assert (read.rules, read.alarms, read.armed, read.pending) == (b"\x00rules", 7, NOW + 1, ())
    gone = replace(read, rules=b"", armed=None)
    assert kept.states.save({"pump-1": Change(state=gone, armed_before=NOW + 1)}) == Saved()
    (read,) = kept.states.read(["pump-1"]).values()
    assert (read.version, read.rules, read.alarms, read.armed) == (2, b"", 7, None)


def test_a_raised_alarm_comes_with_its_history_its_timer_and_what_is_to_be_done(kept):
    found = transition()
    stages = saved(kept, found, armed=NOW + 5_000).alarms["pump-1"]
    (alarm,) = kept.alarms.active("pump-1")
    assert stages == (alarm,)
    assert kept.alarms.read("pump-1", 1) == alarm
    assert (alarm.id, alarm.rule, alarm.severity, alarm.group) == ("pump-1.1", "hot", "major", "plant-1/line-2")
    assert (alarm.raised_at, alarm.first, alarm.peak, alarm.count, alarm.version) == (NOW, 88.5, 91.0, 1, 1)
    (step,) = kept.alarms.history("pump-1", 1, 10, None).steps
    assert (step.version, step.at, step.found, step.by) == (1, NOW, found, None)
    entry = kept.outbox.read("pump-1", 1, 0)
    assert (entry.transition, entry.group, entry.at, entry.actions) == (found, "plant-1/line-2", NOW, WANTED.actions)
    assert timers(kept, NOW + 4_999) == []
    assert timers(kept, NOW + 5_000) == ["pump-1"]
    assert outbox(kept, NOW + 59_999) == []
    assert outbox(kept, NOW + 60_000) == [("pump-1", 1, 0)]


def test_an_alarm_changes_its_severity_and_is_cleared_once(kept):
    saved(kept, transition())
    saved(kept, transition(ESCALATED, step=1, at=NOW + 1, severity="critical", peak=99.0, count=1), now=NOW + 10)
    (alarm,) = kept.alarms.active("pump-1")
    assert (alarm.severity, alarm.peak, alarm.raised_at, alarm.updated_at) == ("critical", 99.0, NOW, NOW + 10)
    saved(kept, transition(CLEARED, step=2, at=NOW + 2, severity="critical"))
    assert kept.alarms.active("pump-1") == []
    cleared = kept.alarms.read("pump-1", 1)
    assert (cleared.cleared_at, cleared.clearing, cleared.step, cleared.version) == (NOW + 2, "condition", 2, 3)
    assert kept.alarms.cleared("pump-1", 10, None) == [cleared]
    assert history(kept) == [(1, "raised"), (2, "escalated"), (3, "cleared")]


def test_all_of_one_pass_is_one_change_whatever_became_of_the_alarm_in_it(kept):
    up_and_down = [
        transition(),
        transition(CLEARED, step=1, at=NOW + 1),
        transition(number=2, at=NOW + 2, since=NOW + 2),
        transition(DOWNGRADED, number=2, step=1, at=NOW + 3, since=NOW + 2, severity="minor"),
        transition(number=3, rule="door", at=NOW + 3, since=NOW + 3),
    ]
    stages = saved(kept, *up_and_down).alarms["pump-1"]
    assert [(one.number, one.step, one.active) for one in stages] == [
        (1, 0, True),
        (1, 1, False),
        (2, 0, True),
        (2, 1, True),
        (3, 0, True),
    ]
    assert [(one.number, one.severity) for one in kept.alarms.active("pump-1")] == [(3, "major"), (2, "minor")]
    assert [one.number for one in kept.alarms.cleared("pump-1", 10, None)] == [1]
    assert outbox(kept) == [("pump-1", 1, 0), ("pump-1", 1, 1), ("pump-1", 2, 0), ("pump-1", 2, 1), ("pump-1", 3, 0)]


def test_the_same_change_again_changes_nothing(kept):
    change = Change(state=DeviceState(), now=NOW, transitions=(transition(),), group="plant-1")
    assert list(kept.states.save({"pump-1": change}).alarms) == ["pump-1"]
    assert kept.states.save({"pump-1": change}) == Saved(frozenset({"pump-1"}))
    assert history(kept) == [(1, "raised")]
    assert outbox(kept) == [("pump-1", 1, 0)]


def test_a_change_of_a_state_that_somebody_else_wrote_leaves_nothing_behind(kept):
    kept.states.save({"pump-1": Change(state=DeviceState())})
    change = Change(state=DeviceState(armed=NOW), now=NOW, transitions=(transition(),))
    assert kept.states.save({"pump-1": change}) == Saved(frozenset({"pump-1"}))
    assert (kept.alarms.active("pump-1"), history(kept), timers(kept), outbox(kept)) == ([], [], [], [])


def test_a_change_that_meets_alarms_which_another_raised_meanwhile_is_a_conflict(kept):
    # To whoever read the state before, that alarm looks like one that was lost: with the number of one of his own.
    saved(kept, transition(rule="door"))
    found = (transition(), transition(CLEARED, step=1, at=NOW + 1), transition(rule="door", number=2, at=NOW + 2))
    change = Change(state=DeviceState(), now=NOW, transitions=found)
    assert kept.states.save({"pump-1": change}) == Saved(frozenset({"pump-1"}))
    assert [(alarm.number, alarm.rule) for alarm in kept.alarms.active("pump-1")] == [(1, "door")]


def test_an_alarm_that_the_engine_lost_sight_of_does_not_stay_beside_the_next(kept):
    saved(kept, transition())
    saved(kept, transition(number=2, at=NOW + 9, since=NOW + 9))
    assert [alarm.number for alarm in kept.alarms.active("pump-1")] == [2]
    lost = kept.alarms.read("pump-1", 1)
    assert (lost.cleared_at, lost.clearing) == (NOW + 9, "rule_changed")
    assert history(kept) == [(1, "raised"), (2, "lost")]


def test_what_a_person_clears_has_his_name_and_its_audit(kept):
    saved(kept, transition())
    ann = By("user:1", "ann")
    found = transition(CLEARED, step=1, clearing="person")
    saved(kept, found, by=ann, notes=(note(),))
    assert kept.alarms.read("pump-1", 1).clearing == "person"
    assert kept.alarms.history("pump-1", 1, 1, None).steps[0].by == ann
    assert kept.outbox.read("pump-1", 1, 1).by == ann


def test_a_timer_moves_with_the_state_and_goes_with_it(kept):
    for at, state in enumerate([NOW, NOW + 7, None, NOW + 9, AT_ONCE]):
        before = kept.states.read(["pump-1"])["pump-1"]
        assert before.version == at
        change = Change(state=replace(before, armed=state), armed_before=before.armed)
        assert kept.states.save({"pump-1": change}) == Saved()
        assert timers(kept) == ([] if state is None else ["pump-1"])
        assert timers(kept, NOW + 6) == (["pump-1"] if state in {NOW, AT_ONCE} else [])


def test_timers_and_entries_of_a_shard_are_read_page_by_page(kept):
    things = [f"pump-{at}" for at in range(40)]
    for thing in things:
        saved(kept, transition(thing=thing), armed=NOW)
    for due in (kept.timers.due, kept.outbox.due):
        found = []
        for shard in kept.timers.shards():
            after = None
            while True:
                page = due(shard, NOW + 60_000, after, 2)
                found += page.things if due == kept.timers.due else [place[0] for place in page.places]
                after = page.after
                if after is None:
                    break
        assert sorted(found) == sorted(things)


def test_notes_of_a_change_are_kept_with_it(dynamodb):
    kept = in_dynamodb(dynamodb)
    saved(kept, transition())
    saved(kept, transition(CLEARED, step=1), notes=(note(),))
    audit = [item for item in dynamodb.scan(TableName="events")["Items"] if item["pk"]["S"].startswith("AUDIT#")]
    assert any(json.loads(item["body"]["S"])["action"] == "alarm.clear" for item in audit if "body" in item)


def rows(client):
    return {
        (item["pk"]["S"], item["sk"]["S"])
        for item in client.scan(TableName="core")["Items"]
        if item["pk"]["S"].startswith("OPEN#")
    }


def test_rows_are_there_for_every_scope_while_the_alarm_is_active_and_move_with_its_severity(dynamodb):
    kept = in_dynamodb(dynamodb)
    saved(kept, transition(severity="minor"))
    (alarm,) = kept.alarms.active("pump-1")
    assert rows(dynamodb) == set(rows_of(alarm))
    assert sorted({pk.rpartition("#")[0] for pk, _ in rows(dynamodb)}) == [
        "OPEN#*",
        "OPEN#plant-1",
        "OPEN#plant-1/line-2",
    ]
    saved(kept, transition(ESCALATED, step=1, severity="critical"))
    (alarm,) = kept.alarms.active("pump-1")
    assert rows(dynamodb) == set(rows_of(alarm))
    assert {sk for _, sk in rows(dynamodb)} == {open_place(alarm)}
    saved(kept, transition(CLEARED, step=2, severity="critical"))
    assert rows(dynamodb) == set()


def counted(client):
    """The client, and the sizes of the transactions that it was asked for."""
    sizes = []

    def transact_write_items(**request):
        sizes.append(len(request["TransactItems"]))
        return client.transact_write_items(**request)

    return SimpleNamespace(
        transact_write_items=transact_write_items,
        update_item=client.update_item,
        batch_get_item=client.batch_get_item,
    ), sizes


def many(rules=40):
    return [transition(number=at + 1, rule=f"rule-{at}") for at in range(rules)]


def test_what_is_too_much_for_one_transaction_follows_in_the_next(dynamodb):
    client, sizes = counted(dynamodb)
    kept = in_dynamodb(dynamodb)
    states = in_dynamodb(client).states
    change = Change(state=DeviceState(armed=NOW + 5), now=NOW, transitions=tuple(many()), group="a/b/c/d/e/f")
    assert len(states.save({"pump-1": change}).alarms["pump-1"]) == 40
    assert len(sizes) == 5
    assert max(sizes) <= 100
    assert len(kept.alarms.active("pump-1")) == 40
    (state,) = kept.states.read(["pump-1"]).values()
    assert (state.version, state.pending, state.armed) == (5, (), NOW + 5)
    assert timers(kept, NOW + 4) == []


def test_after_a_crash_in_between_the_timer_is_due_at_once_and_the_rest_is_committed_first(dynamodb):
    kept = in_dynamodb(dynamodb)
    calls = []

    def dies_after_the_first(**request):
        calls.append(request)
        if len(calls) > 1:
            raise ClientError({"Error": {"Code": "InternalServerError", "Message": ""}}, "TransactWriteItems")
        return dynamodb.transact_write_items(**request)

    client = SimpleNamespace(transact_write_items=dies_after_the_first, batch_get_item=dynamodb.batch_get_item)
    change = Change(state=DeviceState(armed=NOW + 5), now=NOW, transitions=tuple(many()), wanted={"rule-39": WANTED})
    first = in_dynamodb(client).states.save({"pump-1": change})
    assert (first.conflicts, first.failed) == (frozenset(), {})
    committed = len(first.alarms["pump-1"])
    assert 0 < committed < 40
    assert timers(kept, AT_ONCE) == ["pump-1"]
    state = kept.states.read(["pump-1"])["pump-1"]
    assert len(state.pending) == 40 - committed
    later = transition(CLEARED, number=40, rule="rule-39", step=1, at=NOW + 1)
    again = Change(state=replace(state, armed=NOW + 5), now=NOW + 1, transitions=(later,), armed_before=state.armed)
    assert len(kept.states.save({"pump-1": again}).alarms["pump-1"]) == 41 - committed
    assert len(kept.alarms.active("pump-1")) == 39
    assert history(kept, 40) == [(1, "raised"), (2, "cleared")]
    assert kept.outbox.read("pump-1", 40, 0).actions == WANTED.actions
    assert kept.states.read(["pump-1"])["pump-1"].pending == ()
    assert timers(kept, NOW) == []


def test_a_person_s_change_that_would_need_two_transactions_is_not_made(dynamodb):
    change = Change(state=DeviceState(), now=NOW, transitions=tuple(many()), notes=(note(),))
    with pytest.raises(ValueError, match="notes"):
        in_dynamodb(dynamodb).states.save({"pump-1": change})
    assert dynamodb.scan(TableName="state")["Items"] == []


def cancelled(*codes, item=None):
    reasons = [{"Code": code} for code in codes]
    if item is not None:
        reasons[0]["Item"] = item
    error = {"Code": "TransactionCanceledException", "Message": ", ".join(codes)}
    return ClientError({"Error": error, "CancellationReasons": reasons}, "TransactWriteItems")


class Stubborn:
    """A client whose transactions always fail so; nothing is there."""

    def __init__(self, exc):
        self.exc = exc
        self.calls = 0

    def batch_get_item(self, **_request):
        return {"Responses": {}}

    def transact_write_items(self, **_request):
        self.calls += 1
        raise self.exc


CHANGE = {"pump-1": Change(state=DeviceState(), now=NOW, transitions=(transition(),))}


def test_a_transaction_whose_answer_was_lost_is_recognised_as_its_own():
    refused = cancelled("ConditionalCheckFailed", "None", item={"version": {"N": "1"}, "writer": {"S": "mine"}})
    mine = in_dynamodb(Stubborn(refused), token=lambda: "mine").states.save(CHANGE)
    assert (mine.conflicts, [alarm.id for alarm in mine.alarms["pump-1"]]) == (frozenset(), ["pump-1.1"])
    assert in_dynamodb(Stubborn(refused), token=lambda: "other").states.save(CHANGE) == Saved(frozenset({"pump-1"}))


def test_somebody_who_is_at_the_alarm_makes_it_a_conflict():
    refused = cancelled("None", "ConditionalCheckFailed")
    assert in_dynamodb(Stubborn(refused)).states.save(CHANGE).conflicts == {"pump-1"}


def test_a_busy_table_is_asked_again_and_then_that_device_s_failure(backoff, waits):
    client = Stubborn(cancelled("ThrottlingError", "None"))
    saved = in_dynamodb(client, backoff=backoff).states.save(CHANGE)
    assert "Throttling" in saved.failed["pump-1"]
    assert (client.calls, len(waits)) == (4, 3)


def test_a_trace_that_is_too_big_is_told_by_its_size(kept):
    saved(kept, transition(why={"text": "x" * MAX_TRACE_BYTES}))
    (step,) = kept.alarms.history("pump-1", 1, 10, None).steps
    assert step.found.why == {"left_out_bytes": MAX_TRACE_BYTES + len('{"text":""}')}
    assert kept.outbox.read("pump-1", 1, 0).transition == step.found


def test_pending_transitions_go_without_their_traces_before_they_do_not_fit():
    from os import urandom

    def entries(count, why):
        found = tuple(transition(number=at, why=why()) for at in range(count))
        return Change(state=DeviceState(), transitions=found).entries

    few = entries(3, lambda: {"text": "x"})
    assert pending_of({"pending": pending_attribute(few)}) == few
    traced = entries(30, lambda: {"text": urandom(8_000).hex()[:16_000]})
    packed = pending_attribute(traced)
    assert len(packed["B"]) < MAX_BYTES
    assert {one.transition.number for one in pending_of({"pending": packed})} == set(range(30))
    bare = entries(30, dict)
    long = tuple(replace(one, group=urandom(10_000).hex()) for one in bare)
    with pytest.raises(StateError, match="30 transitions at once"):
        pending_attribute(long)


def test_without_the_tables_of_alarms_only_states_can_be_saved(dynamodb):
    states = dynamodb_state.DynamoDBStateStore(dynamodb, "state")
    with pytest.raises(ValueError, match="the tables of what is found"):
        states.save(CHANGE)
