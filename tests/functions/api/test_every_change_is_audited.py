"""Each operation that changes something leaves its note, which says who did what to what, when and in which request."""

import json

import pytest

from tests.access_matrix import PLANS, PROTECTED, path_of

# They ask, although by POST, or give what is worth nothing by itself.
CHANGES_NOTHING = {"validate_rule", "test_rules", "create_backtest", "live_ticket"}
CHANGES = [one for one in PROTECTED if one.method != "GET" and one.operation not in CHANGES_NOTHING]

# Where the plan of the access matrix asks for what there is already.
BODIES = {
    "update_device": lambda _: {"name": "Renamed"},
    "assign_alarm": lambda _: {"assignee": "me"},
    "save_model": lambda seeds: {**seeds.model_to_save(), "title": "Renamed"},
    "replace_rule": lambda _: {
        "document": {
            "rule": "mx-rule",
            "scope": "device:mx-own",
            "severity": "critical",
            "when": {"metric": "temperature", "above": 1e6},
        }
    },
    "desire_config": lambda _: {"values": {"interval_ms": 2000}},
    "replace_recipient": lambda _: {"name": "Renamed", "channel": "webhook", "address": "https://hooks.example.com/"},
    "update_user": lambda _: {"enabled": False},
}
FIRST = {"unacknowledge_alarm": "acknowledge_alarm"}
BY_OPERATION = {route.operation: route for route in PROTECTED}
# Of these nothing stands before and after: it is done, and that is all.
MERE_DEEDS = {"reset_user", "acknowledge_alarm", "unacknowledge_alarm", "change_alarms", "clear_alarm"}


def ask(seeds, route):
    options = PLANS[route.operation].rest(seeds)
    if route.operation in BODIES:
        options["body"] = BODIES[route.operation](seeds)
    return seeds.ask("root", route.method, path_of(route, seeds), **options)


@pytest.mark.parametrize("route", CHANGES, ids=lambda route: route.operation)
def test_a_change_leaves_a_note(seeds, journal, route):
    if route.operation in FIRST:
        ask(seeds, BY_OPERATION[FIRST[route.operation]])
    before = len(journal.notes)
    answer = ask(seeds, route)
    assert 200 <= answer.status < 300, answer
    notes = journal.notes[before:]
    assert notes
    for note in notes:
        actor = note.actor
        assert (actor.principal.id, actor.request_id, actor.source) == ("user:root", "request-1", "192.0.2.1")
        assert note.subject_id
        assert note.at > 0
    if route.operation not in MERE_DEEDS:
        assert any(note.before != note.after for note in notes), notes


@pytest.mark.parametrize("name", sorted(CHANGES_NOTHING))
def test_what_changes_nothing_leaves_none(seeds, journal, name):
    before = len(journal.notes)
    answer = ask(seeds, BY_OPERATION[name])
    assert 200 <= answer.status < 300, answer
    assert journal.notes[before:] == []


def test_a_secret_that_an_answer_shows_stands_in_no_entry(seeds, journal):
    shown = [ask(seeds, BY_OPERATION[one]).document for one in ("create_key", "create_device_key", "create_recipient")]
    secrets = [text for one in shown for name, text in one.items() if name in {"key", "secret"}]
    assert len(secrets) == len(shown)
    kept = json.dumps([record.body for records in journal.chains.values() for record in records])
    assert not any(one in kept for one in secrets)
