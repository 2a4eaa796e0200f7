"""Recipients, maintenance windows and deliveries by the API."""

import msgspec
import pytest

from functions.domain.alarm_work import Deliver
from functions.domain.deliveries import Answer, Attempt, Outcome, Reason
from functions.domain.recipients import Channel
from functions.domain.webhook_signatures import secret_of, spelled
from tests.functions.api_harness import api_harness, person
from tests.functions.domain.deliveries_of import notice

HOOK = {
    "id": "on-call",
    "name": "On call",
    "channel": "webhook",
    "address": "https://hooks.example.com/alarms?k=s3cret",
}
MAIL = {"id": "ann", "name": "Ann", "channel": "email", "address": "ann@example.com"}
HOUR = 3_600_000


@pytest.fixture
def api(clock):
    made = api_harness(clock, who=person("admin"))
    made.register("pump-7", "plant-1/line-2", "machine")
    return made


def secret(api, generation=1):
    return spelled(secret_of(b"m" * 64, api.recipients.recipients["on-call"], generation))


# --- recipients


def test_a_recipient_is_made_with_what_is_said_and_else_with_what_is_usual(api):
    status, made = api.call("POST", "/recipients", body=HOOK)
    assert status == 201
    assert {name: made[name] for name in ("scope", "min_severity", "quiet_hours", "per_hour", "digest_ms")} == {
        "scope": "*",
        "min_severity": "info",
        "quiet_hours": None,
        "per_hour": None,
        "digest_ms": 900_000,
    }
    assert made["secret"] == secret(api)
    assert api.headers["ETag"] == '"1"'


def test_a_secret_is_shown_once_and_kept_nowhere(api):
    _, made = api.call("POST", "/recipients", body=HOOK)
    _, shown = api.get("/recipients/on-call")
    _, listed = api.get("/recipients")
    assert "secret" not in shown
    assert listed["items"] == [shown]
    kept = msgspec.json.encode([api.recipients.all(), api.journal.notes]).decode()
    assert made["secret"] not in kept
    assert "s3cret" not in msgspec.json.encode(api.journal.notes).decode()
    assert shown["address"] == "https://hooks.example.com/…"
    assert api.recipients.recipients["on-call"].address == HOOK["address"]


def test_a_new_secret_takes_the_place_of_the_one_before(api):
    api.call("POST", "/recipients", body=HOOK)
    api.clock.now += 1000
    status, made = api.call("POST", "/recipients/on-call/secret")
    assert (status, made["secret"], made["secret_at"]) == (200, secret(api, 2), api.clock.now_ms())
    assert api.recipients.recipients["on-call"].generations(api.clock.now_ms()) == (2, 1)
    assert [note.action for note in api.journal.notes] == ["recipient.create", "recipient.rotate"]


def test_only_webhooks_have_a_secret(api):
    _, made = api.call("POST", "/recipients", body=MAIL)
    assert (made["secret"], made["secret_at"]) == (None, None)
    assert api.call("POST", "/recipients/ann/secret")[0] == 409


def test_a_recipient_is_replaced_under_the_version_that_was_read(api):
    api.call("POST", "/recipients", body=HOOK)
    change = {"name": "Nights", "channel": "webhook", "min_severity": "critical"}
    assert api.call("PUT", "/recipients/on-call", body=change)[0] == 428
    assert api.call("PUT", "/recipients/on-call", body=change, headers={"If-Match": '"7"'})[0] == 412
    status, changed = api.call("PUT", "/recipients/on-call", body=change, headers={"If-Match": '"1"'})
    assert (status, changed["name"], changed["min_severity"], changed["version"]) == (200, "Nights", "critical", 2)
    assert api.recipients.recipients["on-call"].address == HOOK["address"]


def test_another_channel_needs_another_address(api):
    api.call("POST", "/recipients", body=HOOK)
    change = {"name": "Ann", "channel": "sms"}
    status, problem = api.call("PUT", "/recipients/on-call", body=change, headers={"If-Match": '"1"'})
    assert (status, problem["field"]) == (400, "address")
    change["address"] = "+4366012345678"
    assert api.call("PUT", "/recipients/on-call", body=change, headers={"If-Match": '"1"'})[0] == 200


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"id": "On Call"}, "id"),
        ({"address": "http://hooks.example.com/"}, "address"),
        ({"address": "https://hooks.example.com:8443/"}, "address"),
        ({"address": None}, "address"),
        ({"scope": "model:machine"}, "scope"),
        ({"scope": "group:"}, "scope"),
        ({"name": " x"}, "name"),
        ({"quiet_hours": {"zone": "Mars/Base", "spans": [{"days": ["mon"], "from": "1:00", "to": "2:00"}]}}, None),
        ({"quiet_hours": {"zone": "UTC", "spans": [{"days": ["mon"], "from": "01:00", "to": "01:00"}]}}, None),
        ({"channel": "pigeon"}, "channel"),
        ({"per_hour": 0}, "per_hour"),
        ({"digest_ms": 1}, "digest_ms"),
        ({"min_severity": "awful"}, "min_severity"),
        ({"generation": 5}, "generation"),
    ],
)
def test_what_a_recipient_cannot_be_is_refused(api, change, field):
    status, problem = api.call("POST", "/recipients", body={**HOOK, **change})
    assert status == 400
    assert field is None or problem["field"].endswith(field)
    assert api.recipients.recipients == {}


def test_where_no_mail_is_sent_a_recipient_of_mail_is_refused_with_what_is_missing(api):
    api.services.recipients._mails = False
    status, problem = api.call("POST", "/recipients", body=MAIL)
    assert (status, problem["field"]) == (400, "channel")
    assert "mail_from" in problem["expected"]


def test_an_id_that_is_taken_is_refused_and_comes_back_with_other_secrets(api):
    _, first = api.call("POST", "/recipients", body=HOOK)
    assert api.call("POST", "/recipients", body=HOOK)[0] == 409
    assert api.call("DELETE", "/recipients/on-call")[0] == 204
    assert api.get("/recipients/on-call")[0] == 404
    api.clock.now += 1
    _, second = api.call("POST", "/recipients", body=HOOK)
    assert first["secret"] != second["secret"]


def test_recipients_are_listed_page_by_page(api):
    for number in range(5):
        api.call("POST", "/recipients", body={**MAIL, "id": f"person-{number}"})
    _, first = api.get("/recipients", ("limit", "3"))
    _, rest = api.get("/recipients", ("limit", "3"), ("cursor", first["cursor"]))
    assert [one["id"] for one in first["items"] + rest["items"]] == [f"person-{number}" for number in range(5)]
    assert rest["cursor"] is None


def test_a_test_message_is_a_delivery_like_any_other(api):
    api.call("POST", "/recipients", body=HOOK)
    status, made = api.call("POST", "/recipients/on-call/test")
    assert (status, made["kind"], made["state"], made["recipient"], made["alarm"]) == (
        202,
        "test",
        "PENDING",
        "on-call",
        None,
    )
    assert api.actions_queue.work == [(Deliver(id=made["id"]), 0)]
    _, again = api.call("POST", "/recipients/on-call/test")
    assert again["id"] != made["id"]
    assert api.get(f"/deliveries/{made['id']}")[1]["attempts"] == []


def test_a_test_stands_though_the_queue_is_away(api):
    api.call("POST", "/recipients", body=HOOK)
    api.actions_queue.fails = True
    assert api.call("POST", "/recipients/on-call/test")[0] == 202
    assert len(api.deliveries.deliveries) == 1


# --- maintenance


def window(api, **more):
    now = api.clock.now_ms()
    return {"scope": "group:plant-1", "from": now, "to": now + HOUR, "reason": "Filters", **more}


def test_a_window_is_made_from_now_on_where_nobody_says_from_when(api):
    body = window(api)
    del body["from"]
    status, made = api.call("POST", "/maintenance", body=body)
    assert (status, made["from"], made["state"], made["by"]["name"]) == (201, api.clock.now_ms(), "holds", "ann")
    assert [note.action for note in api.journal.notes] == ["maintenance.create"]


def test_windows_ahead_come_by_their_end_and_all_of_them_newest_first(api):
    now = api.clock.now_ms()
    made = []
    for hours in (5, 1, 3):
        api.clock.now += 1
        made.append(api.call("POST", "/maintenance", body=window(api, to=now + hours * HOUR))[1]["id"])
    api.clock.now = now + 2 * HOUR
    _, ahead = api.get("/maintenance", ("limit", "1"))
    _, rest = api.get("/maintenance", ("limit", "5"), ("cursor", ahead["cursor"]))
    assert [one["id"] for one in ahead["items"] + rest["items"]] == [made[2], made[0]]
    _, first = api.get("/maintenance", ("state", "all"), ("limit", "2"))
    _, last = api.get("/maintenance", ("state", "all"), ("limit", "2"), ("cursor", first["cursor"]))
    assert [one["id"] for one in first["items"] + last["items"]] == made[::-1]
    assert [one["state"] for one in first["items"]] == ["holds", "over"]
    assert last["cursor"] is None


def test_a_window_that_is_ended_holds_no_more_and_stays_on_the_list(api):
    _, made = api.call("POST", "/maintenance", body=window(api))
    api.clock.now += 1000
    status, ended = api.call("DELETE", f"/maintenance/{made['id']}")
    assert (status, ended["state"], ended["to"], ended["ended_by"]["name"]) == (200, "over", api.clock.now_ms(), "ann")
    assert api.get("/maintenance")[1]["items"] == []
    assert api.get(f"/maintenance/{made['id']}")[1] == ended
    api.clock.now += 1000
    assert api.call("DELETE", f"/maintenance/{made['id']}")[1] == ended
    assert [note.action for note in api.journal.notes] == ["maintenance.create", "maintenance.end"]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"to": 1}, "to"),
        ({"from": 1}, "from"),
        ({"scope": "everything"}, "scope"),
        ({"reason": ""}, "reason"),
    ],
)
def test_what_a_window_cannot_be_is_refused(api, change, field):
    status, problem = api.call("POST", "/maintenance", body=window(api, **change))
    assert (status, problem["field"]) == (400, field)


def test_a_window_over_a_device_is_of_whoever_has_the_device(api):
    api.call("POST", "/maintenance", body=window(api, scope="device:pump-7"))
    api.call("POST", "/maintenance", body=window(api, scope="*"))
    here = person(("operator", "group:plant-1/line-2"), name="bob")
    there = person(("operator", "group:plant-2"), name="eve")
    assert [one["scope"] for one in api.get("/maintenance", who=here)[1]["items"]] == ["device:pump-7"]
    assert api.get("/maintenance", ("state", "all"), who=there)[1]["items"] == []
    assert api.call("POST", "/maintenance", body=window(api, scope="device:pump-7"), who=there)[0] == 404
    assert api.call("POST", "/maintenance", body=window(api, scope="group:plant-1"), who=here)[0] == 403
    assert api.call("POST", "/maintenance", body=window(api, scope="device:pump-7"), who=here)[0] == 201
    assert api.get("/maintenance/nonsense")[0] == 400


# --- deliveries


def failed(api, **more):
    now = api.clock.now_ms()
    one = notice("on-call", at=now, **more)
    begun = one.beginning(now)
    answer = Answer(outcome=Outcome.REFUSED, status=400, note="answered 400: no")
    attempt = Attempt(number=1, at=now, outcome=Outcome.REFUSED, ended_at=now + 5, status=400, note=answer.note)
    api.deliveries.deliveries[one.id] = begun.ended(now + 5, answer, lambda: 0.5)
    api.deliveries.ledger[one.id] = {1: attempt}
    return one.id


def test_a_delivery_shows_what_was_tried_and_what_came_of_it(api):
    delivery = failed(api)
    status, shown = api.get(f"/deliveries/{delivery}")
    assert status == 200
    assert {name: shown[name] for name in ("kind", "state", "reason", "alarm", "moment", "recipient", "next_at")} == {
        "kind": "notice",
        "state": "FAILED",
        "reason": "refused",
        "alarm": "pump-7.42",
        "moment": "raised",
        "recipient": "on-call",
        "next_at": None,
    }
    assert shown["message_id"].startswith("msg_")
    (attempt,) = shown["attempts"]
    assert (attempt["outcome"], attempt["status"], attempt["note"]) == ("refused", 400, "answered 400: no")


def test_a_delivery_shows_what_it_waits_for_and_since_when(api):
    now = api.clock.now_ms()
    one = notice("on-call", at=now)
    api.deliveries.deliveries[one.id] = one.held(Reason.MAINTENANCE, now, now + HOUR, "01K: Filters")
    _, shown = api.get(f"/deliveries/{one.id}")
    assert (shown["state"], shown["reason"], shown["next_at"]) == ("PENDING", "maintenance", now + 300_000)
    assert shown["waits"] == [{"reason": "maintenance", "at": now, "note": "01K: Filters"}]


def test_one_that_failed_is_replayed_and_another_one_is_not(api):
    delivery = failed(api)
    api.clock.now += HOUR
    status, replayed = api.call("POST", f"/deliveries/{delivery}/replay")
    assert (status, replayed["state"], replayed["reason"], replayed["next_at"]) == (
        202,
        "PENDING",
        None,
        api.clock.now_ms(),
    )
    assert api.actions_queue.work == [(Deliver(id=delivery), 0)]
    assert api.journal.notes[-1].action == "delivery.replay"
    assert api.call("POST", f"/deliveries/{delivery}/replay")[0] == 409


def test_deliveries_are_listed_by_what_became_of_them_and_within_ones_reach(api):
    first = failed(api)
    other = notice("managers", at=api.clock.now_ms() + 1)
    api.deliveries.deliveries[other.id] = other.muted(Reason.MAINTENANCE, api.clock.now_ms())

    def ids(*query, **options):
        return [one["id"] for one in api.get("/deliveries", *query, **options)[1]["items"]]

    assert ids() == [other.id, first]
    assert ids(("state", "FAILED")) == [first]
    assert ids(("recipient", "managers")) == [other.id]
    assert ids(who=person(("operator", "group:plant-1"))) == [other.id, first]
    assert ids(who=person(("operator", "group:plant-2"))) == []
    assert api.get("/deliveries", ("state", "LOST"))[0] == 400


def test_what_is_about_no_device_is_the_organisations(api):
    api.call("POST", "/recipients", body=HOOK)
    _, made = api.call("POST", "/recipients/on-call/test")
    here = person(("operator", "group:plant-1"))
    assert api.get(f"/deliveries/{made['id']}", who=here)[0] == 404
    assert api.get("/deliveries", who=here)[1]["items"] == []
    assert api.get(f"/deliveries/{made['id']}", who=person("operator"))[0] == 200


def test_deliveries_of_an_alarm_are_those_of_its_newest_step_first(api):
    failed(api)
    failed(api, step=1)
    _, page = api.get("/alarms/pump-7.42/deliveries", ("limit", "1"))
    _, rest = api.get("/alarms/pump-7.42/deliveries", ("limit", "1"), ("cursor", page["cursor"]))
    assert [one["step"] for one in page["items"] + rest["items"]] == [1, 0]
    assert api.get("/alarms/pump-7/deliveries")[0] == 400
    assert api.get("/alarms/nobody.1/deliveries", who=person(("operator", "group:plant-1")))[0] == 404
    assert api.get("/deliveries/pump-7.42.0")[0] == 400


def test_deliveries_of_an_alarm_of_a_device_that_is_not_registered_are_the_organisations(api):
    delivery = failed(api, thing="stray-1")
    found = api.get("/alarms/stray-1.42/deliveries", who=person("operator"))
    assert (found[0], [one["id"] for one in found[1]["items"]]) == (200, [delivery])
    assert api.get("/alarms/stray-1.42/deliveries", who=person(("operator", "group:plant-1")))[0] == 404


def test_every_channel_can_be_made(api):
    for channel, address in (("sms", "+4366012345678"), ("slack", "https://hooks.slack.com/services/T/B/x")):
        status, made = api.call(
            "POST", "/recipients", body={**MAIL, "id": channel, "channel": channel, "address": address}
        )
        assert (status, made["channel"]) == (201, channel)
    assert api.get("/recipients/slack")[1]["address"] == "https://hooks.slack.com/…"
    assert {one.channel for one in api.recipients.all()} == {Channel.SMS, Channel.SLACK}
