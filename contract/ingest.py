"""What the topic rule puts on the queue, and one line of the lake. Both carry the device's bytes untouched."""

from typing import TypeVar

import msgspec

from contract.errors import DocumentError, IdentityError, shown
from contract.identity import parse_thing
from contract.telemetry import MAX_TIMESTAMP_MS

__all__ = ["IngestMessage", "LakeLine", "decode", "decode_line", "encode", "encode_line"]


class IngestMessage(msgspec.Struct, frozen=True, kw_only=True):
    """A queue body. `data` is base64 in JSON; `thing` comes from the topic; `received_at` is ms since the epoch."""

    data: bytes
    thing: str
    received_at: int
    v: int = 1


class LakeLine(msgspec.Struct, frozen=True, kw_only=True):
    """A raw message as the lake keeps it: what a replay or a change of store starts from."""

    thing: str
    received_at: int
    data: bytes
    v: int = 1


_VERSION = 1
_Wrapper = TypeVar("_Wrapper", IngestMessage, LakeLine)
_encoder = msgspec.json.Encoder()
_message_decoder = msgspec.json.Decoder(IngestMessage)
_line_decoder = msgspec.json.Decoder(LakeLine)


def decode(body: bytes | str) -> IngestMessage:
    """A queue body; raises only DocumentError."""
    return _decode(_message_decoder, body)


def encode(message: IngestMessage) -> bytes:
    return _encoder.encode(message)


def decode_line(line: bytes | str) -> LakeLine:
    """A line of the lake, with or without its newline; raises only DocumentError."""
    return _decode(_line_decoder, line)


def encode_line(line: LakeLine) -> bytes:
    """One JSON line, with its newline."""
    return _encoder.encode(line) + b"\n"


def _decode(decoder: msgspec.json.Decoder[_Wrapper], text: bytes | str) -> _Wrapper:
    try:
        wrapper = decoder.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise DocumentError(None, "a wrapped device message", str(error), "not_a_wrapper") from error
    if wrapper.v != _VERSION:
        raise DocumentError("v", str(_VERSION), shown(wrapper.v), "unsupported_version")
    if not 0 <= wrapper.received_at <= MAX_TIMESTAMP_MS:
        raise DocumentError("received_at", "milliseconds since the Unix epoch", shown(wrapper.received_at))
    try:
        parse_thing(wrapper.thing)
    except IdentityError as error:
        raise DocumentError("thing", error.expected, error.got, error.reason) from error
    return wrapper
