"""A series asked of a function that can reach the store by one that cannot: versioned JSON, both ways.

The request and the answer are read back by this very module, of an older or newer deployment at worst: what it does
not know it ignores, another version it refuses.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from contract.telemetry import Quality, Value
from functions.domain.series import MAX_LIMIT, Aggregate, BinRow, RawRow, Row, SeriesPage, SeriesQuery
from functions.errors import CursorError, StoreError

VERSION = 1

_Raw = tuple[int, str, Value, Quality, bool]
_Bin = tuple[int, str, Mapping[Aggregate, Value | int | None]]


class _Request(msgspec.Struct, frozen=True):
    v: int
    query: SeriesQuery


class _RefusedCursor(msgspec.Struct, frozen=True):
    got: str
    expected: str


class _Answer(msgspec.Struct, frozen=True, omit_defaults=True):
    """A page, or a refused cursor, or the store's `problem` in words."""

    v: int
    raw: list[_Raw] = []
    bins: list[_Bin] = []
    cursor: str | None = None
    refused: _RefusedCursor | None = None
    problem: str | None = None


class _Versioned(msgspec.Struct):
    v: int


def request(query: SeriesQuery) -> bytes:
    return msgspec.json.encode(_Request(VERSION, query))


def requested(event: object) -> SeriesQuery:
    """The question in an event of the function; raises StoreError for what is none."""
    try:
        _check_version(msgspec.convert(event, _Versioned).v, "the question")
        query = msgspec.convert(event, _Request).query
    except msgspec.ValidationError as exc:
        raise StoreError(f"not a question for a series: {exc}") from exc
    if not 1 <= query.limit <= MAX_LIMIT:
        raise StoreError(f"not a question for a series: expected a limit from 1 to {MAX_LIMIT}, got {query.limit}")
    return query


def answer(page: SeriesPage) -> dict[str, Any]:
    raw = [(row.ts, row.metric, row.value, row.quality, row.late) for row in page.rows if isinstance(row, RawRow)]
    bins = [(row.ts, row.metric, row.values) for row in page.rows if isinstance(row, BinRow)]
    return _builtins(_Answer(VERSION, raw, bins, page.cursor))


def refusal(exc: CursorError | StoreError) -> dict[str, Any]:
    if isinstance(exc, CursorError):
        return _builtins(_Answer(VERSION, refused=_RefusedCursor(exc.got, exc.expected)))
    return _builtins(_Answer(VERSION, problem=str(exc)))


def answered(text: bytes) -> SeriesPage:
    """The page in an answer; raises the CursorError or StoreError that it holds, and StoreError for what is none."""
    try:
        _check_version(msgspec.json.decode(text, type=_Versioned).v, "the answer")
        found = msgspec.json.decode(text, type=_Answer)
    except msgspec.DecodeError as exc:
        raise StoreError(f"the series function gave no answer: {exc}") from exc
    if found.refused is not None:
        raise CursorError(found.refused.got, found.refused.expected)
    if found.problem is not None:
        raise StoreError(found.problem)
    rows: list[Row] = [RawRow(*row) for row in found.raw]
    rows += [BinRow(*row) for row in found.bins]
    return SeriesPage(tuple(rows), found.cursor)


def _builtins(found: _Answer) -> dict[str, Any]:
    document: dict[str, Any] = msgspec.to_builtins(found)
    return document


def _check_version(version: int, what: str) -> None:
    if version != VERSION:
        raise StoreError(f"{what} for a series has version {version}, expected {VERSION}")
