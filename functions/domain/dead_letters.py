"""Messages that nothing could handle: what they are, for people, and what they were before, for their queue.

A dead-letter queue holds messages as they were sent. A rule-error queue holds what AWS IoT says of a message that a
topic rule could not deliver, with the device's bytes: from it the message is made as the rule would have made it.
"""

from base64 import b64decode
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import msgspec

from contract import ingest, topics
from contract.documents import read_json
from contract.errors import ContractError, DocumentError, shown
from contract.identity import parse_thing
from contract.ingest import IngestMessage, ResponseMessage, ShadowMessage

MAX_PAYLOAD_BYTES: Final = 4_096
"""Of each that is shown: fifty of them fit into an answer, whatever they hold."""
_WHY_CHARS: Final = 500
_MAX_BODY_BYTES: Final = 1_048_576  # what SQS takes
_ERROR: Final = "base64OriginalPayload"


class Depth(msgspec.Struct, frozen=True):
    """How many messages wait, and how many somebody looks at right now; all approximate, as SQS has it.

    `oldest` is when the oldest was sent of some that were looked at: there may be older ones. `source` is whether they
    can go back into a queue.
    """

    name: str
    waiting: int
    hidden: int
    oldest: int | None
    source: bool


class Letter(msgspec.Struct, frozen=True):
    """`sent_at` is when it was first queued, `receives` how often it was handed out since."""

    id: str
    body: str
    sent_at: int
    receives: int


class Described(msgspec.Struct, frozen=True):
    """A dead letter in words. `payload` are the bytes of the device, or of the work; of large ones the beginning."""

    letter: Letter
    thing: str | None
    topic: str | None
    received_at: int | None
    payload: bytes
    size: int
    why: str | None


class Forward(msgspec.Struct, frozen=True):
    """The body that goes into the source queue of the dead-letter queue `name`."""

    name: str
    body: str


def described(name: str, letter: Letter) -> Described:
    """A letter of the queue `name`."""
    document = _document(letter.body)
    if document is not None and isinstance(document.get(_ERROR), str):
        topic = document.get("topic")
        return _described(
            letter,
            _thing(topic),
            topic if isinstance(topic, str) else None,
            letter.sent_at,
            _base64(document[_ERROR]) or b"",
            _failures(document),
        )
    if document is None:
        return _described(letter, None, None, None, letter.body.encode(errors="replace"), "it is no JSON object")
    thing, received_at = document.get("thing"), document.get("received_at")
    data = document.get("data")
    payload = _base64(data) if isinstance(data, str) else None
    return _described(
        letter,
        thing if isinstance(thing, str) else None,
        None,
        received_at if type(received_at) is int else None,
        letter.body.encode(errors="replace") if payload is None else payload,
        _unreadable(name, letter.body),
    )


def forward(name: str, letter: Letter) -> Forward | str:
    """Where it goes back to, and as what; a text that says why it cannot."""
    document = _document(letter.body)
    if document is None or not isinstance(document.get(_ERROR), str):
        return Forward(name, letter.body)
    payload, levels = _base64(document[_ERROR]), _levels(document.get("topic"))
    rule = _RULES.get(document.get("ruleName") or "") if isinstance(document.get("ruleName"), str) else None
    if rule is None or payload is None:
        return f"it comes of no topic rule of ours, or without its bytes: {shown(document.get('ruleName'))}"
    target, make = rule
    try:
        return Forward(target, make(levels, payload, letter.sent_at).decode())
    except (ContractError, UnicodeDecodeError, IndexError):
        return f"no message can be made of it: its topic is {shown(document.get('topic'))}"


def _telemetry(levels: Sequence[str], payload: bytes, at: int) -> bytes:
    return ingest.encode(IngestMessage(data=payload, thing=parse_thing(levels[1]), received_at=at))


def _response(levels: Sequence[str], payload: bytes, at: int) -> bytes:
    message = ResponseMessage(data=payload, thing=parse_thing(levels[1]), id=levels[2], received_at=at)
    return ingest.encode_response(message)


def _shadow(levels: Sequence[str], payload: bytes, at: int) -> bytes:
    message = ShadowMessage(data=payload, thing=parse_thing(levels[2]), name=levels[5], received_at=at)
    return ingest.encode_shadow(message)


def _as_it_is(_levels: Sequence[str], payload: bytes, _at: int) -> bytes:
    return payload


_RULES: Final[Mapping[str, tuple[str, Callable[[Sequence[str], bytes, int], bytes]]]] = {
    topics.TELEMETRY_RULE_NAME: ("ingest", _telemetry),
    topics.EVENT_RULE_NAME: ("events", _telemetry),
    topics.PRESENCE_RULE_NAME: ("presence", _as_it_is),
    topics.COMMAND_RESPONSE_RULE_NAME: ("commands", _response),
    topics.SHADOW_RULE_NAME: ("shadows", _shadow),
}
"""What each topic rule would have put on its queue, of the levels of a topic, a payload and the time of its receipt."""


def _levels(topic: Any) -> Sequence[str]:
    """As the rules' SQL counts them: of Basic Ingest without what names the rule."""
    levels = topic.split("/") if isinstance(topic, str) else []
    return levels[3:] if levels[:2] == ["$aws", "rules"] else levels


_READ: Final[Mapping[str, Callable[[str], object]]] = {
    "ingest": ingest.decode,
    "events": ingest.decode,
    "shadows": ingest.decode_shadow,
}
"""How the function of a queue reads its messages, where they are all of one kind."""


def _unreadable(name: str, body: str) -> str | None:
    """A message that its function cannot read has that as the reason; of others the queue does not know it."""
    try:
        if name in _READ:
            _READ[name](body)
    except DocumentError as exc:
        return f"it is no message of a topic rule: {exc}"
    return None


def _described(
    letter: Letter, thing: str | None, topic: str | None, received_at: int | None, payload: bytes, why: str | None
) -> Described:
    return Described(letter, thing, topic, received_at, payload[:MAX_PAYLOAD_BYTES], len(payload), why)


def _document(body: str) -> dict[str, Any] | None:
    try:
        document = read_json(body.encode(), _MAX_BODY_BYTES)
    except (DocumentError, UnicodeEncodeError):
        return None
    return document if isinstance(document, dict) else None


def _thing(topic: Any) -> str | None:
    try:
        return topics.parse(topic).thing or None if isinstance(topic, str) else None
    except ContractError:
        return None


def _base64(text: str) -> bytes | None:
    try:
        return b64decode(text, validate=True)
    except ValueError:
        return None


def _failures(document: Mapping[str, Any]) -> str | None:
    found = document.get("failures")
    said = [
        f"{one.get('failedAction', 'an action')}: {one.get('errorMessage', 'no reason given')}"
        for one in (found if isinstance(found, list) else [])
        if isinstance(one, dict)
    ]
    return "; ".join(said)[:_WHY_CHARS] or None
