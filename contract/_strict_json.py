"""JSON from outside, read so that no text costs much more than a harmless one of its length.

Before the parser sees a text, its *outline* is taken: how deep it nests, and how many containers and object members
stand in it. That takes bytes-level operations of C speed and no loop over the content, so that a text of nothing but
brackets or quotes costs no more than another. On text that is not JSON the figures mean nothing; the parser says so.
"""

from typing import Any, Final, NamedTuple

import msgspec

from contract.errors import DocumentError, EnvelopeError, ModelError

__all__ = ["MAX_CONTAINERS", "MAX_DEPTH", "Outline", "outline", "parse", "refuse_repeated_keys"]

MAX_DEPTH: Final = 16  # an envelope's own is 4; the rest is for fields that later agents add
MAX_CONTAINERS: Final = 16_384  # objects and lists; an envelope's own are 10,002 at most
MIN_CONTAINERS: Final = 64  # allowed whatever the length
BYTES_PER_CONTAINER: Final = 4  # an envelope spends 10 at least
_TOO_DEEP: Final = (f"nested at most {MAX_DEPTH} deep", "deeper nesting", "too_deep")

# Depth asks only how brackets nest, so that braces count as brackets.
_BRACES_TO_BRACKETS = bytes.maketrans(b"{}", b"[]")
_ALL_ELSE = bytes(byte for byte in range(256) if byte not in b'"[]{}:')


class Outline(NamedTuple):
    """`containers` counts objects and lists; `members` counts `key: value` pairs as written, a repeated key twice."""

    containers: int
    members: int
    brackets: bytes

    def plunges_below(self, depth: int) -> bool:
        """Whether it nests deeper in one go, which is the cheapest to see."""
        return b"[" * (depth + 1) in self.brackets

    def deeper_than(self, depth: int) -> bool:
        """Whether it nests deeper anywhere; costs `depth` passes over the brackets at most."""
        brackets = self.brackets
        for _ in range(depth):
            if b"[]" not in brackets:
                break
            brackets = brackets.replace(b"[]", b"")  # takes away one level of leaves
        return b"[]" in brackets or brackets.count(b"[") > depth


def outline(text: bytes) -> Outline:
    if b"\\" in text:
        # Left to right, as the grammar reads: an escaped backslash first, so that what is left escapes a quote.
        text = text.replace(rb"\\", b"").replace(rb"\"", b"")
    # Removing two adjacent quotes leaves every other byte as far inside or outside of strings as it was.
    marks = text.translate(_BRACES_TO_BRACKETS, _ALL_ELSE).replace(b'""', b"")
    if b'"' in marks:
        marks = b"".join(marks.split(b'"')[::2])
    brackets = marks.replace(b":", b"")
    return Outline(brackets.count(b"["), len(marks) - len(brackets), brackets)


_Error = type[EnvelopeError] | type[DocumentError] | type[ModelError]

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder()
# Reads 1e999 as infinity, where the decoder above gives up on the whole text.
_wide_decoder = msgspec.json.Decoder(float_hook=float)


def parse(text: bytes, max_bytes: int, error: _Error, *, overflow: bool = False) -> tuple[Any, int]:
    """The document, and how many object members its text has; raises only `error`.

    With `overflow`, a number beyond a float's range is read as infinity instead of refused.
    """
    if len(text) > max_bytes:
        raise error(None, f"at most {max_bytes} bytes", f"{len(text)} bytes", "too_large")
    shape = outline(text)
    if shape.plunges_below(MAX_DEPTH):
        raise error(None, *_TOO_DEEP)
    # Bounded before the depth is looked for, whose cost grows with them.
    most = min(MAX_CONTAINERS, MIN_CONTAINERS + len(text) // BYTES_PER_CONTAINER)
    if shape.containers > most:
        raise error(None, f"at most {most} objects and lists for its length", str(shape.containers), "too_many")
    if shape.deeper_than(MAX_DEPTH):
        raise error(None, *_TOO_DEEP)
    try:
        try:
            document = _decoder.decode(text)
        except msgspec.ValidationError:  # a number, since nothing else is asked of the document
            if not overflow:
                raise
            document = _wide_decoder.decode(text)
    except msgspec.ValidationError as cause:
        raise error(None, "free of numbers that cannot be held", str(cause), "number_too_large") from cause
    except msgspec.DecodeError as cause:
        raise error(None, "one JSON document", str(cause), "not_json") from cause
    except UnicodeDecodeError as cause:
        raise error(None, "UTF-8", cause.reason, "bad_encoding") from cause
    return document, shape.members


def refuse_repeated_keys(text: bytes, document: Any, members: int, error: _Error) -> None:
    """Raise `error` if an object has a key twice: then the document, written again, has fewer members than its text."""
    if outline(_encoder.encode(document)).members != members:
        raise error(_repeated_key(text), "used once in its object", "a second use", "duplicate_key")


class _Repeated(Exception):  # noqa: N818 - a way out of the parser, no error
    pass


def _repeated_key(text: bytes) -> str | None:
    from json import JSONDecoder  # only a message that is refused pays for it

    try:
        JSONDecoder(object_pairs_hook=_look_for_repeated, parse_int=str, parse_float=str).decode(text.decode())
    except _Repeated as found:
        return str(found)
    return None


def _look_for_repeated(pairs: list[tuple[str, Any]]) -> None:
    if len(dict(pairs)) == len(pairs):
        return
    seen: set[str] = set()
    for key, _ in pairs:
        if key in seen:
            raise _Repeated(key)
        seen.add(key)
