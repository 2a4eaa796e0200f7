"""Page cursors: stateless, opaque to the caller, and valid only for the question they were made for.

A cursor holds a position, never data or a permission, so it is not signed; what it says is checked by whoever reads it.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from hashlib import blake2b

import msgspec

from functions.errors import CursorError

_MAX_CHARS = 1984  # of the 2,048 that the API takes with the signature; places in the users' directory are long
_SHOWN_CHARS = 60


class _Cursor(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    version: int
    question: str
    position: list[int | str]


_decoder = msgspec.json.Decoder(_Cursor)
_encoder = msgspec.json.Encoder()


def seal(question: Sequence[object], position: Sequence[int | str]) -> str:
    """A cursor for the page of `question` after `position`."""
    text = _encoder.encode(_Cursor(1, _digest(question), list(position)))
    return urlsafe_b64encode(text).rstrip(b"=").decode()


def unseal(text: str, question: Sequence[object], kinds: tuple[type, ...]) -> list[int | str]:
    """The position in a cursor, one value of each of `kinds`; raises CursorError for anything `seal` would not make."""
    shown = repr(text[:_SHOWN_CHARS])
    try:
        if len(text) > _MAX_CHARS:
            raise CursorError(f"{len(text)} characters")
        cursor = _decoder.decode(urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (ValueError, msgspec.DecodeError) as exc:
        raise CursorError(shown) from exc
    if cursor.version != 1 or tuple(map(type, cursor.position)) != kinds:
        raise CursorError(shown)
    if cursor.question != _digest(question):
        raise CursorError("a cursor of another query")
    if seal(question, cursor.position) != text:
        raise CursorError(shown)
    return cursor.position


def _digest(question: Sequence[object]) -> str:
    return blake2b(_encoder.encode(question), digest_size=9).hexdigest()
