"""Dead letters over HTTP."""

import json
from base64 import b64decode, b64encode

import pytest

from contract import ingest, topics
from contract.ingest import IngestMessage
from functions.domain.dead_letters import Letter
from tests.functions.api_harness import DEAD_LETTERS, person


@pytest.fixture
def api(api):
    api.who = person("admin")
    return api


def put(api, body, name="ingest", id_="id-1"):
    api.dead_letters.add(name, Letter(id_, body, api.clock.now - 5, 5))


def message(data=b"\xff", thing="pump-1"):
    return ingest.encode(IngestMessage(data=data, thing=thing, received_at=7)).decode()


def test_every_queue_is_listed_with_how_much_is_in_it(api):
    put(api, message())
    status, body = api.get("/dlq")
    assert status == 200
    assert [one["name"] for one in body["items"]] == sorted(DEAD_LETTERS)
    assert next(one for one in body["items"] if one["name"] == "ingest") == {
        "name": "ingest",
        "waiting": 1,
        "hidden": 0,
        "oldest_at": api.clock.now - 5,
        "source": True,
    }


def test_a_letter_is_shown_with_its_device_its_bytes_and_the_reason(api):
    put(api, message())
    error = {
        "ruleName": topics.TELEMETRY_RULE_NAME,
        "topic": "dt/pump-2/telemetry",
        "base64OriginalPayload": b64encode(b"{}").decode(),
        "failures": [{"failedAction": "SqsAction", "errorMessage": "no access"}],
    }
    put(api, json.dumps(error), "rule-errors")
    (item,) = api.get("/dlq/ingest")[1]["items"]
    assert b64decode(item.pop("payload")) == b"\xff"
    assert item == {
        "id": "id-1",
        "sent_at": api.clock.now - 5,
        "receives": 6,
        "device": "pump-1",
        "topic": None,
        "received_at": 7,
        "bytes": 1,
        "why": None,
    }
    (item,) = api.get("/dlq/rule-errors", ("limit", "50"))[1]["items"]
    assert (item["device"], item["topic"], item["why"]) == ("pump-2", "dt/pump-2/telemetry", "SqsAction: no access")


def test_letters_are_moved_back(api):
    put(api, message())
    put(api, message(b"two"), id_="id-2")
    status, body = api.call("POST", "/dlq/ingest/replay", body={"messages": ["id-2", "id-9"]})
    assert (status, body) == (200, {"moved": 1, "refused": [], "missing": ["id-9"], "left": 1, "done": True})
    status, body = api.call("POST", "/dlq/ingest/replay", body={})
    assert (body["moved"], body["left"]) == (1, 0)
    assert api.dead_letters.sent["ingest"] == [message(b"two"), message()]


@pytest.mark.parametrize(
    ("call", "path", "body", "status"),
    [
        ("GET", "/dlq/nothing", None, 404),
        ("GET", "/dlq/Not%20a%20name", None, 404),
        ("POST", "/dlq/nothing/replay", {}, 404),
        ("POST", "/dlq/ingest/replay", {"messages": []}, 400),
        ("POST", "/dlq/ingest/replay", {"messages": ["x"] * 101}, 400),
        ("POST", "/dlq/ingest/replay", {"all": True}, 400),
    ],
)
def test_what_is_wrong_is_refused(api, call, path, body, status):
    assert api.call(call, path, body=body)[0] == status


@pytest.mark.parametrize("limit", ["0", "51", "x"])
def test_a_look_is_bounded(api, limit):
    assert api.get("/dlq/ingest", ("limit", limit))[0] == 400


@pytest.mark.parametrize("who", [person("operator"), person(("admin", "group:plant-1"))])
def test_only_whoever_administrates_everything_may_look(api, who):
    assert api.get("/dlq", who=who)[0] == 403
    assert api.call("POST", "/dlq/ingest/replay", body={}, who=who)[0] == 403
