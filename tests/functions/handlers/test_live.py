"""WebSocket events as API Gateway sends them, and the queue's batches."""

import json

import pytest

from functions.domain.live import Kind, LiveEvent
from functions.handlers import live, push
from tests.functions.live_world import ANN, ORIGIN, LiveWorld


class Context:
    function_name = memory_limit_in_mb = invoked_function_arn = aws_request_id = "x"


@pytest.fixture
def world(clock, monkeypatch):
    world = LiveWorld(clock)
    monkeypatch.setattr(live, "_live", lambda: world.live)
    monkeypatch.setattr(push, "_push", lambda: world.push)
    return world


def call(kind, connection="c1=", **event):
    route = {"CONNECT": "$connect", "DISCONNECT": "$disconnect", "MESSAGE": "$default"}[kind]
    context = {"connectionId": connection, "eventType": kind, "routeKey": route, "stage": "ws"}
    return live.handler({"requestContext": context, "isBase64Encoded": False, **event}, Context())


def connect(ticket, **headers):
    return call("CONNECT", headers=headers, queryStringParameters={"ticket": ticket} if ticket else None)


def test_a_connection_lives_from_its_ticket_to_its_end(world):
    assert connect(world.ticket().ticket, Host="x") == {"statusCode": 200}
    answer = call("MESSAGE", body='{"type":"subscribe","all":true}')
    assert json.loads(answer["body"])["topics"] == ["*"]
    assert call("DISCONNECT") == {"statusCode": 200}
    assert world.connections.of(ANN) == []


@pytest.mark.parametrize("ticket", [None, "wrong"])
def test_without_a_good_ticket_the_handshake_is_401(world, ticket):
    assert connect(ticket) == {"statusCode": 401}


@pytest.mark.parametrize("name", ["Origin", "origin"])
def test_a_page_elsewhere_gets_403_and_our_own_connects(world, name):
    assert connect(world.ticket().ticket, **{name: "https://evil.example"}) == {"statusCode": 403}
    assert connect(world.ticket().ticket, **{name: ORIGIN}) == {"statusCode": 200}


def test_a_page_of_the_host_that_was_asked_is_our_own_whatever_api_gateway_is_called(world):
    """CloudFront names the host that the page asked; the API's own is in `Host`."""
    asked = {"Host": "abc.execute-api.eu-west-1.amazonaws.com", "X-Forwarded-Host": "d1.cloudfront.net"}
    assert connect(world.ticket().ticket, Origin="https://d1.cloudfront.net", **asked) == {"statusCode": 200}
    for elsewhere in ("https://evil.example", "http://d1.cloudfront.net", "https://d1.cloudfront.net.evil.example"):
        assert connect(world.ticket().ticket, Origin=elsewhere, **asked) == {"statusCode": 403}


def test_a_page_elsewhere_that_asks_the_api_itself_is_refused(world):
    """A browser lets no page add a header to a WebSocket, so that nothing says which host was asked."""
    host = "abc.execute-api.eu-west-1.amazonaws.com"
    assert connect(world.ticket().ticket, Origin="https://evil.example", Host=host) == {"statusCode": 403}
    assert connect(world.ticket().ticket, Origin=f"https://{host}", Host=host) == {"statusCode": 403}


def test_a_message_of_a_connection_that_was_closed_is_not_answered(world):
    assert call("MESSAGE", "stranger", body='{"type":"ping"}') == {"statusCode": 200}
    assert world.sockets.closed == ["stranger"]


def test_a_ticket_stands_in_no_log(world, caplog):
    ticket = world.ticket().ticket
    connect(ticket)
    connect(ticket)
    written = repr([vars(record) for record in caplog.records])
    assert "refused" in written
    assert ticket not in written


def test_a_batch_of_the_queue_is_pushed_and_what_is_not_ours_fails(world):
    connect(world.ticket().ticket)
    call("MESSAGE", body='{"type":"subscribe","all":true}')
    world.publisher.publish([LiveEvent(Kind.STATE, "pump-1", "plant-1", 1, {"reported": {"on": True}})])
    records = [
        {"messageId": "1", "body": world.queue.messages[0].decode()},
        {"messageId": "2", "body": "nonsense"},
    ]
    assert push.handler({"Records": records}, Context()) == {"batchItemFailures": [{"itemIdentifier": "2"}]}
    (frame,) = world.told("c1=")
    assert frame["events"][0]["data"] == {"reported": {"on": True}}
