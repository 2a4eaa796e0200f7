"""Finding devices by the words of their names and ids. A query's words are beginnings of a device's words.

>>> words_begin(words_of("press-4", "Hydraulic press"), parse_words("PRESS hyd"))
True
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Final

from functions.errors import RequestError

MAX_WORDS: Final = 7
"""Of a device: each is a row or two, and a change of all of them must fit into one transaction."""
MAX_QUERY_WORDS: Final = 5
MIN_KEY_CHARS: Final = 2
"""Letters that a search must know of one word: they choose the partition that it reads."""
_WORD_CHARS: Final = 40
_ID_FIRST: Final = 3
_WORD = re.compile(r"[^\W_]+")


def words_of(thing: str, name: str) -> tuple[str, ...]:
    """The words by which a device is found, sorted: of a long name the first ones."""
    of_id, of_name = split(thing), split(name)
    return tuple(sorted(_distinct([*of_id[:_ID_FIRST], *of_name, *of_id[_ID_FIRST:]])[:MAX_WORDS]))


def key_word(words: Sequence[str]) -> str:
    """The word of a query that is looked up; the others are checked on what it finds."""
    return max(words, key=lambda word: (len(word), word))


def words_begin(words: Iterable[str], beginnings: Iterable[str]) -> bool:
    known = tuple(words)
    return all(any(word.startswith(beginning) for word in known) for beginning in beginnings)


def parse_words(text: str) -> tuple[str, ...]:
    """A query's words; raises RequestError."""
    words = tuple(sorted(_distinct(split(text))))
    if len(words) > MAX_QUERY_WORDS or not words or len(key_word(words)) < MIN_KEY_CHARS:
        expected = f"1 to {MAX_QUERY_WORDS} words, one of them with {MIN_KEY_CHARS} letters or digits at least"
        raise RequestError("q", expected, f"{len(words)} words" if len(words) > MAX_QUERY_WORDS else repr(text[:60]))
    return words


def split(text: str) -> list[str]:
    whole = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return [word[:_WORD_CHARS] for word in _WORD.findall(whole)]


def _distinct(words: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(words))
