"""What recipients read, and what machines do."""

import json

import msgspec
import pytest

from functions.domain.alarms import Clearing
from functions.domain.deliveries import Notice, Trial, digest_of
from functions.domain.messages import (
    DIGEST_LINES,
    MAX_SLACK_CHARS,
    MAX_SMS_CHARS,
    digest,
    email,
    notice,
    slack_body,
    sms,
    trial,
    webhook_body,
)
from tests.functions.domain.deliveries_of import NOW, alarm
from tests.functions.domain.deliveries_of import notice as delivery


def of(**more):
    one = delivery("on-call")
    return msgspec.structs.replace(one, about=alarm(**more))


def test_a_webhook_says_what_happened_to_what_and_how_bad_it_is():
    about = {
        "kind": "cleared",
        "step": 3,
        "at": NOW + 61_000,
        "since": NOW,
        "values": {"temperature": 6.5, "door": None},
    }
    document = json.loads(webhook_body(notice(of(**about, peak=9.5, clearing=Clearing.CONDITION))))
    assert document == {
        "v": 1,
        "type": "alarm.cleared",
        "timestamp": "2025-11-24T16:01:01.000Z",
        "data": {
            "alarm": "pump-7.42",
            "step": 3,
            "device": "pump-7",
            "device_name": "Pump 7",
            "group": "plant-1/line-2",
            "rule": "too-warm",
            "rule_version": 3,
            "severity": "major",
            "title": "Cold store too warm",
            "message": "9.5 °C in the cold store",
            "at": NOW + 61_000,
            "raised_at": NOW,
            "values": {"temperature": 6.5, "door": None},
            "first": None,
            "last": None,
            "peak": 9.5,
            "count": 1,
            "clearing": "condition",
        },
    }


def test_the_same_step_told_to_another_recipient_is_another_message():
    assert notice(delivery("on-call")).id != notice(delivery("managers")).id
    assert notice(delivery("on-call")).id == notice(delivery("on-call")).id


def test_an_e_mail_has_a_subject_of_one_line():
    one = of(severity="critical")
    nasty = msgspec.structs.replace(one, about=msgspec.structs.replace(one.about, title="Warm\r\nBcc: eve@example.com"))
    subject, text = email(notice(nasty))
    assert subject == "[critical] Alarm: Warm Bcc: eve@example.com (Pump 7 (pump-7))"
    assert text.splitlines() == [
        "9.5 °C in the cold store",
        "Device: Pump 7 (pump-7)",
        "Group: plant-1/line-2",
        "Severity: critical",
        "Rule: too-warm",
        "Alarm: pump-7.42",
        "Raised: 2025-11-24T16:00:00.000Z",
    ]


def test_an_sms_is_short():
    long = msgspec.structs.replace(of(), about=msgspec.structs.replace(alarm(), message="x" * 500))
    assert len(sms(notice(long))) == MAX_SMS_CHARS
    assert sms(notice(long)).endswith("…")
    assert sms(notice(of())) == "[major] Alarm: Cold store too warm (Pump 7 (pump-7)): 9.5 °C in the cold store"


def test_slack_reads_no_mention_or_link_in_what_devices_and_people_wrote():
    nasty = msgspec.structs.replace(alarm(), title="<!channel> & <https://evil.example|click>", message="*bold* <@U1>")
    document = json.loads(slack_body(notice(msgspec.structs.replace(of(), about=nasty))))
    assert "<" not in document["text"]
    assert "&lt;!channel&gt; &amp; " in document["text"]
    (block,) = document["blocks"]
    assert block["text"]["type"] == "plain_text"
    assert "*bold* <@U1>" in block["text"]["text"]


def test_slack_is_bounded():
    many = [of(number=number) for number in range(DIGEST_LINES)]
    document = json.loads(slack_body(digest(digest_of("on-call", 1, NOW, NOW), many, more=True, over=3)))
    assert len(document["blocks"][0]["text"]["text"]) <= MAX_SLACK_CHARS


def test_an_escalation_says_that_nobody_has_acknowledged():
    late = msgspec.structs.replace(of(), task=Notice(recipient="managers", unacknowledged_ms=900_000))
    message = notice(late)
    assert message.type == "alarm.unacknowledged"
    assert message.data["unacknowledged_ms"] == 900_000
    assert message.subject.startswith("[major] Not acknowledged: ")


def test_a_device_without_a_name_of_its_own_is_called_once():
    message = notice(msgspec.structs.replace(of(), name="pump-7"))
    assert "Device: pump-7" in message.lines


@pytest.mark.parametrize(("count", "subject"), [(1, "1 notification of alarms"), (3, "3 notifications of alarms")])
def test_a_digest_counts_what_it_tells(count, subject):
    told = [of(number=number) for number in range(count)]
    assert digest(digest_of("on-call", 1, NOW, NOW), told, more=False, over=0).subject == subject


def test_a_digest_is_told_worst_first_then_newest():
    told = [
        of(number=1, severity="minor", at=NOW),
        of(number=2, severity="major", at=NOW),
        of(number=3, severity="major", at=NOW + 1000),
    ]
    message = digest(digest_of("on-call", 1, NOW, NOW), told, more=False, over=0)
    assert [one["alarm"] for one in message.data["notifications"]] == ["pump-7.3", "pump-7.2", "pump-7.1"]
    assert message.lines[0] == ("2025-11-24T16:00:01.000Z [major] Alarm: Pump 7 (pump-7): 9.5 °C in the cold store")


def test_a_test_says_that_it_is_one():
    one = msgspec.structs.replace(of(), task=Trial(recipient="on-call", by="ann"), about=None)
    message = trial(one)
    assert (message.type, message.data) == ("test", {"by": "ann"})
    assert message.lines == ("This is a test, sent by ann. No alarm has been raised.",)
