"""What a watcher and the server say to each other over the WebSocket: JSON, version 1, one object a frame.

docs/live.md shows each to the people who write clients.
"""

import json
import re
from typing import Any, Final

import msgspec

from contract.errors import IdentityError, shown
from contract.identity import parse_command_id, parse_group, parse_thing
from functions.domain.live import ALARMS, EVERYTHING, FRAME_BYTES, command_topic, device_topic, group_topic
from functions.errors import RequestError

VERSION: Final = 1
MESSAGE_BYTES: Final = 16 * 1024
"""Of what a client sends at once."""
MAX_TOPICS: Final = 100
"""That one connection subscribes to."""
MAX_CONNECTIONS: Final = 20
"""Of one principal; one more closes the oldest."""
MESSAGES_A_MINUTE: Final = 60
"""Of one connection; beyond that it is told so, at twice as many it is closed."""
HEARTBEAT_S: Final = 240
"""How often a client is to ping: API Gateway closes what is silent for ten minutes."""

_NAME_CHARS = 64
_ID = re.compile(r"[0-9A-Za-z_.:-]{1,64}")
_WORDS = ("hello", "subscribe", "unsubscribe", "ping")


class Hello(msgspec.Struct, frozen=True):
    pass


class Subscribe(msgspec.Struct, frozen=True):
    topics: tuple[str, ...]
    id: str | None = None


class Unsubscribe(msgspec.Struct, frozen=True):
    topics: tuple[str, ...]
    id: str | None = None


class Ping(msgspec.Struct, frozen=True):
    id: str | None = None


Said = Hello | Subscribe | Unsubscribe | Ping


class Limits(msgspec.Struct, frozen=True):
    subscriptions: int = MAX_TOPICS
    connections: int = MAX_CONNECTIONS
    messages_a_minute: int = MESSAGES_A_MINUTE
    message_bytes: int = MESSAGE_BYTES
    frame_bytes: int = FRAME_BYTES


class _Frame(msgspec.Struct, frozen=True, tag_field="type", omit_defaults=True):
    pass


class Welcome(_Frame, frozen=True, tag="welcome", omit_defaults=False):
    """At `renew_at` the client is to connect anew; at `closes_at` API Gateway ends the connection."""

    heartbeat_s: int
    renew_at: int
    closes_at: int
    limits: Limits = Limits()
    v: int = VERSION


class Refusal(msgspec.Struct, frozen=True):
    """`reason`: `not_found` (it does not exist, or is not for you), or `limit`."""

    topic: str
    reason: str


class Subscribed(_Frame, frozen=True, tag="subscribed"):
    """`complete_from`: from then on nothing is missed for want of the subscription; read by REST once, after it."""

    topics: tuple[str, ...]
    complete_from: int
    refused: tuple[Refusal, ...] = ()
    id: str | None = None


class Refused(_Frame, frozen=True, tag="refused"):
    """None of what was asked for."""

    refused: tuple[Refusal, ...]
    id: str | None = None


class Unsubscribed(_Frame, frozen=True, tag="unsubscribed"):
    topics: tuple[str, ...]
    id: str | None = None


class Pong(_Frame, frozen=True, tag="pong"):
    at: int
    id: str | None = None


class Renew(_Frame, frozen=True, tag="renew"):
    """A pong, too: connect anew with another ticket before `closes_at`."""

    at: int
    closes_at: int
    id: str | None = None


class Revoked(_Frame, frozen=True, tag="revoked"):
    """What the client may no longer watch. `everything`: the principal may nothing any more, and is cut off."""

    topics: tuple[str, ...]
    everything: bool = False


class Error(_Frame, frozen=True, tag="error"):
    """`slug`: `malformed`, with the field at fault, `rate` or `unavailable` (try again)."""

    slug: str
    message: str
    field: str | None = None
    expected: str | None = None
    got: str | None = None


def malformed(exc: RequestError) -> Error:
    return Error("malformed", str(exc), exc.field, exc.expected, exc.got)


def encode(frame: msgspec.Struct) -> bytes:
    return msgspec.json.encode(frame)


def read(text: str) -> Said:
    """What a client said; raises RequestError, which names field, expected and got, and nothing else."""
    document = _document(text)
    word = document.pop("type", None)
    match word:
        case "hello":
            version = document.pop("v", VERSION)
            if type(version) is not int or version != VERSION:
                raise RequestError("v", str(VERSION), shown(version))
            _end(document)
            return Hello()
        case "ping":
            identifier = _id(document)
            _end(document)
            return Ping(identifier)
        case "subscribe":
            identifier, topics = _id(document), _topics(document)
            return Subscribe(topics, identifier)
        case "unsubscribe":
            identifier, topics = _id(document), _topics(document)
            return Unsubscribe(topics, identifier)
    raise RequestError("type", f"one of {', '.join(_WORDS)}", shown(word))


def _document(text: str) -> dict[str, Any]:
    size = len(text.encode(errors="surrogatepass"))
    if size > MESSAGE_BYTES:
        raise RequestError("message", f"at most {MESSAGE_BYTES} bytes", f"{size}")
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        raise RequestError("message", "a JSON object", shown(text)) from None
    if not isinstance(document, dict):
        raise RequestError("message", "a JSON object", shown(document))
    return document


def _id(document: dict[str, Any]) -> str | None:
    """Given back with the answer, so that a client knows what it answers."""
    identifier = document.pop("id", None)
    if identifier is not None and not (isinstance(identifier, str) and _ID.fullmatch(identifier)):
        raise RequestError("id", "1 to 64 of a-z, A-Z, 0-9, '_', '.', ':' and '-'", shown(identifier))
    return identifier


def _topics(document: dict[str, Any]) -> tuple[str, ...]:
    """Each once, in the order given."""
    devices = [device_topic(_named("devices", at, name)) for at, name in _list(document, "devices")]
    groups = [group_topic(_named("groups", at, name)) for at, name in _list(document, "groups")]
    commands = [_command(at, ref) for at, ref in _list(document, "commands")]
    whole = [topic for field, topic in (("all", EVERYTHING), ("alarms", ALARMS)) if _flag(document, field)]
    _end(document)
    topics = dict.fromkeys([*whole, *devices, *groups, *commands])
    if not topics:
        raise RequestError("devices", "some of devices, groups and commands, or alarms, or all", "none of them")
    if len(topics) > MAX_TOPICS:
        raise RequestError("devices", f"at most {MAX_TOPICS} devices, groups and commands", str(len(topics)))
    return tuple(topics)


def _flag(document: dict[str, Any], field: str) -> bool:
    value = document.pop(field, False)
    if type(value) is not bool:
        raise RequestError(field, "true or false", shown(value))
    return value


def _list(document: dict[str, Any], field: str) -> list[tuple[int, Any]]:
    found = document.pop(field, [])
    if not isinstance(found, list):
        raise RequestError(field, "a list", shown(found))
    if len(found) > MAX_TOPICS:
        raise RequestError(field, f"at most {MAX_TOPICS}", str(len(found)))
    return list(enumerate(found))


def _named(field: str, at: int, name: Any) -> str:
    return _parsed(f"{field}[{at}]", parse_thing if field == "devices" else parse_group, name)


def _command(at: int, ref: Any) -> str:
    where = f"commands[{at}]"
    if not isinstance(ref, dict):
        raise RequestError(where, "an object with device and id", shown(ref))
    unknown = sorted(ref.keys() - {"device", "id"})
    if unknown:
        raise RequestError(f"{where}.{_legible(unknown[0])}", "left out", "a field that is not known here")
    thing = _parsed(f"{where}.device", parse_thing, ref.get("device"))
    return command_topic(thing, _parsed(f"{where}.id", parse_command_id, ref.get("id")))


def _parsed(where: str, parse: Any, value: Any) -> str:
    if not isinstance(value, str):
        raise RequestError(where, "a string", shown(value))
    try:
        return str(parse(value))
    except IdentityError as exc:
        raise RequestError(where, exc.expected, exc.got) from exc


def _end(document: dict[str, Any]) -> None:
    """A field that nobody reads is a typing error that its writer should hear of."""
    if document:
        raise RequestError(_legible(min(document)), "left out", "a field that is not known here")


def _legible(name: str) -> str:
    """A client's own word, as it can be sent back: half of a surrogate pair cannot."""
    return name[:_NAME_CHARS].encode(errors="replace").decode()
