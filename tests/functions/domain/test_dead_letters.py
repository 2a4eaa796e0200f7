"""What a dead letter was, and what it becomes again."""

import json
from base64 import b64encode

import pytest

from contract import ingest, topics
from contract.ingest import IngestMessage, ResponseMessage, ShadowMessage
from functions.domain.dead_letters import MAX_PAYLOAD_BYTES, Forward, Letter, described, forward

AT = 1_764_000_000_000
RAW = b'\x00\xff{"not": JSON'


def letter(body):
    return Letter("id-1", body if isinstance(body, str) else json.dumps(body), AT, 5)


def undelivered(rule=topics.TELEMETRY_RULE_NAME, topic="dt/pump-1/telemetry", payload=RAW, **more):
    """As AWS IoT writes it into the queue of an error action."""
    return letter(
        {
            "ruleName": rule,
            "topic": topic,
            "cloudwatchTraceId": "c0ffee",
            "clientId": "pump-1",
            "base64OriginalPayload": b64encode(payload).decode(),
            "failures": [
                {"failedAction": "SqsAction", "failedResource": "https://sqs/queue", "errorMessage": "no access"}
            ],
            **more,
        }
    )


def test_a_dead_letter_is_shown_with_its_device_and_the_bytes_that_it_sent():
    body = ingest.encode(IngestMessage(data=RAW, thing="pump-1", received_at=7)).decode()
    found = described("ingest", letter(body))
    assert (found.thing, found.received_at, found.payload, found.size, found.why) == ("pump-1", 7, RAW, len(RAW), None)


def test_what_a_rule_could_not_deliver_is_shown_with_the_reason():
    found = described("rule-errors", undelivered())
    assert (found.thing, found.topic, found.received_at, found.payload) == ("pump-1", "dt/pump-1/telemetry", AT, RAW)
    assert found.why == "SqsAction: no access"


@pytest.mark.parametrize(
    ("body", "payload", "why"),
    [
        ("rubbish", b"rubbish", "it is no JSON object"),
        ("[1]", b"[1]", "it is no JSON object"),
        ('{"v":1,"kind":"tick"}', b'{"v":1,"kind":"tick"}', None),
        ('{"data":"?","thing":7}', b'{"data":"?","thing":7}', None),
    ],
)
def test_whatever_is_in_a_queue_can_be_shown(body, payload, why):
    found = described("commands", letter(body))
    assert (found.thing, found.payload, found.why) == (None, payload, why)


def test_a_message_that_its_function_cannot_read_says_why():
    assert "`data` must be present" in described("ingest", letter('{"thing":"pump-1","received_at":1}')).why


def test_a_large_one_shows_its_beginning():
    found = described("commands", letter("x" * 100_000))
    assert (len(found.payload), found.size) == (MAX_PAYLOAD_BYTES, 100_000)


def test_a_dead_letter_goes_back_as_it_was():
    assert forward("live", letter("whatever")) == Forward("live", "whatever")


@pytest.mark.parametrize(
    ("rule", "topic", "name", "decode", "message"),
    [
        (
            topics.TELEMETRY_RULE_NAME,
            "dt/pump-1/telemetry",
            "ingest",
            ingest.decode,
            IngestMessage(data=RAW, thing="pump-1", received_at=AT),
        ),
        (
            topics.TELEMETRY_RULE_NAME,
            f"$aws/rules/{topics.TELEMETRY_RULE_NAME}/dt/pump-1/telemetry",
            "ingest",
            ingest.decode,
            IngestMessage(data=RAW, thing="pump-1", received_at=AT),
        ),
        (
            topics.EVENT_RULE_NAME,
            "dt/pump-1/event",
            "events",
            ingest.decode,
            IngestMessage(data=RAW, thing="pump-1", received_at=AT),
        ),
        (
            topics.COMMAND_RESPONSE_RULE_NAME,
            "cmd/pump-1/any id/res",
            "commands",
            ingest.decode_response,
            ResponseMessage(data=RAW, thing="pump-1", id="any id", received_at=AT),
        ),
        (
            topics.SHADOW_RULE_NAME,
            "$aws/things/pump-1/shadow/name/state/update/documents",
            "shadows",
            ingest.decode_shadow,
            ShadowMessage(data=RAW, thing="pump-1", name="state", received_at=AT),
        ),
    ],
)
def test_what_a_rule_could_not_deliver_becomes_what_the_rule_makes_of_it(rule, topic, name, decode, message):
    going = forward("rule-errors", undelivered(rule, topic))
    assert going.name == name
    assert decode(going.body) == message


def test_what_aws_says_of_a_connection_goes_on_as_it_is():
    said = '{"clientId":"pump-1","eventType":"connected"}'
    going = forward(
        "rule-errors", undelivered(topics.PRESENCE_RULE_NAME, "$aws/events/presence/connected/pump-1", said.encode())
    )
    assert going == Forward("presence", said)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"ruleName": "somebody_s_rule"}, "no topic rule of ours"),
        ({"ruleName": None}, "no topic rule of ours"),
        ({"base64OriginalPayload": "%"}, "no topic rule of ours"),
        ({"topic": "dt/Pump 1/telemetry"}, "no message can be made of it"),
        ({"topic": "dt"}, "no message can be made of it"),
        ({"topic": None}, "no message can be made of it"),
    ],
)
def test_what_comes_of_no_rule_of_ours_stays_and_says_why(changes, why):
    assert why in forward("rule-errors", undelivered(**changes))
