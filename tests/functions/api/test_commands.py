"""Commands over HTTP: what is answered, and what is refused before anything happens."""

import pytest

from tests.functions.api_harness import person

UNDER = "/devices/press-4/commands"
OPERATOR = person(("operator", "group:plant-1"), name="op")
NEW = {"name": "relay", "parameters": {"on": True}}


@pytest.fixture
def api(api):
    api.who = OPERATOR
    api.register("press-4", "plant-1/line-2", "machine")
    api.register("yard", "plant-2", "machine")
    return api


def post(api, path, body=None, **options):
    return api.call("POST", path, body=body, **options)


def sent(api, **more):
    status, document = post(api, UNDER, {**NEW, **more})
    assert status == 201, document
    return document


def test_a_command_is_made_and_shown_with_who_asked_and_its_first_step(api):
    made = sent(api, expires_in_s=300, timeout_s=10)
    now = api.clock.now_ms()
    assert made == {
        "id": made["id"],
        "device": "press-4",
        "name": "relay",
        "parameters": {"on": True},
        "status": "CREATED",
        "created_at": now,
        "expires_at": now + 300_000,
        "updated_at": now,
        "timeout_s": 10,
        "by": {"id": "user:op", "name": "op"},
        "bulk": None,
        "result": None,
        "reason": None,
        "progress": None,
        "steps": [
            {
                "status": "CREATED",
                "received_at": now,
                "source": "api",
                "at": None,
                "note": None,
                "moved": True,
                "late": False,
            }
        ],
        "attempts": [],
        "attempted": 0,
    }
    assert api.get(f"{UNDER}/{made['id']}") == (200, made)
    assert api.command_queue.wakes == [("press-4", "command_waiting", now)]


def test_a_reader_sees_an_expired_command_as_expired_before_anybody_wrote_it(api):
    made = sent(api)
    api.clock.now += 60_000
    status, shown = api.get(f"{UNDER}/{made['id']}")
    assert (status, shown["status"], shown["steps"][-1]["source"]) == (200, "EXPIRED", "cloud")


def test_the_same_key_again_answers_the_same_command_and_sends_none(api):
    headers = {"Idempotency-Key": "key-1"}
    first = post(api, UNDER, NEW, headers=headers)
    again = post(api, UNDER, NEW, headers=headers)
    assert first == again
    assert len(api.commands.commands) == 1
    assert post(api, UNDER, {**NEW, "parameters": {"on": False}}, headers=headers)[0] == 422


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "name"),
        ({**NEW, "name": "fly"}, "name"),
        ({**NEW, "name": 5}, "name"),
        ({**NEW, "parameters": {"on": 1}}, "parameters.on"),
        ({**NEW, "parameters": {"on": True, "other": 1}}, "parameters.other"),
        ({**NEW, "parameters": []}, "parameters"),
        ({**NEW, "expires_in_s": 0}, "expires_in_s"),
        ({**NEW, "expires_in_s": 86_401}, "expires_in_s"),
        ({**NEW, "expires_in_s": "60"}, "expires_in_s"),
        ({**NEW, "timeout_s": 901}, "timeout_s"),
        ({**NEW, "status": "SUCCEEDED"}, "status"),
        ({**NEW, "id": "mine"}, "id"),
        ({**NEW, "by": {"id": "user:ann"}}, "by"),
    ],
)
def test_what_is_wrong_is_named_and_nothing_is_made(api, body, field):
    status, problem = post(api, UNDER, body)
    assert (status, problem["field"]) == (400, field), problem
    assert api.commands.commands == {}


def test_an_outsider_is_told_the_same_of_a_device_that_exists_and_of_one_that_does_not(api):
    command = sent(api)["id"]
    api.who = person(("admin", "group:plant-2"), name="eve")
    for method, path, body in (
        ("GET", "/devices/{id}/commands", None),
        ("POST", "/devices/{id}/commands", NEW),
        ("GET", f"/devices/{{id}}/commands/{command}", None),
        ("POST", f"/devices/{{id}}/commands/{command}/cancel", None),
    ):
        answers = []
        for thing in ("press-4", "nobody"):
            status, problem = api.call(method, path.replace("{id}", thing), body=body)
            answers.append((status, problem["detail"].replace(thing, "*")))
        assert answers[0] == answers[1]
        assert answers[0][0] == 404
    assert len(api.commands.commands) == 1


def test_a_viewer_may_look_and_not_send_or_cancel(api):
    made = sent(api)
    api.who = person(("viewer", "group:plant-1"), name="vic")
    assert api.get(f"{UNDER}/{made['id']}")[0] == 200
    assert post(api, UNDER, NEW)[0] == 403
    assert post(api, f"{UNDER}/{made['id']}/cancel")[0] == 403


def test_a_command_of_another_device_is_not_found_under_mine(api):
    made = sent(api)
    api.who = person("admin")
    assert api.get(f"/devices/yard/commands/{made['id']}")[0] == 404
    assert post(api, f"/devices/yard/commands/{made['id']}/cancel")[0] == 404


def test_cancelling_is_a_conflict_once_it_was_sent(api):
    first = sent(api)
    status, cancelled = post(api, f"{UNDER}/{first['id']}/cancel")
    assert (status, cancelled["status"]) == (200, "CANCELLED")
    command = api.commands.read("press-4", sent(api)["id"])
    api.commands.save(command, command.attempting(api.clock.now_ms()))
    status, problem = post(api, f"{UNDER}/{command.id}/cancel")
    assert (status, problem["type"]) == (409, "urn:fieldline:problem:conflict")
    assert "already sent" in problem["detail"]


def test_a_device_with_too_much_to_do_is_429_with_the_time_to_wait(api):
    for _ in range(100):
        sent(api)
    status, problem = post(api, UNDER, NEW)
    assert (status, api.headers["Retry-After"]) == (429, "60"), problem


def test_the_list_is_paged_newest_first_and_filtered(api):
    ids = [sent(api)["id"] for _ in range(3)]
    found, cursor = [], None
    for _ in range(3):
        query = [("limit", "1"), *([("cursor", cursor)] if cursor else [])]
        page = api.get(UNDER, *query)[1]
        found += [item["id"] for item in page["items"]]
        cursor = page["cursor"]
    assert (found, cursor) == (ids[::-1], None)
    assert api.get(UNDER, ("status", "FAILED"))[1]["items"] == []
    assert len(api.get(UNDER, ("status", "open"))[1]["items"]) == 3
    assert api.get(UNDER, ("status", "failed"))[0] == 400


def test_a_cursor_is_good_for_its_caller_only(api):
    for _ in range(2):
        sent(api)
    cursor = api.get(UNDER, ("limit", "1"))[1]["cursor"]
    assert api.get(UNDER, ("limit", "1"), ("cursor", cursor))[0] == 200
    api.who = person("admin")
    assert api.get(UNDER, ("limit", "1"), ("cursor", cursor))[0] == 400


def test_a_bulk_is_accepted_shown_and_cancelled(api):
    status, made = post(api, "/commands/bulk", {**NEW, "group": "plant-1"})
    assert (status, made["stage"], made["counts"]) == (
        202,
        "sending",
        {"devices": 0, "done": 0, "refused": 0, "by_status": {}},
    )
    assert made["selection"] == {"devices": None, "group": "plant-1", "model": None}
    path = f"/commands/bulk/{made['id']}"
    assert api.get(path) == (200, made)
    assert api.get(f"{path}/devices") == (200, {"items": [], "cursor": None})
    status, cancelled = post(api, f"{path}/cancel")
    assert (status, cancelled["stage"]) == (200, "cancelled")


@pytest.mark.parametrize(
    ("selection", "field"),
    [
        ({}, "devices"),
        ({"devices": []}, "devices"),
        ({"devices": ["press-4"], "group": "plant-1"}, "devices"),
        ({"devices": ["Press 4"]}, "id"),
        ({"group": "plant 1"}, "group"),
        ({"model": "unknown"}, "model"),
        ({"reach": {"everything": True}, "group": "plant-1"}, "reach"),
    ],
)
def test_a_bulk_to_nobody_is_refused(api, selection, field):
    status, problem = post(api, "/commands/bulk", {**NEW, **selection})
    assert (status, problem["field"]) == (400, field), problem


def test_somebody_else_s_bulk_is_not_found(api):
    made = post(api, "/commands/bulk", {**NEW, "group": "plant-1"})[1]
    api.who = person(("operator", "group:plant-1"), name="eve")
    for method, path in (("GET", ""), ("GET", "/devices"), ("POST", "/cancel")):
        assert api.call(method, f"/commands/bulk/{made['id']}{path}")[0] == 404
    api.who = person("viewer")
    assert api.get(f"/commands/bulk/{made['id']}")[0] == 200
    assert post(api, f"/commands/bulk/{made['id']}/cancel")[0] == 403


def test_what_was_changed_is_noted(api):
    made = sent(api)
    post(api, f"{UNDER}/{made['id']}/cancel")
    post(api, "/commands/bulk", {**NEW, "group": "plant-1"})
    assert [note.action for note in api.journal.notes] == ["command.send", "command.cancel", "command.bulk"]
