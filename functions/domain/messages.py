"""What recipients are told, in the form of each channel. The same delivery is the same message at each attempt."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from contract.models import SEVERITIES
from functions.domain.deliveries import Delivery, Notice, Trial

VERSION: Final = 1
"""Of the JSON that webhooks get; members may be added to it."""
DIGEST_LINES: Final = 30
MAX_SMS_CHARS: Final = 300
MAX_SUBJECT_CHARS: Final = 200
MAX_SLACK_CHARS: Final = 3_000
"""Of a block's text."""

_KINDS: Final = {
    "raised": "Alarm",
    "escalated": "Worse",
    "downgraded": "Less severe",
    "flapping": "Flapping",
    "cleared": "Cleared",
    "unacknowledged": "Not acknowledged",
}


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """`id` stays over all attempts. `lines` are the text, `data` says the same to machines."""

    id: str
    type: str
    at: int
    subject: str
    lines: tuple[str, ...]
    data: dict[str, Any]


def notice(delivery: Delivery) -> Message:
    """Of one step of an alarm."""
    about = delivery.about
    if about is None:
        raise ValueError(f"{delivery.id}: expected a step of an alarm, got none")
    kind = _kind_of(delivery)
    lines = [about.message or about.title, f"Device: {_device(delivery)}"]
    if delivery.group:
        lines.append(f"Group: {delivery.group}")
    lines += [f"Severity: {about.severity}", f"Rule: {about.rule}", f"Alarm: {about.alarm}"]
    lines.append(f"Raised: {_spelled(about.since)}")
    if about.at != about.since:
        lines.append(f"{_KINDS[about.kind]}: {_spelled(about.at)}")
    return Message(
        id=delivery.message_id,
        type=f"alarm.{kind}",
        at=about.at,
        subject=_one_line(f"[{about.severity}] {_KINDS[kind]}: {about.title} ({_device(delivery)})"),
        lines=tuple(map(_one_line, lines)),
        data=_data(delivery),
    )


def digest(delivery: Delivery, told: Sequence[Delivery], *, more: bool, over: int) -> Message:
    """Of what was gathered: the worst first. `over` of it ended before anybody was told, and are only counted."""
    ordered = sorted(told, key=_worst_first)
    shown = ordered[:DIGEST_LINES]
    left_out = len(ordered) - len(shown)
    lines = [_digest_line(one) for one in shown]
    if left_out or more:
        lines.append(f"… and {left_out} more" + (", at least" if more else ""))
    if over:
        lines.append(f"{over} more were raised and have ended meanwhile")
    count = f"{len(ordered)}{'+' if more else ''}"
    return Message(
        id=delivery.message_id,
        type="digest",
        at=delivery.created_at,
        subject=f"{count} notification{'' if count == '1' else 's'} of alarms",
        lines=tuple(lines),
        data={
            "notifications": [{"type": f"alarm.{_kind_of(one)}", **_data(one)} for one in shown],
            "left_out": left_out,
            "more": more,
            "ended": over,
        },
    )


def trial(delivery: Delivery) -> Message:
    by = delivery.task.by if isinstance(delivery.task, Trial) else ""
    return Message(
        id=delivery.message_id,
        type="test",
        at=delivery.created_at,
        subject="Test message",
        lines=(f"This is a test, sent by {_one_line(by)}. No alarm has been raised.",),
        data={"by": by},
    )


def webhook_body(message: Message) -> bytes:
    document = {"v": VERSION, "type": message.type, "timestamp": _spelled(message.at), "data": message.data}
    return msgspec.json.encode(document)


def slack_body(message: Message) -> bytes:
    """`text` is what a notification on a telephone shows, `blocks` what stands in the channel, without any markup."""
    text = _bounded("\n".join((message.subject, *message.lines)), MAX_SLACK_CHARS)
    blocks = [{"type": "section", "text": {"type": "plain_text", "text": text, "emoji": False}}]
    return msgspec.json.encode({"text": _escaped(_bounded(message.subject, MAX_SUBJECT_CHARS)), "blocks": blocks})


def email(message: Message) -> tuple[str, str]:
    """Subject and text."""
    return _bounded(message.subject, MAX_SUBJECT_CHARS), "\n".join([*message.lines, ""])


def sms(message: Message) -> str:
    return _bounded(f"{message.subject}: {message.lines[0]}", MAX_SMS_CHARS)


def _kind_of(delivery: Delivery) -> str:
    if isinstance(delivery.task, Notice) and delivery.task.unacknowledged_ms is not None:
        return "unacknowledged"
    return delivery.about.kind.value if delivery.about else ""


def _data(delivery: Delivery) -> dict[str, Any]:
    about = delivery.about
    if about is None:
        return {}
    data: dict[str, Any] = {
        "alarm": about.alarm,
        "step": about.step,
        "device": about.thing,
        "device_name": delivery.name or about.thing,
        "group": delivery.group,
        "rule": about.rule,
        "rule_version": about.rule_version,
        "severity": about.severity,
        "title": about.title,
        "message": about.message,
        "at": about.at,
        "raised_at": about.since,
        "values": dict(about.values),
        "first": about.first,
        "last": about.last,
        "peak": about.peak,
        "count": about.count,
        "clearing": about.clearing,
    }
    if isinstance(delivery.task, Notice) and delivery.task.unacknowledged_ms is not None:
        data["unacknowledged_ms"] = delivery.task.unacknowledged_ms
    return data


def _digest_line(delivery: Delivery) -> str:
    about = delivery.about
    if about is None:
        return delivery.id
    text = about.message or about.title
    return _one_line(
        f"{_spelled(about.at)} [{about.severity}] {_KINDS[_kind_of(delivery)]}: {_device(delivery)}: {text}"
    )


def _worst_first(delivery: Delivery) -> tuple[int, int, str]:
    about = delivery.about
    return (SEVERITIES.index(about.severity), -about.at, delivery.id) if about else (len(SEVERITIES), 0, delivery.id)


def _device(delivery: Delivery) -> str:
    thing = delivery.about.thing if delivery.about else ""
    return f"{delivery.name} ({thing})" if delivery.name and delivery.name != thing else thing


def _one_line(text: str) -> str:
    """A line break in a subject would begin a header, and one in a line another line."""
    return " ".join("".join(one if one.isprintable() else " " for one in text).split())


def _bounded(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def _escaped(text: str) -> str:
    """What Slack would read as a link or a mention is shown as it is."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _spelled(at: int) -> str:
    return datetime.fromtimestamp(at / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
