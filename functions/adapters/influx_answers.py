"""What InfluxDB answers, read strictly: whatever is not what was asked for is a StoreError."""

import json
import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Generic, TypeVar

import msgspec

from functions.adapters.influx_http import Reply
from functions.errors import StoreError

_SHOWN_CHARS = 300
_Row = TypeVar("_Row")


class InfiniteAnswerError(StoreError):
    """An aggregate is beyond what a float holds, and so the whole answer is none."""


class Statement(msgspec.Struct, frozen=True):
    """InfluxQL, and the type of each column behind the time: `f`loat, `b`oolean, `s`tring or `i`nteger.

    Without types a row is a list of anything.
    """

    text: str
    types: str | None = None


class Series(msgspec.Struct, Generic[_Row]):
    """Rows begin with their time in ns. A field without a value is None."""

    columns: list[str]
    values: list[_Row] = []
    tags: dict[str, str] = {}


class _Result(msgspec.Struct, Generic[_Row]):
    series: list[Series[_Row]] = []
    error: str = ""
    partial: bool = False


class _Answer(msgspec.Struct):
    results: list[msgspec.Raw]


class _Problem(msgspec.Struct):
    """`error` is what 1.x says, `message` 2.x."""

    error: str = ""
    message: str = ""


_NEGATIVE_ZERO = re.compile(rb"[\[,]-0[,\]]")
_TYPES: dict[str, Any] = {"f": float | None, "b": bool | None, "s": str | None, "i": int | None}
_answer_decoder = msgspec.json.Decoder(_Answer)
_problem_decoder = msgspec.json.Decoder(_Problem)


def series_of(doing: str, statements: Sequence[Statement], body: bytes) -> list[list[Series[Any]]]:
    """The series that answer each statement; raises StoreError."""
    try:
        results = [
            _decoded(statement.types, bytes(result))
            for statement, result in zip(statements, _answer_decoder.decode(body).results, strict=False)
        ]
    except (msgspec.MsgspecError, UnicodeDecodeError) as exc:
        if b"json: unsupported value: " in body[: 4 * _SHOWN_CHARS]:
            raise InfiniteAnswerError(f"{doing}: {shown(body)}") from exc
        raise StoreError(f"{doing}: expected the results of a query, got {shown(body)} ({exc})") from exc
    for result in results:
        if result.error or result.partial:
            raise StoreError(f"{doing}: the server says {result.error or 'that it cut its answer'}")
    if len(results) != len(statements):
        raise StoreError(f"{doing}: expected {len(statements)} results, got {len(results)}")
    return [result.series for result in results]


def reason(reply: Reply) -> str:
    """Why the server did not do it, in its own words; nothing where the words are another's."""
    try:
        problem = _problem_decoder.decode(reply.body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""
    return problem.message or problem.error


def told(reply: Reply) -> str:
    return f"the server answered {reply.status}: {shown(reason(reply).encode() or reply.body)}"


def shown(body: bytes) -> str:
    """Whoever reads it in a log wants the beginning, on one line."""
    text = " ".join(body[: 4 * _SHOWN_CHARS].decode(errors="replace").split())
    return repr(text[:_SHOWN_CHARS]) if text else "nothing"


def _decoded(types: str | None, result: bytes) -> _Result[Any]:
    decoder = _decoder(types)
    if not _NEGATIVE_ZERO.search(result):
        return decoder.decode(result)
    # Go writes it like an integer, and as one msgspec reads it, without its sign.
    plain = json.loads(result, parse_int=lambda digits: -0.0 if digits == "-0" else int(digits))
    read: _Result[Any] = msgspec.convert(plain, decoder.type)
    return read


@lru_cache(maxsize=256)
def _decoder(types: str | None) -> "msgspec.json.Decoder[_Result[Any]]":
    # A type that is made here: as many columns as were asked for.
    row: Any = list[Any] if types is None else tuple.__class_getitem__((int, *(_TYPES[letter] for letter in types)))
    return msgspec.json.Decoder(_Result[row])
