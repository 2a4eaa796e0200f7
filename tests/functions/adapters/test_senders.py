"""What each channel sends, and what an answer of its receiver is worth."""

import json
import time

import boto3
import msgspec
import pytest
from botocore.exceptions import EndpointConnectionError
from botocore.stub import Stubber
from moto.core import DEFAULT_ACCOUNT_ID
from moto.ses.models import ses_backends
from moto.sns.models import sns_backends
from standardwebhooks import Webhook, WebhookVerificationError

from functions.adapters.clock import SystemClock
from functions.adapters.guarded_http import GuardedHttp
from functions.adapters.senders import NoEmail, SesEmail, SlackSender, SnsText, WebhookSender, retry_after_ms
from functions.domain.deliveries import GIVE_UP_MS, Outcome
from functions.domain.messages import notice as told
from functions.domain.recipients import ROTATION_MS, Channel, Recipient
from functions.domain.webhook_signatures import secret_of, spelled
from functions.errors import SecretError
from tests.functions.adapters.hook_server import HookServer
from tests.functions.domain.deliveries_of import NOW, notice

MASTER = b"m" * 64


@pytest.fixture
def server():
    made = HookServer()
    yield made
    made.close()


def recipient(server, channel=Channel.WEBHOOK, **more):
    kept = {"address": f"http://127.0.0.1:{server.port}/hook"} | more
    return Recipient(id="on-call", name="On call", channel=channel, created_at=NOW, updated_at=NOW, **kept)


def webhooks():
    return WebhookSender(GuardedHttp(loopback=True), lambda: MASTER, SystemClock())


def message():
    return told(notice("on-call"))


def test_a_webhook_is_verified_by_the_library_that_receivers_use(server):
    one = recipient(server)
    assert webhooks().send(one, message()).outcome is Outcome.DELIVERED
    (heard,) = server.heard
    payload = Webhook(spelled(secret_of(MASTER, one, 1))).verify(heard.body, heard.headers)
    assert (payload["v"], payload["type"], payload["data"]["alarm"]) == (1, "alarm.raised", "pump-7.42")
    assert heard.headers["content-type"] == "application/json"
    with pytest.raises(WebhookVerificationError):
        Webhook(spelled(secret_of(MASTER, one, 1))).verify(heard.body.replace(b"major", b"minor"), heard.headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(spelled(secret_of(MASTER, one, 2))).verify(heard.body, heard.headers)


def test_the_id_is_the_same_at_each_attempt_and_the_signature_is_of_that_attempt(server):
    one = recipient(server)
    webhooks().send(one, message())
    webhooks().send(one, message())
    first, second = server.heard
    assert first.headers["webhook-id"] == second.headers["webhook-id"] == message().id
    assert first.body == second.body
    assert abs(int(second.headers["webhook-timestamp"]) - time.time()) < 5


def test_for_a_day_both_secrets_sign_after_one_was_made_anew(server):
    now = SystemClock().now_ms()
    rotated = recipient(server).rotated(now)
    webhooks().send(rotated, message())
    webhooks().send(recipient(server).rotated(now - ROTATION_MS), message())
    during, after = server.heard
    for generation in (1, 2):
        Webhook(spelled(secret_of(MASTER, rotated, generation))).verify(during.body, during.headers)
    assert len(after.headers["webhook-signature"].split(" ")) == 1


def test_each_recipient_has_secrets_of_his_own(server):
    one = recipient(server)
    another = msgspec.structs.replace(one, id="managers")
    later = msgspec.structs.replace(one, created_at=NOW + 1)
    secrets = {secret_of(MASTER, who, generation) for who in (one, another, later) for generation in (1, 2)}
    assert len(secrets) == 6
    assert all(len(secret) == 32 for secret in secrets)


def test_without_the_secret_of_the_deployment_nothing_is_sent(server):
    def gone():
        raise SecretError("reading the secret: gone")

    with pytest.raises(SecretError):
        WebhookSender(GuardedHttp(loopback=True), gone, SystemClock()).send(recipient(server), message())
    assert server.heard == []


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (200, Outcome.DELIVERED),
        (204, Outcome.DELIVERED),
        (301, Outcome.REFUSED),
        (307, Outcome.REFUSED),
        (400, Outcome.REFUSED),
        (401, Outcome.REFUSED),
        (404, Outcome.REFUSED),
        (408, Outcome.FAILED),
        (410, Outcome.REFUSED),
        (425, Outcome.FAILED),
        (429, Outcome.FAILED),
        (500, Outcome.FAILED),
        (503, Outcome.FAILED),
    ],
)
def test_what_an_answer_is_worth(server, status, outcome):
    server.answers.append((status, {}, b"" if status == 204 else b"because\r\n\x07of that"))
    answer = webhooks().send(recipient(server), message())
    assert (answer.outcome, answer.status) == (outcome, status)
    assert ("because of that" in answer.note) is (status >= 400)


def test_what_the_receiver_asks_for_is_told(server):
    server.answers.append((429, {"Retry-After": "120"}, b"busy"))
    assert webhooks().send(recipient(server), message()).retry_after_ms == 120_000


@pytest.mark.parametrize(
    ("text", "wait"),
    [
        (None, None),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("0", 0),
        (" 7 ", 7_000),
        ("99999999999999999999", GIVE_UP_MS),
        ("Mon, 24 Nov 2025 16:02:00 GMT", 120_000),
        ("Mon, 24 Nov 2025 15:00:00 GMT", 0),
        ("Mon, 24 Nov 2099 15:00:00 GMT", GIVE_UP_MS),
    ],
)
def test_both_forms_of_retry_after_are_read(text, wait):
    assert retry_after_ms(text, NOW) == wait


def test_a_receiver_inside_is_refused_for_good_and_one_that_is_away_is_not(server):
    inside = webhooks().send(recipient(server, address="https://10.0.0.7/"), message())
    assert (inside.outcome, inside.status) == (Outcome.REFUSED, None)
    assert "no public address (private)" in inside.note
    no_longer = WebhookSender(GuardedHttp(), lambda: MASTER, SystemClock()).send(recipient(server), message())
    assert no_longer.outcome is Outcome.REFUSED
    server.close()
    away = webhooks().send(recipient(server), message())
    assert (away.outcome, away.note) == (Outcome.FAILED, "not reached: Connection refused")


def test_slack_gets_text_and_blocks_without_a_signature(server):
    sent = SlackSender(GuardedHttp(loopback=True), SystemClock()).send(recipient(server, Channel.SLACK), message())
    assert sent.outcome is Outcome.DELIVERED
    (heard,) = server.heard
    document = json.loads(heard.body)
    assert document["text"] == "[major] Alarm: Cold store too warm (Pump 7 (pump-7))"
    assert document["blocks"][0]["text"]["type"] == "plain_text"
    assert "9.5 °C in the cold store" in document["blocks"][0]["text"]["text"]
    assert not any(name.startswith("webhook-") for name in heard.headers)


def test_e_mail_goes_through_ses_from_the_address_that_was_chosen(server, aws):
    client = boto3.client("sesv2")
    client.create_email_identity(EmailIdentity="alarms@example.com")
    one = recipient(server, Channel.EMAIL, address="ann@example.com")
    answer = SesEmail(client, "alarms@example.com").send(one, message())
    assert answer.outcome is Outcome.DELIVERED
    (sent,) = ses_backends[DEFAULT_ACCOUNT_ID]["eu-west-1"].sent_messages
    assert (sent.source, sent.destinations["ToAddresses"]) == ("alarms@example.com", ["ann@example.com"])
    assert sent.subject == "[major] Alarm: Cold store too warm (Pump 7 (pump-7))"
    assert sent.body.startswith("9.5 °C in the cold store\nDevice: Pump 7 (pump-7)\n")


def test_a_sender_that_ses_does_not_know_is_refused_for_good(server, aws):
    one = recipient(server, Channel.EMAIL, address="ann@example.com")
    answer = SesEmail(boto3.client("sesv2"), "other@example.com").send(one, message())
    assert answer.outcome is Outcome.REFUSED
    assert answer.note.startswith("SES refused it: MessageRejected")


def test_without_a_sender_e_mail_is_refused_with_what_is_missing(server):
    answer = NoEmail().send(recipient(server, Channel.EMAIL, address="ann@example.com"), message())
    assert answer.outcome is Outcome.REFUSED
    assert "mail_from is empty" in answer.note


def test_sms_goes_through_sns_to_the_number(server, aws):
    one = recipient(server, Channel.SMS, address="+4366012345678")
    assert SnsText(boto3.client("sns")).send(one, message()).outcome is Outcome.DELIVERED
    ((number, text),) = [
        (sent[0], sent[1]) for sent in sns_backends[DEFAULT_ACCOUNT_ID]["eu-west-1"].sms_messages.values()
    ]
    assert number == "+4366012345678"
    assert text == "[major] Alarm: Cold store too warm (Pump 7 (pump-7)): 9.5 °C in the cold store"


@pytest.mark.parametrize(
    ("code", "status", "outcome"),
    [
        ("ThrottledException", 400, Outcome.FAILED),
        ("InternalError", 500, Outcome.FAILED),
        ("OptedOut", 400, Outcome.REFUSED),
        ("AuthorizationError", 403, Outcome.REFUSED),
    ],
)
def test_a_service_that_is_busy_is_asked_again(server, aws, code, status, outcome):
    client = boto3.client("sns")
    with Stubber(client) as stubbed:
        stubbed.add_client_error("publish", code, "no", http_status_code=status)
        assert SnsText(client).send(recipient(server, Channel.SMS, address="+436601"), message()).outcome is outcome


def test_a_service_that_is_not_reached_is_asked_again(server):
    class Away:
        def publish(self, **_):
            raise EndpointConnectionError(endpoint_url="https://sns.eu-west-1.amazonaws.com")

    answer = SnsText(Away()).send(recipient(server, Channel.SMS, address="+436601"), message())
    assert (answer.outcome, answer.note) == (Outcome.FAILED, "SNS was not reached: EndpointConnectionError")
