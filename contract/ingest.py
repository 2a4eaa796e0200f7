"""What the topic rules put on their queues, and one line of the lake. All carry the device's bytes untouched."""

from typing import Final, TypeVar

import msgspec

from contract._convert import Mismatch, convert
from contract._strict_json import parse
from contract.errors import DocumentError, IdentityError, shown
from contract.identity import parse_thing
from contract.telemetry import MAX_TIMESTAMP_MS

__all__ = [
    "IngestMessage",
    "LakeLine",
    "ResponseMessage",
    "ShadowMessage",
    "decode",
    "decode_line",
    "decode_response",
    "decode_shadow",
    "encode",
    "encode_line",
    "encode_response",
    "encode_shadow",
]


class IngestMessage(msgspec.Struct, frozen=True, kw_only=True):
    """A queue body. `data` is base64 in JSON; `thing` comes from the topic; `received_at` is ms since the epoch.

    `replay` names an entry of the thing's quarantine that is to be looked at again, instead of `data`, which is empty.
    Only the platform puts it there: the topic rule's SQL makes no such member, and what a device sends is in `data`.
    """

    data: bytes
    thing: str
    received_at: int
    v: int = 1
    replay: str | msgspec.UnsetType = msgspec.UNSET


class ResponseMessage(msgspec.Struct, frozen=True, kw_only=True):
    """A queue body of a command's answer: as an IngestMessage, and `id` is the command's, from the topic.

    The id is as the device wrote it: it may be no command id at all.
    """

    data: bytes
    thing: str
    id: str
    received_at: int
    v: int = 1


class ShadowMessage(msgspec.Struct, frozen=True, kw_only=True):
    """A queue body of a shadow that changed: as an IngestMessage, and `name` is the shadow's, from the topic."""

    data: bytes
    thing: str
    name: str
    received_at: int
    v: int = 1


class LakeLine(msgspec.Struct, frozen=True, kw_only=True):
    """A raw message as the lake keeps it: what a replay or a change of store starts from."""

    thing: str
    received_at: int
    data: bytes
    v: int = 1


_VERSION: Final = 1
_MAX_BYTES: Final = 1_048_576  # a queue's limit, far above a wrapped message
_Wrapper = TypeVar("_Wrapper", IngestMessage, ResponseMessage, ShadowMessage, LakeLine)
_encoder = msgspec.json.Encoder()
_read = msgspec.json.Decoder(IngestMessage).decode
_MEMBERS: Final = 3


def decode(body: bytes | str) -> IngestMessage:
    """A queue body; raises only DocumentError."""
    return _at_a_glance(body) or _decode(body, IngestMessage)


def encode(message: IngestMessage) -> bytes:
    return _encoder.encode(message)


def decode_response(body: bytes | str) -> ResponseMessage:
    """A queue body of the rule for answers to commands; raises only DocumentError."""
    return _decode(body, ResponseMessage)


def encode_response(message: ResponseMessage) -> bytes:
    return _encoder.encode(message)


def decode_shadow(body: bytes | str) -> ShadowMessage:
    """A queue body of the rule for shadows; raises only DocumentError."""
    return _decode(body, ShadowMessage)


def encode_shadow(message: ShadowMessage) -> bytes:
    return _encoder.encode(message)


def decode_line(line: bytes | str) -> LakeLine:
    """A line of the lake, with or without its newline; raises only DocumentError."""
    return _decode(line, LakeLine)


def encode_line(line: LakeLine) -> bytes:
    """One JSON line, with its newline."""
    return _encoder.encode(line) + b"\n"


def _at_a_glance(body: bytes | str) -> IngestMessage | None:
    """What the topic rule and `encode` write; None for all else. As many colons as members: so there are no others."""
    try:
        found = _read(body)
        if isinstance(body, bytes):
            others = body.count(b":") - body.count(b'"v":')
        else:
            others = body.count(":") - body.count('"v":')
        usual = others == _MEMBERS and found.v == _VERSION and found.replay is msgspec.UNSET
        if not usual or len(body) > _MAX_BYTES or not 0 <= found.received_at <= MAX_TIMESTAMP_MS:
            return None
        parse_thing(found.thing)
    except Exception:  # noqa: BLE001 - what is wrong with it is for the careful reader to say
        return None
    return found


def _decode(text: bytes | str, kind: type[_Wrapper]) -> _Wrapper:
    try:
        raw = text.encode() if isinstance(text, str) else text
    except UnicodeEncodeError as error:
        raise DocumentError(None, "UTF-8", error.reason, "bad_encoding") from error
    document, _ = parse(raw, _MAX_BYTES, DocumentError)
    try:
        wrapper = convert(document, kind)
        parse_thing(wrapper.thing)
    except Mismatch as error:
        raise DocumentError(error.field, error.expected, error.got) from error
    except IdentityError as error:
        raise DocumentError("thing", error.expected, error.got) from error
    if wrapper.v != _VERSION:
        raise DocumentError("v", str(_VERSION), shown(wrapper.v), "unsupported_version")
    if not 0 <= wrapper.received_at <= MAX_TIMESTAMP_MS:
        raise DocumentError("received_at", f"an integer from 0 to {MAX_TIMESTAMP_MS}", shown(wrapper.received_at))
    return wrapper
