"""Answers: frozen structs that msgspec writes, named above each operation so that the OpenAPI can be made from them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import msgspec
from aws_lambda_powertools.event_handler import Response

Answer = Response[str]
JSON: Final = "application/json"
CSV: Final = "text/csv; charset=utf-8"
TEXT: Final = "text/plain; charset=utf-8"

_Operation = TypeVar("_Operation", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Described:
    """What an operation answers when it goes well: no `kind` means no body; `etag` says that it carries a version.

    `problems` are kinds of refusal (names of `functions.problem_types`) that method and path do not tell of already.
    """

    kind: Any
    status: int = 200
    etag: bool = False
    media: tuple[str, ...] = (JSON,)
    problems: tuple[str, ...] = ()


def answers(
    kind: Any,
    *,
    status: int = 200,
    etag: bool = False,
    media: tuple[str, ...] = (JSON,),
    problems: tuple[str, ...] = (),
) -> Callable[[_Operation], _Operation]:
    """States what the operation below answers; `kind` is the type of its document."""

    def describe(operation: _Operation) -> _Operation:
        operation.__answers__ = Described(kind, status, etag, media, problems)  # type: ignore[attr-defined] # functions take any
        return operation

    return describe


def described(operation: Callable[..., Any]) -> Described | None:
    found: Described | None = getattr(operation, "__answers__", None)
    return found


def answer(
    document: Any, *, status: int = 200, etag: int | None = None, headers: Mapping[str, str] | None = None
) -> Answer:
    """A struct as JSON. `etag` is the version of what it shows."""
    tag = {} if etag is None else {"ETag": f'"{etag}"'}
    return Response(
        status,
        content_type=JSON,
        body=msgspec.json.encode(document).decode(),
        headers={"Cache-Control": "no-store", **tag, **(headers or {})},
    )


def nothing(headers: Mapping[str, str] | None = None) -> Answer:
    """Done, and nothing to say of it (204)."""
    return Response(204, body="", headers={"Cache-Control": "no-store", **(headers or {})})
