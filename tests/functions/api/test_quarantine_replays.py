"""Replays over HTTP: what is asked of ingest, what is refused, and what the entry then says."""

import json

import pytest

from functions.adapters.memory_replays import MemoryReplays
from functions.domain.ingest import Fault, QuarantineEntry
from functions.domain.quarantine import Outcome
from functions.domain.replays import Settlement
from functions.errors import TelemetryQueueError
from tests.functions.api_harness import person

HOT = Fault("out_of_range", "expected at most 85 Cel, got 90.0", "temperature", 1)
DAY = 86_400_000


@pytest.fixture
def api(api):
    api.who = person("operator")
    api.register("pump-1")
    api.register("pump-2", group="plant-2")
    return api


def put(api, thing="pump-1", seq=0, ago=0, raw=None, faults=(HOT,), origin="telemetry"):
    """An entry's id."""
    document = {"v": 1, "boot": "b", "seq": seq, "sent": 2, "m": [{"ts": 1, "values": {"temperature": 90}}]}
    raw = json.dumps(document).encode() if raw is None else raw
    at = api.clock.now - ago
    api.quarantine.put([QuarantineEntry(thing, at, raw, tuple(faults), origin=origin)])
    return next(one.id for one in api.quarantine.page(thing, 100, None).entries if one.raw == raw)


def path(entry, thing="pump-1"):
    return f"/devices/{thing}/quarantine/{entry}/replay"


def queued(api):
    return [(message.thing, message.replay) for message in api.telemetry_queue.messages]


def settle(api, entry, outcome, *, thing="pump-1"):
    replays = MemoryReplays(api.quarantine)
    replays.settle(replays.read(thing, entry), Settlement(outcome, api.clock.now + 7, (), frozenset(), 1))


def test_a_replay_is_queued_noted_on_the_entry_and_in_the_audit(api):
    entry = put(api)
    status, body = api.call("POST", path(entry))
    assert status == 202
    assert body["replay"] == {
        "at": api.clock.now,
        "by": "user:ann",
        "name": "ann",
        "outcome": "queued",
        "settled_at": None,
        "points": 0,
    }
    assert api.get(f"/devices/pump-1/quarantine/{entry}") == (200, body)
    (message,) = api.telemetry_queue.messages
    assert (message.thing, message.replay, message.data) == ("pump-1", entry, b"")
    (note,) = api.journal.notes
    assert (note.action, note.subject_kind, note.subject_id) == ("quarantine.replay", "device", "pump-1")
    assert note.after == {"entry": entry, "reasons": ["out_of_range"]}


def test_an_entry_says_what_became_of_its_replay(api):
    entry = put(api)
    api.call("POST", path(entry))
    settle(api, entry, Outcome.PARTLY)
    replay = api.get(f"/devices/pump-1/quarantine/{entry}")[1]["replay"]
    assert (replay["outcome"], replay["settled_at"], replay["points"]) == ("partly", api.clock.now + 7, 1)
    assert api.call("POST", path(entry))[1]["replay"]["points"] == 1


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"raw": b"no JSON", "faults": [Fault("malformed", "x")]}, "no telemetry that can be read"),
        ({"raw": b'{"v":99}', "faults": [Fault("unsupported_version", "x")]}, "no telemetry that can be read"),
        ({"origin": "event"}, "an event of the device"),
        ({"origin": "command"}, "an answer to a command"),
    ],
)
def test_what_no_model_can_mend_is_refused_and_says_so(api, options, why):
    entry = put(api, **options)
    status, problem = api.call("POST", path(entry))
    assert status == 409
    assert why in problem["detail"]
    assert (queued(api), api.journal.notes) == ([], [])


def test_what_was_stored_by_a_replay_is_not_replayed_again(api):
    entry = put(api)
    settle(api, entry, Outcome.STORED)
    status, problem = api.call("POST", path(entry))
    assert (status, queued(api)) == (409, [])
    assert "stored" in problem["detail"]


def test_there_is_nothing_to_replay_of_another_device_or_under_no_id(api):
    entry = put(api)
    assert api.call("POST", path(entry, "pump-2"))[0] == 404
    assert api.call("POST", path("x"))[0] == 404
    assert api.call("POST", path(entry), who=person("viewer"))[0] == 403
    assert api.call("POST", path(entry), who=person(("operator", "group:plant-2")))[0] == 404
    assert queued(api) == []


def test_a_queue_that_does_not_answer_is_told_and_the_replay_can_be_asked_for_again(api):
    entry, send = put(api), api.telemetry_queue.send

    def refuse(_message, **_):
        raise TelemetryQueueError("the queue is away")

    api.telemetry_queue.send = refuse
    assert api.call("POST", path(entry))[0] == 503
    api.telemetry_queue.send = send
    assert api.call("POST", path(entry))[0] == 202
    assert queued(api) == [("pump-1", entry)]


def test_a_device_s_entries_are_replayed_page_by_page(api):
    entries = [put(api, seq=seq, ago=seq) for seq in range(5)]
    put(api, "pump-2")
    asked, cursor = [], None
    while True:
        status, body = api.call("POST", "/quarantine/replay", body={"device": "pump-1", "limit": 2, "cursor": cursor})
        assert status == 202
        asked += body["queued"]
        cursor = body["cursor"]
        if cursor is None:
            break
    assert asked == [{"device": "pump-1", "entry": entry} for entry in entries]
    assert queued(api) == [("pump-1", entry) for entry in entries]


def test_a_day_and_a_reason_choose_among_them(api):
    future = Fault("future", "ahead")
    wanted = put(api, seq=1)
    put(api, seq=2, faults=[future])
    put(api, seq=3, ago=DAY)
    other = put(api, "pump-2", seq=4)
    day = {"day": "2025-11-24", "reason": "out_of_range"}
    _, body = api.call("POST", "/quarantine/replay", body={"device": "pump-1", **day})
    assert [one["entry"] for one in body["queued"]] == [wanted]
    _, body = api.call("POST", "/quarantine/replay", body=day)
    assert {(one["device"], one["entry"]) for one in body["queued"]} == {("pump-1", wanted), ("pump-2", other)}


def test_what_cannot_be_replayed_is_passed_over_with_the_reason(api):
    good, bad, done = put(api, seq=1), put(api, raw=b"?", faults=[Fault("malformed", "x")]), put(api, seq=2)
    settle(api, done, Outcome.STORED)
    _, body = api.call("POST", "/quarantine/replay", body={"device": "pump-1"})
    assert [one["entry"] for one in body["queued"]] == [good]
    assert {one["entry"]: one["why"].split(",")[0] for one in body["skipped"]} == {
        bad: "its bytes are no telemetry that can be read",
        done: "all of it is stored since it was replayed",
    }


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 400),
        ({"reason": "future"}, 400),
        ({"day": "yesterday"}, 400),
        ({"device": "pump-1", "limit": 51}, 400),
        ({"device": "pump-1", "entry": "x"}, 400),
        ({"device": "pump-1", "cursor": "x"}, 400),
        ({"device": "nobody"}, 404),
    ],
)
def test_what_to_replay_must_be_said(api, body, status):
    assert api.call("POST", "/quarantine/replay", body=body)[0] == status
    assert queued(api) == []


def test_a_day_of_all_devices_is_for_whoever_may_change_all(api):
    put(api)
    there = person(("operator", "group:plant-1"))
    assert api.call("POST", "/quarantine/replay", body={"day": "2025-11-24"}, who=there)[0] == 403
    assert api.call("POST", "/quarantine/replay", body={"device": "pump-1"}, who=there)[0] == 202
    assert api.call("POST", "/quarantine/replay", body={"device": "pump-2"}, who=there)[0] == 404
