"""The shape of a JSON text before it is parsed: its depth, and how many object members stand in it.

Only bytes-level operations of C speed and no loop over the content: a text of nothing but brackets or quotes costs
about what a harmless one does. On text that is not JSON the figures mean nothing, and the parser says so later.
"""

from typing import Any, NamedTuple

__all__ = ["Outline", "first_duplicate", "members_within", "outline"]

# Depth asks only how brackets nest, so that braces count as brackets.
_BRACES_TO_BRACKETS = bytes.maketrans(b"{}", b"[]")
_ALL_ELSE = bytes(byte for byte in range(256) if byte not in b'"[]{}:')


class Outline(NamedTuple):
    """`members` counts `key: value` pairs as written, so that a repeated key counts twice."""

    too_deep: bool
    members: int


def outline(text: bytes, max_depth: int) -> Outline:
    if b"\\" in text:
        # Left to right, as the grammar reads: an escaped backslash first, so that what is left escapes a quote.
        text = text.replace(rb"\\", b"").replace(rb"\"", b"")
    # Removing two adjacent quotes leaves every other byte as far inside or outside of strings as it was.
    marks = text.translate(_BRACES_TO_BRACKETS, _ALL_ELSE).replace(b'""', b"")
    if b'"' in marks:
        marks = b"".join(marks.split(b'"')[::2])
    members = marks.count(b":")
    brackets = marks.replace(b":", b"")
    for _ in range(max_depth):
        if not brackets:
            break
        brackets = brackets.replace(b"[]", b"")  # takes away one level of leaves
    too_deep = b"[]" in brackets or brackets.count(b"[") > max_depth
    return Outline(too_deep, members)


def members_within(value: Any) -> int:
    """How many members the objects in a parsed JSON value have, at any depth."""
    members = 0
    pending = [value]
    while pending:
        container = pending.pop()
        if type(container) is dict:
            members += len(container)
            container = container.values()
        elif type(container) is not list:
            continue
        pending += [inner for inner in container if type(inner) is dict or type(inner) is list]
    return members


def first_duplicate(text: bytes) -> str | None:
    """A key that occurs twice in one object of a well-formed JSON text."""
    from json import JSONDecoder  # only a message that is rejected pays for it

    class Found(Exception):  # noqa: N818 - a way out of the parser, no error
        pass

    def look(pairs: list[tuple[str, Any]]) -> None:
        if len(dict(pairs)) != len(pairs):
            seen: set[str] = set()
            for key, _ in pairs:
                if key in seen:
                    raise Found(key)
                seen.add(key)

    try:
        JSONDecoder(object_pairs_hook=look, parse_int=str, parse_float=str).decode(text.decode())
    except Found as found:
        return str(found)
    return None
