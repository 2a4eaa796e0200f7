"""The shape of a JSON text before it is parsed: its depth, and how many object members stand in it.

Only bytes-level operations of C speed and no loop over the content: a text of nothing but brackets or quotes costs
about what a harmless one does. On text that is not JSON the figures mean nothing, and the parser says so later.
"""

from typing import Any, NamedTuple

__all__ = ["Outline", "first_duplicate", "outline"]

# Depth asks only how brackets nest, so that braces count as brackets.
_BRACES_TO_BRACKETS = bytes.maketrans(b"{}", b"[]")
_ALL_ELSE = bytes(byte for byte in range(256) if byte not in b'"[]{}:')


class Outline(NamedTuple):
    """`containers` counts objects and lists; `members` counts `key: value` pairs as written, a repeated key twice."""

    containers: int
    members: int
    brackets: bytes

    def deeper_than(self, depth: int) -> bool:
        """Whether containers nest deeper; costs `depth` passes over the brackets at most."""
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
